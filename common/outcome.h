// SPDX-License-Identifier: MIT
// outcome.h - the metrics of a settled run of items, as bytes: made by workers,
// read by drivers, kept by the journal.
//
// First byte: the form.
//   OUTCOME_ROWS   u8 form, u16 n_metrics, then count × n_metrics doubles, little-endian
//   OUTCOME_NAMED  u8 form, then a MessagePack list of `count` maps name -> number|string|
//                  binary
//                  (null for an item that failed)
//   OUTCOME_FOLDS  u8 form, u16 n_metrics, then n_metrics packed folds (fold.h)
//   OUTCOME_NONE   u8 form: nothing (all failed)
//   OUTCOME_TOTALS u8 form, u16 n_totals, then n_totals packed sums over the items that did
//                  not fail (totals.h), then one of the forms above; behind them NONE
//                  means that the sums are all there is
//
// Threads    Any; pure.

#ifndef COMMON_OUTCOME_H
#define COMMON_OUTCOME_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

enum outcome_form { OUTCOME_NONE, OUTCOME_ROWS, OUTCOME_NAMED, OUTCOME_FOLDS, OUTCOME_TOTALS };

struct outcome_view {
    enum outcome_form form; // never OUTCOME_TOTALS: of what stands behind the sums
    uint32_t n_totals;      // 0: none
    const uint8_t *totals;  // packed
    size_t n_totals_bytes;
    uint32_t n_metrics;
    const uint8_t *body; // behind the prefix
    size_t n_body;
};

// Checks form and lengths against `count`; does not look into folds or maps.
MUST_CHECK enum error
outcome_view(const uint8_t *p, size_t n, uint32_t count, struct outcome_view *out);
double outcome_row_value(const struct outcome_view *v, uint32_t row, uint32_t metric);
void outcome_put_rows(struct buf *out, const double *rows, uint32_t count, uint32_t n_metrics);

#endif
