// SPDX-License-Identifier: MIT
// harness.h - how every libcheck program of ours runs its suite.
//
// Quiet when all pass: one closing line "N passed, N failed" that the test
// runner adds up; failures are printed as libcheck words them.
//
// Threads    Single.

#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H

#include <check.h>
#include <stdbool.h>
#include <string.h>

#include "common/arena.h"

// Bit for bit, whatever stands there (two zeros of different sign differ).
static inline bool equal_bytes(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

int harness_run(Suite *s); // takes the suite; returns main's exit status
// The directory of larger fixtures that a lone clone does not have, or NULL:
// SHOAL_FIXTURES, else ../shared/fixtures beside the checkout when it exists.
const char *harness_fixtures(void);
// A whole file, which must be there, in the arena; a zero stands behind it.
void *harness_read(const char *path, struct arena *a, size_t *n);
// Print "SKIP reason" (counted as skipped by the runner) and return 0.
int harness_skip(const char *reason);

#endif
