// SPDX-License-Identifier: MIT
// dense.h - the float32 kernels of small networks, whose bits do not depend on the CPU.
//
// The order of every sum is fixed (kernels.h): a matrix product is one ascending
// chain of fused multiply-adds per output, sums over a row run in 16 lanes and one
// tree, sums over rows are ascending chains.  Classes as in kernels.h; the body is
// one file (dense_body.h), compiled once for each.
//
// Shapes     Matrices are rows of floats; a stride is in floats.  What is called
//            `back` adds into its first argument.
// Threads    Any, after kernels_choose.

#ifndef WORKER_TENSOR_DENSE_H
#define WORKER_TENSOR_DENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// c[i][j] = start + sum over p of a[i][p] b[p][j], with a[i][p] at a + i ai + p ap
// (so that a may be read transposed), b[p][j] at b + p bp + j.  The chain begins at
// start[j], or at 0 (NULL), or at what c holds (`more`).
struct dense_product {
    const float *a, *b, *start;
    float *c;
    size_t ai, ap, bp, ci;
    size_t m, n, k;
    bool more;
};
void dense_product(const struct dense_product *p);
void dense_transpose(float *y, const float *x, size_t rows, size_t cols, size_t stride);

// y[j] += x[0][j], then x[1][j], …
void dense_sum_rows(float *y, const float *x, size_t rows, size_t cols, size_t stride);

// Of tanh and gelu y may be x.  tanh: 2 ulp, beyond ±9: ±1
void dense_tanh(float *y, const float *x, size_t n);
void dense_tanh_back(float *dx, const float *y, const float *dy, size_t n);
// x / (1 + e^(-2 sqrt(2/pi) (x + 0.044715 x^3))): Hendrycks, Gimpel, arXiv 1606.08415
void dense_gelu(float *y, const float *x, size_t n);
void dense_gelu_back(float *dx, const float *x, const float *dy, size_t n);
void dense_mul(float *y, const float *a, const float *b, size_t n);
void dense_mul_back(float *dx, const float *a, const float *dy, size_t n);

// Layer normalisation of rows (Ba et al., arXiv 1607.06450), epsilon 1e-5.  `keep` gets
// the row's mean and 1/sd, two floats a row.
struct dense_norm {
    const float *x, *gain, *shift;
    float *y, *keep;
    size_t rows, cols;
};
void dense_norm(const struct dense_norm *n);
void dense_norm_back(
    const struct dense_norm *n, const float *dy, float *dx, float *dgain, float *dshift);

// Multi-head attention of n_batch sequences: n_q queries look at n_k keys each.  Heads
// are neighbouring columns of width `size`.  An entry of `mask` [n_batch][n_k] that is 0
// hides a key; NULL hides none; one key at least must be seen.
struct dense_attention {
    const float *q, *k, *v;
    float *y;
    float *p; // kept for the way back: [n_batch][heads][n_k][lanes of n_q]
    size_t q_stride, k_stride, v_stride, y_stride;
    size_t n_batch, n_q, n_k, heads, size;
    const uint8_t *mask;
    float scale;
};
enum { DENSE_LANES = 16, DENSE_HEAD_MAX = 128 };
static inline size_t dense_lanes(size_t n)
{
    return (n + DENSE_LANES - 1) / DENSE_LANES * DENSE_LANES;
}
size_t dense_attention_kept(const struct dense_attention *a); // floats of p
void dense_attention(const struct dense_attention *a);
struct dense_attention_grad {
    const float *dy;     // stride y_stride
    float *dq, *dk, *dv; // strides as q, k, v
};
void dense_attention_back(const struct dense_attention *a,
                          const struct dense_attention_grad *g);

// The Laplacian of n points with f features: L = (D - A) / n, A_uv = 1 / (1 + |x_u - x_v|),
// A_uu = 0, D_uu = the sum of row u.  L is symmetric, rows of n.
void dense_laplacian(float *l, const float *x, size_t n, size_t f);

// One step of Adam (Kingma, Ba, arXiv 1412.6980): m, v are its moments.
struct dense_adam {
    float *w, *m, *v;
    const float *g;
    size_t n;
    float step;   // learning rate / (1 - beta1^t)
    float shrink; // of the gradient, by clipping
    float beta1, beta2;
    float scale2; // 1 / (1 - beta2^t)
    float epsilon;
};
void dense_adam(const struct dense_adam *a);

#endif
