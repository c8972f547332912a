// SPDX-License-Identifier: MIT
// pool.h - a few threads for what must not run on the loop's.
//
// Tasks run in the order they came, each on one thread, and come back by the
// mailbox.  What must not run at once (two steps of one job) is not added at once:
// that is the caller's affair.  Threads start with the first task: an idle
// coordinator has none.
//
// Ownership  A task is the pool's from pool_add until it comes back.
// Threads    create, add, destroy: one thread.  run: the pool's.

#ifndef COORDINATOR_POOL_H
#define COORDINATOR_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mailbox.h"

struct pool;

// First member of a larger struct.
struct pool_task {
    void (*run)(struct pool_task *task);
    struct pool_task *next; // the pool's
};

struct pool *pool_create(uint32_t n_threads, struct mailbox *done);
// Running tasks end, waiting ones do not begin; none of them comes back any more
// (they are leaked: the process ends).  NULL is fine.
void pool_destroy(struct pool *p);
void pool_add(struct pool *p, struct pool_task *task);
bool pool_is_stopping(const struct pool *p); // a task that waits for something gives up

#endif
