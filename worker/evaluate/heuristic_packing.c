// SPDX-License-Identifier: MIT
// Packing copies of experts onto devices of equally many slots, the heaviest first.  The
// cost is how much more than the mean the fullest device carries, in percent.
//
//   load     of the copy, in units of a device's mean
//   carried  by the device so far
//   after    carried + load
//   free     slots of the device
//   rest     copies still to be packed, this one counted, a device
//
// "-carried" is the greedy rule of DeepSeek's EPLB (worker/experts/placement.h, whose
// replication makes the copies).  The simple rule is a snake: to and fro over the devices.
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/expr_rows.h"
#include "common/math.h"
#include "worker/evaluate/heuristic.h"
#include "worker/experts/placement.h"

struct packing {
    struct heuristic_job job;
    uint32_t n_slots; // of a device
    uint32_t n;       // copies: n_slots on each device
    double *loads;    // [instance][copy], descending
};

static int descending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a < b) - (a > b);
}

// Zipf's law under noise of up to half either way.
static void make_loads(const struct heuristic_job *job, uint64_t instance, double *load)
{
    struct rng r = heuristic_rng(instance, 2);

    for (uint32_t k = 0; k < job->n_items; k++)
        load[k] = math_pow(k + 1.0, -job->exponent) * (0.5 + rng_f64(&r));
}

static void
make_copies(const struct packing *p, const double *load, double *out, struct arena *a)
{
    struct placement_shape s = {
        .n_experts = p->job.n_items,
        .n_slots = p->n,
        .n_groups = 1,
        .n_nodes = 1,
        .n_devices = p->job.n_devices,
    };
    struct placement made;
    struct errtext t;
    double sum = 0;

    // The shape fits by how make() chose it.
    if (placement_make(placement_find("balanced"), &s, load, a, &made, &t))
        abort();
    for (uint32_t e = 0; e < s.n_experts; e++)
        sum += load[e];
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t e = made.expert[i];
        out[i] =
            load[e] / (made.first_copy[e + 1] - made.first_copy[e]) * p->job.n_devices / sum;
    }
    qsort(out, p->n, sizeof *out, descending);
}

static void *make(const struct heuristic_job *job, struct arena *a)
{
    struct packing *p = arena_alloc(a, sizeof *p);

    // An eighth of the experts more in copies, and no slot empty.
    assert(job->n_devices > 0); // the table's least
    *p = (struct packing){.job = *job};
    p->n_slots = (job->n_items + job->n_items / 8 + job->n_devices - 1) / job->n_devices;
    p->n_slots = p->n_slots < job->n_items ? p->n_slots : job->n_items;
    p->n = p->n_slots * job->n_devices;
    p->loads = arena_room(a, (size_t)job->n_instances * p->n * sizeof *p->loads);
    for (uint32_t k = 0; k < job->n_instances; k++) {
        struct arena *scratch = arena_create();
        double *load = arena_room(scratch, job->n_items * sizeof *load);
        make_loads(job, job->first + k, load);
        make_copies(p, load, p->loads + (size_t)k * p->n, scratch);
        arena_destroy(scratch);
    }
    return p;
}

static double fullest(const double *carried, uint32_t n)
{
    double most = 0;

    for (uint32_t d = 0; d < n; d++)
        most = carried[d] > most ? carried[d] : most;
    return 100 * (most - 1);
}

struct bench {
    double *load, *carried, *after, *free, *rest, *scores;
    double n_scores, n_undefined; // of all instances
};

static struct bench bench_of(uint32_t n, struct arena *a)
{
    struct bench b = {0};
    double **rows[] = {&b.load, &b.carried, &b.after, &b.free, &b.rest, &b.scores};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = arena_room(a, n * sizeof(double));
    return b;
}

// Scores for one copy; returns the device, and counts what is no number.
static uint32_t choose(struct bench *b, uint32_t n)
{
    uint32_t best = n;

    for (uint32_t d = 0; d < n; d++) {
        if (b->free[d] < 1)
            continue;
        b->n_scores += 1;
        b->n_undefined += isnan(b->scores[d]) != 0;
        if (best == n || heuristic_wins(b->scores[d], b->scores[best]))
            best = d;
    }
    return best;
}

// Packs one instance; returns its cost.
static double pack(const struct packing *p,
                   const double *loads,
                   const struct expr *e,
                   struct bench *b,
                   struct arena *scratch)
{
    const struct expr_column columns[] = {{"load", b->load},   {"carried", b->carried},
                                          {"after", b->after}, {"free", b->free},
                                          {"rest", b->rest},   {NULL, NULL}};
    uint32_t n = p->job.n_devices;

    for (uint32_t d = 0; d < n; d++) {
        b->carried[d] = 0;
        b->free[d] = p->n_slots;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        for (uint32_t d = 0; d < n; d++) {
            b->load[d] = loads[i];
            b->after[d] = b->carried[d] + loads[i];
            b->rest[d] = (double)(p->n - i) / n;
        }
        expr_rows(e, columns, n, scratch, b->scores);
        uint32_t d = choose(b, n);
        b->carried[d] = b->after[d];
        b->free[d] -= 1;
    }
    return fullest(b->carried, n);
}

static struct heuristic_cost cost(const void *made, const struct expr *e, struct arena *scratch)
{
    const struct packing *p = made;
    struct bench b = bench_of(p->job.n_devices, scratch);
    double sum = 0;

    for (uint32_t k = 0; k < p->job.n_instances; k++)
        sum += pack(p, p->loads + (size_t)k * p->n, e, &b, scratch);
    return (struct heuristic_cost){sum / p->job.n_instances,
                                   b.n_scores > 0 ? b.n_undefined / b.n_scores : 0};
}

static double snake(const void *made, struct arena *scratch)
{
    const struct packing *p = made;
    uint32_t n = p->job.n_devices;
    assert(n > 0);
    double *carried = arena_room(scratch, n * sizeof *carried), sum = 0;

    for (uint32_t k = 0; k < p->job.n_instances; k++) {
        for (uint32_t d = 0; d < n; d++)
            carried[d] = 0;
        for (uint32_t i = 0; i < p->n; i++) {
            uint32_t row = i / n, at = i - row * n;
            carried[row % 2 ? n - 1 - at : at] += p->loads[(size_t)k * p->n + i];
        }
        sum += fullest(carried, n);
    }
    return sum / p->job.n_instances;
}

static const char *const inputs[] = {"load", "carried", "after", "free", "rest", NULL};

const struct heuristic_problem heuristic_packing = {
    .name = "packing",
    .inputs = inputs,
    .usual = "-carried",
    .make = make,
    .cost = cost,
    .simple = snake,
};
