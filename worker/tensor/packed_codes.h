// SPDX-License-Identifier: MIT
// packed_codes.h - a block of 32 elements as signed codes of eight bits; private to
// worker/tensor.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_PACKED_CODES_H
#define WORKER_TENSOR_PACKED_CODES_H

#include "worker/tensor/packed.h"

// Element i is scale[i / 16] * q[i] + offset[i / 16].
struct packed_codes {
    int q[PACKED_BLOCK]; // -128 to 127
    float scale[2], offset[2];
};

// Block b of a row, of any format that is neither floats, Q4_0 nor Q4_K.
void packed_codes(const struct format *f, const uint8_t *row, size_t b, struct packed_codes *c);

#endif
