// SPDX-License-Identifier: MIT
// aiger.h - cheap features of a combinational circuit in the binary AIGER format, by which
// a search can tell circuits that are alike.
//
// They say how large and deep it is, how its inverters, its fan-out, its levels and the
// values of its gates under 64 patterns are spread: histograms, so that circuits of any
// size compare.  They stand for the graph network of ABC-RL (ICLR 2024), simplified.
//
// A latch counts as an input and an output.
//
// Source     Biere, Heljanko and Wieringa, AIGER 1.9 And Beyond, 2011 (the format).
// Threads    Any.

#ifndef COMMON_AIGER_H
#define COMMON_AIGER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum { AIGER_FEATURES = 24, AIGER_NODES_MAX = 1 << 24 };

struct aiger_summary {
    uint32_t n_inputs, n_outputs, n_ands, n_levels;
    double features[AIGER_FEATURES];
};

// ERR_PARSE: the text says at which byte and why; ERR_LIMIT: too large.
MUST_CHECK enum error
aiger_read(const uint8_t *bytes, size_t n, struct aiger_summary *out, struct errtext *t);

#endif
