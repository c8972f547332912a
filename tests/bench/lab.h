// SPDX-License-Identifier: MIT
// lab.h - searches in one process: a job's text, a function, no cluster.
//
// Outcomes are told one by one in order, which the driver does not notice.
//
// Ownership  As noted.
// Threads    Single.

#ifndef TESTS_BENCH_LAB_H
#define TESTS_BENCH_LAB_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/math.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "common/value.h"
#include "common/yaml.h"
#include "coordinator/drivers/search.h"
#include "protocol/message.h"
#include "protocol/pack.h"

enum { LAB_TRIALS_MAX = 4000, LAB_SEEDS_MAX = 64 };

// The metrics of a point into y; false: it failed.
typedef bool (*lab_function_fn)(void *ctx, const struct value *params, double *y);

struct lab {
    const char *const *metrics; // NULL-ended
    uint32_t n_metrics;
    lab_function_fn function;
    void *ctx;
};

_Noreturn static inline void lab_die(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

// The first n numbers of a text that has nothing else before them but blanks.
static inline bool lab_numbers(const char *text, double *out, uint32_t n)
{
    char *end;
    for (uint32_t i = 0; i < n; i++, text = end) {
        out[i] = strtod(text, &end);
        if (end == text)
            return false;
    }
    return true;
}

static inline void lab_tell(const struct lab *lab, void *state, uint64_t i, const double *y)
{
    struct outcome_fault fault = {i, "failed"};
    struct outcome o = {.first = i, .count = 1};
    struct buf b;

    buf_init(&b, 4096);
    if (y)
        outcome_put_rows(&b, y, 1, lab->n_metrics);
    else
        buf_put(&b, (uint8_t[]){OUTCOME_NONE}, 1);
    o.data = b.bytes;
    o.n_data = b.n;
    o.faults = y ? NULL : &fault;
    o.n_faults = y ? 0 : 1;
    search_driver.tell(state, &o);
    buf_fini(&b);
}

// Runs the job with the seed; rows[i * n_metrics …] gets trial i's metrics (NaN:
// failed).  Returns the number of trials made.
static inline uint32_t
lab_run(const struct lab *lab, const char *job, uint64_t seed, double *rows)
{
    struct arena *a = arena_create(), *turn = arena_create();
    struct driver_setup setup = {.file = "job", .seed = seed};
    struct value spec, *params = mem_alloc(LAB_TRIALS_MAX * sizeof *params);
    struct errtext t;
    void *state;
    uint64_t n_items = 0, at = 0;
    bool finished = false;

    if (yaml_parse(job, strlen(job), "job", a, &spec, &t))
        lab_die("yaml", t.text);
    setup.spec = &spec;
    setup.workload.metrics = lab->metrics;
    if (search_driver.create(&setup, &state, &t))
        lab_die("job", t.text);
    while (!finished) {
        struct driver_output out = {.arena = turn, .n_items = n_items};
        search_driver.step(state, &out);
        for (uint64_t i = n_items; i < out.n_items; i++)
            if (pack_read(out.packed[i - n_items].p, out.packed[i - n_items].n, a, &params[i],
                          &t))
                lab_die("params", t.text);
        n_items = out.n_items;
        finished = out.finished;
        arena_reset(turn);
        if (finished || at >= n_items)
            break;
        double *y = rows + at * lab->n_metrics;
        bool good = lab->function(lab->ctx, &params[at], y);
        for (uint32_t i = 0; i < lab->n_metrics && !good; i++)
            y[i] = NAN;
        lab_tell(lab, state, at++, good ? y : NULL);
    }
    search_driver.destroy(state);
    arena_destroy(a);
    arena_destroy(turn);
    mem_free(params);
    return (uint32_t)n_items;
}

// The least of metric 0 within the first n trials.
static inline double lab_best(const double *rows, uint32_t n_metrics, uint32_t n)
{
    double best = INFINITY;
    for (uint32_t i = 0; i < n; i++)
        best = fmin(best, rows[(size_t)i * n_metrics]);
    return best;
}

static inline int lab_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double lab_quantile(const double *x, uint32_t n, double q)
{
    double *sorted = mem_copy(x, n * sizeof *x);
    qsort(sorted, n, sizeof *sorted, lab_order);
    double at = q * (n - 1);
    uint32_t i = (uint32_t)at;
    double y = i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
    mem_free(sorted);
    return y;
}

// Mann-Whitney, one-sided, normal approximation with correction for ties and
// continuity: how likely x would be that much larger if both were alike.
static inline double lab_larger_p(const double *x, uint32_t n, const double *y, uint32_t m)
{
    uint32_t total = n + m;
    double *all = mem_alloc((total + 1) * sizeof *all), u = 0, ties = 0;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < m; j++)
            u += x[i] > y[j] ? 1 : x[i] == y[j] ? 0.5 : 0;
    memcpy(all, x, n * sizeof *x);
    memcpy(all + n, y, m * sizeof *y);
    qsort(all, total, sizeof *all, lab_order);
    for (uint32_t i = 0, j; i < total; i = j) {
        for (j = i; j < total && all[j] == all[i]; j++)
            ;
        double t = j - i;
        ties += t * t * t - t;
    }
    double mean = n * (double)m / 2;
    double var =
        n * (double)m / 12 * (total + 1 - ties / ((double)total * (total > 1 ? total - 1 : 1)));
    mem_free(all);
    if (var <= 0)
        return 0.5;
    return 0.5 * math_erfc((u - mean - 0.5) / sqrt(var) / sqrt(2));
}

// --- the files of baselines --------------------------------------------------------------
static inline struct value lab_read_yaml(const char *path, struct arena *a)
{
    FILE *f = fopen(path, "rb");
    struct errtext t;
    struct value v;
    struct buf b;
    size_t n;

    if (!f)
        lab_die(path, "cannot be opened");
    buf_init(&b, YAML_BYTES_MAX);
    do {
        uint8_t chunk[65536];
        n = fread(chunk, 1, sizeof chunk, f);
        buf_put(&b, chunk, n);
    } while (n);
    (void)fclose(f);
    if (yaml_parse(buf_cstr(&b), b.n, path, a, &v, &t))
        lab_die("yaml", t.text);
    buf_fini(&b);
    return v;
}

static inline const struct value *lab_get(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    if (!v)
        lab_die("the fixtures lack", key);
    return v;
}

// Column `budget` of a list of rows; how many have it.
static inline uint32_t lab_column(const struct value *runs, uint32_t budget, double *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; runs && i < runs->n && n < LAB_SEEDS_MAX; i++) {
        const struct value *row = &runs->items[i];
        if (budget < row->n && value_is_number(&row->items[budget]))
            out[n++] = value_number(&row->items[budget]);
    }
    return n;
}

#endif
