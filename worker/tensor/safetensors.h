// SPDX-License-Identifier: MIT
// safetensors.h - named float32 tensors in one file.
//
// Format     https://github.com/huggingface/safetensors, README, "Format": 8 bytes of
//            header length, little endian; a JSON map name -> {dtype, shape,
//            data_offsets}, with texts under "__metadata__"; the data, without holes.
//            Read here: F32 only, up to 4 dimensions.
// Trust      None in what is read: every length is checked before it is used.
// Ownership  The tensors' floats are the caller's to free with the arena; what is
//            written is appended to the caller's buffer.
// Threads    Any.

#ifndef WORKER_TENSOR_SAFETENSORS_H
#define WORKER_TENSOR_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

enum { SAFETENSORS_DIMS_MAX = 4, SAFETENSORS_MAX = 4096, SAFETENSORS_HEADER_MAX = 1 << 20 };

struct safetensor {
    const char *name;
    uint32_t n_dims;
    uint64_t dims[SAFETENSORS_DIMS_MAX];
    size_t n; // floats: the product of dims
    float *x;
};

struct safetensors {
    struct safetensor *list; // in the order of their data
    uint32_t n;
    struct value metadata; // map name -> text
};

// ERR_PARSE: what is wrong, one line; ERR_LIMIT.
MUST_CHECK enum error safetensors_read(
    const void *bytes, size_t n, struct arena *a, struct safetensors *out, struct errtext *t);
// The same tensors give the same bytes.
void safetensors_write(const struct safetensors *s, struct buf *out);
const struct safetensor *safetensors_find(const struct safetensors *s, const char *name);

#endif
