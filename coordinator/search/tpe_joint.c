// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/tpe_state.h"

// Streams of the contexts' draws, one each.
enum { ENTITY_CONTEXT = 0x10000 };

// A mixture over all slots of a context: every component is a record.
struct mixture {
    const struct sheet *sheet;
    const double *rows; // [n][n_slots]
    uint32_t n;
    double sigma;    // of every number in every component but the prior
    double prior;    // of every choice
    double *heights; // [n]: weight / what lies within the range
    double weight;   // sum of the weights, with the prior's
};

void tpe_joint_init(struct tpe *t)
{
    const struct space *s = t->history->space;

    t->sheets = mem_alloc(s->n_contexts * sizeof *t->sheets);
    for (uint32_t i = 0; i < s->n_slots; i++)
        t->sheets[s->slots[i].context].n_slots++;
    for (uint32_t c = 0; c < s->n_contexts; c++) {
        struct sheet *sheet = &t->sheets[c];
        uint32_t *slots = mem_alloc((sheet->n_slots + 1) * sizeof *slots);
        sheet->slots = slots;
        sheet->n_slots = 0;
    }
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct sheet *sheet = &t->sheets[s->slots[i].context];
        ((uint32_t *)sheet->slots)[sheet->n_slots++] = i;
    }
    for (uint32_t c = 0; c < s->n_contexts; c++)
        t->sheets[c].first_slot = t->sheets[c].n_slots ? t->sheets[c].slots[0] : UINT32_MAX;
}

void tpe_joint_fini(struct tpe *t)
{
    for (uint32_t c = 0; c < t->history->space->n_contexts; c++) {
        mem_free((void *)t->sheets[c].slots);
        mem_free(t->sheets[c].records);
        mem_free(t->sheets[c].rows);
        mem_free(t->sheets[c].drawn);
    }
    mem_free(t->sheets);
}

static void fill_row(const struct tpe *t, const struct sheet *s, uint32_t record, double *row)
{
    const struct slot *slots = t->history->space->slots;
    const struct point *p = &t->history->records[record].point;

    for (uint32_t i = 0; i < s->n_slots; i++) {
        const struct slot *slot = &slots[s->slots[i]];
        const struct gene *g = point_find(p, s->slots[i]);
        assert(g);
        row[i] = slot->kind == SLOT_CHOICE ? (double)g->k : slot_unit(slot, *g);
    }
}

static bool has_context(const struct tpe *t, const struct sheet *s, uint32_t record)
{
    return s->n_slots && point_find(&t->history->records[record].point, s->first_slot);
}

static uint32_t sheet_place(const struct sheet *s, uint32_t record)
{
    uint32_t i = s->n;
    while (i > 0 && s->records[i - 1] >= record)
        i--;
    return i;
}

void tpe_joint_insert(struct tpe *t, uint32_t record)
{
    for (uint32_t c = 0; c < t->history->space->n_contexts; c++) {
        struct sheet *s = &t->sheets[c];
        size_t d = s->n_slots;
        if (!has_context(t, s, record))
            continue;
        if (s->n == s->cap) {
            s->cap = s->cap ? s->cap * 2 : 32;
            s->records = mem_realloc(s->records, s->cap * sizeof *s->records);
            s->rows = mem_realloc(s->rows, s->cap * d * sizeof *s->rows);
        }
        uint32_t i = sheet_place(s, record);
        memmove(s->records + i + 1, s->records + i, (s->n - i) * sizeof *s->records);
        memmove(s->rows + (i + 1) * d, s->rows + i * d, (s->n - i) * d * sizeof *s->rows);
        s->records[i] = record;
        fill_row(t, s, record, s->rows + i * d);
        s->n++;
    }
}

void tpe_joint_remove(struct tpe *t, uint32_t record)
{
    for (uint32_t c = 0; c < t->history->space->n_contexts; c++) {
        struct sheet *s = &t->sheets[c];
        size_t d = s->n_slots;
        if (!has_context(t, s, record))
            continue;
        uint32_t i = sheet_place(s, record);
        assert(i < s->n && s->records[i] == record);
        s->n--;
        memmove(s->records + i, s->records + i + 1, (s->n - i) * sizeof *s->records);
        memmove(s->rows + i * d, s->rows + (i + 1) * d, (s->n - i) * d * sizeof *s->rows);
    }
}

// --- densities --------------------------------------------------------------------
static double within(double mu, double sigma)
{
    return parzen_normal((1 - mu) / sigma) - parzen_normal((0 - mu) / sigma);
}

// weights NULL: by age.
static void mixture_init(struct mixture *m,
                         const struct tpe *t,
                         const struct sheet *s,
                         const double *rows,
                         const double *weights,
                         uint32_t n)
{
    double d = s->n_slots, kernels = 2.0 + n;
    double clip = 1 / (kernels < 100 ? kernels : 100);

    m->sheet = s;
    m->rows = rows;
    m->n = n;
    m->sigma = 0.2 * math_pow(n ? n : 1, -1 / (d + 4));
    m->sigma = m->sigma < clip ? clip : m->sigma > 1 ? 1 : m->sigma;
    m->prior = 1.0 / (n + 1);
    m->weight = 1;
    m->heights = mem_alloc((n + 1) * sizeof *m->heights);
    for (uint32_t i = 0; i < n; i++) {
        double w = weights ? weights[i] : parzen_weight(i, n);
        m->weight += w;
        for (uint32_t j = 0; j < s->n_slots; j++) {
            const struct slot *slot = &t->history->space->slots[s->slots[j]];
            if (slot->kind != SLOT_CHOICE)
                w /= within(rows[(size_t)i * s->n_slots + j], m->sigma);
            else
                w /= 1 + m->prior * (double)slot->n;
        }
        m->heights[i] = w;
    }
}

// A product of a thousand factors may leave the range of a double: powers of
// SCALE are counted beside it.
#define SCALE     0x1p600
#define SCALE_LOG 0x1.9fe1b3cb4b84ap+8

struct product {
    double value; // in [1 / SCALE, SCALE], or 0
    int32_t scales;
};

static void multiply(struct product *p, double factor)
{
    p->value *= factor;
    if (p->value < 1 / SCALE && p->value > 0) {
        p->value *= SCALE;
        p->scales--;
    } else if (p->value > SCALE) {
        p->value /= SCALE;
        p->scales++;
    }
}

// Of a number's cell; of its place when that is all there is, times what both
// mixtures share.
static double mass(const struct slot *s, double x, double mu, double sigma)
{
    double a, b;
    if (tpe_is_cell(s, slot_gene(s, 0, x).k, &a, &b))
        return parzen_normal((b - mu) / sigma) - parzen_normal((a - mu) / sigma);
    double z = (x - mu) / sigma;
    return parzen_exp_minus(0.5 * z * z) / sigma;
}

// Component i at the row x; reals without the 1 / sigma that all of them share.
static struct product
component(const struct mixture *m, const struct slot *slots, const double *x, uint32_t i)
{
    const struct sheet *s = m->sheet;
    const double *row = m->rows + (size_t)i * s->n_slots;
    struct product p = {m->heights[i], 0};
    double q = 0, r = 1 / m->sigma;

    for (uint32_t j = 0; j < s->n_slots; j++) {
        const struct slot *slot = &slots[s->slots[j]];
        if (slot->kind == SLOT_CHOICE) {
            multiply(&p, (x[j] == row[j]) + m->prior);
        } else if (slot->kind == SLOT_FLOAT) {
            double z = (x[j] - row[j]) * r;
            q += z * z;
        } else {
            multiply(&p, mass(slot, x[j], row[j], m->sigma));
        }
    }
    multiply(&p, parzen_exp_minus(0.5 * q));
    return p;
}

static struct product
prior_component(const struct mixture *m, const struct slot *slots, const double *x)
{
    const struct sheet *s = m->sheet;
    struct product p = {1, 0};

    for (uint32_t j = 0; j < s->n_slots; j++) {
        const struct slot *slot = &slots[s->slots[j]];
        double z = x[j] - 0.5, f;
        if (slot->kind == SLOT_CHOICE)
            f = 1 / (double)slot->n;
        else if (slot->kind == SLOT_FLOAT)
            f = m->sigma * parzen_exp_minus(0.5 * z * z) / within(0.5, 1);
        else
            f = mass(slot, x[j], 0.5, 1) / within(0.5, 1);
        multiply(&p, f);
    }
    return p;
}

// Log density of the row x, less what does not depend on x.
static double mixture_log(const struct mixture *m, const struct tpe *t, const double *x)
{
    const struct slot *slots = t->history->space->slots;
    struct product sum = prior_component(m, slots, x);

    for (uint32_t i = 0; i < m->n; i++) {
        struct product p = component(m, slots, x, i);
        if (p.scales > sum.scales && p.value > 0)
            sum = p; // SCALE apart: what was there is nothing beside it
        else if (p.scales == sum.scales)
            sum.value += p.value;
    }
    return math_log(sum.value) + sum.scales * SCALE_LOG;
}

// --- many rows at once ----------------------------------------------------------------
// The same sums where nothing can leave the range: no mass of a cell, and products within
// it whatever the options.  A kernel that a power of SCALE is taken out of is nothing beside
// the prior's then.
static bool
as_joint(const struct mixture *m, const struct slot *slots, struct joint_kernels *out)
{
    const struct sheet *s = m->sheet;
    double least = SCALE, most = 1 / SCALE;
    bool *is_choice = mem_alloc(s->n_slots * sizeof *is_choice);
    bool fits = true;

    for (uint32_t i = 0; i < m->n; i++) {
        least = m->heights[i] < least ? m->heights[i] : least;
        most = m->heights[i] > most ? m->heights[i] : most;
    }
    for (uint32_t j = 0; j < s->n_slots; j++) {
        enum slot_kind kind = slots[s->slots[j]].kind;
        is_choice[j] = kind == SLOT_CHOICE;
        fits = fits && (is_choice[j] || kind == SLOT_FLOAT);
        least *= is_choice[j] ? m->prior : 1;
        most *= is_choice[j] ? 1 + m->prior : 1;
    }
    *out = (struct joint_kernels){.n = m->n,
                                  .n_slots = s->n_slots,
                                  .rows = m->rows,
                                  .is_choice = is_choice,
                                  .height = m->heights,
                                  .rate = 1 / m->sigma,
                                  .prior = m->prior,
                                  .least = 1 / SCALE};
    return fits && least >= 1 / SCALE && most <= SCALE;
}

static void logs_one_by_one(
    const struct mixture *m, const struct tpe *t, const double *rows, uint32_t n, double *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = mixture_log(m, t, rows + (size_t)i * m->sheet->n_slots);
}

// mixture_log of n rows.
static void mixture_logs(
    const struct mixture *m, const struct tpe *t, const double *rows, uint32_t n, double *out)
{
    const struct slot *slots = t->history->space->slots;
    size_t d = m->sheet->n_slots;
    struct joint_kernels joint;
    bool fits = as_joint(m, slots, &joint);
    double *x = mem_alloc((d * JOINT_STEP + 1) * sizeof *x);

    for (uint32_t first = 0; first < n; first += JOINT_STEP) {
        uint32_t step = n - first < JOINT_STEP ? n - first : JOINT_STEP;
        double sum[JOINT_STEP] = {0};
        const double *from = rows + first * d;
        bool all = fits;
        for (uint32_t i = 0; all && i < step; i++) {
            struct product p = prior_component(m, slots, from + i * d);
            sum[i] = p.value;
            all = p.scales == 0;
            for (size_t j = 0; j < d; j++)
                x[j * JOINT_STEP + i] = from[i * d + j];
        }
        if (!all) {
            logs_one_by_one(m, t, from, step, out + first);
            continue;
        }
        parzen_sum_joint(&joint, x, sum);
        for (uint32_t i = 0; i < step; i++)
            out[first + i] = math_log(sum[i]);
    }
    mem_free(x);
    mem_free((void *)joint.is_choice);
}

// --- drawing ----------------------------------------------------------------------
static double draw_number(struct rng *r, double mu, double sigma)
{
    double low = parzen_normal((0 - mu) / sigma);
    double p = low + rng_f64(r) * (parzen_normal((1 - mu) / sigma) - low);
    double x = p <= 0 ? 0 : p >= 1 ? 1 : mu + sigma * math_probit(p);
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

// Options but the component's own share the prior's part.
static double draw_option(const struct mixture *m, uint64_t n, double own, struct rng *r)
{
    double u = rng_f64(r) * (1 + m->prior * (double)n) - 1;
    if (own >= 0 && u < 0)
        return own;
    return (double)rng_below(r, n);
}

static void draw(const struct mixture *m,
                 const struct tpe *t,
                 const double *weights,
                 struct rng *r,
                 double *x)
{
    const struct sheet *s = m->sheet;
    double u = rng_f64(r) * m->weight;
    uint32_t i = 0;

    while (i < m->n && u >= weights[i])
        u -= weights[i++];
    for (uint32_t j = 0; j < s->n_slots; j++) {
        const struct slot *slot = &t->history->space->slots[s->slots[j]];
        bool is_prior = i == m->n;
        double mu = is_prior ? 0.5 : m->rows[(size_t)i * s->n_slots + j];
        if (slot->kind == SLOT_CHOICE)
            x[j] = draw_option(m, slot->n, is_prior ? -1 : mu, r);
        else
            x[j] = draw_number(r, mu, is_prior ? 1 : m->sigma);
    }
}

// The rows of what is not good; with the liar, what is pending behind them.
static double *rest_rows(const struct tpe *t, const struct sheet *s, uint32_t *n)
{
    const struct history *h = t->history;
    size_t d = s->n_slots, n_most = s->n + (t->has_liar ? h->n_asked - h->n_told : 0);
    double *rows = mem_alloc((n_most + 1) * d * sizeof *rows);

    if (s->n)
        memcpy(rows, s->rows, s->n * d * sizeof *rows);
    *n = s->n;
    for (uint32_t i = h->n_told; t->has_liar && i < h->n_asked; i++)
        if (has_context(t, s, i))
            fill_row(t, s, i, rows + (*n)++ * d);
    return rows;
}

struct scored {
    double ratio;
    uint32_t at;
};

// Candidates of the context for this trial, the best first.
static void draw_context(struct tpe *t, struct sheet *s, struct rng *r)
{
    size_t d = s->n_slots;
    double *rows = mem_alloc((t->n_good + 1) * d * sizeof *rows);
    double *x = mem_alloc(t->n_candidates * d * sizeof *x), weights[PARZEN_GOOD_MAX];
    struct scored order[TPE_CANDIDATES_MAX];
    double of_good[TPE_CANDIDATES_MAX], of_rest[TPE_CANDIDATES_MAX];
    struct mixture good, rest;
    uint32_t n = 0, n_rest;
    double *others = rest_rows(t, s, &n_rest);

    for (uint32_t i = 0; i < t->n_good; i++) {
        if (!has_context(t, s, t->good[i]))
            continue;
        fill_row(t, s, t->good[i], rows + n * d);
        weights[n++] = t->weights[i];
    }
    mixture_init(&good, t, s, rows, weights, n);
    mixture_init(&rest, t, s, others, NULL, n_rest);
    for (uint32_t i = 0; i < t->n_candidates; i++)
        draw(&good, t, weights, r, x + i * d);
    mixture_logs(&good, t, x, t->n_candidates, of_good);
    mixture_logs(&rest, t, x, t->n_candidates, of_rest);
    for (uint32_t i = 0; i < t->n_candidates; i++) {
        double ratio = of_good[i] - of_rest[i];
        uint32_t j = i;
        for (; j > 0 && order[j - 1].ratio < ratio; j--)
            order[j] = order[j - 1];
        order[j] = (struct scored){ratio, i};
    }
    if (!s->drawn)
        s->drawn = mem_alloc(t->n_candidates * d * sizeof *s->drawn);
    for (uint32_t i = 0; i < t->n_candidates; i++)
        memcpy(s->drawn + i * d, x + order[i].at * d, d * sizeof *x);
    mem_free(good.heights);
    mem_free(rest.heights);
    mem_free(rows);
    mem_free(others);
    mem_free(x);
}

static uint32_t slot_place(const struct sheet *s, uint32_t slot)
{
    uint32_t low = 0, high = s->n_slots;
    while (low + 1 < high) {
        uint32_t mid = (low + high) / 2;
        if (s->slots[mid] <= slot)
            low = mid;
        else
            high = mid;
    }
    return low;
}

// What the first attempt drew serves the next ones too, the second best for the
// second and so on: a pure function of the trial, kept only to save time.
struct gene tpe_joint_choose(struct tpe_ask *q, const struct decision *d)
{
    struct tpe *t = q->tpe;
    struct sheet *s = &t->sheets[d->slot->context];
    uint32_t round = q->ask->attempt / t->n_candidates;
    uint64_t serial = (q->ask->trial + 1) << 16 | round;

    if (s->drawn_for != serial || s->drawn_told != t->n_synced) {
        struct ask same = {.trial = q->ask->trial, .attempt = round};
        struct rng r = ask_rng(t->history, &same, ENTITY_CONTEXT + d->slot->context);
        draw_context(t, s, &r);
        s->drawn_for = serial;
        s->drawn_told = t->n_synced;
    }
    uint32_t take = q->ask->attempt % t->n_candidates;
    double x = s->drawn[(size_t)take * s->n_slots + slot_place(s, d->index)];
    struct gene g = {.slot = d->index, .k = (uint64_t)x};
    if (d->slot->kind != SLOT_CHOICE)
        g = slot_gene(d->slot, d->index, x);
    return decision_nearest(d, g, &q->rng);
}
