// SPDX-License-Identifier: MIT
// spec.h - reading a map of the job file key by key, with the place of every
// mistake: "file:line:column: what, what was expected".
//
// A reader leaves *out alone when the key is absent (or null), so that what
// *out held before is the default.  All failures are ERR_PARSE with the text.
//
//   struct spec s = spec_of(setup->spec, setup->file, t);
//   int64_t trials = 100;
//   if ((e = spec_int(&s, "trials", 1, TRIALS_MAX, &trials)))
//       return e;
//   struct spec o = spec_at(&s, &objectives->items[i], "objectives[%u]", i);
//
// Ownership  Borrows the value, the file name and the text.
// Threads    Any; no shared state.

#ifndef COORDINATOR_SPEC_H
#define COORDINATOR_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/value.h"

struct spec {
    const struct value *map;
    const char *file;
    struct errtext *t;
    char path[96]; // "objectives[0]": what stands before a key in messages; "" at the top
};

struct spec spec_of(const struct value *map, const char *file, struct errtext *t);
// A nested value, named like printf beneath the parent's path.
struct spec spec_at(const struct spec *parent, const struct value *v, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

// The text at the place of `at` (NULL: of the map): the sentence without path.
enum error spec_fail(const struct spec *s, const struct value *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
// "<path>.<key> is <value>, expected <fmt…>", at the value's place.
enum error spec_expected(const struct spec *s, const char *key, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

// The map is a map, and it has no keys but those of the two NULL-ended lists
// (`more` may be NULL); else "unknown key …, did you mean …".
MUST_CHECK enum error
spec_keys(const struct spec *s, const char *const *keys, const char *const *more);
// "key 'workload' is missing, expected <what>" when absent or null.
MUST_CHECK enum error spec_require(const struct spec *s, const char *key, const char *what);
// The value of the key; NULL when absent or null.
const struct value *spec_find(const struct spec *s, const char *key);

// Integers are also taken from floats without a fraction (1e6).
MUST_CHECK enum error
spec_int(const struct spec *s, const char *key, int64_t min, int64_t max, int64_t *out);
MUST_CHECK enum error spec_u64(const struct spec *s, const char *key, uint64_t *out);
// Finite numbers in [min, max]; infinite bounds: none.
MUST_CHECK enum error
spec_float(const struct spec *s, const char *key, double min, double max, double *out);
MUST_CHECK enum error spec_bool(const struct spec *s, const char *key, bool *out);
// A string that is not empty and holds no NUL; `choices` (NULL-ended, or NULL)
// is the closed list of what it may be.
MUST_CHECK enum error
spec_str(const struct spec *s, const char *key, const char *const *choices, const char **out);
MUST_CHECK enum error spec_map(const struct spec *s, const char *key, const struct value **out);
// A list of min..max elements; spec_strs: of such strings as spec_str takes.
MUST_CHECK enum error spec_list(const struct spec *s,
                                const char *key,
                                uint32_t min,
                                uint32_t max,
                                const struct value **out);
MUST_CHECK enum error spec_strs(const struct spec *s,
                                const char *key,
                                uint32_t min,
                                uint32_t max,
                                const struct value **out);

// The value itself as an integer, in the sense of spec_int; false: it is none.
bool spec_is_int(const struct value *v, int64_t *out);
// "a, b, c" of a NULL-ended list, cut at `size`.
void spec_join(const char *const *names, char *out, size_t size);

#endif
