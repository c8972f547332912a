// SPDX-License-Identifier: MIT
#include "coordinator/search/parzen.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"

enum { FLAT = 25, CLIP_MAX = 100 }; // newest weights; widths are at least 1/100 of the range

enum { FEW = 300 }; // up to here summing one by one costs less than filling cells

#define PRIOR UINT32_MAX

static double clip_of(uint32_t n_kernels)
{
    double m = 1.0 + n_kernels;
    return 1 / (m < CLIP_MAX ? m : CLIP_MAX);
}

double parzen_weight(uint32_t rank, uint32_t n)
{
    if (n < FLAT || rank + FLAT >= n)
        return 1;
    uint32_t ramp = n - FLAT;
    double first = 1.0 / n;
    return ramp == 1 ? first : first + (1 - first) * rank / (ramp - 1);
}

// --- few kernels ----------------------------------------------------------------
static void set_ends(struct kernel *k)
{
    k->low = parzen_normal((0 - k->mu) / k->sigma);
    k->high = parzen_normal((1 - k->mu) / k->sigma);
}

// The larger of the gaps to the neighbours; at the ends there is one.
static double width(double before, double mu, double after, double clip)
{
    double left = mu - before, right = after - mu;
    double w = left > right ? left : right;
    return w < clip ? clip : w > 1 ? 1 : w;
}

uint32_t parzen_build(struct kernel *k, uint32_t n)
{
    uint32_t prior = n;
    double clip = clip_of(n + 1);

    k[n++] = (struct kernel){.mu = 0.5, .weight = 1};
    for (uint32_t i = 1; i < n; i++) {
        struct kernel moved = k[i];
        uint32_t j = i;
        for (; j > 0 && k[j - 1].mu > moved.mu; j--)
            k[j] = k[j - 1];
        k[j] = moved;
        if (i == prior)
            prior = j;
    }
    for (uint32_t i = 0; i < n; i++) {
        double before = i > 0 ? k[i - 1].mu : k[i].mu;
        double after = i + 1 < n ? k[i + 1].mu : k[i].mu;
        k[i].sigma = i == prior ? 1 : width(before, k[i].mu, after, clip);
        set_ends(&k[i]);
    }
    return n;
}

double parzen_sample(const struct kernel *k, uint32_t n, struct rng *r)
{
    double total = 0;
    for (uint32_t i = 0; i < n; i++)
        total += k[i].weight;
    double u = rng_f64(r) * total;
    uint32_t i = 0;
    while (i + 1 < n && u >= k[i].weight)
        u -= k[i++].weight;
    double p = k[i].low + rng_f64(r) * (k[i].high - k[i].low);
    double x = p <= 0 ? 0 : p >= 1 ? 1 : k[i].mu + k[i].sigma * math_probit(p);
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

void parzen_stretch(const struct kernel *k, uint32_t n, struct parzen_few *out)
{
    *out = (struct parzen_few){.n = (n + NORMALS_STEP - 1) / NORMALS_STEP * NORMALS_STEP};
    for (uint32_t i = 0; i < n; i++) {
        out->mu[i] = k[i].mu;
        out->rate[i] = 1 / k[i].sigma;
        out->height[i] = k[i].weight / (k[i].sigma * (k[i].high - k[i].low));
    }
}

double parzen_density(const struct parzen_few *few, double x)
{
    struct normals s = {few->n, few->mu, few->rate, few->height};
    return parzen_sum_normals(&s, x);
}

double parzen_mass(const struct kernel *k, uint32_t n, double a, double b)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        double in = parzen_normal((b - k[i].mu) / k[i].sigma)
                    - parzen_normal((a - k[i].mu) / k[i].sigma);
        sum += k[i].weight / (k[i].high - k[i].low) * in;
    }
    return sum;
}

// --- many kernels ---------------------------------------------------------------
struct parzen {
    uint32_t n; // with the prior
    uint32_t cap;
    double *mu; // ascending
    double *sigma;
    double *inside;   // 1 / the part of the normal within the range
    uint32_t *record; // PRIOR for the prior
    uint32_t *rank;   // by age among the observations; the prior's says nothing
    uint32_t newest;  // the largest record so far
    bool is_settled;  // else some were appended: out of order, without rank and width
    // Made by prepare
    double *height; // weight times inside, for those as narrow as can be; else 0
    struct cells cells;
    uint32_t n_wide, cap_wide; // those summed one by one, the prior among them
    double *wide_mu, *wide_rate, *wide_height;
};

static void grow(struct parzen *p)
{
    if (p->n < p->cap)
        return;
    p->cap = p->cap ? p->cap * 2 : 32;
    p->mu = mem_realloc(p->mu, p->cap * sizeof *p->mu);
    p->sigma = mem_realloc(p->sigma, p->cap * sizeof *p->sigma);
    p->inside = mem_realloc(p->inside, p->cap * sizeof *p->inside);
    p->record = mem_realloc(p->record, p->cap * sizeof *p->record);
    p->rank = mem_realloc(p->rank, p->cap * sizeof *p->rank);
    p->height = mem_realloc(p->height, p->cap * sizeof *p->height);
}

static void set_width(struct parzen *p, uint32_t i)
{
    double before = i > 0 ? p->mu[i - 1] : p->mu[i];
    double after = i + 1 < p->n ? p->mu[i + 1] : p->mu[i];
    double sigma = p->record[i] == PRIOR ? 1 : width(before, p->mu[i], after, clip_of(p->n));
    double in = parzen_normal((1 - p->mu[i]) / sigma) - parzen_normal((0 - p->mu[i]) / sigma);

    p->sigma[i] = sigma;
    p->inside[i] = 1 / in;
}

// Widths around place i, or all while the clip still moves with the number.
static void set_widths(struct parzen *p, uint32_t i)
{
    bool all = p->n <= CLIP_MAX;
    uint32_t first = all || i == 0 ? 0 : i - 1;
    uint32_t end = all || i + 2 > p->n ? p->n : i + 2;
    for (uint32_t j = first; j < end; j++)
        set_width(p, j);
}

// First place whose mu is not below x.
static uint32_t place_of(const struct parzen *p, double x)
{
    uint32_t low = 0, high = p->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (p->mu[mid] < x)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

#define SHIFT(array, to, from, n)                                                              \
    memmove((array) + (to), (array) + (from), (n) * sizeof *(array))

static void shift(struct parzen *p, uint32_t to, uint32_t from)
{
    size_t n = p->n - from;
    SHIFT(p->mu, to, from, n);
    SHIFT(p->sigma, to, from, n);
    SHIFT(p->inside, to, from, n);
    SHIFT(p->record, to, from, n);
    SHIFT(p->rank, to, from, n);
}

// --- appended ones ----------------------------------------------------------------
struct seen {
    double mu;
    uint32_t record, rank;
};

static int by_record(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    return (x->record > y->record) - (x->record < y->record);
}

static int by_place(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    return x->mu != y->mu ? (x->mu > y->mu) - (x->mu < y->mu) : by_record(a, b);
}

// Put in order what was appended.
static void settle(struct parzen *p)
{
    if (p->is_settled)
        return;
    struct seen *all = mem_alloc(p->n * sizeof *all);
    for (uint32_t i = 0; i < p->n; i++)
        all[i] = (struct seen){p->mu[i], p->record[i], 0};
    qsort(all, p->n, sizeof *all, by_record);
    for (uint32_t i = 0; i < p->n; i++)
        all[i].rank = i; // the prior is the last
    p->newest = p->n > 1 ? all[p->n - 2].record : 0;
    qsort(all, p->n, sizeof *all, by_place);
    for (uint32_t i = 0; i < p->n; i++) {
        p->mu[i] = all[i].mu;
        p->record[i] = all[i].record;
        p->rank[i] = all[i].rank;
    }
    for (uint32_t i = 0; i < p->n; i++)
        set_width(p, i);
    mem_free(all);
    p->is_settled = true;
}

// Rank of a record that is about to come: how many are older.
static uint32_t make_rank(struct parzen *p, uint32_t record)
{
    uint32_t rank = p->n ? p->n - 1 : 0; // nearly always the newest

    if (record == PRIOR || record > p->newest) {
        p->newest = record == PRIOR ? 0 : record;
        return rank;
    }
    rank = 0;
    for (uint32_t j = 0; j < p->n; j++) {
        bool is_older = p->record[j] < record;
        rank += is_older;
        p->rank[j] += !is_older;
    }
    return rank;
}

// Equals stand by age, so that the mixture is one of its observations alone and
// not of the order in which they came and went.
void parzen_insert(struct parzen *p, double mu, uint32_t record)
{
    settle(p);
    uint32_t i = place_of(p, mu);
    while (i < p->n && p->mu[i] == mu && p->record[i] < record)
        i++;
    grow(p);
    uint32_t rank = make_rank(p, record);
    shift(p, i + 1, i);
    p->n++;
    p->mu[i] = mu;
    p->record[i] = record;
    p->rank[i] = rank;
    set_widths(p, i);
}

void parzen_append(struct parzen *p, double mu, uint32_t record)
{
    grow(p);
    p->mu[p->n] = mu;
    p->record[p->n++] = record;
    p->is_settled = false;
}

void parzen_remove(struct parzen *p, double mu, uint32_t record)
{
    settle(p);
    uint32_t i = place_of(p, mu);

    while (i < p->n && p->record[i] != record)
        i++;
    assert(i < p->n && p->mu[i] == mu);
    uint32_t rank = p->rank[i];
    shift(p, i, i + 1);
    p->n--;
    for (uint32_t j = 0; j < p->n; j++)
        p->rank[j] -= p->rank[j] > rank && p->record[j] != PRIOR;
    set_widths(p, i < p->n ? i : p->n - 1);
}

struct parzen *parzen_create(void)
{
    struct parzen *p = mem_alloc(sizeof *p);
    p->cells.moments = mem_alloc(CELL_TERMS * CELLS_MAX * sizeof *p->cells.moments);
    p->is_settled = true;
    parzen_insert(p, 0.5, PRIOR);
    return p;
}

void parzen_destroy(struct parzen *p)
{
    if (!p)
        return;
    mem_free(p->mu);
    mem_free(p->sigma);
    mem_free(p->inside);
    mem_free(p->record);
    mem_free(p->rank);
    mem_free(p->height);
    mem_free(p->cells.moments);
    mem_free(p->wide_mu);
    mem_free(p->wide_rate);
    mem_free(p->wide_height);
    mem_free(p);
}

// The height is the normal's weight over what lies within the range.
static void add_wide(struct parzen *p, double mu, double rate, double height)
{
    if (p->n_wide == p->cap_wide) {
        p->cap_wide = p->cap_wide ? p->cap_wide * 2 : 4 * NORMALS_STEP;
        size_t size = p->cap_wide * sizeof *p->wide_mu;
        p->wide_mu = mem_realloc(p->wide_mu, size);
        p->wide_rate = mem_realloc(p->wide_rate, size);
        p->wide_height = mem_realloc(p->wide_height, size);
    }
    p->wide_mu[p->n_wide] = mu;
    p->wide_rate[p->n_wide] = rate;
    p->wide_height[p->n_wide++] = height * rate;
}

static void add_pending(struct parzen *p, double mu, double sigma)
{
    struct kernel k = {.mu = mu, .sigma = sigma};
    set_ends(&k);
    add_wide(p, mu, 1 / sigma, 1 / (k.high - k.low));
}

void parzen_prepare(struct parzen *p, const double *pending, uint32_t n_pending)
{
    settle(p);
    uint32_t n = p->n - 1 + n_pending;
    double first = n ? 1.0 / n : 1, clip = clip_of(p->n);
    double slope = n > FLAT + 1 ? (1 - first) / (n - FLAT - 1) : 0;
    uint32_t flat = n < FLAT ? 0 : n - FLAT; // first rank of weight 1

    p->n_wide = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        bool is_ramp = p->rank[i] < flat && p->record[i] != PRIOR;
        double weight = is_ramp ? first + slope * p->rank[i] : 1;
        bool is_wide = p->sigma[i] > clip || p->n <= FEW;
        p->height[i] = is_wide ? 0 : weight * p->inside[i];
        if (is_wide)
            add_wide(p, p->mu[i], 1 / p->sigma[i], weight * p->inside[i]);
    }
    for (uint32_t i = 0; i < n_pending; i++)
        add_pending(p, pending[i], clip);
    while (p->n_wide % NORMALS_STEP)
        add_wide(p, 0, 0, 0);
    p->cells.rate = 1 / clip;
    p->cells.n = 0;
    if (p->n <= FEW)
        return;
    uint32_t n_cells = (uint32_t)(p->cells.rate * CELLS_PER_WIDTH) + 2;
    p->cells.n = (n_cells + NORMALS_STEP - 1) / NORMALS_STEP * NORMALS_STEP;
    assert(p->cells.n <= CELLS_MAX);
    parzen_cells_fill(&p->cells, p->mu, p->height, p->n);
}

double parzen_density_of(const struct parzen *p, double x)
{
    struct normals wide = {p->n_wide, p->wide_mu, p->wide_rate, p->wide_height};
    return parzen_sum_normals(&wide, x) + parzen_cells_sum(&p->cells, x) * p->cells.rate;
}

double parzen_mass_of(const struct parzen *p, double a, double b)
{
    double sum = 0;
    for (uint32_t i = 0; i < p->n_wide && p->wide_height[i] > 0; i++) {
        double mu = p->wide_mu[i], rate = p->wide_rate[i];
        double in = parzen_normal((b - mu) * rate) - parzen_normal((a - mu) * rate);
        sum += p->wide_height[i] / rate * in;
    }
    return sum + parzen_cells_mass(&p->cells, a, b);
}
