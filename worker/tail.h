// SPDX-License-Identifier: MIT
// tail.h - the last bytes of a stream that may be endless.
//
// Ownership  In the caller's storage; fini frees.
// Threads    Confined to the owner's thread.

#ifndef WORKER_TAIL_H
#define WORKER_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum { TAIL_CHUNK_MAX = 64 << 10 }; // the most that one tail_put takes

struct tail {
    struct buf kept;
    size_t max;
    uint64_t total; // bytes that came in all
};

void tail_init(struct tail *t, size_t max);
void tail_fini(struct tail *t);
void tail_put(struct tail *t, const void *p, size_t n);
const char *tail_last(const struct tail *t, size_t *n); // *n <= max

#endif
