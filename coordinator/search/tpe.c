// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/tpe_state.h"

enum knob_index { KNOB_STARTUP, KNOB_CANDIDATES, KNOB_GAMMA, KNOB_JOINT, KNOB_LIAR };

enum { ENTITY_START = 1, ENTITY_DRAW = 2 };

enum { MANY = 64 }; // told at once: sorted together instead of one by one

static const struct knob knobs_table[] = {
    {"startup", KNOB_INT, 0, 100000, 10, "trials before the densities are used"},
    {"candidates", KNOB_INT, 1, TPE_CANDIDATES_MAX, 24, "draws of which the best is taken"},
    {"gamma", KNOB_FLOAT, 0.01, 0.5, 0.1, "share of the trials that count as good, at most 25"},
    {"multivariate", KNOB_BOOL, 0, 1, 0,
     "one joint density for what is always decided together, instead of one each"},
    {"liar", KNOB_BOOL, 0, 1, 1, "count pending trials as not good, so that a window spreads"},
    {0},
};

// --- life -----------------------------------------------------------------------
static void *create(const struct history *h, const double *knobs)
{
    const struct space *s = h->space;
    struct tpe *t = mem_alloc(sizeof *t);
    uint64_t widest = 1;

    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].kind == SLOT_CHOICE && s->slots[i].n > widest)
            widest = s->slots[i].n;
    t->history = h;
    t->ranking = ranking_create(h, PARZEN_GOOD_MAX);
    t->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    t->n_candidates = (uint32_t)knobs[KNOB_CANDIDATES];
    t->gamma = knobs[KNOB_GAMMA];
    t->is_joint = knobs[KNOB_JOINT] != 0;
    t->has_liar = knobs[KNOB_LIAR] != 0;
    t->rest = mem_alloc((s->n_slots + 1) * sizeof *t->rest);
    t->tallies = mem_alloc((s->n_slots + 1) * sizeof *t->tallies);
    t->share_good = mem_alloc(widest * sizeof *t->share_good);
    t->share_rest = mem_alloc(widest * sizeof *t->share_rest);
    if (t->is_joint)
        tpe_joint_init(t);
    return t;
}

static void destroy(void *state)
{
    struct tpe *t = state;

    if (!t)
        return;
    for (uint32_t i = 0; i < t->history->space->n_slots; i++) {
        parzen_destroy(t->rest[i]);
        mem_free(t->tallies[i].records);
        mem_free(t->tallies[i].values);
    }
    if (t->is_joint)
        tpe_joint_fini(t);
    ranking_destroy(t->ranking);
    mem_free(t->rest);
    mem_free(t->tallies);
    mem_free(t->share_good);
    mem_free(t->share_rest);
    mem_free(t->pending);
    mem_free(t);
}

// --- what is good and what is not -------------------------------------------------
static uint32_t tally_place(const struct tally *t, uint32_t record)
{
    uint32_t i = t->n; // nearly always at the end
    while (i > 0 && t->records[i - 1] >= record)
        i--;
    return i;
}

static void tally_insert(struct tally *t, uint32_t record, uint32_t value)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 32;
        t->records = mem_realloc(t->records, t->cap * sizeof *t->records);
        t->values = mem_realloc(t->values, t->cap * sizeof *t->values);
    }
    uint32_t i = tally_place(t, record);
    size_t n = t->n - i;
    memmove(t->records + i + 1, t->records + i, n * sizeof *t->records);
    memmove(t->values + i + 1, t->values + i, n * sizeof *t->values);
    t->records[i] = record;
    t->values[i] = value;
    t->n++;
}

static void tally_remove(struct tally *t, uint32_t record)
{
    uint32_t i = tally_place(t, record);
    assert(i < t->n && t->records[i] == record);
    size_t n = t->n - i - 1;
    memmove(t->records + i, t->records + i + 1, n * sizeof *t->records);
    memmove(t->values + i, t->values + i + 1, n * sizeof *t->values);
    t->n--;
}

static void rest_change(struct tpe *t, uint32_t record, bool inserts)
{
    const struct space *s = t->history->space;
    const struct point *p = &t->history->records[record].point;

    if (t->is_joint) {
        if (inserts)
            tpe_joint_insert(t, record);
        else
            tpe_joint_remove(t, record);
        return;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t slot = p->genes[i].slot;
        if (s->slots[slot].kind == SLOT_CHOICE) {
            if (inserts)
                tally_insert(&t->tallies[slot], record, (uint32_t)p->genes[i].k);
            else
                tally_remove(&t->tallies[slot], record);
            continue;
        }
        if (!t->rest[slot])
            t->rest[slot] = parzen_create();
        double mu = slot_unit(&s->slots[slot], p->genes[i]);
        if (!inserts)
            parzen_remove(t->rest[slot], mu, record);
        else if (t->is_catching_up)
            parzen_append(t->rest[slot], mu, record);
        else
            parzen_insert(t->rest[slot], mu, record);
    }
}

static bool is_among(const uint32_t *records, uint32_t n, uint32_t record)
{
    for (uint32_t i = 0; i < n; i++)
        if (records[i] == record)
            return true;
    return false;
}

// Bring the densities up to what was told: only what changed sides moves.
static void sync(struct tpe *t)
{
    uint32_t n = t->history->n_told;
    uint32_t old[PARZEN_GOOD_MAX], n_old = t->n_good, first = t->n_synced;

    if (n == t->n_synced)
        return;
    t->is_catching_up = n - first > MANY;
    memcpy(old, t->good, sizeof old);
    for (; t->n_synced < n; t->n_synced++)
        ranking_add(t->ranking, t->n_synced);
    double share = ceil(t->gamma * n);
    t->n_good = share < PARZEN_GOOD_MAX ? (uint32_t)share : PARZEN_GOOD_MAX;
    ranking_best(t->ranking, t->n_good, t->good, t->weights);
    for (uint32_t i = 0; i < t->n_good; i++)
        if (t->good[i] < first && !is_among(old, n_old, t->good[i]))
            rest_change(t, t->good[i], false);
    for (uint32_t i = 0; i < n_old; i++)
        if (!is_among(t->good, t->n_good, old[i]))
            rest_change(t, old[i], true);
    for (uint32_t i = first; i < n; i++)
        if (!is_among(t->good, t->n_good, i))
            rest_change(t, i, true);
}

// --- numbers ----------------------------------------------------------------------
static void cell_of(const struct slot *s, uint64_t k, double *a, double *b)
{
    if (!s->is_log) {
        *a = (double)k / (double)s->n;
        *b = (double)(k + 1) / (double)s->n;
        return;
    }
    double v = s->low + (double)k * s->step, range = s->t_high - s->t_low;
    *a = (math_log(v - s->step / 2) - s->t_low) / range;
    *b = (math_log(v + s->step / 2) - s->t_low) / range;
}

static void need_pending(struct tpe *t)
{
    uint32_t n = t->history->n_asked - t->history->n_told;
    if (n <= t->cap_pending)
        return;
    t->cap_pending = n;
    t->pending = mem_realloc(t->pending, n * sizeof *t->pending);
}

static uint32_t pending_places(struct tpe *t, const struct decision *d)
{
    const struct history *h = t->history;
    uint32_t n = 0;

    need_pending(t);
    for (uint32_t i = h->n_told; t->has_liar && i < h->n_asked; i++) {
        const struct gene *g = point_find(&h->records[i].point, d->index);
        if (g)
            t->pending[n++] = slot_unit(d->slot, *g);
    }
    return n;
}

// Cells of a grid narrower than this are as good as points, and the difference of
// two distribution functions is no longer a number.
#define CELL_MIN 1e-6

bool tpe_is_cell(const struct slot *s, uint64_t k, double *a, double *b)
{
    cell_of(s, k, a, b);
    return *b - *a >= CELL_MIN;
}

struct estimate {
    struct kernel good[PARZEN_KERNELS];
    struct parzen_few few; // of the good
    uint32_t n;
    const struct parzen *rest;
};

static void estimate_good(const struct tpe *t, const struct decision *d, struct estimate *e)
{
    e->n = 0;
    for (uint32_t i = 0; i < t->n_good; i++) {
        const struct gene *g = point_find(&t->history->records[t->good[i]].point, d->index);
        if (g)
            e->good[e->n++] =
                (struct kernel){.mu = slot_unit(d->slot, *g), .weight = t->weights[i]};
    }
    e->n = parzen_build(e->good, e->n);
    parzen_stretch(e->good, e->n, &e->few);
}

// How much likelier the gene is among the good.
static double ratio(const struct estimate *e, const struct slot *s, struct gene g)
{
    double a, b;

    if (s->kind != SLOT_FLOAT && tpe_is_cell(s, g.k, &a, &b))
        return parzen_mass(e->good, e->n, a, b) / parzen_mass_of(e->rest, a, b);
    double x = slot_unit(s, g);
    return parzen_density(&e->few, x) / parzen_density_of(e->rest, x);
}

static struct gene choose_number(struct tpe_ask *q, const struct decision *d)
{
    struct tpe *t = q->tpe;
    struct estimate e;
    struct gene best = {.slot = d->index}, tried[TPE_CANDIDATES_MAX];
    uint32_t n_tried = 0;
    double most = 0;

    estimate_good(t, d, &e);
    if (!t->rest[d->index])
        t->rest[d->index] = parzen_create();
    parzen_prepare(t->rest[d->index], t->pending, pending_places(t, d));
    e.rest = t->rest[d->index];
    for (uint32_t i = 0; i < q->n_candidates; i++) {
        struct gene g = slot_gene(d->slot, d->index, parzen_sample(e.good, e.n, &q->rng));
        bool is_known = !decision_allows(d, g);
        for (uint32_t j = 0; j < n_tried && !is_known; j++)
            is_known = tried[j].k == g.k;
        if (is_known)
            continue;
        double r = ratio(&e, d->slot, g);
        if (n_tried == 0 || r > most) {
            most = r;
            best = g;
        }
        tried[n_tried++] = g;
    }
    return n_tried ? best : decision_random(d, &q->rng);
}

// --- choices ----------------------------------------------------------------------
// Add to share[] the mixture's component that saw `value`: its own option and a
// part of the prior for every option.  base: what all options get.
static void add_component(
    double *share, double *base, double weight, uint64_t value, double prior, uint64_t n)
{
    double norm = weight / (1 + prior * (double)n);
    share[value] += norm;
    *base += norm * prior;
}

static void share_good(struct tpe *t, const struct decision *d)
{
    uint64_t n = d->slot->n;
    uint32_t seen = 0;
    double base = 1.0 / (double)n; // the prior's component

    memset(t->share_good, 0, n * sizeof *t->share_good);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < t->n_good; i++) {
            const struct gene *g = point_find(&t->history->records[t->good[i]].point, d->index);
            if (g && pass == 0)
                seen++;
            else if (g)
                add_component(t->share_good, &base, t->weights[i], g->k, 1.0 / (seen + 1), n);
        }
    }
    for (uint64_t k = 0; k < n; k++)
        t->share_good[k] += base;
}

static void share_rest(struct tpe *t, const struct decision *d)
{
    const struct tally *l = &t->tallies[d->index];
    const struct history *h = t->history;
    uint64_t n = d->slot->n;
    double base = 1.0 / (double)n;
    uint32_t n_pending = 0;

    memset(t->share_rest, 0, n * sizeof *t->share_rest);
    for (uint32_t i = h->n_told; t->has_liar && i < h->n_asked; i++)
        n_pending += point_find(&h->records[i].point, d->index) != NULL;
    uint32_t seen = l->n + n_pending;
    double prior = 1.0 / (seen + 1);
    for (uint32_t i = 0; i < l->n; i++)
        add_component(t->share_rest, &base, parzen_weight(i, seen), l->values[i], prior, n);
    for (uint32_t i = h->n_told; n_pending && i < h->n_asked; i++) {
        const struct gene *g = point_find(&h->records[i].point, d->index);
        if (g)
            add_component(t->share_rest, &base, 1, g->k, prior, n);
    }
    for (uint64_t k = 0; k < n; k++)
        t->share_rest[k] += base;
}

static struct gene choose_option(struct tpe_ask *q, const struct decision *d)
{
    struct tpe *t = q->tpe;
    struct gene best = {.slot = d->index};
    double total = 0, most = -1;

    share_good(t, d);
    share_rest(t, d);
    for (uint64_t k = 0; k < d->slot->n; k++)
        total += !d->allowed || d->allowed[k] ? t->share_good[k] : 0;
    for (uint32_t i = 0; i < q->n_candidates; i++) {
        double u = rng_f64(&q->rng) * total;
        uint64_t k = 0, last = 0;
        for (; k < d->slot->n; k++) {
            if (d->allowed && !d->allowed[k])
                continue;
            last = k;
            if (u < t->share_good[k])
                break;
            u -= t->share_good[k];
        }
        double r = t->share_good[last] / t->share_rest[last];
        if (r > most) {
            most = r;
            best.k = last;
        }
    }
    return best;
}

// --- asking -----------------------------------------------------------------------
static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

static struct gene choose(void *ctx, const struct decision *d)
{
    struct tpe_ask *q = ctx;

    if (q->tpe->is_joint)
        return tpe_joint_choose(q, d);
    return d->slot->kind == SLOT_CHOICE ? choose_option(q, d) : choose_number(q, d);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct tpe *t = state;

    if (t->history->n_told < t->n_startup) {
        struct rng r = ask_rng(t->history, q, ENTITY_START);
        return walk_run(t->history->walk, out, choose_random, &r);
    }
    sync(t);
    struct tpe_ask a = {.tpe = t, .ask = q, .rng = ask_rng(t->history, q, ENTITY_DRAW)};
    // The best of many draws is nearly always the same option: when that point is
    // known, fewer draws look around it.
    a.n_candidates = q->attempt < 16 ? t->n_candidates >> q->attempt : 0;
    a.n_candidates += a.n_candidates == 0;
    return walk_run(t->history->walk, out, choose, &a);
}

const struct algorithm tpe_algorithm = {
    .name = "tpe",
    .version = "tpe-1",
    .help =
        "Tree-structured Parzen estimators: draws from the density of the good trials what is "
        "rare among the others. Conditional, mixed and several objectives.",
    .source = "Bergstra et al., NIPS 2011; Falkner et al., ICML 2018; Ozaki et al., GECCO 2020",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .ask = ask,
};
