// SPDX-License-Identifier: MIT
// scenario_read.h - for scenario*.c only: reading maps of integers by tables.
//
// Threads    Any.

#ifndef WORKER_FLEET_SCENARIO_READ_H
#define WORKER_FLEET_SCENARIO_READ_H

#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "worker/fleet/scenario.h"

struct reader {
    const char *file;
    struct arena *arena;
    struct errtext *t;
    char path[64]; // what stands before a key in messages: "vertiports[3]"
};

// The text at the place of `at`, or, without a place (made by a program), the text alone.
enum error reader_fail(const struct reader *r, const struct value *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
// "<path>.<key> is <value>, expected <what>"
enum error reader_expected(const struct reader *r,
                           const char *key,
                           const struct value *v,
                           const char *fmt,
                           ...) PRINTF_LIKE(4, 5);
// `v` is a map with no key twice-guessed: each is in `rows` or in `more` (NULL-ended, may
// be NULL); the integers of `rows` land in *target.  A row whose fallback is KEY_REQUIRED
// must be there.
#define KEY_REQUIRED INT64_MIN
enum error reader_map(const struct reader *r,
                      const struct value *v,
                      const struct scenario_key *rows,
                      const char *const *more,
                      void *target);
enum error reader_int(const struct reader *r,
                      const struct scenario_key *row,
                      const struct value *v,
                      int64_t *out);
// A list of min..max elements; reader_element is the path of the i-th.
enum error reader_list(
    const struct reader *r, const char *key, const struct value *v, uint32_t min, uint32_t max);
struct reader reader_element(const struct reader *r, const char *key, uint32_t i);

#endif
