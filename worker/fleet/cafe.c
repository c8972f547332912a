// SPDX-License-Identifier: MIT
// cafe.c - the workload fleet.cafe: one item is one simulation, and a sweep keeps sums.
#include <assert.h>
#include <string.h>

#include "worker/evaluate/evaluate.h"
#include "worker/fleet/cafe_model.h"
#include "worker/workload.h"

// Simulations between two looks at whether the lease is still wanted.
enum { STRIDE = 4096 };

static const struct param params[] = {
    {.name = "tier",
     .type = PARAM_INT,
     .searchable = true,
     .min = 1,
     .max = CAFE_TIERS,
     .fallback = "1",
     .unit = "stars",
     .help = "which café: roles, scores and fixed factors"},
    {.name = "adapt",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = CAFE_TRAITS,
     .fallback = "0",
     .help = "so many of the lowest traits are drawn again, once, and kept if higher"},
    {.name = "prune",
     .type = PARAM_BOOL,
     .searchable = true,
     .fallback = "false",
     .help = "leave implausible draws out of the sums; they are counted either way"},
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "time", .unit = "min", .help = "from order to table"},
    {.name = "satisfaction", .help = "1 to 10"},
    {.name = "performance", .help = "mean of traits and factors"},
    {.name = "sat120", .help = "satisfaction times 120, exact"},
    {.name = "perf_num", .help = "numerator of performance"},
    {.name = "implausible", .help = "1: the draw breaks a constraint"},
    {.name = NULL},
};

static const struct total_row totals[] = {
    {"draws", 0, false, "simulations"},
    {"implausible", 0, false, "draws that break a constraint"},
    {"sims", 0, false, "simulations in the sums below"},
    {"sum_time", 0, false, NULL},
    {"sum_sat120", 0, false, "of satisfaction times 120"},
    {"sum_time2", 0, false, "of squares"},
    {"sum_sat120_2", 0, false, "of squares"},
    {"sum_time_sat120", 0, false, "of products"},
    {"sum_perf_num", 0, false, "of performance's numerators"},
    {"sum_perf_den", 0, false, "of performance's denominators"},
    {"sum_sat120_drawn", 0, false, "the same before traits were drawn again"},
    {"time_hist", CAFE_BINS, false, "simulations by minutes, from 0"},
    {.name = NULL},
};

_Static_assert(sizeof(struct cafe_sums) == (11 + CAFE_BINS) * sizeof(uint64_t),
               "the sums are the totals' table in its order");

// n Σxy - Σx Σy
#define CROSS "(sims * sum_time_sat120 - sum_time * sum_sat120)"
#define TIME2 "(sims * sum_time2 - sum_time ** 2)"
#define SAT2  "(sims * sum_sat120_2 - sum_sat120 ** 2)"
// Σ(s - R t)², R = Σs/Σt: of the ratio's error to first order.
#define RESIDUAL                                                                               \
    "(sum_sat120_2 - 2 * sum_sat120 / sum_time * sum_time_sat120 + "                           \
    "(sum_sat120 / sum_time) ** 2 * sum_time2)"

static const struct figure figures[] = {
    {"mean_time", "sum_time / sims", "minutes"},
    {"sd_time", "sqrt(" TIME2 " / sims / (sims - 1))", NULL},
    {"mean_satisfaction", "sum_sat120 / sims / 120", NULL},
    {"sd_satisfaction", "sqrt(" SAT2 " / sims / (sims - 1)) / 120", NULL},
    {"mean_performance", "sum_perf_num / sum_perf_den", NULL},
    {"slope", "120 * " CROSS " / " SAT2, "minutes a point of satisfaction, least squares"},
    {"slope_se",
     "120 * sqrt((" TIME2 " / " SAT2 " - (" CROSS " / " SAT2 ") ** 2) / (sims - 2))", NULL},
    {"r2", CROSS " ** 2 / (" TIME2 " * " SAT2 ")", "of that line"},
    {"f", CROSS " ** 2 / (" TIME2 " * " SAT2 " - " CROSS " ** 2) * (sims - 2)", "its F"},
    {"satisfaction_per_minute", "sum_sat120 / sum_time / 120", NULL},
    {"satisfaction_per_minute_ci99", "2.5758293035489004 * sqrt(" RESIDUAL ") / sum_time / 120",
     "half the 99 % interval"},
    {"mean_satisfaction_ci99",
     "2.5758293035489004 * sqrt(" SAT2 " / sims / (sims - 1) / sims) / 120",
     "half the 99 % interval"},
    {"gain", "(sum_sat120 - sum_sat120_drawn) / sims / 120",
     "mean satisfaction less that without drawing again"},
    {"implausible_share", "implausible / draws", NULL},
    {.name = NULL},
};

struct state {
    const struct value *params; // the job's, which outlive it
    uint64_t seed;
};

static enum error open_cafe(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    *s = (struct state){.params = job->params, .seed = job->seed};
    *out = s;
    return OK;
}

static void close_cafe(void *state)
{
    mem_free(state);
}

static struct cafe_plan plan_of(const struct state *s, const struct value *over)
{
    const struct value *prune = evaluate_find(over, s->params, "prune");
    return (struct cafe_plan){
        .seed = s->seed,
        .tier = (uint32_t)evaluate_int(over, s->params, "tier", 1),
        .adapt = (uint32_t)evaluate_int(over, s->params, "adapt", 0),
        .prune = prune && prune->type == VALUE_BOOL && prune->b,
    };
}

static void put_row(double *row, const struct cafe_score *x)
{
    row[0] = x->time;
    row[1] = x->sat120 / 120.0;
    row[2] = (double)x->performance / x->per;
    row[3] = x->sat120;
    row[4] = x->performance;
    row[5] = x->implausible;
}

static void put_rows(const struct cafe_plan *p, struct run *r, uint32_t from, uint32_t n)
{
    enum { N_METRICS = sizeof metrics / sizeof metrics[0] - 1 };
    for (uint32_t at = 0; at < n; at += CAFE_LANES) {
        struct cafe_score x[CAFE_LANES];
        cafe_scores(p, r->first + from + at, x);
        for (uint32_t i = 0; i < CAFE_LANES && at + i < n; i++)
            put_row(r->metrics + (size_t)(from + at + i) * N_METRICS, &x[i]);
    }
}

// Items [from, from + n) have the same parameters.
static bool run_some(const struct state *s, struct run *r, uint32_t from, uint32_t n)
{
    struct cafe_plan p = plan_of(s, r->overrides ? r->overrides[from] : NULL);
    struct cafe_sums sums = {0};
    const uint64_t *sum = (const uint64_t *)&sums;
    for (uint32_t at = 0; at < n; at += STRIDE) {
        uint32_t some = n - at < STRIDE ? n - at : STRIDE;
        cafe_run(&p, r->first + from + at, some, &sums);
        if (r->metrics)
            put_rows(&p, r, from + at, some);
        run_progress(r);
        if (run_cancelled(r))
            return false;
    }
    for (size_t i = 0; r->totals && i < sizeof sums / sizeof *sum; i++)
        r->totals[i] += sum[i];
    return true;
}

static enum error run_cafe(void *state, struct run *r, struct errtext *t)
{
    (void)t;
    for (uint32_t from = 0, n; from < r->count; from += n) {
        n = r->count - from;
        for (uint32_t i = 1; r->overrides && i < n; i++)
            if (r->overrides[from + i] != r->overrides[from])
                n = i;
        if (!run_some(state, r, from, n))
            return OK;
    }
    return OK;
}

const struct workload workload_cafe = {
    .name = "fleet.cafe",
    .help = "Monte Carlo of cafés of one to five stars: minutes, satisfaction and performance "
            "of roles whose traits are drawn.  An item is a simulation.",
    .params = params,
    .metrics = metrics,
    .totals = totals,
    .figures = figures,
    .totals_only = true,
    .stall_ms = 60000,
    .open = open_cafe,
    .close = close_cafe,
    .run = run_cafe,
};
