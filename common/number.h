// SPDX-License-Identifier: MIT
// number.h - numbers to text and back, without a locale.
//
// Threads    Any.

#ifndef COMMON_NUMBER_H
#define COMMON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_TEXT_MAX = 40 };

// Shortest decimal text that reads back as the same double ("0.1", "1e+300",
// "-0.0", "nan", "inf"); always has '.', 'e', or is nan/inf, so that it stays
// a float in YAML and JSON.  Returns its bytes, without the NUL behind them.
size_t number_format(double x, char out[NUMBER_TEXT_MAX]);
// The whole of s[0..n) as a number; false if anything is left over.
bool number_parse_f64(const char *s, size_t n, double *out);
bool number_parse_i64(const char *s, size_t n, int64_t *out);
bool number_parse_u64(const char *s, size_t n, uint64_t *out);

#endif
