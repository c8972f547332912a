// SPDX-License-Identifier: MIT
// dense_rows.h - layer normalisation and Laplacians; a part of dense_body.h.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_DENSE_ROWS_H
#define WORKER_TENSOR_DENSE_ROWS_H

#define NORM_EPSILON 1e-5F

// Sum of a row in 16 lanes; lane i takes elements i, i + 16, …
ALWAYS float row_sum(const float *x, size_t n)
{
    float lane[KERNEL_LANES] = {0};
    size_t i = 0;
    for (; i + KERNEL_LANES <= n; i += KERNEL_LANES)
        for (size_t j = 0; j < KERNEL_LANES; j++)
            lane[j] += x[i + j];
    for (size_t j = 0; i + j < n; j++)
        lane[j] += x[i + j];
    return kernels_tree(lane);
}

ALWAYS float row_dot(const float *x, const float *y, size_t n)
{
    float lane[KERNEL_LANES] = {0};
    size_t i = 0;
    for (; i + KERNEL_LANES <= n; i += KERNEL_LANES)
        for (size_t j = 0; j < KERNEL_LANES; j++)
            lane[j] = fused(x[i + j], y[i + j], lane[j]);
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

// Distances of u to up to 16 points by one ascending chain over the features: -A / n.
static void laplacian_block(float *row, const float *x, size_t u, size_t v0, size_t n, size_t f)
{
    const float share = 1 / (float)n;
    const size_t left = n - v0 < DENSE_LANES ? n - v0 : DENSE_LANES;
    float at[DENSE_LANES] = {0}, far[DENSE_LANES] = {0};
    for (size_t q = 0; q < f; q++) {
        for (size_t v = 0; v < left; v++)
            at[v] = x[(v0 + v) * f + q];
        for (size_t v = 0; v < DENSE_LANES; v++) {
            float d = at[v] - x[u * f + q];
            far[v] = fused(d, d, far[v]);
        }
    }
    for (size_t v = 0; v < DENSE_LANES; v++)
        far[v] = -share / (1 + __builtin_sqrtf(far[v]));
    memcpy(row, far, left * sizeof *far);
}

static void laplacian(float *l, const float *x, size_t n, size_t f)
{
    for (size_t u = 0; u < n; u++) {
        float *row = l + u * n;
        for (size_t v0 = 0; v0 < n; v0 += DENSE_LANES)
            laplacian_block(row + v0, x, u, v0, n, f);
        row[u] = 0;
        row[u] = -row_sum(row, n);
    }
}

#endif
