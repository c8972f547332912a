// SPDX-License-Identifier: MIT
// idx.h - images and labels in the IDX format of MNIST and its kin, plain or gzipped.
//
// Source     LeCun, Cortes, Burges, "The MNIST database": magic 0, 0, type, dimensions;
//            sizes big endian; bytes.  Only unsigned bytes are read.
// Ownership  What is read lives in the arena.
// Errors     FAULT_WORKER: the file cannot be opened here; FAULT_JOB: it is no such file.
// Threads    Main thread.

#ifndef WORKER_EVALUATE_IDX_H
#define WORKER_EVALUATE_IDX_H

#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"

enum { IDX_ITEMS_MAX = 100000, IDX_SIDE_MAX = 64 };

struct idx {
    uint32_t n;           // items read
    uint32_t rows, cols;  // of each; 1 of labels
    const uint8_t *bytes; // [n][rows][cols]
};

// The first n_most items of a file of three dimensions (images) or of one (labels).
MUST_CHECK enum error idx_read(const char *path,
                               uint32_t dimensions,
                               uint32_t n_most,
                               struct arena *a,
                               struct idx *out,
                               struct errtext *t);

#endif
