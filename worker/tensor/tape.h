// SPDX-License-Identifier: MIT
// tape.h - reverse-mode differentiation of float32 matrices (dense.h's kernels).
//
// An operator computes at once and notes how to go back; tape_back goes through the
// notes from the last to the first.  Gradients are added up, so a parameter's goes on
// over several tapes until its owner clears it.  Same operators, same bits.
//
// Ownership  Variables live in the arena until its owner resets it; memory of inputs
//            and parameters is the caller's.
// Errors     Shapes that do not fit are our bug: assertions.
// Threads    One at a time.

#ifndef WORKER_TENSOR_TAPE_H
#define WORKER_TENSOR_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"

// rows x cols, one behind the other; g is NULL where no gradient is wanted.
struct tape_var {
    float *x, *g;
    size_t rows, cols;
    bool made; // by an operator
};

struct tape;

struct tape *tape_begin(struct arena *a); // in the arena
// The same values without gradients or notes: for use, not for learning.  There inputs are
// borrowed, and tape_add, tape_tanh and tape_gelu write over an x that an operator made: no
// other operator may read it after them.
struct tape *tape_begin_plain(struct arena *a);
void tape_back(struct tape *t); // after writing the last variables' g

struct tape_var *tape_input(struct tape *t, const float *x, size_t rows, size_t cols);
struct tape_var *tape_param(struct tape *t, float *x, float *g, size_t rows, size_t cols);

// x w + b (b: one row, or NULL)
struct tape_var *
tape_affine(struct tape *t, struct tape_var *x, struct tape_var *w, struct tape_var *b);
// Row r of y added to row r of x; where y has fewer rows, row r mod (y's rows).
struct tape_var *tape_add(struct tape *t, struct tape_var *x, struct tape_var *y);
struct tape_var *tape_mul(struct tape *t, struct tape_var *x, struct tape_var *y);
struct tape_var *tape_tanh(struct tape *t, struct tape_var *x);
struct tape_var *tape_gelu(struct tape *t, struct tape_var *x);
struct tape_var *tape_relu(struct tape *t, struct tape_var *x);
// Rows normalised; gain and shift are rows; at most 1024 columns.
struct tape_var *
tape_norm(struct tape *t, struct tape_var *x, struct tape_var *gain, struct tape_var *shift);
// Of every `group` rows, one behind the other, their mean.
struct tape_var *tape_mean(struct tape *t, struct tape_var *x, size_t group);
struct tape_var *
tape_gather(struct tape *t, struct tape_var *x, const uint32_t *rows, size_t n);
struct tape_var *tape_concat(struct tape *t, struct tape_var *x, struct tape_var *y); // columns
// [x | L x | … | L^order x] for every n rows, with Laplacians l, n x n each, symmetric.
struct tape_var *
tape_powers(struct tape *t, struct tape_var *x, const float *l, size_t n, unsigned order);
// Queries, keys and values of n_batch sequences (dense.h); at most 1024 keys.
struct tape_var *tape_attention(struct tape *t,
                                struct tape_var *const qkv[3],
                                size_t n_batch,
                                size_t heads,
                                const uint8_t *mask);
// Of every row; an entry of mask (as x) that is 0 takes no part: its result is 0.
struct tape_var *tape_log_softmax(struct tape *t, struct tape_var *x, const uint8_t *mask);

#endif
