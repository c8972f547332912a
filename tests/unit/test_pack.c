// SPDX-License-Identifier: MIT
// test_pack.c - one value, one sequence of bytes, one digest.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "common/rng.h"
#include "protocol/guard.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

static struct arena *arena;
static struct buf out;

static void setup(void)
{
    arena = arena_create();
    buf_init(&out, 1 << 24);
}

static void teardown(void)
{
    buf_fini(&out);
    arena_destroy(arena);
}

static void expect_bytes(struct value v, const char *bytes, size_t n)
{
    buf_reset(&out);
    pack_write(&v, &out);
    ck_assert_uint_eq(out.n, n);
    ck_assert_mem_eq(out.bytes, bytes, n);
}

#define EXPECT(v, s) expect_bytes(v, s, sizeof(s) - 1)

START_TEST(integers_take_their_shortest_form)
{
    EXPECT(value_int(0), "\x00");
    EXPECT(value_int(127), "\x7f");
    EXPECT(value_int(128), "\xcc\x80");
    EXPECT(value_int(255), "\xcc\xff");
    EXPECT(value_int(256), "\xcd\x01\x00");
    EXPECT(value_int(65536), "\xce\x00\x01\x00\x00");
    EXPECT(value_int(INT64_C(4294967296)), "\xcf\x00\x00\x00\x01\x00\x00\x00\x00");
    EXPECT(value_uint(UINT64_MAX), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    EXPECT(value_int(-1), "\xff");
    EXPECT(value_int(-32), "\xe0");
    EXPECT(value_int(-33), "\xd0\xdf");
    EXPECT(value_int(-128), "\xd0\x80");
    EXPECT(value_int(-129), "\xd1\xff\x7f");
    EXPECT(value_int(-32769), "\xd2\xff\xff\x7f\xff");
    EXPECT(value_int(INT64_MIN), "\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
}
END_TEST

START_TEST(floats_stay_floats_and_nan_is_one)
{
    uint64_t odd = UINT64_C(0xfff4000000000001); // negative, signalling, with a payload
    double f;
    memcpy(&f, &odd, sizeof f);
    EXPECT(value_float(1), "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00");
    EXPECT(value_float(-0.0), "\xcb\x80\x00\x00\x00\x00\x00\x00\x00");
    EXPECT(value_float(INFINITY), "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00");
    EXPECT(value_float(NAN), "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00");
    EXPECT(value_float(-NAN), "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00");
    EXPECT(value_float(f), "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00");
}
END_TEST

START_TEST(keys_are_sorted_by_their_bytes)
{
    struct value m = value_map();
    (void)value_set(arena, &m, "b", value_int(2));
    (void)value_set(arena, &m, "\xc3\xa9", value_int(4)); // above all ASCII
    (void)value_set(arena, &m, "a", value_bool(true));
    (void)value_set(arena, &m, "ab", value_null());
    (void)value_set(arena, &m, "B", value_bin(arena, "x", 1));
    EXPECT(m, "\x85\xa1"
              "B\xc4\x01x\xa1"
              "a\xc3\xa2"
              "ab\xc0\xa1"
              "b\x02\xa2\xc3\xa9\x04");
}
END_TEST

START_TEST(a_large_map_is_sorted_too)
{
    struct value m = value_map();
    struct value back;
    for (int i = 0; i < 1000; i++)
        (void)value_set(arena, &m, arena_printf(arena, "k%d", (i * 389) % 1000), value_int(i));
    pack_write(&m, &out);
    ck_assert_int_eq(pack_read(out.bytes, out.n, arena, &back, NULL), OK);
    ck_assert(value_equal(&m, &back));
    for (uint32_t i = 1; i < back.n; i++)
        ck_assert_int_lt(strcmp(back.pairs[i - 1].key, back.pairs[i].key), 0);
}
END_TEST

START_TEST(the_order_of_building_does_not_change_the_digest)
{
    struct value x = value_map(), y = value_map();
    (void)value_set(arena, &x, "one", value_int(1));
    (void)value_set(arena, &x, "two", value_float(2));
    (void)value_set(arena, &y, "two", value_float(2));
    (void)value_set(arena, &y, "one", value_int(1));
    struct sha256 p = pack_digest(&x), q = pack_digest(&y);
    ck_assert_mem_eq(p.bytes, q.bytes, sizeof p.bytes);
    (void)value_set(arena, &y, "one", value_float(1));
    q = pack_digest(&y);
    ck_assert_mem_ne(p.bytes, q.bytes, sizeof p.bytes);
}
END_TEST

// ---- reading ----------------------------------------------------------------

START_TEST(any_form_of_a_number_reads_as_the_same_value)
{
    static const uint8_t bytes[] = {0x95, 5, 0xcc, 5, 0xd3, 0,    0,    0, 0, 0, 0, 0, 5, 0xca,
                                    0x3f, 0, 0,    0, 0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0};
    struct value v;
    ck_assert_int_eq(pack_read(bytes, sizeof bytes, arena, &v, NULL), OK);
    ck_assert_uint_eq(v.n, 5);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert(v.items[i].type == VALUE_INT && v.items[i].i == 5);
    for (uint32_t i = 3; i < 5; i++)
        ck_assert(v.items[i].type == VALUE_FLOAT && v.items[i].f == 0.5);
}
END_TEST

START_TEST(strings_are_copied_with_a_nul)
{
    uint8_t bytes[] = {0x92, 0xa2, 'h', 'i', 0xc4, 2, 0, 7};
    struct value v;
    ck_assert_int_eq(pack_read(bytes, sizeof bytes, arena, &v, NULL), OK);
    memset(bytes, 'X', sizeof bytes);
    ck_assert_str_eq(v.items[0].s, "hi");
    ck_assert(v.items[1].type == VALUE_BIN && v.items[1].n == 2 && v.items[1].s[1] == 7);
}
END_TEST

START_TEST(what_was_read_may_grow)
{
    static const uint8_t bytes[] = {0x95, 1, 2, 3, 4, 5};
    struct value v;
    ck_assert_int_eq(pack_read(bytes, sizeof bytes, arena, &v, NULL), OK);
    for (int i = 6; i <= 40; i++)
        (void)value_push(arena, &v, value_int(i));
    for (uint32_t i = 0; i < 40; i++)
        ck_assert_int_eq(v.items[i].i, i + 1);
}
END_TEST

#define BYTES(s) s, sizeof(s) - 1

static const struct {
    const char *name;
    const char *bytes;
    size_t n;
    const char *why;
} refused[] = {
    {"a key that is no string", BYTES("\x81\x01\x02"), "not a string"},
    {"a key with a NUL", BYTES("\x81\xa2k\x00\x02"), "NUL"},
    {"a key twice", BYTES("\x82\xa1k\x01\xa1k\x02"), "'k' comes twice"},
    {"a key twice, apart", BYTES("\x83\xa1k\x01\xa1j\x02\xa1k\x02"), "'k' comes twice"},
    {"an ext", BYTES("\xd4\x01\x02"), "bad byte"},
    {"a tail", BYTES("\x01\x02"), "behind"},
    {"nothing", BYTES(""), "ends early"},
};

START_TEST(a_value_we_cannot_hold_is_refused)
{
    struct errtext t = {""};
    struct value v;
    ck_assert_int_eq(
        pack_read((const uint8_t *)refused[_i].bytes, refused[_i].n, arena, &v, &t), ERR_PROTO);
    ck_assert_msg(strstr(t.text, refused[_i].why), "%s: %s", refused[_i].name, t.text);
}
END_TEST

START_TEST(a_tree_of_too_many_values_is_refused_before_it_is_built)
{
    size_t n = 5 << 20;
    struct value v;
    uint8_t *bytes = malloc(n + 5);
    memcpy(bytes, (uint8_t[]){0xdd, 0, 0x50, 0, 0}, 5);
    memset(bytes + 5, 0xc0, n);
    ck_assert_int_eq(pack_read(bytes, n + 5, arena, &v, NULL), ERR_LIMIT);
    ck_assert_uint_lt(arena_used(arena), 4096);
    free(bytes);
}
END_TEST

// ---- the law ----------------------------------------------------------------

static struct value any(struct rng *r, int depth)
{
    struct value v;
    uint64_t n = rng_below(r, 6);
    switch (rng_below(r, depth < 6 ? 9 : 7)) {
    case 0:
        return value_null();
    case 1:
        return value_bool(n & 1);
    case 2:
        return value_int((int64_t)rng_u64(r) >> rng_below(r, 64));
    case 3:
        return value_uint(rng_u64(r) >> rng_below(r, 64));
    case 4:
        return value_float(n ? rng_normal(r) : NAN);
    case 5:
        return value_strn(arena, "gr\xc3\xbc\x00n", n == 3 ? 2 : n);
    case 6:
        return value_bin(arena, "\xff\x00\xfe\x01\x02\x03", n);
    case 7:
        v = value_list();
        while (n--)
            (void)value_push(arena, &v, any(r, depth + 1));
        return v;
    default:
        v = value_map();
        while (n--)
            (void)value_set(arena, &v, arena_printf(arena, "%u", rng_u32(r) % 1000),
                            any(r, depth + 1));
        return v;
    }
}

START_TEST(reading_undoes_writing_and_writing_is_canonical)
{
    struct rng r = rng_at((uint64_t)_i, 3, 0, 0);
    struct value v = any(&r, 0);
    struct value back;
    struct errtext t = {""};
    struct buf again;

    pack_write(&v, &out);
    ck_assert_msg(pack_read(out.bytes, out.n, arena, &back, &t) == OK, "%s", t.text);
    buf_init(&again, 1 << 24);
    pack_write(&back, &again);
    ck_assert_uint_eq(again.n, out.n);
    ck_assert_mem_eq(again.bytes, out.bytes, out.n);
    buf_fini(&again);
}
END_TEST

START_TEST(msgpack_c_agrees_on_where_it_ends)
{
    struct rng r = rng_at((uint64_t)_i, 3, 0, 0);
    struct value v = any(&r, 0);
    msgpack_unpacked u;
    size_t at = 0;

    pack_write(&v, &out);
    msgpack_unpacked_init(&u);
    ck_assert_int_eq(msgpack_unpack_next(&u, (char *)out.bytes, out.n, &at),
                     MSGPACK_UNPACK_SUCCESS);
    ck_assert_uint_eq(at, out.n);
    msgpack_unpacked_destroy(&u);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pack");
    TCase *t = tcase_create("pack");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, integers_take_their_shortest_form);
    tcase_add_test(t, floats_stay_floats_and_nan_is_one);
    tcase_add_test(t, keys_are_sorted_by_their_bytes);
    tcase_add_test(t, a_large_map_is_sorted_too);
    tcase_add_test(t, the_order_of_building_does_not_change_the_digest);
    tcase_add_test(t, any_form_of_a_number_reads_as_the_same_value);
    tcase_add_test(t, strings_are_copied_with_a_nul);
    tcase_add_test(t, what_was_read_may_grow);
    tcase_add_loop_test(t, a_value_we_cannot_hold_is_refused, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(t, a_tree_of_too_many_values_is_refused_before_it_is_built);
    tcase_add_loop_test(t, reading_undoes_writing_and_writing_is_canonical, 0, 300);
    tcase_add_loop_test(t, msgpack_c_agrees_on_where_it_ends, 0, 100);
    suite_add_tcase(s, t);
    return harness_run(s);
}
