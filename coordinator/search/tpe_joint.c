// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/tpe_state.h"

#define LOG_LEAST (-745.0)

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

    t->drawn = mem_alloc((s->n_slots + 1) * sizeof *t->drawn);
    t->drawn_for = mem_alloc((s->n_slots + 1) * sizeof *t->drawn_for);
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
    }
    mem_free(t->sheets);
    mem_free(t->drawn);
    mem_free(t->drawn_for);
}

static void fill_row(const struct tpe *t, const struct sheet *s, uint32_t record, double *row)
{
    const struct slot *slots = t->history->space->slots;
    const struct gene *g = point_find(&t->history->records[record].point, s->first_slot);
    const struct point *p = &t->history->records[record].point;

    for (uint32_t i = 0; i < s->n_slots; i++) {
        const struct slot *slot = &slots[s->slots[i]];
        g = point_find(p, s->slots[i]);
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

static double
factor(const struct mixture *m, const struct slot *s, double x, double mu, double sigma)
{
    if (s->kind == SLOT_CHOICE)
        return (x == mu) + m->prior;
    if (s->kind == SLOT_FLOAT) {
        double z = (x - mu) / sigma;
        return math_exp(-0.5 * z * z) / sigma;
    }
    double a, b;
    uint64_t k = slot_gene(s, 0, x).k;
    tpe_cell(s, k, &a, &b);
    return (parzen_normal((b - mu) / sigma) - parzen_normal((a - mu) / sigma)) / (b - a);
}

// Log density of the row x.  Each slot's factor is taken relative to the widths,
// so that a thousand slots neither overflow nor vanish.
static double mixture_log(const struct mixture *m, const struct tpe *t, const double *x)
{
    const struct sheet *s = m->sheet;
    const struct slot *slots = t->history->space->slots;
    double most = -INFINITY, sum = 0, *logs = mem_alloc((m->n + 1) * sizeof *logs);

    for (uint32_t i = 0; i <= m->n; i++) {
        double product = i < m->n ? m->heights[i] : 1, log = 0;
        for (uint32_t j = 0; j < s->n_slots; j++) {
            const struct slot *slot = &slots[s->slots[j]];
            if (i < m->n)
                product *= factor(m, slot, x[j], m->rows[(size_t)i * s->n_slots + j], m->sigma);
            else if (slot->kind == SLOT_CHOICE)
                product /= (double)slot->n;
            else
                product *= factor(m, slot, x[j], 0.5, 1) / within(0.5, 1);
            if (product < 1e-200 || product > 1e200) {
                log += product > 0 ? math_log(product) : LOG_LEAST;
                product = 1;
            }
        }
        logs[i] = log + math_log(product);
        most = fmax(most, logs[i]);
    }
    for (uint32_t i = 0; i <= m->n; i++)
        sum += math_exp(logs[i] - most);
    mem_free(logs);
    return most + math_log(sum) - math_log(m->weight);
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

static void keep(struct tpe *t, const struct sheet *s, const double *x)
{
    for (uint32_t j = 0; j < s->n_slots; j++) {
        uint32_t slot = s->slots[j];
        const struct slot *at = &t->history->space->slots[slot];
        struct gene g = {.slot = slot, .k = (uint64_t)x[j]};
        t->drawn[slot] = at->kind == SLOT_CHOICE ? g : slot_gene(at, slot, x[j]);
        t->drawn_for[slot] = t->serial;
    }
}

static void draw_context(struct tpe_ask *q, const struct sheet *s)
{
    struct tpe *t = q->tpe;
    size_t d = s->n_slots;
    double *rows = mem_alloc((t->n_good + 1) * d * sizeof *rows);
    double *x = mem_alloc(2 * d * sizeof *x), *best = x + d, most = -INFINITY;
    double weights[PARZEN_GOOD_MAX];
    struct mixture good, rest;
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->n_good; i++) {
        if (!has_context(t, s, t->good[i]))
            continue;
        fill_row(t, s, t->good[i], rows + n * d);
        weights[n++] = t->weights[i];
    }
    mixture_init(&good, t, s, rows, weights, n);
    mixture_init(&rest, t, s, s->rows, NULL, s->n);
    for (uint32_t i = 0; i < t->n_candidates; i++) {
        draw(&good, t, weights, &q->rng, x);
        double r = mixture_log(&good, t, x) - mixture_log(&rest, t, x);
        if (r > most || i == 0) {
            most = r;
            memcpy(best, x, d * sizeof *best);
        }
    }
    keep(t, s, best);
    mem_free(good.heights);
    mem_free(rest.heights);
    mem_free(rows);
    mem_free(x);
}

struct gene tpe_joint_choose(struct tpe_ask *q, const struct decision *d)
{
    struct tpe *t = q->tpe;

    if (t->drawn_for[d->index] != t->serial)
        draw_context(q, &t->sheets[d->slot->context]);
    return decision_nearest(d, t->drawn[d->index], &q->rng);
}
