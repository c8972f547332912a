// SPDX-License-Identifier: MIT
// trace.h - what happened, record by record: its hash, its text, a job's digest.
//
// Specification fleet/1, sections 8.1 to 8.3.
//
// Threads    Any; plain data.

#ifndef WORKER_FLEET_TRACE_H
#define WORKER_FLEET_TRACE_H

#include <stdint.h>

#include "common/buf.h"
#include "worker/fleet/metrics.h"

enum trace_event {
    TRACE_DECIDE, // never logged
    TRACE_HOLD,
    TRACE_DISPATCH,
    TRACE_TAKEOFF,
    TRACE_LAND,
    TRACE_FAIL,
    TRACE_REPAIRED,
    TRACE_WAIT,
    TRACE_CHARGE,
    TRACE_CHARGED,
    TRACE_SWAP,
    TRACE_RETIRE,
    TRACE_EVENTS,
};

struct record {
    int64_t t;
    int64_t a;
    int64_t ev; // enum trace_event
    int64_t from, to;
    int64_t pax;
    int64_t lane; // -1: none
    int64_t energy_j;
    int64_t money_uusd; // profit so far
};

#define TRACE_HASH_START UINT64_C(0xCBF29CE484222325)
#define TRACE_HASH_MUL   UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t trace_hash_word(uint64_t h, int64_t w)
{
    h = (h ^ (uint64_t)w) * TRACE_HASH_MUL;
    return h ^ h >> 32;
}

static inline uint64_t trace_hash(uint64_t h, const struct record *r)
{
    h = trace_hash_word(h, r->t);
    h = trace_hash_word(h, r->a);
    h = trace_hash_word(h, r->ev);
    h = trace_hash_word(h, r->from);
    h = trace_hash_word(h, r->to);
    h = trace_hash_word(h, r->pax);
    h = trace_hash_word(h, r->lane);
    h = trace_hash_word(h, r->energy_j);
    return trace_hash_word(h, r->money_uusd);
}

// What one episode adds to a job's digest: sums of these, mod 2^64, are the digest.
uint64_t trace_digest(uint64_t hash, uint64_t episode);

extern const char *const trace_event_names[TRACE_EVENTS];

// JSON Lines: the head, a line a record, the metrics.
struct trace_head {
    const char *scenario, *policy;
    uint64_t seed, episode;
};
void trace_put_head(struct buf *out, const struct trace_head *h);
void trace_put_record(struct buf *out, const struct record *r);
void trace_put_metrics(struct buf *out, const struct metrics *m, uint64_t hash);
// The metrics' pairs alone: "decisions": 1, …, "trace_hash": "…"
void trace_put_pairs(struct buf *out, const struct metrics *m, uint64_t hash);

#endif
