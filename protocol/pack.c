// SPDX-License-Identifier: MIT
#include "protocol/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "common/mem.h"
#include "protocol/guard.h"

// Places for values in one tree at most: some 100 MiB, whatever the bytes claim.
// A list or map that is not empty has ROOM_MIN places at least (value.c).
enum { PLACES_MAX = 1 << 22, ROOM_MIN = 4 };

// ---- writing ----------------------------------------------------------------

static int write_to_buf(void *data, const char *p, size_t n)
{
    buf_put(data, p, n);
    return 0;
}

// UTF-8 sorts by its bytes, a prefix first; keys hold no NUL.
static int by_key(const void *a, const void *b)
{
    const struct value_pair *const *x = a;
    const struct value_pair *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static void pack_value(msgpack_packer *pk, const struct value *v);

static void pack_pairs(msgpack_packer *pk, const struct value *v)
{
    const struct value_pair *few[32];
    const struct value_pair **sorted = few;
    bool is_sorted = true;

    if (v->n > sizeof few / sizeof few[0])
        sorted = mem_alloc(v->n * sizeof(void *));
    for (uint32_t i = 0; i < v->n; i++) {
        sorted[i] = &v->pairs[i];
        is_sorted = is_sorted && (i == 0 || by_key(&sorted[i - 1], &sorted[i]) < 0);
    }
    if (!is_sorted)
        qsort(sorted, v->n, sizeof(void *), by_key);
    msgpack_pack_map(pk, v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        size_t n = strlen(sorted[i]->key);
        msgpack_pack_str_with_body(pk, sorted[i]->key, n);
        pack_value(pk, &sorted[i]->value);
    }
    if (sorted != few)
        mem_free(sorted);
}

// msgpack-c would keep a NaN's sign and payload.
static void pack_float(msgpack_packer *pk, double f)
{
    static const uint8_t one_nan[9] = {0xcb, 0x7f, 0xf8};
    if (isnan(f))
        buf_put(pk->data, one_nan, sizeof one_nan);
    else
        msgpack_pack_double(pk, f);
}

// Most of a point's are one byte.
static void pack_int(msgpack_packer *pk, int64_t i)
{
    uint8_t *at = i >= 0 && i < 128 ? buf_reserve(pk->data, 1) : NULL;
    if (at)
        *at = (uint8_t)i;
    else
        msgpack_pack_int64(pk, i);
}

static void pack_value(msgpack_packer *pk, const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        msgpack_pack_nil(pk);
        break;
    case VALUE_BOOL:
        v->b ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
        break;
    case VALUE_INT:
        pack_int(pk, v->i);
        break;
    case VALUE_UINT:
        msgpack_pack_uint64(pk, v->u);
        break;
    case VALUE_FLOAT:
        pack_float(pk, v->f);
        break;
    case VALUE_STR:
        msgpack_pack_str_with_body(pk, v->s, v->n);
        break;
    case VALUE_BIN:
        msgpack_pack_bin_with_body(pk, v->s, v->n);
        break;
    case VALUE_LIST:
        msgpack_pack_array(pk, v->n);
        for (uint32_t i = 0; i < v->n; i++)
            pack_value(pk, &v->items[i]);
        break;
    case VALUE_MAP:
        pack_pairs(pk, v);
        break;
    }
}

void pack_write(const struct value *v, struct buf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, write_to_buf);
    pack_value(&pk, v);
}

void pack_write_list(uint32_t n, struct buf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, write_to_buf);
    msgpack_pack_array(&pk, n);
}

void pack_write_map(uint32_t n, struct buf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, write_to_buf);
    msgpack_pack_map(&pk, n);
}

struct sha256 pack_digest(const struct value *v)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    pack_write(v, &b);
    struct sha256 h = sha256_of(b.bytes, b.n);
    buf_fini(&b);
    return h;
}

// ---- reading ----------------------------------------------------------------

struct reader {
    struct guard_cursor c;
    struct arena *arena;
    struct errtext *t;
    size_t n_places;
};

// The guard has walked all of it before.
static struct guard_token next(struct reader *r)
{
    struct guard_token t;
    enum error e = guard_next(&r->c, &t);
    return e ? (struct guard_token){GUARD_NIL, {0}} : t;
}

static enum error read_value(struct reader *r, struct value *out);

static enum error count_places(struct reader *r, size_t n)
{
    r->n_places += n > 0 && n < ROOM_MIN ? ROOM_MIN : n;
    if (r->n_places > PLACES_MAX)
        return errtext_set(r->t, ERR_LIMIT, "more than %d values", PLACES_MAX);
    return OK;
}

static enum error read_list(struct reader *r, uint32_t n, struct value *out)
{
    enum error e = count_places(r, n);
    if (e)
        return e;
    *out = value_list_room(r->arena, n);
    for (uint32_t i = 0; i < n && !e; i++) {
        if (r->c.p < r->c.end && *r->c.p < 0x80)
            out->items[i] = (struct value){.type = VALUE_INT, .i = *r->c.p++};
        else
            e = read_value(r, &out->items[i]);
    }
    return e;
}

static enum error read_key(struct reader *r, const char **out)
{
    struct guard_token t = next(r);
    if (t.type != GUARD_STR)
        return errtext_set(r->t, ERR_PROTO, "a map's key is not a string");
    if (memchr(t.p, 0, t.n_bytes))
        return errtext_set(r->t, ERR_PROTO, "a map's key holds a NUL");
    *out = arena_str(r->arena, (const char *)t.p, t.n_bytes);
    return OK;
}

// Canonical maps come in order and pass without sorting.
static enum error check_unique(struct reader *r, const struct value *map)
{
    const struct value_pair **sorted;
    enum error e = OK;
    uint32_t i = 1;

    while (i < map->n && strcmp(map->pairs[i - 1].key, map->pairs[i].key) < 0)
        i++;
    if (i >= map->n)
        return OK;
    sorted = mem_alloc(map->n * sizeof(void *));
    for (i = 0; i < map->n; i++)
        sorted[i] = &map->pairs[i];
    qsort(sorted, map->n, sizeof(void *), by_key);
    for (i = 1; i < map->n && !e; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            e = errtext_set(r->t, ERR_PROTO, "key '%.100s' comes twice", sorted[i]->key);
    mem_free(sorted);
    return e;
}

static enum error read_map(struct reader *r, uint32_t n, struct value *out)
{
    enum error e = count_places(r, 2 * (size_t)n);
    if (e)
        return e;
    *out = value_map_of(r->arena, n);
    for (uint32_t i = 0; i < n && !e; i++) {
        e = read_key(r, &out->pairs[i].key);
        if (!e)
            e = read_value(r, &out->pairs[i].value);
    }
    return e ? e : check_unique(r, out);
}

static enum error read_value(struct reader *r, struct value *out)
{
    struct guard_token t = next(r);

    *out = (struct value){.type = VALUE_NULL};
    switch (t.type) {
    case GUARD_NIL:
        break;
    case GUARD_BOOL:
        *out = (struct value){.type = VALUE_BOOL, .b = t.b};
        break;
    case GUARD_UINT:
        if (t.u > INT64_MAX)
            *out = (struct value){.type = VALUE_UINT, .u = t.u};
        else
            *out = (struct value){.type = VALUE_INT, .i = (int64_t)t.u};
        break;
    case GUARD_INT:
        *out = (struct value){.type = VALUE_INT, .i = t.i};
        break;
    case GUARD_FLOAT:
        *out = (struct value){.type = VALUE_FLOAT, .f = t.f};
        break;
    case GUARD_STR:
    case GUARD_BIN:
        *out =
            (struct value){.type = t.type == GUARD_STR ? VALUE_STR : VALUE_BIN, .n = t.n_bytes};
        out->s = arena_str(r->arena, (const char *)t.p, t.n_bytes);
        break;
    case GUARD_LIST:
        return read_list(r, t.n, out);
    case GUARD_MAP:
        return read_map(r, t.n, out);
    }
    return OK;
}

enum error
pack_read(const uint8_t *p, size_t n, struct arena *a, struct value *out, struct errtext *t)
{
    struct reader r = {{p, p + n}, a, t, 1};
    enum error e = guard_check(p, n, t);
    return e ? e : read_value(&r, out);
}
