// SPDX-License-Identifier: MIT
// fold.h - what a sweep keeps of one metric, in any order of arrival.
//
// Count, exact sum and sum of squares (sum.h), min, max, and quantiles: exact
// while at most FOLD_EXACT_MAX values came in, else from a fixed log-histogram
// with integer counts (HdrHistogram's idea: sub-buckets of each power of two;
// relative error <= 1 %).  Which of the two is decided by the job's number of
// values, told at init, so merging order never changes it.  Two folds of the
// same values are equal bit for bit however they were split and merged.
//
// Ownership  In the caller's storage; fini frees what it holds.
// Threads    Confined to the owner's thread.

#ifndef COMMON_FOLD_H
#define COMMON_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

enum { FOLD_EXACT_MAX = 65536 };

struct fold;

// `exact`: keep the values themselves (for quantiles); the caller decides it
// from the job's size.
struct fold *fold_create(bool exact);
void fold_destroy(struct fold *f);
void fold_add(struct fold *f, const double *x, size_t n, size_t stride); // NaN is counted apart
void fold_reset(struct fold *f);
MUST_CHECK enum error fold_merge(struct fold *f, const struct fold *other);
uint64_t fold_count(const struct fold *f);
double fold_sum(const struct fold *f); // exact, rounded once

// One quantile, q in [0, 1]: exact: linear interpolation between order
// statistics (numpy's default); histogram: the bucket's midpoint, clamped to
// [min, max].
double fold_quantile(const struct fold *f, double q);
// {count, mean, sd (n-1), min, max, p05, p50, p95}; the number of NaNs as "nan"
// when some came in; for the histogram quantiles: "approximate (1 %)".  What is
// no number (sd of one value) is null; without values there is only count.
struct value fold_result(const struct fold *f, struct arena *a);

// Wire form: self-delimiting, validated on the way in (nothing is trusted:
// counts against n, sorted keys), merges into `f`.
void fold_pack(const struct fold *f, struct buf *out);
MUST_CHECK enum error
fold_merge_packed(struct fold *f, const uint8_t *p, size_t n, size_t *used);

#endif
