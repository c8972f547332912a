// SPDX-License-Identifier: MIT
// team.h - a fixed team of threads that share one piece of work at a time.
//
// The caller's thread works too: a team of one has no other.  Work is cut into
// parts that whoever is free takes next, so a part's result must not depend on
// who made it.  Members wait by spinning for a moment, then by sleeping; a member
// that the system keeps from running holds up nobody unless it is in a part.
//
// Ownership  The creator destroys.
// Threads    One thread creates, runs and destroys.

#ifndef WORKER_TENSOR_TEAM_H
#define WORKER_TENSOR_TEAM_H

#include <stdint.h>

enum { TEAM_MAX = 256 };

struct team;

// `member` (0 to size - 1) is the thread, for whoever keeps scratch memory for each.
typedef void (*team_fn)(void *arg, uint32_t part, uint32_t member);

// n from 1 to TEAM_MAX; fewer where the system gives no more threads.
struct team *team_create(uint32_t n);
void team_destroy(struct team *t); // NULL is fine
// Each on a core of its own where that harms nobody: see team_cpus.h.
void team_pin(struct team *t);
uint32_t team_size(const struct team *t);

// Every part from 0 to n_parts - 1 once; returns when all are done.
void team_run(struct team *t, team_fn fn, void *arg, uint32_t n_parts);

#endif
