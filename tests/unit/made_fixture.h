// SPDX-License-Identifier: MIT
// made_fixture.h - models of our own making, in memory.
//
// Threads    Single.

#ifndef TESTS_UNIT_MADE_FIXTURE_H
#define TESTS_UNIT_MADE_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/tools/model/made.h"

// A few kilobytes: everything that the default has, but small.
static inline struct made_shape made_fixture_tiny(const char *arch, const char *format)
{
    struct made_shape s = made_default();
    s.arch = arch;
    s.format = format_named(format);
    s.n_layers = 2;
    s.width = 64;
    s.n_heads = 4;
    s.n_kv_heads = 2;
    s.head = 16;
    s.n_experts = 8;
    s.top_k = 2;
    s.ff = 32;
    return s;
}

struct made_bytes {
    char *bytes; // the caller's, by free()
    size_t n;
};

static inline struct made_bytes made_fixture_write(const struct made_shape *s)
{
    struct made_bytes out = {NULL, 0};
    struct errtext t = {""};
    FILE *f = open_memstream(&out.bytes, &out.n);
    ck_assert_ptr_nonnull(f);
    ck_assert_msg(made_write(s, f, &t) == OK, "%s", t.text);
    ck_assert_int_eq(fclose(f), 0);
    return out;
}

#endif
