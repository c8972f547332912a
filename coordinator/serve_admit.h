// SPDX-License-Identifier: MIT
// serve_admit.h - who may use the KV cache now, who waits, who is sent away.
//
// A sequence reserves pages for its prompt and all it may generate, so that none has
// to be thrown out half-way.  Strictly first come, first served: a large one at the
// head is not overtaken for ever by small ones.  The queue is bounded; past it the
// client is told to come again.
//
// Ownership  In the caller's storage.
// Threads    Confined to the owner's thread.

#ifndef COORDINATOR_SERVE_ADMIT_H
#define COORDINATOR_SERVE_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct serve_admit_options {
    uint32_t n_pages;     // of the cache
    uint32_t page_tokens; // tokens a page
    uint32_t running_max; // sequences in a batch
    uint32_t waiting_max;
};

struct serve_place {
    uint64_t id;
    uint32_t n_pages;
    bool running;
    int64_t since; // it came, then: it was let in
};

struct serve_admit {
    struct serve_admit_options o;
    struct serve_place *places; // in order of arrival
    uint32_t n, n_running;
    uint32_t pages_used;
    double seconds_each; // smoothed time that a sequence keeps its pages
};

void serve_admit_init(struct serve_admit *a, const struct serve_admit_options *o);
void serve_admit_fini(struct serve_admit *a);
// OK: it has a place in the line (serve_admit_next lets it in).  ERR_LIMIT: it can never
// fit; ERR_BUSY: the line is full, try again in serve_admit_retry_s.
MUST_CHECK enum error
serve_admit_ask(struct serve_admit *a, uint64_t id, uint64_t n_tokens, int64_t now);
// The next one that is let in now; false: none.
bool serve_admit_next(struct serve_admit *a, int64_t now, uint64_t *id);
// It has ended, or its client is gone, waiting or not.  False: it has no place.
bool serve_admit_leave(struct serve_admit *a, uint64_t id, int64_t now);
uint32_t serve_admit_retry_s(const struct serve_admit *a); // 1…60

#endif
