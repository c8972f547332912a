// SPDX-License-Identifier: MIT
#include "coordinator/search/parzen.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"

#define SQRT_HALF 0x1.6a09e667f3bcdp-1

// Beyond so many widths a kernel adds less than 1e-13 of its height, which the
// prior's part of any mixture outweighs.
#define REACH 8.0

enum { FLAT = 25, CLIP_MAX = 100 }; // newest weights; widths are at least 1/100 of the range

#define PRIOR UINT32_MAX

double parzen_normal(double z)
{
    return 0.5 * math_erfc(-z * SQRT_HALF);
}

// exp(-q) for q >= 0 to about 1e-10: 2^k times a polynomial.  Called some 100,000
// times an ask, where a correctly rounded exp would double the time.
static double exp_minus(double q)
{
    if (!(q < 700))
        return 0;
    double y = q * -0x1.71547652b82fep+0; // in units of log 2
    double k = (y + 0x1.8p52) - 0x1.8p52;
    double f = (y - k) * 0x1.62e42fefa39efp-1;
    double p = 1.0 / 5040 + f * (1.0 / 40320);
    p = 1.0 / 720 + f * p;
    p = 1.0 / 120 + f * p;
    p = 1.0 / 24 + f * p;
    p = 1.0 / 6 + f * p;
    p = 0.5 + f * p;
    p = 1 + f * (1 + f * p);
    uint64_t bits = (uint64_t)((int64_t)k + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

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

double parzen_density(const struct kernel *k, uint32_t n, double x)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        double z = (x - k[i].mu) / k[i].sigma;
        sum += k[i].weight / (k[i].sigma * (k[i].high - k[i].low)) * exp_minus(0.5 * z * z);
    }
    return sum;
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
    uint32_t *rank;   // by age among the observations
    // Made by prepare
    double clip;    // width of the narrow kernels
    double *height; // weight times inside, for the narrow ones; 0 for the wide
    uint32_t n_wide, cap_wide;
    struct kernel *wide; // wider than the clip, and the prior; low = 0, high = inside
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

double parzen_exp_minus(double q)
{
    return exp_minus(q);
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

// Equals stand by age, so that the mixture is one of its observations alone and
// not of the order in which they came and went.
void parzen_insert(struct parzen *p, double mu, uint32_t record)
{
    uint32_t rank = 0, i = place_of(p, mu);

    while (i < p->n && p->mu[i] == mu && p->record[i] < record)
        i++;
    grow(p);
    for (uint32_t j = 0; j < p->n; j++) {
        bool is_older = p->record[j] < record;
        rank += is_older;
        p->rank[j] += !is_older;
    }
    shift(p, i + 1, i);
    p->n++;
    p->mu[i] = mu;
    p->record[i] = record;
    p->rank[i] = rank;
    set_widths(p, i);
}

void parzen_remove(struct parzen *p, double mu, uint32_t record)
{
    uint32_t i = place_of(p, mu);

    while (i < p->n && p->record[i] != record)
        i++;
    assert(i < p->n && p->mu[i] == mu);
    uint32_t rank = p->rank[i];
    shift(p, i, i + 1);
    p->n--;
    for (uint32_t j = 0; j < p->n; j++)
        p->rank[j] -= p->rank[j] > rank;
    set_widths(p, i < p->n ? i : p->n - 1);
}

struct parzen *parzen_create(void)
{
    struct parzen *p = mem_alloc(sizeof *p);
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
    mem_free(p->wide);
    mem_free(p);
}

static void add_wide(struct parzen *p, double mu, double sigma, double weight, double inside)
{
    if (p->n_wide == p->cap_wide) {
        p->cap_wide = p->cap_wide ? p->cap_wide * 2 : 64;
        p->wide = mem_realloc(p->wide, p->cap_wide * sizeof *p->wide);
    }
    p->wide[p->n_wide++] = (struct kernel){mu, sigma, weight, 0, 1 / inside};
}

void parzen_prepare(struct parzen *p, const double *pending, uint32_t n_pending)
{
    uint32_t n = p->n - 1 + n_pending;
    double first = n ? 1.0 / n : 1;
    double slope = n > FLAT + 1 ? (1 - first) / (n - FLAT - 1) : 0;
    uint32_t flat = n < FLAT ? 0 : n - FLAT; // first rank of weight 1

    p->clip = clip_of(p->n);
    p->n_wide = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        double weight =
            p->rank[i] >= flat || p->record[i] == PRIOR ? 1 : first + slope * p->rank[i];
        bool is_wide = p->sigma[i] > p->clip;
        p->height[i] = is_wide ? 0 : weight * p->inside[i];
        if (is_wide)
            add_wide(p, p->mu[i], p->sigma[i], weight, p->inside[i]);
    }
    for (uint32_t i = 0; i < n_pending; i++) {
        struct kernel k = {.mu = pending[i], .sigma = p->clip};
        set_ends(&k);
        add_wide(p, k.mu, k.sigma, 1, 1 / (k.high - k.low));
    }
}

double parzen_density_of(const struct parzen *p, double x)
{
    double narrow = 0, r = 1 / p->clip;
    double sum = parzen_density(p->wide, p->n_wide, x);
    double end = x + REACH * p->clip;

    for (uint32_t i = place_of(p, x - REACH * p->clip); i < p->n && p->mu[i] < end; i++) {
        double z = (x - p->mu[i]) * r;
        narrow += p->height[i] * exp_minus(0.5 * z * z);
    }
    return sum + narrow * r;
}

double parzen_mass_of(const struct parzen *p, double a, double b)
{
    double sum = parzen_mass(p->wide, p->n_wide, a, b), r = 1 / p->clip;
    double end = b + REACH * p->clip;

    for (uint32_t i = place_of(p, a - REACH * p->clip); i < p->n && p->mu[i] < end; i++)
        if (p->height[i] > 0)
            sum += p->height[i]
                   * (parzen_normal((b - p->mu[i]) * r) - parzen_normal((a - p->mu[i]) * r));
    return sum;
}
