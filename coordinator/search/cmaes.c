// SPDX-License-Identifier: MIT
// cmaes.c - CMA-ES on every space: numbers by a normal distribution, choices by tables
// of probabilities, branches by what is in play.
//
// A generation ends when its size was told, whoever asked the points: those of an
// older distribution that are still on their way count as injected solutions.  What a
// point does not say (a number of a branch not taken, where within its cell an integer
// lay) is drawn from the distribution itself, so that it neither grows nor shrinks.
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/cmaes_dist.h"
#include "coordinator/search/sobol_net.h"

enum knob_index { KNOB_POPULATION, KNOB_SIGMA, KNOB_RATE, KNOB_BIPOP };

enum { ENTITY_ASK = 1, ENTITY_LATENT = 2, ENTITY_RESTART = 3, ENTITY_SCRAMBLE = 4 };
enum { LAMBDA_MAX = 4096, RESAMPLES = 32, CELLS_MAX = 1000000 };

static const struct knob knobs_table[] = {
    {"population", KNOB_INT, 0, LAMBDA_MAX, 0, "points a generation; 0: 4 + 3 ln(numbers)"},
    {"sigma", KNOB_FLOAT, 1e-4, 1, 1.0 / 6, "first step size, as a share of each scale"},
    {"rate", KNOB_FLOAT, 0.001, 1, 0.15, "how fast probabilities of choices are learned"},
    {"bipop", KNOB_BOOL, 0, 1, 1, "restarts alternate large and small populations"},
    {0},
};

struct cmaes {
    const struct history *history;
    uint32_t population; // 0: by the dimension
    double sigma, rate;
    bool is_bipop;
    uint32_t d;            // numbers
    uint32_t *column_of;   // slot -> its number, or UINT32_MAX
    uint32_t *slot_of;     // and back
    size_t *table_of;      // slot -> first probability, or SIZE_MAX
    double *probabilities; // of all choices
    size_t n_probabilities;
    uint32_t n_choices;
    struct cmaes_dist dist;
    uint32_t n_batch;
    uint32_t *batch; // records, best first
    double *steps;   // [lambda][d], in the batch's order
    double *z;       // [2 d]
    // restarts
    uint32_t n_restarts, n_large, run_used, small_used, large_used;
    bool is_small;
    uint32_t n_flat; // generations without a better best
    struct score best;
    bool has_best;
    double first_spread; // of the losses of the run's first generation
    uint64_t scramble;
    char remark[160];
};

// --- life ---------------------------------------------------------------------------
static void lay_out(struct cmaes *c, const struct space *s)
{
    c->column_of = mem_alloc((s->n_slots + 1) * sizeof *c->column_of);
    c->slot_of = mem_alloc((s->n_slots + 1) * sizeof *c->slot_of);
    c->table_of = mem_alloc((s->n_slots + 1) * sizeof *c->table_of);
    for (uint32_t i = 0; i < s->n_slots; i++) {
        const struct slot *slot = &s->slots[i];
        c->column_of[i] = UINT32_MAX;
        c->table_of[i] = SIZE_MAX;
        if (slot->kind != SLOT_CHOICE) {
            c->slot_of[c->d] = i;
            c->column_of[i] = c->d++;
        } else if (c->n_probabilities + slot->n <= CELLS_MAX) {
            c->table_of[i] = c->n_probabilities;
            c->n_probabilities += slot->n;
            c->n_choices++;
        }
    }
    c->probabilities = mem_alloc((c->n_probabilities + 1) * sizeof *c->probabilities);
}

static uint32_t default_lambda(const struct cmaes *c)
{
    double n = c->d + c->n_choices;
    uint32_t lambda = 4 + (uint32_t)(3 * math_log(n > 1 ? n : 1));
    lambda = c->population ? c->population : lambda;
    return lambda < 4 ? 4 : lambda;
}

static void even_out(struct cmaes *c)
{
    const struct space *s = c->history->space;
    for (uint32_t i = 0; i < s->n_slots; i++)
        for (uint64_t k = 0; c->table_of[i] != SIZE_MAX && k < s->slots[i].n; k++)
            c->probabilities[c->table_of[i] + k] = 1.0 / (double)s->slots[i].n;
}

static void begin(struct cmaes *c, uint32_t lambda, const double *mean, double sigma)
{
    cmaes_dist_begin(&c->dist, lambda, mean, sigma);
    c->batch = mem_realloc(c->batch, lambda * sizeof *c->batch);
    c->steps = mem_realloc(c->steps, ((size_t)lambda * c->d + 1) * sizeof *c->steps);
    c->n_batch = c->run_used = c->n_flat = 0;
    c->has_best = false;
    c->first_spread = -1;
    even_out(c);
}

static void *create(const struct history *h, const double *knobs)
{
    struct cmaes *c = mem_alloc(sizeof *c);

    struct rng r = rng_at(h->seed, ENTITY_SCRAMBLE, 0, 0);

    c->history = h;
    c->scramble = rng_u64(&r);
    c->population = (uint32_t)knobs[KNOB_POPULATION];
    c->sigma = knobs[KNOB_SIGMA];
    c->rate = knobs[KNOB_RATE];
    c->is_bipop = knobs[KNOB_BIPOP] != 0;
    lay_out(c, h->space);
    cmaes_dist_init(&c->dist, c->d);
    c->z = mem_alloc((2 * (size_t)c->d + 1) * sizeof *c->z);
    for (uint32_t j = 0; j < c->d; j++)
        c->z[j] = 0.5;
    begin(c, default_lambda(c), c->z, c->sigma);
    return c;
}

static void destroy(void *state)
{
    struct cmaes *c = state;
    if (!c)
        return;
    cmaes_dist_fini(&c->dist);
    mem_free(c->column_of);
    mem_free(c->slot_of);
    mem_free(c->table_of);
    mem_free(c->probabilities);
    mem_free(c->batch);
    mem_free(c->steps);
    mem_free(c->z);
    mem_free(c);
}

// --- integers -----------------------------------------------------------------------
// The cell of option k of an ordered slot, as a part of [0, 1]; the outer cells have no end.
static void cell_of(const struct slot *s, uint64_t k, double *low, double *high)
{
    double ends[2];
    for (int i = 0; i < 2; i++) {
        double v = s->low + ((double)k - 0.5 + i) * s->step;
        double t = s->is_log ? math_log(v) : v;
        ends[i] = (t - s->t_low) / (s->t_high - s->t_low);
    }
    *low = k == 0 ? -INFINITY : ends[0];
    *high = k + 1 >= s->n ? INFINITY : ends[1];
}

static double below(double x) // of a standard normal
{
    return isinf(x) ? x > 0 : 0.5 * math_erfc(-x * 0.70710678118654752440);
}

// A normal number between low and high; the nearer end where that has no weight.
static double draw_between(double low, double high, double u)
{
    bool is_right = low > 0; // the left tail has the digits
    double a = is_right ? below(-high) : below(low);
    double b = is_right ? below(-low) : below(high);
    double p = a + u * (b - a);
    if (!(p > 1e-300) || !(p < 1))
        return fabs(low) < fabs(high) ? low : high;
    double x = math_probit(p);
    x = is_right ? -x : x;
    return x < low ? low : x > high ? high : x;
}

// The margin: an integer leaves the mean's cell at least so often.
static double margin(const struct cmaes *c)
{
    return 1 / ((double)(c->d + c->n_choices) * c->dist.lambda);
}

// Where option k lies for the distribution, in units of sigma.
static double latent(const struct cmaes *c, uint32_t column, uint64_t k, double u)
{
    const struct slot *s = &c->history->space->slots[c->slot_of[column]];
    double mean = c->dist.mean[column], spread = cmaes_dist_spread(&c->dist, column);
    double low, high;

    cell_of(s, k, &low, &high);
    double z = draw_between((low - mean) / spread, (high - mean) / spread, u);
    return z * spread / c->dist.sigma;
}

// --- telling --------------------------------------------------------------------------
// A record as a step from the mean; false: not of this distribution (one of an earlier
// run that was on its way when this one began).
static bool step_of(struct cmaes *c, uint32_t record, double *y)
{
    const struct point *p = &c->history->records[record].point;
    struct rng r = rng_at(c->history->seed, ENTITY_LATENT, 0, record);
    const struct cmaes_dist *d = &c->dist;

    for (uint32_t j = 0; j < c->d; j++) {
        const struct gene *g = point_find(p, c->slot_of[j]);
        const struct slot *s = &c->history->space->slots[c->slot_of[j]];
        if (g && s->kind == SLOT_FLOAT)
            y[j] = (slot_unit(s, *g) - d->mean[j]) / d->sigma;
        else if (g)
            y[j] = latent(c, j, g->k, rng_f64(&r));
        else
            y[j] = rng_normal(&r) * cmaes_dist_spread(d, j) / d->sigma;
    }
    double root = math_sqrt(c->d), length = c->d ? cmaes_dist_length(d, y) : 0;
    if (length > 4 * root + 8)
        return false;
    double most = root + 3; // as in Hansen, INRIA RR-7748 (2011), but sparing our own
    for (uint32_t j = 0; j < c->d && length > most; j++)
        y[j] *= most / length;
    return true;
}

static const struct score *score_of(const struct cmaes *c, uint32_t record)
{
    return &c->history->records[record].score;
}

// Of several objectives: whoever is dominated by fewer of the batch is better.
static bool is_better(const struct cmaes *c, uint32_t a, uint32_t b)
{
    uint32_t m = c->history->objectives->n, n_a = 0, n_b = 0;

    for (uint32_t i = 0; m > 1 && i < c->n_batch; i++) {
        n_a += score_dominates(score_of(c, c->batch[i]), score_of(c, a), m);
        n_b += score_dominates(score_of(c, c->batch[i]), score_of(c, b), m);
    }
    if (n_a != n_b)
        return n_a < n_b;
    int order = score_compare(score_of(c, a), score_of(c, b), m);
    return order < 0 || (order == 0 && a < b);
}

static void sort_batch(struct cmaes *c)
{
    uint32_t sorted[LAMBDA_MAX];

    for (uint32_t i = 0; i < c->n_batch; i++) {
        uint32_t j = i;
        for (; j > 0 && is_better(c, c->batch[i], sorted[j - 1]); j--)
            sorted[j] = sorted[j - 1];
        sorted[j] = c->batch[i];
    }
    memcpy(c->batch, sorted, c->n_batch * sizeof *sorted);
}

static void learn_choice(struct cmaes *c, uint32_t slot)
{
    double *q = c->probabilities + c->table_of[slot], sum = 0, seen = 0;
    uint64_t n = c->history->space->slots[slot].n;

    for (uint32_t i = 0; i < c->dist.mu; i++)
        if (point_find(&c->history->records[c->batch[i]].point, slot))
            seen += c->dist.weights[i];
    for (uint64_t k = 0; k < n; k++)
        q[k] *= 1 - c->rate * seen;
    for (uint32_t i = 0; i < c->dist.mu; i++) {
        const struct gene *g = point_find(&c->history->records[c->batch[i]].point, slot);
        if (g)
            q[g->k] += c->rate * c->dist.weights[i];
    }
    double least = n > 1 ? margin(c) / (double)(n - 1) : 0;
    least = least > 0.5 / (double)n ? 0.5 / (double)n : least;
    for (uint64_t k = 0; k < n; k++)
        sum += q[k] = q[k] < least ? least : q[k];
    for (uint64_t k = 0; k < n; k++)
        q[k] /= sum;
}

// --- restarts -----------------------------------------------------------------------
// Small populations while they have used less than the large ones (Hansen, BBOB 2009).
static void restart(struct cmaes *c)
{
    struct rng r = rng_at(c->history->seed, ENTITY_RESTART, 0, c->n_restarts);
    uint32_t lambda = default_lambda(c), large = lambda;
    double sigma = c->sigma;

    if (c->n_restarts > 0 && c->is_small)
        c->small_used += c->run_used;
    else if (c->n_restarts > 0)
        c->large_used += c->run_used;
    c->n_restarts++;
    for (uint32_t i = 0; i <= c->n_large && large < LAMBDA_MAX / 2; i++)
        large *= 2;
    c->is_small = c->is_bipop && c->n_large > 0 && c->small_used < c->large_used;
    double u = rng_f64(&r), v = rng_f64(&r);
    if (c->is_small) {
        lambda = (uint32_t)(lambda * math_pow(0.5 * large / lambda, u * u));
        sigma *= math_pow(10, -2 * v);
    } else {
        lambda = large;
        c->n_large++;
    }
    for (uint32_t j = 0; j < c->d; j++)
        c->z[j] = rng_f64(&r);
    begin(c, lambda < 4 ? 4 : lambda, c->z, sigma);
}

// The generation's losses are as good as equal, and so is what can still be reached.
static bool is_spent(struct cmaes *c)
{
    const struct score *first = score_of(c, c->batch[0]);
    const struct score *last = score_of(c, c->batch[c->n_batch - 1]);
    double spread = last->losses[0] - first->losses[0], widest = 0;
    bool is_single = c->history->objectives->n == 1;

    if (!c->has_best || score_compare(first, &c->best, c->history->objectives->n) < 0) {
        c->best = *first;
        c->has_best = true;
        c->n_flat = 0;
    } else {
        c->n_flat++;
    }
    if (c->first_spread < 0 && isfinite(spread))
        c->first_spread = spread;
    for (uint32_t j = 0; j < c->d; j++)
        widest = fmax(widest, cmaes_dist_spread(&c->dist, j));
    uint32_t patience = 10 + 30 * (c->d + c->n_choices) / c->dist.lambda;
    bool is_narrow = c->d && c->n_choices == 0 && widest < 1e-12;
    bool is_flat = is_single && c->n_choices == 0 && spread <= 1e-13 * c->first_spread;
    return is_narrow || (is_flat && c->n_flat > 0) || c->n_flat > patience;
}

static void end_generation(struct cmaes *c)
{
    sort_batch(c);
    for (uint32_t i = 0; i < c->n_batch; i++)
        (void)step_of(c, c->batch[i], c->steps + (size_t)i * c->d);
    for (uint32_t i = 0; i < c->history->space->n_slots; i++)
        if (c->table_of[i] != SIZE_MAX)
            learn_choice(c, i);
    bool is_worn = !cmaes_dist_update(&c->dist, c->steps) || c->dist.sigma > 1e4;
    for (uint32_t j = 0; j < c->d; j++)
        c->dist.mean[j] = c->dist.mean[j] < 0 ? 0 : c->dist.mean[j] > 1 ? 1 : c->dist.mean[j];
    if (is_spent(c) || is_worn)
        restart(c);
    c->n_batch = 0;
}

// What was known before starts the first run where it was best.
static void begin_warm(struct cmaes *c, uint32_t record)
{
    const struct history *h = c->history;

    if (c->has_best && score_compare(score_of(c, record), &c->best, h->objectives->n) >= 0)
        return;
    for (uint32_t j = 0; j < c->d; j++) {
        const struct gene *g = point_find(&h->records[record].point, c->slot_of[j]);
        c->dist.mean[j] = g ? slot_unit(&h->space->slots[c->slot_of[j]], *g) : 0.5;
    }
    c->best = *score_of(c, record);
    c->has_best = true;
}

static void tell(void *state, uint32_t record)
{
    struct cmaes *c = state;

    if (record < c->history->n_warm) {
        begin_warm(c, record);
        return;
    }
    c->run_used++;
    if (!step_of(c, record, c->z))
        return;
    c->batch[c->n_batch++] = record;
    if (c->n_batch == c->dist.lambda)
        end_generation(c);
}

// --- asking ---------------------------------------------------------------------------
struct draw {
    const struct cmaes *c;
    struct rng *rng;
    const double *x; // [d], on the scale
};

static struct gene
choose_number(const struct draw *w, const struct decision *d, uint32_t column)
{
    const struct cmaes *c = w->c;
    struct gene g = slot_gene(d->slot, d->index, w->x[column]);

    if (d->slot->kind == SLOT_FLOAT || d->slot->n < 2)
        return decision_nearest(d, g, w->rng);
    struct gene home = slot_gene(d->slot, d->index, c->dist.mean[column]);
    double low, high, spread = cmaes_dist_spread(&c->dist, column);
    cell_of(d->slot, home.k, &low, &high);
    double inside = below((high - c->dist.mean[column]) / spread)
                    - below((low - c->dist.mean[column]) / spread);
    double missing = margin(c) - (1 - inside);
    bool must_leave = rng_f64(w->rng) * inside < missing;
    if (g.k == home.k && must_leave) {
        bool is_up = home.k == 0 || (home.k + 1 < d->slot->n && rng_f64(w->rng) < 0.5);
        g.k = is_up ? home.k + 1 : home.k - 1;
    }
    return decision_nearest(d, g, w->rng);
}

static struct gene choose(void *ctx, const struct decision *d)
{
    struct draw *w = ctx;
    const struct cmaes *c = w->c;
    uint32_t column = c->column_of[d->index];

    if (column != UINT32_MAX)
        return choose_number(w, d, column);
    if (c->table_of[d->index] == SIZE_MAX)
        return decision_random(d, w->rng);
    const double *q = c->probabilities + c->table_of[d->index];
    struct gene g = {.slot = d->index};
    double total = 0;
    for (uint64_t k = 0; k < d->slot->n; k++)
        total += !d->allowed || d->allowed[k] ? q[k] : 0;
    double u = rng_f64(w->rng) * total;
    for (uint64_t k = 0; k < d->slot->n; k++) {
        if (d->allowed && !d->allowed[k])
            continue;
        g.k = k;
        if (u < q[k])
            break;
        u -= q[k];
    }
    return g;
}

// Quasi-random steps cover the directions more evenly (Teytaud and Gelly, GECCO 2007).
static double sobol_normal(const struct cmaes *c, uint64_t trial, uint32_t axis)
{
    uint32_t x = sobol_scrambled(axis, trial, hash_mix64(c->scramble + axis));
    return math_probit(((double)x + 0.5) * 0x1p-32);
}

// Within the box of the numbers that have no cells; after some tries at its edge.
static void
draw_numbers(const struct cmaes *c, uint64_t trial, struct rng *r, double *z, double *x)
{
    bool is_inside = false;

    for (int i = 0; i < RESAMPLES && !is_inside; i++) {
        for (uint32_t j = 0; j < c->d; j++)
            z[j] = i == 0 && j < SOBOL_AXES && trial != UINT64_MAX ? sobol_normal(c, trial, j)
                                                                   : rng_normal(r);
        cmaes_dist_step(&c->dist, z, x);
        is_inside = true;
        for (uint32_t j = 0; j < c->d; j++) {
            x[j] = c->dist.mean[j] + c->dist.sigma * x[j];
            bool is_float = c->history->space->slots[c->slot_of[j]].kind == SLOT_FLOAT;
            is_inside = is_inside && (!is_float || (x[j] >= 0 && x[j] <= 1));
        }
    }
    for (uint32_t j = 0; j < c->d; j++)
        x[j] = x[j] < 0 ? 0 : x[j] > 1 ? 1 : x[j];
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct cmaes *c = state; // only its scratch changes
    struct rng r = ask_rng(c->history, q, ENTITY_ASK);
    struct draw w = {c, &r, c->z + c->d};

    draw_numbers(c, q->attempt ? UINT64_MAX : q->trial, &r, c->z, c->z + c->d);
    return walk_run(c->history->walk, out, choose, &w);
}

static const char *remark(const void *state)
{
    struct cmaes *c = (struct cmaes *)state; // its text
    (void)snprintf(c->remark, sizeof c->remark,
                   "cmaes: %u numbers (%s covariance), %u choices, %u restarts, population %u",
                   c->d, c->dist.is_dense ? "full" : "diagonal", c->n_choices, c->n_restarts,
                   c->dist.lambda);
    return c->remark;
}

const struct algorithm cmaes_algorithm = {
    .name = "cmaes",
    .version = "cmaes-1",
    .help =
        "Covariance matrix adaptation with restarts (BIPOP or IPOP): the best on continuous "
        "spaces from some hundred trials. Integers keep a margin, choices have "
        "probabilities of their own, branches not taken learn nothing.",
    .source = "Hansen, arXiv:1604.00772; Hansen, GECCO 2009 (BIPOP); Hamano et al., GECCO 2022 "
              "and 2024 (margin, categories)",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
    .remark = remark,
};
