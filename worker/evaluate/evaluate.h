// SPDX-License-Identifier: MIT
// evaluate.h - the evaluators' table entries and what they share.
//
// Threads    Main thread.

#ifndef WORKER_EVALUATE_EVALUATE_H
#define WORKER_EVALUATE_EVALUATE_H

#include <stdint.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "worker/workload.h"

extern const struct workload workload_noop;
extern const struct workload workload_function;
extern const struct workload workload_exec;
extern const struct workload workload_allreduce;
extern const struct workload workload_generate;
extern const struct workload workload_serve;
extern const struct workload workload_collbench;
extern const struct workload workload_placement;
extern const struct workload workload_cafe;
extern const struct workload workload_train_line;
extern const struct workload workload_fleet_ppo;
extern const struct workload workload_fleet;
extern const struct workload workload_dram;
extern const struct workload workload_proxy;
extern const struct workload workload_prism;
extern const struct workload workload_txn;
extern const struct workload workload_judge;
extern const struct workload workload_compose;
extern const struct workload workload_rts;
extern const struct workload workload_heuristic;
extern const struct workload workload_images;
extern const struct workload workload_graph;
extern const struct workload workload_capset;

// A parameter by its name: in `over` (a trial's point) if it stands there,
// else in `base`; both may be NULL.
static inline const struct value *
evaluate_find(const struct value *over, const struct value *base, const char *name)
{
    const struct value *v = over ? value_find(over, name) : NULL;
    return v || !base ? v : value_find(base, name);
}

static inline int64_t evaluate_int(const struct value *over,
                                   const struct value *base,
                                   const char *name,
                                   int64_t fallback)
{
    const struct value *v = evaluate_find(over, base, name);
    return v && value_is_number(v) ? (int64_t)value_number(v) : fallback;
}

// The item's generator.  Items are 64 bits wide, the counter's word 32: the
// high half, nearly always 0, goes into the seed.
static inline struct rng
evaluate_rng(uint64_t seed, uint32_t entity, uint32_t stream, uint64_t item)
{
    uint64_t high = item >> 32;
    return rng_at(high ? hash_mix64(seed ^ high) : seed, entity, stream, (uint32_t)item);
}

// The number of that name, 0: there is none.
static inline double
evaluate_number(const struct value *over, const struct value *base, const char *name)
{
    const struct value *v = evaluate_find(over, base, name);
    return v ? value_number(v) : 0;
}

// The lease's items one by one, until one fails or the lease is taken back.
static inline enum error evaluate_each(
    enum error (*item)(const void *state, struct run *r, uint32_t i, struct errtext *t),
    const void *state,
    struct run *r,
    struct errtext *t)
{
    for (uint32_t i = 0; i < r->count; i++) {
        enum error e = item(state, r, i, t);
        if (e)
            return e;
        run_progress(r);
        if (run_cancelled(r))
            return OK;
    }
    return OK;
}

// The same where a failure is the item's own: it is told, the others go on.
static inline enum error evaluate_or_fault(
    enum error (*item)(const void *state, struct run *r, uint32_t i, struct errtext *t),
    const void *state,
    struct run *r,
    struct errtext *t)
{
    for (uint32_t i = 0; i < r->count && !run_cancelled(r); i++) {
        if (item(state, r, i, t))
            run_fault(
                r, &(struct item_fault){.item = r->first + i,
                                        .blame = FAULT_JOB,
                                        .text = arena_str(r->arena, t->text, strlen(t->text))});
        run_progress(r);
    }
    return OK;
}

#endif
