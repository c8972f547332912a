// SPDX-License-Identifier: MIT
// kv.h - keys and values of all sequences, in pages of ENGINE_PAGE positions.
//
// A page holds its positions of every layer and of this rank's heads, as rows in
// one number format.  What is read back is what was stored, however it came: so
// neither pages that are shared nor prompts cut into pieces change a bit.  With
// latent attention (`value` 0) a row is key and value at once.
//
// Ownership  The creator destroys.  Pages count the sequences that hold them.
// Threads    Confined to the owner's thread.

#ifndef WORKER_EXPERTS_KV_H
#define WORKER_EXPERTS_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/tensor/format.h"

enum { KV_PAGE = 64 };

struct kv;

struct kv_shape {
    const struct format *format;
    uint32_t n_layers, n_heads; // heads of this rank, may be 0
    uint32_t key, value;        // numbers of a row
    uint32_t n_pages;
};

MUST_CHECK enum error kv_create(const struct kv_shape *s, struct kv **out, struct errtext *t);
void kv_destroy(struct kv *c); // NULL is fine

uint32_t kv_open(struct kv *c);
void kv_close(struct kv *c, uint32_t sequence);
uint32_t kv_length(const struct kv *c, uint32_t sequence);
uint32_t kv_free_pages(const struct kv *c);
uint32_t kv_need_pages(const struct kv *c, uint32_t sequence, uint32_t n);
uint32_t kv_reuse(struct kv *c, uint32_t sequence, uint32_t from, uint32_t n);
// n more positions; there must be pages for them.
void kv_grow(struct kv *c, uint32_t sequence, uint32_t n);

struct kv_place {
    uint32_t sequence, layer, head;
};
void kv_put(
    struct kv *c, struct kv_place at, uint32_t position, const float *key, const float *value);
// The first n rows of a block of KV_PAGE positions, as floats; `room` holds
// KV_PAGE * (key + value) of them.
struct kv_rows {
    const float *keys, *values; // in `room`
};
struct kv_rows
kv_get(const struct kv *c, struct kv_place at, uint32_t block, uint32_t n, float *room);
// What kv_get will read, asked for from memory.
void kv_ask(const struct kv *c, struct kv_place at, uint32_t block, uint32_t n);

#endif
