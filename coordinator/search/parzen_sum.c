// SPDX-License-Identifier: MIT
#include "coordinator/search/parzen_sum.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/math.h"

#define SQRT_HALF    0x1.6a09e667f3bcdp-1
#define NORMAL_PEAK  0x1.9884533d43651p-2 // 1 / sqrt(2 pi)
#define ROUND        0x1.8p52             // adding it rounds to an integer
#define MINUS_LOG2_E (-0x1.71547652b82fep+0)
#define LOG_2        0x1.62e42fefa39efp-1
#define FAR          700.0 // exp of minus it is next to nothing

enum { LANES = NORMALS_STEP };

static const double counting[LANES] = {0, 1, 2, 3, 4, 5, 6, 7};

static double centre_of(uint32_t cell)
{
    return (cell + 0.5) / CELLS_PER_WIDTH;
}

// The first block of cells within reach of [a, b] (in widths), and behind the last.
static void blocks_of(const struct cells *c, double a, double b, uint32_t *first, uint32_t *end)
{
    double low = a * CELLS_PER_WIDTH - CELLS_REACH,
           high = b * CELLS_PER_WIDTH + CELLS_REACH + 1;

    *first = low <= 0 ? 0 : (uint32_t)low / LANES * LANES;
    *end = high >= c->n ? c->n : ((uint32_t)high + LANES - 1) / LANES * LANES;
}

// Four terms at a time.
typedef double quad __attribute__((vector_size(4 * sizeof(double))));

enum { QUADS = CELL_TERMS / 4 };

static void store_moments(struct cells *c, uint32_t cell, const quad *sums)
{
    double factorial = 1;
    for (uint32_t k = 0; k < CELL_TERMS; k++) {
        c->moments[(size_t)k * c->n + cell] = sums[k / 4][k % 4] / factorial;
        factorial *= k + 1;
    }
}

// --- classes ------------------------------------------------------------------------
#define INTO static inline __attribute__((always_inline))

#define WIDTH   2
#define NAME(x) x##_portable
#define TARGET
#include "coordinator/search/parzen_class.h"
#undef WIDTH
#undef NAME
#undef TARGET

#ifdef __x86_64__
#define WIDTH   4
#define NAME(x) x##_avx2
#define TARGET  __attribute__((target("avx2")))
#include "coordinator/search/parzen_class.h"
#undef WIDTH
#undef NAME
#undef TARGET

#define WIDTH   8
#define NAME(x) x##_avx512
#define TARGET  __attribute__((target("avx512f,avx512dq")))
#include "coordinator/search/parzen_class.h"
#undef WIDTH
#undef NAME
#undef TARGET
#endif

struct class
{
    const char *name;
    double (*sum_normals)(const struct normals *s, double x);
    double (*sum_cells)(const struct cells *c, double x);
    void (*fill_cells)(struct cells *c, const double *mu, const double *height, uint32_t n);
    void (*sum_joint)(const struct joint_kernels *m, const double *x, double *sum);
};

static const struct class classes[] = {
    {"portable", sum_normals_portable, sum_cells_portable, fill_cells_portable,
     sum_joint_portable},
#ifdef __x86_64__
    {"avx2", sum_normals_avx2, sum_cells_avx2, fill_cells_avx2, sum_joint_avx2},
    {"avx512", sum_normals_avx512, sum_cells_avx512, fill_cells_avx512, sum_joint_avx512},
#endif
};

enum { N_CLASSES = sizeof classes / sizeof classes[0] };

static bool is_here(int i)
{
#ifdef __x86_64__
    if (i == 2)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    if (i == 1)
        return __builtin_cpu_supports("avx2");
#endif
    return i == 0;
}

static _Atomic int chosen = -1;

bool parzen_force(const char *name)
{
    int best = -1;
    for (int i = 0; i < N_CLASSES; i++)
        if (is_here(i) && (!name || strcmp(classes[i].name, name) == 0))
            best = i;
    if (best >= 0)
        atomic_store(&chosen, best);
    return best >= 0;
}

static const struct class *class_now(void)
{
    int i = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (i < 0) {
        // What another thread chooses meanwhile is the same.
        if (!parzen_force(getenv("SHOAL_KERNELS")))
            (void)parzen_force("portable");
        i = atomic_load(&chosen);
    }
    return &classes[i];
}

// --- sums ---------------------------------------------------------------------------
double parzen_normal(double z)
{
    return 0.5 * math_erfc(-z * SQRT_HALF);
}

double parzen_exp_minus(double q)
{
    return exp_minus_portable((vector_portable){q})[0];
}

double parzen_sum_normals(const struct normals *s, double x)
{
    return class_now()->sum_normals(s, x);
}

void parzen_sum_joint(const struct joint_kernels *m, const double *x, double *sum)
{
    class_now()->sum_joint(m, x, sum);
}

double parzen_cells_sum(const struct cells *c, double x)
{
    return class_now()->sum_cells(c, x);
}

void parzen_cells_fill(struct cells *c, const double *mu, const double *height, uint32_t n)
{
    memset(c->moments, 0, (size_t)CELL_TERMS * c->n * sizeof *c->moments);
    class_now()->fill_cells(c, mu, height, n);
}

// The integral of a cell's series from z widths beside its centre to infinity: the
// same recurrence, one term behind.
static double mass_above(const struct cells *c, uint32_t cell, double z)
{
    double before = 0, hermite = 1, series = 0;

    for (uint32_t k = 1; k < CELL_TERMS; k++) {
        series += c->moments[(size_t)k * c->n + cell] * hermite;
        double next = z * hermite - (k - 1) * before;
        before = hermite;
        hermite = next;
    }
    series *= NORMAL_PEAK * parzen_exp_minus(0.5 * z * z);
    return c->moments[cell] * parzen_normal(-z) + series;
}

double parzen_cells_mass(const struct cells *c, double a, double b)
{
    uint32_t first, end;
    double sum = 0;

    a *= c->rate;
    b *= c->rate;
    blocks_of(c, a, b, &first, &end);
    for (uint32_t i = first; i < end; i++)
        if (c->moments[i] > 0)
            sum += mass_above(c, i, a - centre_of(i)) - mass_above(c, i, b - centre_of(i));
    return sum;
}
