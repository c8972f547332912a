// SPDX-License-Identifier: MIT
#include "common/linalg.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, BLOCK = 32 };

double linalg_dot(const double *x, const double *y, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += x[i + j] * y[i + j];
    for (size_t j = 0; i + j < n; j++)
        lane[j] += x[i + j] * y[i + j];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

void linalg_gemm(double *c, const double *a, const double *b, size_t m, size_t k, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++) {
            double x = a[i * k + l];
            const double *row = b + l * n;
            double *out = c + i * n;
            for (size_t j = 0; j < n; j++)
                out[j] += x * row[j];
        }
}

// Row by row, so that a row depends on those above it alone.
size_t linalg_cholesky(double *a, size_t from, size_t n, size_t stride, double least)
{
    for (size_t i = from; i < n; i++) {
        double *row = a + i * stride;
        for (size_t j = 0; j < i; j++)
            row[j] = (row[j] - linalg_dot(row, a + j * stride, j)) / a[j * stride + j];
        double pivot = row[i] - linalg_dot(row, row, i);
        if (!(pivot > least))
            return i;
        row[i] = sqrt(pivot);
    }
    return n;
}

void linalg_solve_lower(const double *l, size_t n, size_t stride, double *x)
{
    linalg_forward(l, n, stride, x, 1);
}

// The right-hand sides in strips, so that a strip stays in the nearest cache.
static void
forward_strip(const double *l, size_t n, size_t stride, double *x, size_t width, size_t count)
{
    for (size_t i = 0; i < n; i++) {
        double sum[BLOCK] = {0};
        const double *row = l + i * stride;
        for (size_t k = 0; k < i; k++) {
            const double *y = x + k * width;
            for (size_t j = 0; j < count; j++)
                sum[j] += row[k] * y[j];
        }
        for (size_t j = 0; j < count; j++)
            x[i * width + j] = (x[i * width + j] - sum[j]) / row[i];
    }
}

void linalg_forward(const double *l, size_t n, size_t stride, double *x, size_t width)
{
    size_t j = 0;
    for (; j + BLOCK <= width; j += BLOCK)
        forward_strip(l, n, stride, x + j, width, BLOCK);
    for (; j + 4 <= width; j += 4)
        forward_strip(l, n, stride, x + j, width, 4);
    for (; j < width; j++)
        forward_strip(l, n, stride, x + j, width, 1);
}

void linalg_backward(const double *l, size_t n, size_t stride, double *x)
{
    for (size_t i = n; i-- > 0;) {
        x[i] /= l[i * stride + i];
        for (size_t j = 0; j < i; j++)
            x[j] -= l[i * stride + j] * x[i];
    }
}
