// SPDX-License-Identifier: MIT
#include "worker/tensor/dense.h"

#include <string.h>

#include "worker/tensor/dense_table.h"
#include "worker/tensor/kernels.h"

static const struct dense *get(void)
{
    const char *name = kernels_class();
#ifdef __x86_64__
    if (strcmp(name, dense_avx512.name) == 0)
        return &dense_avx512;
    if (strcmp(name, dense_avx2.name) == 0)
        return &dense_avx2;
#endif
    (void)name;
    return &dense_portable;
}

void dense_product(const struct dense_product *p)
{
    get()->product(p);
}

void dense_transpose(float *y, const float *x, size_t rows, size_t cols, size_t stride)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            y[j * rows + i] = x[i * stride + j];
}

void dense_sum_rows(float *y, const float *x, size_t rows, size_t cols, size_t stride)
{
    get()->sum_rows(y, x, rows, cols, stride);
}

void dense_tanh(float *y, const float *x, size_t n)
{
    get()->tanh(y, x, n);
}

void dense_tanh_back(float *dx, const float *y, const float *dy, size_t n)
{
    get()->tanh_back(dx, y, dy, n);
}

void dense_gelu(float *y, const float *x, size_t n)
{
    get()->gelu(y, x, n);
}

void dense_gelu_back(float *dx, const float *x, const float *dy, size_t n)
{
    get()->gelu_back(dx, x, dy, n);
}

void dense_mul(float *y, const float *a, const float *b, size_t n)
{
    get()->mul(y, a, b, n);
}

void dense_mul_back(float *dx, const float *a, const float *dy, size_t n)
{
    get()->mul_back(dx, a, dy, n);
}

void dense_norm(const struct dense_norm *n)
{
    get()->norm(n);
}

void dense_norm_back(
    const struct dense_norm *n, const float *dy, float *dx, float *dgain, float *dshift)
{
    get()->norm_back(n, dy, dx, dgain, dshift);
}

size_t dense_attention_kept(const struct dense_attention *a)
{
    return a->n_batch * a->heads * a->n_k * dense_lanes(a->n_q);
}

void dense_attention(const struct dense_attention *a)
{
    get()->attention(a);
}

void dense_attention_back(const struct dense_attention *a, const struct dense_attention_grad *g)
{
    get()->attention_back(a, g);
}

void dense_laplacian(float *l, const float *x, size_t n, size_t f)
{
    get()->laplacian(l, x, n, f);
}

void dense_adam(const struct dense_adam *a)
{
    get()->adam(a);
}
