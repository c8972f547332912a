// SPDX-License-Identifier: MIT
// container.h - writing a GGUF version 3 file: keys, then the list of tensors,
// then their numbers, row by row as they are made, so that a file may be larger
// than memory.
//
// Ownership  In the caller's storage; fini frees it.  Names are copied.
// Threads    Confined to its holder's.

#ifndef TESTS_TOOLS_MODEL_CONTAINER_H
#define TESTS_TOOLS_MODEL_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/error.h"
#include "worker/experts/gguf.h"

struct container {
    struct buf keys, tensors;
    uint64_t n_keys, n_tensors;
    uint64_t data; // bytes of the tensors so far, with their padding
};

void container_init(struct container *c);
void container_fini(struct container *c);

void container_u32(struct container *c, const char *key, uint32_t value);
void container_f32(struct container *c, const char *key, float value);
void container_bool(struct container *c, const char *key, bool value);
void container_text(struct container *c, const char *key, const char *value);
// The array's elements follow by container_element_….
void container_array(struct container *c, const char *key, enum gguf_kind kind, uint64_t n);
void container_element_text(struct container *c, const char *value);
void container_element_i32(struct container *c, int32_t value);

// Rows of dims[0] elements in the file's order; returns the tensor's bytes.
uint64_t container_tensor(struct container *c,
                          const char *name,
                          uint32_t n_dims,
                          const uint64_t *dims,
                          const struct format *f);

// All that stands before the first tensor's numbers.
MUST_CHECK enum error container_write_head(const struct container *c, FILE *to);
// The zeros behind a tensor of so many bytes.
MUST_CHECK enum error container_write_padding(uint64_t bytes, FILE *to);

#endif
