// SPDX-License-Identifier: MIT
// parzen_sum.h - sums over many normals, fast and with the same bits on every CPU.
//
// Everything is element-wise over 16 lanes, lane i taking elements i, i + 16, …,
// without fused operations, and the lanes are added in one fixed tree; so vectors
// of 2, 4 or 8 doubles give one result.  SHOAL_KERNELS=portable|avx2|avx512 forces
// a class, else the best the CPU has is taken.
//
// Normals of one common width are not summed one by one: each falls into a cell
// of half a width, which keeps its moments, and a sum takes the cells within
// reach by their Hermite series (the fast Gauss transform of Greengard and
// Strain, 1991, in one dimension).  A thousand or a million cost the same.
//
// Ownership  The caller's.
// Threads    Any.

#ifndef COORDINATOR_SEARCH_PARZEN_SUM_H
#define COORDINATOR_SEARCH_PARZEN_SUM_H

#include <stdbool.h>
#include <stdint.h>

// Arrays of normals are padded to a multiple with heights of 0.
enum { NORMALS_STEP = 16 };

struct normals {
    uint32_t n;                       // a multiple of NORMALS_STEP
    const double *mu, *rate, *height; // rate: 1 / width
};

// Sum of height * exp(-((x - mu) * rate)^2 / 2).
double parzen_sum_normals(const struct normals *s, double x);

// The series: with places within a quarter of a width of their cell's centre the
// first term left out is below 1e-11 of the height.
enum { CELL_TERMS = 12, CELLS_PER_WIDTH = 2, CELLS_REACH = 8 * CELLS_PER_WIDTH };

struct cells {
    double rate;     // 1 / the common width, at most 100
    uint32_t n;      // a multiple of NORMALS_STEP
    double *moments; // [CELL_TERMS][n]: sum of height * offset^k / k!
};

enum { CELLS_MAX = 256 }; // for rates up to 100, with room to round up

// Normals at mu, ascending in [0, 1].
void parzen_cells_fill(struct cells *c, const double *mu, const double *height, uint32_t n);
// Sum of height * exp(-((x - mu) * rate)^2 / 2).
double parzen_cells_sum(const struct cells *c, double x);
// Sum of height * (what of the normal lies in [a, b]).
double parzen_cells_mass(const struct cells *c, double a, double b);

// --- over several dimensions --------------------------------------------------------
// Kernel i stands at rows[i][0 … n_slots): normals of one width in the numbers, and in the
// choices 1 + prior where the option is the same, prior where it is another.
struct joint_kernels {
    uint32_t n, n_slots;
    const double *rows;    // [n][n_slots]
    const bool *is_choice; // [n_slots]
    const double *height;  // [n]
    double rate;           // 1 / the common width
    double prior;
    double least; // what a kernel gives below this counts as 0
};

enum { JOINT_STEP = 8 };

// Of JOINT_STEP places at once, x[n_slots][JOINT_STEP]: adds to sum[] the kernels, each the
// height, times its choices in their order, times exp(-squared distance / 2).  Every place
// has its own sum in the order of the kernels, as if it were alone.
void parzen_sum_joint(const struct joint_kernels *m, const double *x, double *sum);

// exp(-q) for q >= 0 to about 1e-10 of it.
double parzen_exp_minus(double q);
// Distribution function of the standard normal.
double parzen_normal(double z);

// By name, for tests; NULL: as said above.  False: no such class here.
bool parzen_force(const char *name);

#endif
