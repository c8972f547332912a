// SPDX-License-Identifier: MIT
// test_tpe.c - what is chosen is the best of the candidates, by a plain reference.
//
// The reference works on the scale [0, 1] of a slot, as the algorithm does; its
// candidates come from the same address of randomness.
#include <math.h>
#include <stdlib.h>

#include "common/math.h"
#include "coordinator/search/parzen.h"
#include "tests/unit/parzen_reference.h"
#include "tests/unit/search_lab.h"

enum { SLOTS = 16, CANDIDATES = 24, ENTITY_DRAW = 2, ENTITY_CONTEXT = 0x10000 };

struct sides {
    uint32_t n_good, n_rest;
    uint32_t good[25], rest[N_MAX]; // records; good the best first, rest the oldest first
};

static const struct history *sorted_history;

static int by_score(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const struct record *r = sorted_history->records;
    int c = score_compare(&r[i].score, &r[j].score, 1);
    return c ? c : (i > j) - (i < j);
}

static int by_number(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    return (i > j) - (i < j);
}

static void split(const struct history *h, struct sides *s)
{
    uint32_t order[N_MAX], n = h->n_told;

    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    sorted_history = h;
    qsort(order, n, sizeof order[0], by_score);
    s->n_good = (uint32_t)fmin(ceil(0.1 * n), 25);
    s->n_rest = n - s->n_good;
    memcpy(s->good, order, s->n_good * sizeof order[0]);
    memcpy(s->rest, order + s->n_good, s->n_rest * sizeof order[0]);
    qsort(s->rest, s->n_rest, sizeof order[0], by_number);
}

// The places at a slot of those records that have it; options of a choice as such.
static uint32_t
places(const struct history *h, const uint32_t *records, uint32_t n, uint32_t slot, double *out)
{
    const struct slot *s = &h->space->slots[slot];
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct gene *g = point_find(&h->records[records[i]].point, slot);
        if (g)
            out[m++] = s->kind == SLOT_CHOICE ? (double)g->k : slot_unit(s, *g);
    }
    return m;
}

static double
log_ratio(const struct slot *s, const struct mix *l, const struct mix *g, struct gene gene)
{
    if (s->kind == SLOT_FLOAT) {
        double x = slot_unit(s, gene);
        return log(mix_density(l, x)) - log(mix_density(g, x));
    }
    double v = s->low + (double)gene.k * s->step, a = v - s->step / 2, b = v + s->step / 2;
    double range = s->t_high - s->t_low;
    if (s->is_log) {
        a = log(a);
        b = log(b);
    }
    a = (a - s->t_low) / range;
    b = (b - s->t_low) / range;
    return log(mix_mass(l, a, b)) - log(mix_mass(g, a, b));
}

// Of one option: (one-hot + 1/(n+1)) normalised, mixed by weight with a uniform prior.
static double
option_share(const double *seen, uint32_t n, uint64_t n_options, uint64_t k, bool by_age)
{
    double total = 1, sum = 1.0 / (double)n_options;
    for (uint32_t i = 0; i < n; i++) {
        double w = by_age ? age_weight(i, n) : 1;
        double own = (seen[i] == (double)k) + 1.0 / (n + 1);
        sum += w * own / (1 + (double)n_options / (n + 1));
        total += w;
    }
    return sum / total;
}

// How good the asked gene is among the candidates: its ratio and the best one.
static void judge_option(const struct history *h,
                         const struct sides *s,
                         const struct gene *asked,
                         struct rng *r)
{
    const struct slot *slot = &h->space->slots[asked->slot];
    double good[25], rest[N_MAX], best = -INFINITY, own = -INFINITY;
    uint32_t n = places(h, s->good, s->n_good, asked->slot, good);
    uint32_t m = places(h, s->rest, s->n_rest, asked->slot, rest);

    for (uint32_t i = 0; i < CANDIDATES; i++) {
        double u = rng_f64(r);
        uint64_t k = 0;
        for (; k + 1 < slot->n && u >= option_share(good, n, slot->n, k, false); k++)
            u -= option_share(good, n, slot->n, k, false);
        double ratio = log(option_share(good, n, slot->n, k, false))
                       - log(option_share(rest, m, slot->n, k, true));
        best = fmax(best, ratio);
        own = k == asked->k ? ratio : own;
    }
    ck_assert_msg(own >= best - 1e-9, "slot %u: option %g at %g, the best at %g", asked->slot,
                  (double)asked->k, own, best);
}

static void judge_number(const struct history *h,
                         const struct sides *s,
                         const struct gene *asked,
                         struct rng *r)
{
    const struct slot *slot = &h->space->slots[asked->slot];
    double good[25], rest[N_MAX], ones[25], best = -INFINITY, own = -INFINITY;
    uint32_t n = places(h, s->good, s->n_good, asked->slot, good);
    uint32_t m = places(h, s->rest, s->n_rest, asked->slot, rest);
    struct kernel k[PARZEN_KERNELS];
    static struct mix l, g;

    for (uint32_t i = 0; i < n; i++) {
        ones[i] = 1;
        k[i] = (struct kernel){.mu = good[i], .weight = 1};
    }
    mix_init(&l, good, ones, n);
    mix_init(&g, rest, NULL, m);
    uint32_t n_kernels = parzen_build(k, n);
    for (uint32_t i = 0; i < CANDIDATES; i++) {
        struct gene gene = slot_gene(slot, asked->slot, parzen_sample(k, n_kernels, r));
        double ratio = log_ratio(slot, &l, &g, gene);
        best = fmax(best, ratio);
        own = gene.k == asked->k ? ratio : own;
    }
    ck_assert_msg(own >= best - 1e-7, "slot %u at %.17g, the best at %.17g", asked->slot, own,
                  best);
}

#define MIXED                                                                                  \
    "space:\n"                                                                                 \
    "  x: {type: float, low: -1, high: 2}\n"                                                   \
    "  y: {type: float, low: 1e-4, high: 10, log: true}\n"                                     \
    "  h: {type: float, low: 0, high: 1, step: 0.125}\n"                                       \
    "  i: {type: int, low: -3, high: 17}\n"                                                    \
    "  j: {type: int, low: 1, high: 500, log: true}\n"                                         \
    "  c: {type: choice, values: [a, b, c, d]}\n"                                              \
    "  m: {type: choice, values: {none: {}, tree: {depth: {type: int, low: 1, high: 9}, "      \
    "leaf: "                                                                                   \
    "{type: float, low: 0, high: 1}, kind: {type: choice, values: [p, q, r]}}}}\n"

static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

// A history of n random points, some of which failed, some equally good.
static void fill(struct lab *l, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct rng r = rng_at(17, 0, n, i);
        ck_assert(walk_run(l->history.walk, &l->next, choose_random, &r));
        (void)history_ask(&l->history, &l->next);
        struct score s = lab_loss(floor(rng_f64(&r) * 50));
        if (rng_below(&r, 10) == 0)
            s = (struct score){.verdict = SCORE_FAILED, .losses = {INFINITY}};
        lab_tell(l, s);
    }
}

static const uint32_t sizes[] = {10, 11, 20, 21, 24, 26, 27, 40, 60, 100, 240, 250, 251, 400};

START_TEST(each_decision_is_the_best_of_its_candidates)
{
    struct lab l;
    struct sides s;

    lab_open(&l, MIXED, NULL, "tpe");
    lab_start(&l, 23);
    fill(&l, sizes[_i]);
    split(&l.history, &s);
    for (uint64_t trial = 0; trial < 20; trial++) {
        struct ask q = {.trial = trial};
        struct rng r = ask_rng(&l.history, &q, ENTITY_DRAW);
        ck_assert(l.algorithm->ask(l.state, &q, &l.next));
        for (uint32_t i = 0; i < l.next.n; i++) {
            const struct gene *g = &l.next.genes[i];
            if (l.space->slots[g->slot].kind == SLOT_CHOICE)
                judge_option(&l.history, &s, g, &r);
            else
                judge_number(&l.history, &s, g, &r);
        }
    }
    lab_stop(&l);
    lab_close(&l);
}
END_TEST

// The first ten trials are by chance: told or not, they come out alike.
START_TEST(the_first_trials_are_by_chance)
{
    struct lab l;
    struct point before;

    lab_open(&l, MIXED, NULL, "tpe");
    lab_start(&l, 23);
    before = lab_point(&l);
    struct ask q = {.trial = 9};
    ck_assert(l.algorithm->ask(l.state, &q, &before));
    fill(&l, 9);
    ck_assert(l.algorithm->ask(l.state, &q, &l.next));
    ck_assert(point_equal(&before, &l.next));
    fill(&l, 1);
    ck_assert(l.algorithm->ask(l.state, &q, &l.next));
    ck_assert(!point_equal(&before, &l.next));
    lab_stop(&l);
    lab_close(&l);
}
END_TEST

// --- the joint density ----------------------------------------------------------------
struct joint {
    const struct space *space;
    uint32_t n, n_slots; // observations
    uint32_t slots[SLOTS];
    double rows[N_MAX][SLOTS];
    double weights[N_MAX], total;
    double sigma;
};

static void joint_init(struct joint *j,
                       const struct history *h,
                       const uint32_t *records,
                       uint32_t n,
                       uint32_t context)
{
    *j = (struct joint){.space = h->space, .total = 1};
    for (uint32_t i = 0; i < h->space->n_slots; i++)
        if (h->space->slots[i].context == context)
            j->slots[j->n_slots++] = i;
    for (uint32_t i = 0; i < n; i++) {
        bool has_all = true;
        for (uint32_t d = 0; d < j->n_slots; d++)
            has_all = places(h, &records[i], 1, j->slots[d], &j->rows[j->n][d]) && has_all;
        j->n += has_all;
    }
    for (uint32_t i = 0; i < j->n; i++) {
        j->weights[i] = age_weight(i, j->n);
        j->total += j->weights[i];
    }
    double least = 1 / fmin(100, 2.0 + j->n);
    j->sigma = fmax(least, 0.2 * pow(fmax(j->n, 1), -1.0 / (j->n_slots + 4)));
}

static double joint_factor(const struct joint *j, uint32_t d, const double *row, double x)
{
    const struct slot *s = &j->space->slots[j->slots[d]];
    struct mix one = {.n = 1, .c = {{row ? row[d] : 0.5, row ? j->sigma : 1, 1, !row, 0}}};

    if (s->kind == SLOT_CHOICE) {
        double own = (row && row[d] == x) + 1.0 / (j->n + 1);
        return row ? own / (1 + (double)s->n / (j->n + 1)) : 1.0 / (double)s->n;
    }
    if (s->kind == SLOT_FLOAT)
        return mix_density(&one, x);
    struct mix flat = {.n = 1, .c = {{0.5, 1e6, 1, true, 0}}}; // mass / width of the cell
    double wide = exp(-log_ratio(s, &flat, &one, slot_gene(s, 0, x)));
    return wide;
}

// Log density, times what does not depend on x for an integer (its cell's width).
static double joint_log(const struct joint *j, const double *x)
{
    double logs[N_MAX + 1], most = -INFINITY, sum = 0;

    for (uint32_t i = 0; i <= j->n; i++) {
        const double *row = i < j->n ? j->rows[i] : NULL;
        logs[i] = log(i < j->n ? j->weights[i] : 1);
        for (uint32_t d = 0; d < j->n_slots; d++)
            logs[i] += log(joint_factor(j, d, row, x[d]));
        most = fmax(most, logs[i]);
    }
    for (uint32_t i = 0; i <= j->n; i++)
        sum += exp(logs[i] - most);
    return most + log(sum / j->total);
}

static void joint_draw(const struct joint *j, struct rng *r, double *x)
{
    double u = rng_f64(r) * j->total;
    uint32_t i = 0;

    while (i < j->n && u >= j->weights[i])
        u -= j->weights[i++];
    for (uint32_t d = 0; d < j->n_slots; d++) {
        const struct slot *s = &j->space->slots[j->slots[d]];
        double mu = i < j->n ? j->rows[i][d] : 0.5, sigma = i < j->n ? j->sigma : 1;
        if (s->kind == SLOT_CHOICE) {
            double v = rng_f64(r) * (1 + (double)s->n / (j->n + 1));
            x[d] = i < j->n && v < 1 ? mu : (double)rng_below(r, s->n);
            continue;
        }
        double low = phi(-mu / sigma), p = low + rng_f64(r) * (phi((1 - mu) / sigma) - low);
        x[d] = mu + sigma * math_probit(p);
    }
}

// Is the candidate what stands in the point?
static bool is_asked(const struct joint *j, const struct point *p, const double *x)
{
    for (uint32_t d = 0; d < j->n_slots; d++) {
        const struct slot *slot = &j->space->slots[j->slots[d]];
        const struct gene *asked = point_find(p, j->slots[d]);
        struct gene g = {.slot = j->slots[d], .k = (uint64_t)x[d]};
        if (slot->kind != SLOT_CHOICE)
            g = slot_gene(slot, g.slot, x[d]);
        if (slot->kind == SLOT_FLOAT ? fabs(asked->x - g.x) > 1e-9 * fabs(g.x)
                                     : asked->k != g.k)
            return false;
    }
    return true;
}

static void
judge_context(const struct lab *l, const struct sides *s, const struct ask *q, uint32_t context)
{
    static struct joint good, rest;
    struct rng r = ask_rng(&l->history, q, ENTITY_CONTEXT + context);
    double best = -INFINITY, own = -INFINITY, x[SLOTS] = {0};

    joint_init(&good, &l->history, s->good, s->n_good, context);
    joint_init(&rest, &l->history, s->rest, s->n_rest, context);
    if (!good.n_slots || !point_find(&l->next, good.slots[0]))
        return;
    for (uint32_t i = 0; i < CANDIDATES; i++) {
        joint_draw(&good, &r, x);
        double ratio = joint_log(&good, x) - joint_log(&rest, x);
        best = fmax(best, ratio);
        if (is_asked(&good, &l->next, x))
            own = fmax(own, ratio);
    }
    ck_assert_msg(own >= best - 1e-6, "context %u: %g, the best %g", context, own, best);
}

START_TEST(a_context_is_the_best_of_its_joint_candidates)
{
    struct lab l;
    struct sides s;
    bool has_liar = _i % 2;

    lab_open(&l, MIXED, NULL,
             has_liar ? "{name: tpe, multivariate: true}"
                      : "{name: tpe, multivariate: true, liar: false}");
    lab_start(&l, 29);
    fill(&l, sizes[_i]);
    split(&l.history, &s);
    for (uint32_t i = 0; i < 5; i++) { // pending
        ck_assert(lab_ask(&l));
        if (has_liar)
            s.rest[s.n_rest++] = sizes[_i] + i;
    }
    for (uint64_t trial = 0; trial < 10; trial++) {
        struct ask q = {.trial = trial};
        ck_assert(l.algorithm->ask(l.state, &q, &l.next));
        for (uint32_t context = 0; context < l.space->n_contexts; context++)
            judge_context(&l, &s, &q, context);
    }
    lab_stop(&l);
    lab_close(&l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tpe");
    TCase *tc = tcase_create("all");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, each_decision_is_the_best_of_its_candidates, 0,
                        sizeof sizes / sizeof sizes[0]);
    tcase_add_test(tc, the_first_trials_are_by_chance);
    tcase_add_loop_test(tc, a_context_is_the_best_of_its_joint_candidates, 0,
                        sizeof sizes / sizeof sizes[0]);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
