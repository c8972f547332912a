// SPDX-License-Identifier: MIT
// linalg.h - small dense matrices that give the same bits everywhere.
//
// Double precision, row-major, no BLAS.  One canonical order: every output element
// is one chain over ascending k, each product rounded, then subtracted or added
// (common code for every SIMD width, compiled with -ffp-contract=off: a compiler
// may only put neighbouring outputs side by side, which changes no bit).  A fused
// multiply-add would need its emulation on machines without one; these matrices are
// too small to pay for that.  Dots run in 16 lanes, then one fixed tree.
//
// Shapes     n rows, `stride` doubles from one row to the next.  Lower triangles
//            only are read or written where a matrix is triangular or symmetric.
// Ownership  The caller's storage; nothing is allocated.
// Threads    Any; pure.
// Source     Golub and Van Loan, "Matrix Computations", 4th ed., 4.2 and 3.1.

#ifndef COMMON_LINALG_H
#define COMMON_LINALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In 16 lanes: lane i sums x[i + 16 j] * y[i + 16 j]; the lanes are added as a tree.
double linalg_dot(const double *x, const double *y, size_t n);

// c[m][n] += a[m][k] * b[k][n]
void linalg_gemm(double *c, const double *a, const double *b, size_t m, size_t k, size_t n);

// Rows [from, n) of the Cholesky factor L of the symmetric A, in place; rows before
// `from` hold L already, so that appending a row costs one solve and gives the bits
// that a whole factorisation would.  Returns the number of rows done: below n, a
// pivot was not above `least` and that row is untouched but for its off-diagonals.
size_t linalg_cholesky(double *a, size_t from, size_t n, size_t stride, double least);

// L x = b for `width` right-hand sides side by side, in place: x[n][width].
void linalg_forward(const double *l, size_t n, size_t stride, double *x, size_t width);
// L^T x = b, one right-hand side, in place.
void linalg_backward(const double *l, size_t n, size_t stride, double *x);
// L y = b for one right-hand side, in place: what linalg_forward does with width 1.
void linalg_solve_lower(const double *l, size_t n, size_t stride, double *x);

#endif
