// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/variation.h"

enum knob_index { KNOB_STARTUP, KNOB_STEP, KNOB_PATIENCE };

enum { ENTITY_START = 1, ENTITY_ORDER = 2, ENTITY_REPAIR = 3 };

enum {
    SAMPLES_MAX = 48, // of one line
    BASES = 32,       // incumbents whose neighbours may still be out
    PENDING_MAX = 64, // that an ask looks at
    TABLE_MAX = 16,   // a grid with more options is a line like a float's
};

// How far below the best known value an interval is expected to reach, as a part of the
// line's range of values (STEP's epsilon).
#define REACH     0.02
#define TOO_CLOSE 1e-10
// An interval of which nothing more is expected.
#define NARROW 1e-6
// What a trial of another algorithm counts towards a new start.
#define OTHERS 0.1

static const struct knob knobs_table[] = {
    {"startup", KNOB_INT, 1, 100000, 5, "random trials, the best of which is the start"},
    {"step", KNOB_FLOAT, 0.001, 0.5, 0.25, "first step along a number, as a part of its range"},
    {"patience", KNOB_FLOAT, 1, 1000, 8,
     "trials a decision without a better one before a new start"},
    {0},
};

struct sample {
    double u, rise; // place on the scale; loss above the incumbent's
};

struct line {
    uint32_t n;
    struct sample samples[SAMPLES_MAX]; // u ascending; of a table u is the option
};

struct linesearch {
    const struct history *history;
    uint32_t n_startup;
    double step, patience;
    // Made by tell alone.
    uint32_t start; // the record before which nothing counts for this start
    uint32_t n_bases;
    uint32_t bases[BASES]; // incumbents of this start, the newest last
    uint32_t n_vain;       // trials since the last better one
    uint32_t n_others;     // of others since then
    uint32_t n_starts;
    struct line **lines; // [n_slots], made when first needed
};

static void *create(const struct history *h, const double *knobs)
{
    struct linesearch *l = mem_alloc(sizeof *l);

    l->history = h;
    l->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    l->step = knobs[KNOB_STEP];
    l->patience = knobs[KNOB_PATIENCE];
    l->lines = mem_alloc((h->space->n_slots + 1) * sizeof(struct line *));
    return l;
}

static void destroy(void *state)
{
    struct linesearch *l = state;
    if (!l)
        return;
    for (uint32_t i = 0; i < l->history->space->n_slots; i++)
        mem_free(l->lines[i]);
    mem_free(l->lines);
    mem_free(l);
}

static bool is_table(const struct slot *s)
{
    return s->kind == SLOT_CHOICE || (s->kind == SLOT_GRID && s->n <= TABLE_MAX);
}

static double place_of(const struct slot *s, struct gene g)
{
    return is_table(s) ? (double)g.k : slot_unit(s, g);
}

static const struct record *record_at(const struct linesearch *l, uint32_t i)
{
    return &l->history->records[i];
}

// --- lines ----------------------------------------------------------------------------
static void forget_lines(struct linesearch *l)
{
    for (uint32_t i = 0; i < l->history->space->n_slots; i++)
        if (l->lines[i])
            l->lines[i]->n = 0;
}

// Of a full line the neighbours of the best stay.
static void thin(struct line *x)
{
    uint32_t best = 0, first, n = SAMPLES_MAX / 4;

    for (uint32_t i = 1; i < x->n; i++)
        if (x->samples[i].rise < x->samples[best].rise)
            best = i;
    first = best < n / 2 ? 0 : best - n / 2;
    first = first + n > x->n ? x->n - n : first;
    memmove(x->samples, x->samples + first, n * sizeof *x->samples);
    x->n = n;
}

static void put_sample(struct line *x, double u, double rise)
{
    uint32_t i = 0;

    if (x->n == SAMPLES_MAX)
        thin(x);
    while (i < x->n && x->samples[i].u < u)
        i++;
    if (i < x->n && x->samples[i].u == u) {
        x->samples[i].rise = rise;
        return;
    }
    memmove(x->samples + i + 1, x->samples + i, (x->n - i) * sizeof *x->samples);
    x->samples[i] = (struct sample){u, rise};
    x->n++;
}

// How many genes of two points with the same decisions differ, and the last of them;
// UINT32_MAX: other decisions are in play.
static uint32_t
difference(const struct point *from, const struct point *to, const struct gene **last)
{
    uint32_t n = 0;

    if (from->n != to->n)
        return UINT32_MAX;
    for (uint32_t i = 0; i < to->n; i++) {
        if (from->genes[i].slot != to->genes[i].slot)
            return UINT32_MAX;
        if (from->genes[i].k == to->genes[i].k)
            continue;
        *last = &to->genes[i];
        n++;
    }
    return n;
}

static double rise_of(const struct linesearch *l, uint32_t from, uint32_t to)
{
    const struct score *x = &record_at(l, from)->score, *y = &record_at(l, to)->score;
    double sum = 0;

    if (x->verdict != y->verdict || x->verdict == SCORE_FAILED)
        return INFINITY;
    if (x->verdict == SCORE_INFEASIBLE)
        return y->violation - x->violation;
    for (uint32_t i = 0; i < l->history->objectives->n; i++)
        sum += y->losses[i] - x->losses[i];
    return sum;
}

static bool is_better(const struct linesearch *l, uint32_t a, uint32_t b)
{
    const struct score *x = &record_at(l, a)->score, *y = &record_at(l, b)->score;
    uint32_t n = l->history->objectives->n;
    return n == 1 ? score_compare(x, y, 1) < 0 : score_dominates(x, y, n);
}

static struct line *line_of(struct linesearch *l, uint32_t slot)
{
    if (!l->lines[slot])
        l->lines[slot] = mem_alloc(sizeof **l->lines);
    return l->lines[slot];
}

static double interpolate(const struct line *x, double u)
{
    uint32_t i = 0;

    while (i < x->n && x->samples[i].u < u)
        i++;
    if (i == 0 || i == x->n)
        return x->samples[i ? i - 1 : 0].rise;
    const struct sample *a = &x->samples[i - 1], *b = a + 1;
    return a->rise + (b->rise - a->rise) * (u - a->u) / (b->u - a->u);
}

static bool has_place(const struct line *x, double u)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (fabs(x->samples[i].u - u) < TOO_CLOSE)
            return true;
    return false;
}

// As if the other decisions did not matter: what was seen from an earlier incumbent
// holds from this one.
static void learn(struct linesearch *l, uint32_t base, uint32_t record)
{
    const struct point *from = &record_at(l, base)->point;
    const struct point *to = &record_at(l, record)->point;
    const struct gene *g = NULL;
    double rise = rise_of(l, base, record);

    if (difference(from, to, &g) != 1)
        return;
    const struct slot *s = &l->history->space->slots[g->slot];
    struct line *x = line_of(l, g->slot);
    if (!x->n)
        put_sample(x, place_of(s, *point_find(from, g->slot)), 0);
    // The base may lie off the line's best, which trials beside it found meanwhile.
    rise += interpolate(x, place_of(s, *point_find(from, g->slot)));
    put_sample(x, place_of(s, *g), rise);
    for (uint32_t i = 0; rise < 0 && i < x->n; i++)
        x->samples[i].rise -= rise;
}

// --- telling --------------------------------------------------------------------------
static void adopt(struct linesearch *l, uint32_t record)
{
    if (l->n_bases == BASES)
        memmove(l->bases, l->bases + 1, --l->n_bases * sizeof *l->bases);
    l->bases[l->n_bases++] = record;
    l->n_vain = l->n_others = 0;
}

// From the best of all that was told, or, when this is where we were, from elsewhere.
static void restart(struct linesearch *l, uint32_t n_told)
{
    uint32_t best = 0, last = l->n_bases ? l->bases[l->n_bases - 1] : UINT32_MAX;

    for (uint32_t i = 1; i < n_told; i++)
        if (is_better(l, i, best))
            best = i;
    l->n_starts++;
    l->n_bases = 0;
    l->n_vain = l->n_others = 0;
    l->start = n_told;
    forget_lines(l);
    if (best != last)
        adopt(l, best);
}

static void take_start(struct linesearch *l, uint32_t record)
{
    uint32_t best = record + 1 - l->n_startup;

    for (uint32_t i = best + 1; i <= record; i++)
        if (is_better(l, i, best))
            best = i;
    adopt(l, best);
}

// The newest incumbent from which the record is at most n decisions away, plus one; 0: none.
static uint32_t base_within(const struct linesearch *l, uint32_t record, uint32_t n)
{
    const struct gene *g;
    uint32_t i = l->n_bases;

    while (
        i > 0
        && difference(&record_at(l, l->bases[i - 1])->point, &record_at(l, record)->point, &g)
               > n)
        i--;
    return i;
}

// Options that were worse from an earlier incumbent may be better from this one; along
// the decision that was moved they were seen from here too.
static void forget_tables(struct linesearch *l, uint32_t moved)
{
    for (uint32_t i = 0; i < l->history->space->n_slots; i++)
        if (i != moved && l->lines[i] && is_table(&l->history->space->slots[i]))
            l->lines[i]->n = 0;
}

// Nothing but options, and all seen.
static bool is_used_up(const struct linesearch *l)
{
    const struct point *p = &record_at(l, l->bases[l->n_bases - 1])->point;

    for (uint32_t i = 0; i < p->n; i++) {
        const struct slot *s = &l->history->space->slots[p->genes[i].slot];
        const struct line *x = l->lines[p->genes[i].slot];
        if (!is_table(s) || (s->n > 1 && (!x || x->n < s->n)))
            return false;
    }
    return true;
}

// Others' trials count too, or one whose lines are used up would wait for ever.
static void wait(struct linesearch *l, uint32_t record, bool is_ours)
{
    double n = record_at(l, l->bases[l->n_bases - 1])->point.n + 1.0;

    l->n_vain += is_ours;
    l->n_others += !is_ours;
    if (is_used_up(l) || l->n_vain + l->n_others * OTHERS > l->patience * n)
        restart(l, record + 1);
}

// Every gene that differs is a place that its line has seen.
static bool is_composed(const struct linesearch *l, uint32_t base, uint32_t record)
{
    const struct point *from = &record_at(l, base)->point, *to = &record_at(l, record)->point;
    const struct gene *last;

    if (difference(from, to, &last) == UINT32_MAX)
        return false;
    for (uint32_t i = 0; i < to->n; i++) {
        const struct slot *s = &l->history->space->slots[to->genes[i].slot];
        const struct line *x = l->lines[to->genes[i].slot];
        if (from->genes[i].k != to->genes[i].k
            && (!x || !has_place(x, place_of(s, to->genes[i]))))
            return false;
    }
    return true;
}

static void tell(void *state, uint32_t record)
{
    struct linesearch *l = state;
    uint32_t i = base_within(l, record, 1);

    if (!l->n_bases) {
        if (record + 1 >= l->start + l->n_startup)
            take_start(l, record);
        return;
    }
    bool is_ours =
        i > 0 || base_within(l, record, 2) || is_composed(l, l->bases[l->n_bases - 1], record);
    if (i)
        learn(l, l->bases[i - 1], record);
    if (is_ours && is_better(l, record, l->bases[l->n_bases - 1])) {
        const struct gene *g = NULL;
        uint32_t n = difference(&record_at(l, l->bases[l->n_bases - 1])->point,
                                &record_at(l, record)->point, &g);
        forget_tables(l, n == 1 ? g->slot : UINT32_MAX);
        adopt(l, record);
    } else {
        wait(l, record, is_ours);
    }
}

// --- asking ---------------------------------------------------------------------------
// Where the parabola through the best sample and its neighbours is least.
static bool vertex(const struct line *x, uint32_t best, double *out)
{
    if (best == 0 || best + 1 >= x->n)
        return false;
    const struct sample *a = &x->samples[best - 1], *b = a + 1, *c = a + 2;
    double p = (b->u - a->u) * (b->rise - c->rise), q = (b->u - c->u) * (b->rise - a->rise);
    double below = 2 * (p - q);
    if (below == 0 || !isfinite(p) || !isfinite(q))
        return false;
    *out = b->u - ((b->u - a->u) * p - (b->u - c->u) * q) / below;
    return *out > a->u && *out < c->u && fabs(*out - b->u) > TOO_CLOSE;
}

// The highest known rise along the line.
static double highest(const struct line *x)
{
    double most = 0;
    for (uint32_t i = 0; i < x->n; i++)
        if (isfinite(x->samples[i].rise) && x->samples[i].rise > most)
            most = x->samples[i].rise;
    return most;
}

// STEP: the interval whose parabola to a little below the best needs least curvature.
static double easiest(const struct line *x)
{
    double most = highest(x), least = INFINITY, at = 0.5;
    double below = most > 0 ? REACH * most : 1;

    for (uint32_t i = 0; i <= x->n; i++) {
        // At an end of the range: as if it went on level.
        const struct sample *a = &x->samples[i ? i - 1 : 0],
                            *b = &x->samples[i < x->n ? i : i - 1];
        double low = i ? a->u : 0, high = i < x->n ? b->u : 1, width = high - low;
        double from = sqrt((isfinite(a->rise) ? a->rise : most) + below);
        double to = sqrt((isfinite(b->rise) ? b->rise : most) + below);
        if (width < NARROW || (from + to) / width >= least)
            continue;
        least = (from + to) / width;
        at = low + width * (i == 0 ? 0.2 : i == x->n ? 0.8 : from / (from + to));
    }
    return at;
}

// What is out along the line counts as lying between its neighbours, so that a window
// spreads.
static void add_pending(const struct linesearch *l, uint32_t slot, struct line *x)
{
    const struct history *h = l->history;
    uint32_t first =
        h->n_asked > h->n_told + PENDING_MAX ? h->n_asked - PENDING_MAX : h->n_told;

    for (uint32_t i = first; i < h->n_asked && x->n < SAMPLES_MAX; i++) {
        const struct gene *g = NULL;
        for (uint32_t j = l->n_bases; j > 0 && !g; j--)
            if (difference(&record_at(l, l->bases[j - 1])->point, &record_at(l, i)->point, &g)
                != 1)
                g = NULL;
        if (!g || g->slot != slot)
            continue;
        double u = slot_unit(&h->space->slots[slot], *g);
        put_sample(x, u, interpolate(x, u));
    }
}

// `all` is the line with what is out.
static double next_number(const struct linesearch *l,
                          const struct line *x,
                          const struct line *all,
                          double here)
{
    uint32_t best = 0;
    double u;

    if (x->n < 2) {
        u = here < 0.5 ? here + l->step : here - l->step;
        return has_place(all, u) ? easiest(all) : u;
    }
    for (uint32_t i = 1; i < x->n; i++)
        if (x->samples[i].rise < x->samples[best].rise)
            best = i;
    if (x->n == 2) { // on where it fell, else the other way
        u = x->samples[best].u;
        double other = x->samples[1 - best].u;
        double next = u + (u - other) * 0.9;
        next = next > 0 && next < 1 ? next : u + 0.5 * (other - u);
        return has_place(all, next) ? easiest(all) : next;
    }
    if (x->n % 3 != 2 && vertex(x, best, &u) && !has_place(all, u))
        return u;
    return easiest(all);
}

struct follow {
    const struct point *from;
    struct gene instead;
    struct rng rng;
};

static struct gene choose(void *ctx, const struct decision *d)
{
    struct follow *f = ctx;
    const struct gene *g = point_find(f->from, d->index);

    if (f->instead.slot == d->index)
        g = &f->instead;
    return g ? decision_nearest(d, *g, &f->rng) : decision_random(d, &f->rng);
}

struct compose {
    const struct linesearch *search;
    const struct point *from;
    uint32_t n_moved;
    struct rng rng;
};

static struct gene choose_best(void *ctx, const struct decision *d)
{
    struct compose *c = ctx;
    const struct gene *g = point_find(c->from, d->index);
    const struct line *x = c->search->lines[d->index];
    uint32_t best = 0;

    if (!g)
        return decision_random(d, &c->rng);
    for (uint32_t i = 1; x && i < x->n; i++)
        if (x->samples[i].rise < x->samples[best].rise)
            best = i;
    if (!x || !x->n || !(interpolate(x, place_of(d->slot, *g)) > x->samples[best].rise))
        return decision_nearest(d, *g, &c->rng);
    double u = x->samples[best].u;
    struct gene to = is_table(d->slot) ? (struct gene){.slot = d->index, .k = (uint64_t)u}
                                       : slot_gene(d->slot, d->index, u);
    c->n_moved += to.k != g->k;
    return decision_nearest(d, to, &c->rng);
}

// Where trials side by side each found something better, all of it at once; false: the
// incumbent is at the best place of every line.
static bool
compose(const struct linesearch *l, const struct point *from, struct rng r, struct point *out)
{
    struct compose c = {.search = l, .from = from, .rng = r};

    return walk_run(l->history->walk, out, choose_best, &c) && c.n_moved > 1
           && !history_find(l->history, out, NULL);
}

// An option that was not seen, in an order of the line's own; false: all were.
static bool next_option(const struct linesearch *l, const struct line *x, struct gene *g)
{
    const struct slot *s = &l->history->space->slots[g->slot];
    struct rng r = rng_at(l->history->seed, ENTITY_ORDER, l->n_starts, g->slot);
    uint64_t first = rng_below(&r, s->n), here = g->k;

    for (uint64_t i = 0; i < s->n; i++) {
        bool is_known = (g->k = (first + i) % s->n) == here;
        for (uint32_t j = 0; x && j < x->n && !is_known; j++)
            is_known = x->samples[j].u == (double)g->k;
        if (!is_known)
            return true;
    }
    return false;
}

// The gene of a number to take instead: where the parabola through what is known says.
static struct gene
number_instead(struct linesearch *l, struct gene g, bool is_again, struct rng *r)
{
    const struct slot *s = &l->history->space->slots[g.slot];
    const struct line none = {.n = 0}, *x = l->lines[g.slot] ? l->lines[g.slot] : &none;
    struct line all = *x;
    double here = slot_unit(s, g);
    if (!all.n)
        put_sample(&all, here, 0);
    add_pending(l, g.slot, &all);
    double u = next_number(l, x, &all, here);
    u += is_again ? (rng_f64(r) - 0.5) * l->step : 0;
    return slot_gene(s, g.slot, u < 0 ? 0 : u > 1 ? 1 : u);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct linesearch *l = state;
    const struct history *h = l->history;
    struct rng r = ask_rng(h, q, ENTITY_START);

    if (!l->n_bases)
        return walk_run(h->walk, out, variation_random, &r);
    const struct point *from = &record_at(l, l->bases[l->n_bases - 1])->point;
    if (!from->n)
        return false;
    if (q->attempt == 0 && compose(l, from, r, out))
        return true;
    struct follow f = {.from = from, .rng = r};
    f.instead = from->genes[(q->trial + q->attempt) % from->n];
    if (is_table(&h->space->slots[f.instead.slot])) {
        struct step two = {.reach = l->step, .more = 1};
        if (!next_option(l, l->lines[f.instead.slot], &f.instead))
            return variation_step(h, from, &two, r, out);
    } else {
        f.instead = number_instead(l, f.instead, q->attempt >= from->n, &f.rng);
    }
    return walk_run(h->walk, out, choose, &f);
}

const struct algorithm linesearch_algorithm = {
    .name = "linesearch",
    .version = "linesearch-1",
    .help =
        "One decision after the other from the best point: along numbers where a parabola is "
        "least or needs to bend least to be better, along options one by one.",
    .source = "Langerman, Seront and Bersini, IEEE ICEC 1994 (STEP); Brent 1973, chapter 5",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
