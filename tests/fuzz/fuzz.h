// SPDX-License-Identifier: MIT
// fuzz.h - what the fuzzers share: the entry, and how a broken law ends the run.
//
// Inline, since the fuzzers share no object file.
//
// Threads    One.

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The fuzzer keeps the input of an abort.
static inline void demand(bool holds, const char *law)
{
    if (holds)
        return;
    (void)fprintf(stderr, "broken: %s\n", law);
    abort();
}

#endif
