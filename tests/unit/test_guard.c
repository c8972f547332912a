// SPDX-License-Identifier: MIT
// test_guard.c - no byte sequence gets past the guard that a decoder would choke on.
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "common/rng.h"
#include "protocol/guard.h"
#include "tests/unit/harness.h"

// ---- the edges, one row each ------------------------------------------------

#define BYTES(s) s, sizeof(s) - 1

static const struct {
    const char *name;
    const char *bytes;
    size_t n;
    bool accepted;
} edge[] = {
    {"nothing", BYTES(""), false},
    {"nil", BYTES("\xc0"), true},
    {"the reserved byte", BYTES("\xc1"), false},
    {"false", BYTES("\xc2"), true},
    {"true", BYTES("\xc3"), true},
    {"positive fixint", BYTES("\x7f"), true},
    {"negative fixint", BYTES("\xe0"), true},
    {"u8", BYTES("\xcc\xff"), true},
    {"u8 cut", BYTES("\xcc"), false},
    {"u64", BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), true},
    {"u64 cut", BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff"), false},
    {"i64", BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), true},
    {"float32", BYTES("\xca\x3f\x80\x00\x00"), true},
    {"float64", BYTES("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"), true},
    {"float64 cut", BYTES("\xcb\x3f\xf0\x00"), false},
    {"two values", BYTES("\xc0\xc0"), false},
    {"fixstr", BYTES("\xa2hi"), true},
    {"fixstr cut", BYTES("\xa3hi"), false},
    {"str8", BYTES("\xd9\x02hi"), true},
    {"str32 that claims 4 GiB", BYTES("\xdb\xff\xff\xff\xffhi"), false},
    {"bin8", BYTES("\xc4\x02\xff\xfe"), true},
    {"bin32 that claims 4 GiB", BYTES("\xc6\xff\xff\xff\xff"), false},
    {"ext8", BYTES("\xc7\x01\x05\x00"), false},
    {"ext16", BYTES("\xc8\x00\x01\x05\x00"), false},
    {"ext32", BYTES("\xc9\x00\x00\x00\x01\x05\x00"), false},
    {"fixext1", BYTES("\xd4\x05\x00"), false},
    {"fixext16", BYTES("\xd8\x05\x00\x00\x00\x00\x00\x00\x00\x00"), false},
    {"empty list", BYTES("\x90"), true},
    {"empty map", BYTES("\x80"), true},
    {"list short of one", BYTES("\x92\xc0"), false},
    {"map short of a value", BYTES("\x81\xc0"), false},
    {"map", BYTES("\x81\x01\x02"), true},
    {"array32 of 16 Mi in five bytes", BYTES("\xdd\x00\xff\xff\xff"), false},
    {"array32 of 256 Mi in five bytes", BYTES("\xdd\x0f\xff\xff\xff"), false},
    {"map32 of 4 Gi in five bytes", BYTES("\xdf\xff\xff\xff\xff"), false},
    {"map16 with bytes for half", BYTES("\xde\x00\x02\xc0\xc0"), false},
    {"overlong integer", BYTES("\xcd\x00\x01"), true},
    {"two-byte UTF-8", BYTES("\xa2\xc3\xa9"), true},
    {"four-byte UTF-8", BYTES("\xa4\xf0\x9f\x90\x9f"), true},
    {"a lone continuation", BYTES("\xa1\x80"), false},
    {"UTF-8 cut", BYTES("\xa2\xe2\x86"), false},
    {"UTF-8 followed by ASCII", BYTES("\xa3\xe2\x86z"), false},
    {"overlong slash", BYTES("\xa2\xc0\xaf"), false},
    {"overlong in three", BYTES("\xa3\xe0\x80\xaf"), false},
    {"overlong in four", BYTES("\xa4\xf0\x80\x80\xaf"), false},
    {"a surrogate", BYTES("\xa3\xed\xa0\x80"), false},
    {"above U+10FFFF", BYTES("\xa4\xf4\x90\x80\x80"), false},
    {"byte fe in a string", BYTES("\xa1\xfe"), false},
    {"the highest code point", BYTES("\xa4\xf4\x8f\xbf\xbf"), true},
    {"a NUL in a string", BYTES("\xa1\x00"), true},
};

START_TEST(an_edge_is_judged_as_the_row_says)
{
    struct errtext t = {""};
    // A copy of the exact size: a sanitizer sees every read behind it.
    uint8_t *copy = malloc(edge[_i].n + !edge[_i].n);
    memcpy(copy, edge[_i].bytes, edge[_i].n);
    enum error e = guard_check(copy, edge[_i].n, &t);
    free(copy);
    ck_assert_msg((e == OK) == edge[_i].accepted, "%s: %s", edge[_i].name, t.text);
    ck_assert(e == OK || e == ERR_PROTO);
    ck_assert(e == OK || t.text[0]);
}
END_TEST

// ---- depth ------------------------------------------------------------------

static enum error nested(uint8_t head, uint32_t depth)
{
    uint8_t bytes[2 * GUARD_DEPTH_MAX + 4];
    size_t n = 0;
    for (uint32_t i = 0; i < depth; i++) {
        bytes[n++] = head;
        if (head == 0x81)
            bytes[n++] = 1; // the key
    }
    bytes[n++] = 0xc0;
    return guard_check(bytes, n, NULL);
}

START_TEST(depth_is_bounded_for_lists_and_maps)
{
    ck_assert_int_eq(nested(0x91, GUARD_DEPTH_MAX), OK);
    ck_assert_int_eq(nested(0x91, GUARD_DEPTH_MAX + 1), ERR_PROTO);
    ck_assert_int_eq(nested(0x81, GUARD_DEPTH_MAX), OK);
    ck_assert_int_eq(nested(0x81, GUARD_DEPTH_MAX + 1), ERR_PROTO);
}
END_TEST

START_TEST(what_is_open_around_counts_too)
{
    static const uint8_t two[] = {0x91, 0x91, 0xc0};
    struct guard_cursor c = {two, two + sizeof two};
    struct guard_cursor d = c;
    ck_assert_int_eq(guard_skip_inside(&c, GUARD_DEPTH_MAX - 2), OK);
    ck_assert_ptr_eq(c.p, c.end);
    ck_assert_int_eq(guard_skip_inside(&d, GUARD_DEPTH_MAX - 1), ERR_PROTO);
}
END_TEST

// ---- the reader -------------------------------------------------------------

START_TEST(tokens_carry_their_values)
{
    static const uint8_t bytes[] = {0x93, 0xd1, 0xff, 0x38, 0xa2, 'h', 'i', 0xd0, 0x05};
    struct guard_cursor c = {bytes, bytes + sizeof bytes};
    struct guard_token t;
    ck_assert_int_eq(guard_next(&c, &t), OK);
    ck_assert(t.type == GUARD_LIST && t.n == 3);
    ck_assert_int_eq(guard_next(&c, &t), OK);
    ck_assert(t.type == GUARD_INT && t.i == -200);
    ck_assert_int_eq(guard_next(&c, &t), OK);
    ck_assert(t.type == GUARD_STR && t.n_bytes == 2 && memcmp(t.p, "hi", 2) == 0);
    ck_assert_int_eq(guard_next(&c, &t), OK);
    ck_assert(t.type == GUARD_UINT && t.u == 5); // a positive one in a signed form
    ck_assert_int_eq(guard_next(&c, &t), ERR_PROTO);
}
END_TEST

// ---- laws, against msgpack-c ------------------------------------------------

static void pack_any(msgpack_packer *pk, struct rng *r, int depth)
{
    static const char text[] = "Gr\xc3\xbc\xc3\x9f"
                               "e";
    uint64_t n = rng_below(r, 5);
    switch (rng_below(r, depth < GUARD_DEPTH_MAX ? 9 : 7)) {
    case 0:
        msgpack_pack_nil(pk);
        break;
    case 1:
        msgpack_pack_true(pk);
        break;
    case 2:
        msgpack_pack_uint64(pk, rng_u64(r) >> rng_below(r, 64));
        break;
    case 3:
        msgpack_pack_int64(pk, (int64_t)rng_u64(r) >> rng_below(r, 64));
        break;
    case 4:
        msgpack_pack_float(pk, (float)rng_f64(r));
        break;
    case 5:
        msgpack_pack_str_with_body(pk, text, sizeof text - 1);
        break;
    case 6:
        msgpack_pack_bin_with_body(pk, text, n);
        break;
    case 7:
        msgpack_pack_array(pk, n);
        for (uint64_t i = 0; i < n; i++)
            pack_any(pk, r, depth + 1);
        break;
    default:
        msgpack_pack_map(pk, n);
        for (uint64_t i = 0; i < 2 * n; i++)
            pack_any(pk, r, depth + 1);
    }
}

START_TEST(what_msgpack_c_packs_is_accepted_and_no_prefix_of_it)
{
    struct rng r = rng_at((uint64_t)_i, 0, 0, 0);
    msgpack_sbuffer b;
    msgpack_packer pk;
    struct errtext t = {""};

    msgpack_sbuffer_init(&b);
    msgpack_packer_init(&pk, &b, msgpack_sbuffer_write);
    pack_any(&pk, &r, 0);
    ck_assert_msg(guard_check((uint8_t *)b.data, b.size, &t) == OK, "%s", t.text);
    for (size_t n = 0; n < b.size; n++)
        ck_assert_int_eq(guard_check((uint8_t *)b.data, n, NULL), ERR_PROTO);
    msgpack_sbuffer_destroy(&b);
}
END_TEST

START_TEST(what_is_accepted_unpacks_to_its_last_byte)
{
    struct rng r = rng_at((uint64_t)_i, 1, 0, 0);
    uint32_t n_accepted = 0;

    for (int k = 0; k < 2000; k++) {
        uint8_t bytes[6];
        size_t n = 1 + rng_below(&r, sizeof bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)rng_u32(&r);
        if (guard_check(bytes, n, NULL))
            continue;
        msgpack_unpacked u;
        size_t at = 0;
        msgpack_unpacked_init(&u);
        ck_assert_int_eq(msgpack_unpack_next(&u, (char *)bytes, n, &at),
                         MSGPACK_UNPACK_SUCCESS);
        ck_assert_uint_eq(at, n);
        msgpack_unpacked_destroy(&u);
        n_accepted++;
    }
    ck_assert_uint_gt(n_accepted, 50);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guard");
    TCase *t = tcase_create("guard");
    tcase_add_loop_test(t, an_edge_is_judged_as_the_row_says, 0,
                        (int)(sizeof edge / sizeof edge[0]));
    tcase_add_test(t, depth_is_bounded_for_lists_and_maps);
    tcase_add_test(t, what_is_open_around_counts_too);
    tcase_add_test(t, tokens_carry_their_values);
    tcase_add_loop_test(t, what_msgpack_c_packs_is_accepted_and_no_prefix_of_it, 0, 100);
    tcase_add_loop_test(t, what_is_accepted_unpacks_to_its_last_byte, 0, 10);
    suite_add_tcase(s, t);
    return harness_run(s);
}
