// SPDX-License-Identifier: MIT
// parzen_class.h - the sums of parzen_sum.h in vectors of WIDTH doubles.
//
// Included once a class by parzen_sum.c, with WIDTH, NAME(stem) and TARGET (the
// attribute of a function) set; so it has no guard, and its names are the class's.
//
// Ownership  As in parzen_sum.h.
// Threads    Any.

// Only a type can carry the attribute.
typedef double NAME(vector) __attribute__((vector_size(WIDTH * sizeof(double))));
typedef uint64_t NAME(word) __attribute__((vector_size(WIDTH * sizeof(double))));
#define VECTOR NAME(vector)
#define WORD   NAME(word)

// exp(-q): a power of two times a polynomial.  A correctly rounded exp would double
// the time of an ask.
TARGET INTO VECTOR NAME(exp_minus)(VECTOR q)
{
    VECTOR most = FAR - (VECTOR){0};
    WORD is_far = (WORD)(q > FAR);

    q = (VECTOR)(((WORD)most & is_far) | ((WORD)q & ~is_far));
    VECTOR y = q * MINUS_LOG2_E; // in units of log 2
    VECTOR t = y + ROUND;
    VECTOR f = (y - (t - ROUND)) * LOG_2;
    VECTOR p = 1.0 / 5040 + f * (1.0 / 40320);
    p = 1.0 / 720 + f * p;
    p = 1.0 / 120 + f * p;
    p = 1.0 / 24 + f * p;
    p = 1.0 / 6 + f * p;
    p = 0.5 + f * p;
    p = 1 + f * (1 + f * p);
    // The integer stands in the low bits of t: as an exponent it is 2 to its power.
    WORD scale = ((WORD)t << 52) + (UINT64_C(1023) << 52);
    return p * (VECTOR)scale;
}

TARGET INTO VECTOR NAME(load)(const double *from)
{
    VECTOR v;
    memcpy(&v, from, sizeof v);
    return v;
}

// Lanes in a fixed tree.
TARGET INTO double NAME(tree)(const VECTOR *v)
{
    double x[LANES];

    memcpy(x, v, sizeof x);
    for (int width = LANES / 2; width; width /= 2)
        for (int i = 0; i < width; i++)
            x[i] += x[i + width];
    return x[0];
}

TARGET static double NAME(sum_normals)(const struct normals *s, double x)
{
    VECTOR sum[LANES / WIDTH] = {{0}};

    for (uint32_t i = 0; i < s->n; i += LANES)
        for (uint32_t j = 0; j < LANES / WIDTH; j++) {
            uint32_t at = i + j * WIDTH;
            VECTOR z = (x - NAME(load)(s->mu + at)) * NAME(load)(s->rate + at);
            sum[j] += NAME(load)(s->height + at) * NAME(exp_minus)(0.5 * z * z);
        }
    return NAME(tree)(sum);
}

TARGET static void
NAME(fill_cells)(struct cells *c, const double *mu, const double *height, uint32_t n)
{
    double scale = c->rate * CELLS_PER_WIDTH;
    quad sums[QUADS] = {{0}};
    uint32_t cell = UINT32_MAX;

    for (uint32_t i = 0; i < n; i++) {
        if (height[i] <= 0)
            continue;
        if ((uint32_t)(mu[i] * scale) != cell) {
            if (cell != UINT32_MAX)
                store_moments(c, cell, sums);
            memset(sums, 0, sizeof sums);
            cell = (uint32_t)(mu[i] * scale);
        }
        double offset = mu[i] * c->rate - centre_of(cell), square = offset * offset;
        quad powers = {1, offset, square, square * offset};
        powers *= height[i];
        for (uint32_t k = 0; k < QUADS; k++) {
            sums[k] += powers;
            powers *= square * square;
        }
    }
    if (cell != UINT32_MAX)
        store_moments(c, cell, sums);
}

TARGET static double NAME(sum_cells)(const struct cells *c, double x)
{
    VECTOR sum[LANES / WIDTH] = {{0}}, index = NAME(load)(counting);
    uint32_t first, end;

    x *= c->rate;
    blocks_of(c, x, x, &first, &end);
    for (uint32_t i = first; i < end; i += WIDTH) {
        VECTOR z = x - (index + (i + 0.5)) * (1.0 / CELLS_PER_WIDTH);
        VECTOR before = {0}, hermite = before + 1, series = before;
        for (uint32_t k = 0; k < CELL_TERMS; k++) {
            series += NAME(load)(c->moments + (size_t)k * c->n + i) * hermite;
            VECTOR next = z * hermite - (double)k * before;
            before = hermite;
            hermite = next;
        }
        sum[i / WIDTH % (LANES / WIDTH)] += NAME(exp_minus)(0.5 * z * z) * series;
    }
    return NAME(tree)(sum);
}

// All that one kernel gives to WIDTH places of the step at x.
TARGET INTO VECTOR NAME(kernel)(const struct joint_kernels *m, uint32_t i, const double *x)
{
    const double *row = m->rows + (size_t)i * m->n_slots;
    VECTOR value = m->height[i] + (VECTOR){0}, q = {0};

    for (uint32_t j = 0; j < m->n_slots; j++) {
        VECTOR at = NAME(load)(x + (size_t)j * JOINT_STEP);
        if (m->is_choice[j]) {
            VECTOR one = 1 + (VECTOR){0};
            value *= (VECTOR)((WORD)one & (WORD)(at == row[j])) + m->prior;
        } else {
            VECTOR z = (at - row[j]) * m->rate;
            q += z * z;
        }
    }
    value *= NAME(exp_minus)(0.5 * q);
    return (VECTOR)((WORD)value & ~(WORD)(value < m->least));
}

TARGET static void NAME(sum_joint)(const struct joint_kernels *m, const double *x, double *sum)
{
    enum { VECTORS = JOINT_STEP / WIDTH };
    VECTOR s[VECTORS];

    memcpy(s, sum, sizeof s);
    for (uint32_t i = 0; i < m->n; i++)
        for (uint32_t v = 0; v < VECTORS; v++)
            s[v] += NAME(kernel)(m, i, x + (size_t)v * WIDTH);
    memcpy(sum, s, sizeof s);
}

#undef VECTOR
#undef WORD
