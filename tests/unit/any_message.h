// SPDX-License-Identifier: MIT
// any_message.h - messages made by the schema's tables: from a source of bytes,
// or the golden one of each type; and their comparison.
//
// For test_codec, test_spec and the fuzzers, so every message that schema.def
// ever gets is covered without a line here.  Inline, since those programs
// share no object file.
//
// Ownership  All memory is the arena's.
// Threads    Any.

#ifndef TESTS_UNIT_ANY_MESSAGE_H
#define TESTS_UNIT_ANY_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "protocol/codec.h"

enum { ANY_BODY = offsetof(struct message, hello), ANY_LIST_MAX = 5 };

// Bytes to choose by; zeros when they have run out.
struct entropy {
    const uint8_t *p;
    size_t n;
};

static inline uint64_t entropy_take(struct entropy *e, size_t n_bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n_bytes && e->n; i++, e->p++, e->n--)
        v = v << 8 | *e->p;
    return v;
}

// Spread over magnitudes, so that every length of integer is met.
static inline uint64_t entropy_integer(struct entropy *e, uint32_t bits)
{
    uint64_t width = entropy_take(e, 1) % (bits + 1);
    return width ? entropy_take(e, 8) >> (64 - width) : 0;
}

static inline struct bin any_bytes(struct entropy *e, struct arena *a)
{
    static const uint32_t lengths[] = {0, 1, 31, 32, 255, 256, 70000};
    uint32_t n = (uint32_t)entropy_take(e, 1);
    n = n < 7 ? lengths[n] : n % 40;
    uint8_t *p = arena_alloc(a, n + 1);
    for (uint32_t i = 0; i < n && e->n; i++)
        p[i] = (uint8_t)entropy_take(e, 1);
    return (struct bin){p, n};
}

static inline struct str any_str(struct entropy *e, struct arena *a)
{
    struct bin b = any_bytes(e, a);
    char *s = arena_str(a, (const char *)b.p, b.n);
    for (uint32_t i = 0; i < b.n; i++)
        s[i] &= 0x7f;
    return (struct str){s, b.n};
}

static inline struct bin any_value(struct entropy *e)
{
    static const struct bin values[] = {
        {(const uint8_t *)"\xc0", 1},
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\x82\xa1\x61\x01\xa1\x62\x93\x01\x02\x03", 10},
        {(const uint8_t *)"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9},
    };
    return values[entropy_take(e, 1) % 4];
}

static inline void
any_fields(struct entropy *e, struct arena *a, const struct codec_table *table, char *body);

static inline void
any_field(struct entropy *e, struct arena *a, const struct codec_field *f, char *body)
{
    char *at = body + f->offset;
    uint32_t n;
    if (!f->required && entropy_take(e, 1) & 1)
        return; // stays zero: absent
    switch (f->kind) {
    case KIND_u32:
        *(uint32_t *)at = (uint32_t)entropy_integer(e, 32);
        break;
    case KIND_u64:
        *(uint64_t *)at = entropy_integer(e, 64);
        break;
    case KIND_i64:
        *(int64_t *)at = (int64_t)(entropy_integer(e, 63) ^ (0 - (entropy_take(e, 1) & 1)));
        break;
    case KIND_f64:
        *(double *)at = (double)entropy_integer(e, 64) / 1024;
        break;
    case KIND_boolean:
        *(bool *)at = true;
        break;
    case KIND_str:
        *(struct str *)at = any_str(e, a);
        break;
    case KIND_bin:
        *(struct bin *)at = any_bytes(e, a);
        break;
    case KIND_value:
        *(struct bin *)at = any_value(e);
        break;
    case KIND_list:
        n = (uint32_t)entropy_take(e, 1) % ANY_LIST_MAX;
        char *items = n ? arena_alloc(a, (size_t)n * codec_records[f->record].size) : NULL;
        *(char **)at = items;
        *(uint32_t *)(body + f->count_offset) = n;
        for (uint32_t i = 0; i < n; i++)
            any_fields(e, a, &codec_records[f->record],
                       items + (size_t)i * codec_records[f->record].size);
        break;
    }
}

static inline void
any_fields(struct entropy *e, struct arena *a, const struct codec_table *table, char *body)
{
    for (uint32_t i = 0; i < table->n_fields; i++)
        any_field(e, a, &table->fields[i], body);
}

static inline void any_message(struct entropy *e, struct arena *a, struct message *m)
{
    const struct codec_table *table = &codec_messages[entropy_take(e, 1) % codec_n_messages];
    *m = (struct message){.type = (enum message_type)table->type, .id = entropy_integer(e, 64)};
    any_fields(e, a, table, (char *)m + ANY_BODY);
}

static inline const struct codec_table *any_table_of(const struct message *m)
{
    for (uint32_t i = 0; i < codec_n_messages; i++)
        if (codec_messages[i].type == (uint32_t)m->type)
            return &codec_messages[i];
    return NULL;
}

// ---- the golden message of a type -------------------------------------------

static inline void
golden_fields(struct arena *a, const struct codec_table *table, char *body, uint32_t which);

static inline struct bin golden_value(struct arena *a, const char *name)
{
    // {"name": [1, -1, 0.5, true, nil]}
    static const uint8_t list[] = {0x95, 1, 0xff, 0xcb, 0x3f, 0xe0, 0,
                                   0,    0, 0,    0,    0,    0xc3, 0xc0};
    size_t n = strlen(name);
    uint8_t *p = arena_alloc(a, 2 + n + sizeof list);
    p[0] = 0x81;
    p[1] = (uint8_t)(0xa0 + n); // names are short
    for (size_t i = 0; i < n; i++)
        p[2 + i] = (uint8_t)name[i];
    memcpy(p + 2 + n, list, sizeof list);
    return (struct bin){p, (uint32_t)(2 + n + sizeof list)};
}

// Values follow from the field's key and kind; `which` tells records apart.
static inline void
golden_field(struct arena *a, const struct codec_field *f, char *body, uint32_t which)
{
    char *at = body + f->offset;
    switch (f->kind) {
    case KIND_u32:
        *(uint32_t *)at = which ? UINT32_MAX : f->key * 100 + which;
        break;
    case KIND_u64:
        *(uint64_t *)at = which ? UINT64_MAX - f->key : f->key * UINT64_C(10000000000);
        break;
    case KIND_i64:
        *(int64_t *)at = which ? INT64_MIN : -(int64_t)f->key * 1000;
        break;
    case KIND_f64:
        *(double *)at = f->key + 0.5;
        break;
    case KIND_boolean:
        *(bool *)at = true;
        break;
    case KIND_str:
        *(struct str *)at = str_of(which ? "\xc3\xa9\xe2\x86\x92" : f->name);
        break;
    case KIND_bin:
        *(struct bin *)at = (struct bin){
            (const uint8_t *)"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                             "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f",
            32};
        break;
    case KIND_value:
        *(struct bin *)at = golden_value(a, f->name);
        break;
    case KIND_list:
        *(char **)at = arena_alloc(a, (size_t)2 * codec_records[f->record].size);
        *(uint32_t *)(body + f->count_offset) = 2;
        for (uint32_t i = 0; i < 2; i++)
            golden_fields(a, &codec_records[f->record],
                          *(char **)at + (size_t)i * codec_records[f->record].size, i);
        break;
    }
}

static inline void
golden_fields(struct arena *a, const struct codec_table *table, char *body, uint32_t which)
{
    for (uint32_t i = 0; i < table->n_fields; i++)
        golden_field(a, &table->fields[i], body, which);
}

static inline void
golden_message(struct arena *a, const struct codec_table *table, struct message *m)
{
    *m = (struct message){.type = (enum message_type)table->type,
                          .id = UINT64_C(0x0102030405060708)};
    golden_fields(a, table, (char *)m + ANY_BODY, 0);
}

// ---- comparison -------------------------------------------------------------

static inline bool same_fields(const struct codec_table *table, const char *x, const char *y);

static inline bool same_field(const struct codec_field *f, const char *x, const char *y)
{
    const char *p = x + f->offset;
    const char *q = y + f->offset;
    uint32_t n;
    switch (f->kind) {
    case KIND_u32:
        return *(const uint32_t *)p == *(const uint32_t *)q;
    case KIND_boolean:
        return *(const bool *)p == *(const bool *)q;
    case KIND_u64:
    case KIND_i64:
    case KIND_f64:
        return memcmp(p, q, 8) == 0;
    case KIND_str:
    case KIND_bin:
    case KIND_value:
        n = ((const struct bin *)p)->n;
        return n == ((const struct bin *)q)->n
               && (n == 0
                   || memcmp(((const struct bin *)p)->p, ((const struct bin *)q)->p, n) == 0);
    case KIND_list:
        break;
    }
    n = *(const uint32_t *)(x + f->count_offset);
    if (n != *(const uint32_t *)(y + f->count_offset))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        size_t offset = (size_t)i * codec_records[f->record].size;
        if (!same_fields(&codec_records[f->record], *(char *const *)p + offset,
                         *(char *const *)q + offset))
            return false;
    }
    return true;
}

static inline bool same_fields(const struct codec_table *table, const char *x, const char *y)
{
    for (uint32_t i = 0; i < table->n_fields; i++)
        if (!same_field(&table->fields[i], x, y))
            return false;
    return true;
}

static inline bool same_message(const struct message *x, const struct message *y)
{
    return x->type == y->type && x->id == y->id && x->flags == y->flags
           && same_fields(any_table_of(x), (const char *)x + ANY_BODY,
                          (const char *)y + ANY_BODY);
}

// Header and payload of `m`, one behind the other.
static inline void any_frame(const struct message *m, struct buf *out)
{
    (void)buf_reserve(out, FRAME_HEADER_SIZE);
    codec_encode(m, out);
    frame_put_header(&(struct frame_header){.version = 1,
                                            .type = (uint16_t)m->type,
                                            .flags = m->flags,
                                            .id = m->id,
                                            .length = (uint32_t)(out->n - FRAME_HEADER_SIZE)},
                     out->bytes);
}

#endif
