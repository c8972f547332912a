// SPDX-License-Identifier: MIT
// The reference: one float at a time.
#include <math.h>

typedef float vf;
#define LANES     1
#define TILE_ROWS 4
#define TILE_COLS 1
#define CLASS     "portable"
#define TABLE     dense_portable

static inline vf vf_fma(vf a, vf b, vf c)
{
    return fmaf(a, b, c);
}

static inline vf vf_of(float a)
{
    return a;
}

#include "worker/tensor/dense_body.h"
