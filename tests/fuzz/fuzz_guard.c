// SPDX-License-Identifier: MIT
// fuzz_guard.c - two oracles for the guard: what it accepts, msgpack-c unpacks to the
// last byte; what msgpack-c packs, it accepts.  The second is what catches a guard
// that refuses too much.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "common/arena.h"
#include "common/buf.h"
#include "protocol/guard.h"
#include "protocol/pack.h"
#include "tests/fuzz/fuzz.h"

static uint32_t depth_of(const msgpack_object *o)
{
    uint32_t deepest = 0;
    if (o->type == MSGPACK_OBJECT_ARRAY)
        for (uint32_t i = 0; i < o->via.array.size; i++) {
            uint32_t d = depth_of(&o->via.array.ptr[i]);
            deepest = d > deepest ? d : deepest;
        }
    else if (o->type == MSGPACK_OBJECT_MAP)
        for (uint32_t i = 0; i < 2 * o->via.map.size; i++) {
            const msgpack_object_kv *kv = &o->via.map.ptr[i / 2];
            uint32_t d = depth_of(i % 2 ? &kv->val : &kv->key);
            deepest = d > deepest ? d : deepest;
        }
    else
        return 0;
    return deepest + 1;
}

// The same by our own reader.
static uint32_t depth_by_tokens(struct guard_cursor *c)
{
    struct guard_token t;
    uint32_t deepest = 0;
    if (guard_next(c, &t) || (t.type != GUARD_LIST && t.type != GUARD_MAP))
        return 0;
    for (uint64_t n = t.type == GUARD_MAP ? 2 * (uint64_t)t.n : t.n; n; n--) {
        uint32_t d = depth_by_tokens(c);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

static void check_unpacks(const uint8_t *data, size_t size)
{
    msgpack_unpacked u;
    size_t at = 0;
    struct guard_cursor c = {data, data + size};
    uint32_t depth = depth_by_tokens(&c);

    demand(c.p == c.end, "the reader ends where the guard does");
    demand(depth <= GUARD_DEPTH_MAX, "what is accepted is shallow");
    msgpack_unpacked_init(&u);
    msgpack_unpack_return r = msgpack_unpack_next(&u, (const char *)data, size, &at);
    demand(r == MSGPACK_UNPACK_SUCCESS, "what is accepted unpacks");
    demand(at == size, "to its last byte");
    demand(depth_of(&u.data) == depth, "and as deep");
    msgpack_unpacked_destroy(&u);
}

// What reads as a value is written canonically, and reads the same again.
static void check_pack(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create();
    struct value v, again;
    struct buf x, y;

    buf_init(&x, SIZE_MAX / 4);
    buf_init(&y, SIZE_MAX / 4);
    if (pack_read(data, size, a, &v, NULL) == OK) {
        demand(guard_check(data, size, NULL) == OK, "pack_read takes only what the guard does");
        pack_write(&v, &x);
        demand(pack_read(x.bytes, x.n, a, &again, NULL) == OK, "what was written reads");
        pack_write(&again, &y);
        demand(x.n == y.n && memcmp(x.bytes, y.bytes, x.n) == 0, "writing is canonical");
    }
    buf_fini(&x);
    buf_fini(&y);
    arena_destroy(a);
}

// ---- the other direction ----------------------------------------------------

struct source {
    const uint8_t *p;
    size_t n;
};

static uint64_t take(struct source *s, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n && s->n; i++, s->p++, s->n--)
        v = v << 8 | *s->p;
    return v;
}

static void pack_any(msgpack_packer *pk, struct source *s, uint32_t depth)
{
    static const char text[] = "a\xc3\xbc\xe2\x86\x92\xf0\x9f\x90\x9f";
    static const size_t text_ends[] = {0, 1, 3, 6, 10};
    uint64_t choice = take(s, 1);
    uint64_t n = choice / 16;
    switch (choice % (depth < GUARD_DEPTH_MAX ? 12 : 10)) {
    case 0:
        msgpack_pack_nil(pk);
        break;
    case 1:
        n & 1 ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
        break;
    case 2:
        msgpack_pack_uint64(pk, take(s, n % 9));
        break;
    case 3:
        msgpack_pack_int64(pk, -(int64_t)(take(s, n % 8)));
        break;
    case 4:
        msgpack_pack_fix_int32(pk, (int32_t)take(s, 4));
        break;
    case 5:
        msgpack_pack_float(pk, (float)take(s, 3));
        break;
    case 6:
        msgpack_pack_double(pk, (double)take(s, 8));
        break;
    case 7:
        msgpack_pack_str_with_body(pk, text, text_ends[n % 5]);
        break;
    case 8:
    case 9:
        n = n < s->n ? n : s->n;
        msgpack_pack_bin_with_body(pk, s->p, n);
        (void)take(s, n);
        break;
    case 10:
        msgpack_pack_array(pk, n);
        while (n--)
            pack_any(pk, s, depth + 1);
        break;
    default:
        msgpack_pack_map(pk, n);
        for (n *= 2; n; n--)
            pack_any(pk, s, depth + 1);
    }
}

static int write_to_buf(void *b, const char *p, size_t n)
{
    buf_put(b, p, n);
    return 0;
}

static void check_accepts(const uint8_t *data, size_t size)
{
    struct source s = {data, size};
    struct buf b;
    msgpack_packer pk;

    buf_init(&b, SIZE_MAX / 4);
    msgpack_packer_init(&pk, &b, write_to_buf);
    pack_any(&pk, &s, 0);
    demand(guard_check(b.bytes, b.n, NULL) == OK, "what msgpack-c packs is accepted");
    for (size_t n = 0; n < b.n && n < 64; n++)
        demand(guard_check(b.bytes, n, NULL) == ERR_PROTO, "no prefix of it is");
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (guard_check(data, size, NULL) == OK)
        check_unpacks(data, size);
    check_pack(data, size);
    check_accepts(data, size);
    return 0;
}
