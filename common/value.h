// SPDX-License-Identifier: MIT
// value.h - a tree of plain data: what a job file, a parameter, a result is.
//
// Built in an arena, read-only afterwards.  Every node remembers the line and
// column it was read from (0 when made by a program), so that a wrong value
// can be named where the user wrote it.  Maps keep the order of insertion; the
// canonical order is protocol/pack.h's affair.
//
// Ownership  The arena's.
// Threads    Read-only sharing is fine.

#ifndef COMMON_VALUE_H
#define COMMON_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"

enum value_type {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,  // every integer that fits int64_t
    VALUE_UINT, // only what is above INT64_MAX
    VALUE_FLOAT,
    VALUE_STR, // UTF-8, NUL behind the last byte, may hold NULs
    VALUE_BIN,
    VALUE_LIST,
    VALUE_MAP,
};

struct value_pair;

struct value {
    enum value_type type;
    uint32_t line; // 1-based; 0: unknown
    uint32_t column;
    uint32_t n; // bytes of a string or binary, elements of a list, pairs of a map
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
        const char *s;
        struct value *items;
        struct value_pair *pairs;
    };
};

struct value_pair {
    const char *key; // NUL-terminated
    uint32_t line;
    uint32_t column;
    struct value value;
};

struct value value_null(void);
struct value value_bool(bool b);
struct value value_int(int64_t i);
struct value value_uint(uint64_t u); // VALUE_INT when it fits
struct value value_float(double f);
struct value value_str(struct arena *a, const char *s); // copies
struct value value_strn(struct arena *a, const char *s, size_t n);
struct value value_bin(struct arena *a, const void *p, size_t n);
struct value value_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct value value_list(void);
struct value value_map(void);

// n null elements (or pairs with key "") to be filled in place, with the room
// that value_push and value_set count on: an array laid out by hand must not grow.
struct value value_list_of(struct arena *a, uint32_t n);
struct value value_list_room(struct arena *a, uint32_t n); // not set: all are to be
struct value value_map_of(struct arena *a, uint32_t n);

// Append a copy of the node `v` (its children are shared, not copied).
// Growth doubles inside the arena.  Returns the place where it now stands.
// value_set replaces the value of a key that is there.
struct value *value_push(struct arena *a, struct value *list, struct value v);
struct value *value_set(struct arena *a, struct value *map, const char *key, struct value v);
// The map without the key, its other values shared.
struct value value_without(struct arena *a, const struct value *map, const char *key);

const struct value *value_find(const struct value *map,
                               const char *key); // NULL if absent or no map
bool value_is_number(const struct value *v);     // int, uint or float
double value_number(const struct value *v);      // as double; 0 for others
bool value_equal(const struct value *a,
                 const struct value *b); // 1 and 1.0 differ; map order does not matter
struct value value_copy(struct arena *a, const struct value *v); // deep
const char *value_type_name(enum value_type t); // "a string", "an integer", …
// What a message calls it: "'fast'", "12", "a list": at most some 40 bytes.
const char *value_describe(const struct value *v, struct arena *a);
// Compact JSON, and indented JSON; NaN and infinities as null; numbers by the
// shortest text that reads back the same (see number.h).
struct buf;
void value_json(const struct value *v, struct buf *out);
void value_json_pretty(const struct value *v, struct buf *out);

#endif
