// SPDX-License-Identifier: MIT
// dense_rows.h - layer normalisation and Laplacians; a part of dense_body.h.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_DENSE_ROWS_H
#define WORKER_TENSOR_DENSE_ROWS_H

#include "worker/tensor/dense_attention.h"

_Static_assert(KERNEL_LANES == (int)DENSE_LANES, "sums of a row use attention's parts");
#define NORM_EPSILON 1e-5F

// Sum of a row in 16 lanes; lane i takes elements i, i + 16, …
ALWAYS float row_sum(const float *x, size_t n)
{
    float lane[KERNEL_LANES];
    vf acc[PARTS];
    size_t i = 0;
    EACH_PART acc[u] = vf_of(0);
    for (; i + KERNEL_LANES <= n; i += KERNEL_LANES)
        EACH_PART acc[u] = acc[u] + vf_load(x + i + u * LANES);
    EACH_PART vf_store(lane + u * LANES, acc[u]);
    for (size_t j = 0; i + j < n; j++)
        lane[j] += x[i + j];
    return kernels_tree(lane);
}

ALWAYS float row_dot(const float *x, const float *y, size_t n)
{
    float lane[KERNEL_LANES];
    vf acc[PARTS];
    size_t i = 0;
    EACH_PART acc[u] = vf_of(0);
    for (; i + KERNEL_LANES <= n; i += KERNEL_LANES)
        EACH_PART acc[u] =
            vf_fma(vf_load(x + i + u * LANES), vf_load(y + i + u * LANES), acc[u]);
    EACH_PART vf_store(lane + u * LANES, acc[u]);
    for (size_t j = 0; i + j < n; j++)
        lane[j] = fused(x[i + j], y[i + j], lane[j]);
    return kernels_tree(lane);
}

static void norm(const struct dense_norm *n)
{
    const size_t cols = n->cols;
    const float *restrict gain = n->gain, *restrict shift = n->shift;
    for (size_t r = 0; r < n->rows; r++) {
        const float *restrict x = n->x + r * cols;
        float *restrict y = n->y + r * cols;
        float mean = row_sum(x, cols) / (float)cols;
        for (size_t i = 0; i < cols; i++)
            y[i] = x[i] - mean;
        float inverse = 1 / __builtin_sqrtf(row_dot(y, y, cols) / (float)cols + NORM_EPSILON);
        for (size_t i = 0; i < cols; i++)
            y[i] = fused(y[i] * inverse, gain[i], shift[i]);
        n->keep[2 * r] = mean;
        n->keep[2 * r + 1] = inverse;
    }
}

// With h = (x - mean) / sd and g = dy gain:  dx = (g - mean(g) - h mean(g h)) / sd.
static void
norm_back(const struct dense_norm *n, const float *dy, float *dx, float *dgain, float *dshift)
{
    enum { COLS_MAX = 1024 };
    const size_t cols = n->cols < COLS_MAX ? n->cols : COLS_MAX; // tape_norm's limit
    float g[COLS_MAX], h[COLS_MAX];
    for (size_t r = 0; r < n->rows; r++) {
        const float *x = n->x + r * cols, *d = dy + r * cols;
        float mean = n->keep[2 * r], inverse = n->keep[2 * r + 1];
        for (size_t i = 0; i < cols; i++) {
            h[i] = (x[i] - mean) * inverse;
            g[i] = d[i] * n->gain[i];
        }
        for (size_t i = 0; i < cols; i++) {
            dgain[i] = fused(d[i], h[i], dgain[i]);
            dshift[i] += d[i];
        }
        float m1 = row_sum(g, cols) / (float)cols, m2 = row_dot(g, h, cols) / (float)cols;
        float *restrict out = dx + r * cols;
        for (size_t i = 0; i < cols; i++)
            out[i] = fused(fused(-m2, h[i], g[i] - m1), inverse, out[i]);
    }
}

// -A / n of u and up to 16 points: distances by one ascending chain over the features,
// of which so many are added to what `far` holds.
ALWAYS void far_add(vf *far, float at[][DENSE_LANES], const float *from, size_t features)
{
    for (size_t q = 0; q < features; q++) {
        vf x = vf_of(from[q]);
        EACH_PART
        {
            vf d = vf_load(at[q] + u * LANES) - x;
            far[u] = vf_fma(d, d, far[u]);
        }
    }
}

// Columns [v0, v0 + 16) of -A / n, whose points are turned into lanes once.  What of the 16
// lies behind column n goes into the row below, which is written after it.
static void laplacian_columns(float *l, const float *x, size_t v0, size_t n, size_t f)
{
    enum { FEATURES = 32 }; // at a time
    const float share = 1 / (float)n;
    const size_t left = n - v0 < DENSE_LANES ? n - v0 : DENSE_LANES;
    float at[FEATURES][DENSE_LANES];
    const size_t whole = f < FEATURES ? f : FEATURES;
    to_lanes(at, x + v0 * f, f, left, whole);
    for (size_t i = 0; i < n; i++) {
        vf far[PARTS];
        float row[DENSE_LANES], *to = l + i * n + v0;
        EACH_PART far[u] = vf_of(0);
        far_add(far, at, x + i * f, whole);
        for (size_t q = whole; q < f; q += FEATURES) {
            float more[FEATURES][DENSE_LANES];
            size_t k = f - q < FEATURES ? f - q : FEATURES;
            to_lanes(more, x + v0 * f + q, f, left, k);
            far_add(far, more, x + i * f + q, k);
        }
        EACH_PART vf_store(row + u * LANES, far[u]);
        for (size_t v = 0; v < DENSE_LANES; v++)
            row[v] = -share / (1 + __builtin_sqrtf(row[v]));
        if (i * n + v0 + DENSE_LANES <= n * n)
            memcpy(to, row, sizeof row);
        else
            memcpy(to, row, left * sizeof *row);
    }
}

// Columns that fill no 16 first: what they write too much lies in columns that follow.
static void laplacian(float *l, const float *x, size_t n, size_t f)
{
    for (size_t k = dense_lanes(n) / DENSE_LANES; k-- > 0;)
        laplacian_columns(l, x, k * DENSE_LANES, n, f);
    for (size_t u = 0; u < n; u++) {
        float *row = l + u * n;
        row[u] = 0;
        row[u] = -row_sum(row, n);
    }
}

#endif
