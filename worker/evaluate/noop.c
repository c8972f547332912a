// SPDX-License-Identifier: MIT
// The workload that does as good as nothing, to measure everything around it.
// Its metric is a function of the item's address, so that skipped work shows.
#include <assert.h>

#include "common/clock.h"
#include "common/rng.h"
#include "worker/evaluate/evaluate.h"
#include "worker/workload.h"

enum { BYTES_MAX = 1 << 20 };

// Below this a sleep costs more than it lasts; above it a spin burns a core.
enum { SLEEP_FROM_US = 50 };

static const struct param params[] = {
    {.name = "us",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = 600e6,
     .fallback = "0",
     .unit = "us",
     .help = "time an item takes: spent sleeping from 50 on, else spinning"},
    {.name = "bytes",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = BYTES_MAX,
     .fallback = "0",
     .unit = "B",
     .help = "random bytes an item makes and hashes into its metric"},
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "value", .help = "uniform in [0, 1), a function of seed, item and bytes"},
    {.name = NULL},
};

struct state {
    uint64_t seed;
    int64_t us;
    int64_t bytes;
};

static enum error open_noop(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->seed = job->seed;
    s->us = evaluate_int(job->params, NULL, "us", 0);
    s->bytes = evaluate_int(job->params, NULL, "bytes", 0);
    *out = s;
    return OK;
}

static void close_noop(void *state)
{
    mem_free(state);
}

static void pass_time(int64_t us)
{
    if (us >= SLEEP_FROM_US) {
        clock_sleep(us * 1000);
        return;
    }
    int64_t end = clock_now() + us * 1000;
    while (clock_now() < end)
        continue;
}

// The bytes are Philox blocks of stream 1, 16 at a time; the last may be cut.
static uint64_t hash_generated(uint64_t seed, uint32_t item, int64_t bytes)
{
    enum { BLOCK = 4096 };
    uint32_t block[BLOCK / 4];
    struct rng r = rng_at(seed, 0, 1, item);
    uint64_t h = 0;

    for (int64_t left = bytes; left > 0; left -= BLOCK) {
        size_t n = left < BLOCK ? (size_t)left : BLOCK;
        for (size_t i = 0; i < (n + 15) / 16; i++) {
            rng_philox(r.counter, r.key, block + 4 * i);
            r.counter[0]++;
        }
        h = hash_bytes(block, n, h);
    }
    return h;
}

static double value_of(uint64_t seed, uint64_t item, int64_t bytes)
{
    struct rng r = evaluate_rng(seed, 0, 0, item);
    if (bytes <= 0)
        return rng_f64(&r);
    uint64_t h = rng_u64(&r)
                 ^ hash_generated(r.key[0] | (uint64_t)r.key[1] << 32, (uint32_t)item, bytes);
    return (double)(h >> 11) * 0x1p-53;
}

static void run_plain(const struct state *s, struct run *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        r->metrics[i] = value_of(s->seed, r->first + i, 0);
    run_progress(r);
}

static enum error run_noop(void *state, struct run *r, struct errtext *t)
{
    const struct state *s = state;
    (void)t;

    if (!r->overrides && s->us == 0 && s->bytes == 0) {
        run_plain(s, r);
        return OK;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        const struct value *over = r->overrides ? r->overrides[i] : NULL;
        int64_t us = evaluate_int(over, NULL, "us", s->us);
        int64_t bytes = evaluate_int(over, NULL, "bytes", s->bytes);
        r->metrics[i] = value_of(s->seed, r->first + i, bytes);
        if (us > 0)
            pass_time(us);
        if (us + bytes > 0 || (i & 1023) == 0) {
            run_progress(r);
            if (run_cancelled(r))
                return OK;
        }
    }
    return OK;
}

const struct workload workload_noop = {
    .name = "noop",
    .help = "Does nothing, or as much as it is told; its metric shows skipped items.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 700000,
    .open = open_noop,
    .close = close_noop,
    .run = run_noop,
};
