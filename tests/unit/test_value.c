// SPDX-License-Identifier: MIT
// test_value.c - trees of plain data: growth, equality, copies, JSON.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/value.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct buf out;

static void setup(void)
{
    a = arena_create();
    buf_init(&out, 1 << 20);
}

static void teardown(void)
{
    buf_fini(&out);
    arena_destroy(a);
}

static const char *json(struct value v)
{
    buf_reset(&out);
    value_json(&v, &out);
    return buf_cstr(&out);
}

START_TEST(lists_and_maps_grow_one_by_one)
{
    struct value list = value_list(), map = value_map();
    char key[16];

    for (int i = 0; i < 1000; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        ck_assert_int_eq(value_push(a, &list, value_int(i))->i, i);
        ck_assert_int_eq(value_set(a, &map, key, value_int(i))->i, i);
    }
    ck_assert_uint_eq(list.n, 1000);
    ck_assert_uint_eq(map.n, 1000);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        ck_assert_int_eq(list.items[i].i, i);
        ck_assert_str_eq(map.pairs[i].key, key);
        ck_assert_int_eq(value_find(&map, key)->i, i);
    }
}
END_TEST

// Made with n elements, copied, or empty: all may grow, and leave their
// neighbours in the arena alone.
START_TEST(whatever_its_size_a_list_may_grow)
{
    struct value list = value_list_of(a, (uint32_t)_i);
    char *guard = arena_str(a, "guard", 5);
    struct value copy = value_copy(a, &list);
    char *second = arena_str(a, "guard", 5);

    for (int i = 0; i < 9; i++) {
        value_push(a, &list, value_int(-1));
        value_push(a, &copy, value_int(-1));
    }
    ck_assert_uint_eq(list.n, (uint32_t)_i + 9);
    ck_assert(value_equal(&list, &copy));
    ck_assert_str_eq(guard, "guard");
    ck_assert_str_eq(second, "guard");
    for (int i = 0; i < _i; i++)
        ck_assert_int_eq(list.items[i].type, VALUE_NULL);
}
END_TEST

START_TEST(set_replaces_and_keeps_the_place)
{
    struct value map = value_map();
    value_set(a, &map, "a", value_int(1));
    value_set(a, &map, "b", value_int(2));
    value_set(a, &map, "a", value_str(a, "x"));
    ck_assert_str_eq(json(map), "{\"a\":\"x\",\"b\":2}");
    ck_assert_ptr_null(value_find(&map, "c"));
    ck_assert_ptr_null(value_find(NULL, "c"));
    struct value v = value_int(3);
    ck_assert_ptr_null(value_find(&v, "a"));
}
END_TEST

START_TEST(integers_take_the_type_that_fits)
{
    ck_assert_int_eq(value_uint(INT64_MAX).type, VALUE_INT);
    ck_assert_int_eq(value_uint((uint64_t)INT64_MAX + 1).type, VALUE_UINT);
    struct value v = value_uint(UINT64_MAX);
    ck_assert_double_eq(value_number(&v), 0x1p64);
    ck_assert_str_eq(json(v), "18446744073709551615");
    ck_assert_str_eq(json(value_int(INT64_MIN)), "-9223372036854775808");
    v = value_str(a, "3");
    ck_assert(!value_is_number(&v));
    ck_assert_double_eq(value_number(&v), 0);
}
END_TEST

START_TEST(equality_is_by_type_and_content)
{
    struct value x = value_map(), y = value_map();
    struct value one = value_int(1), one_f = value_float(1), nan = value_float((double)NAN);
    struct value text = value_strn(a, "a\0b", 3), other = value_strn(a, "a\0c", 3);

    value_set(a, &x, "p", one);
    value_set(a, &x, "q", nan);
    value_set(a, &y, "q", nan);
    value_set(a, &y, "p", one);
    ck_assert(value_equal(&x, &y)); // whatever their order
    value_set(a, &y, "p", one_f);
    ck_assert(!value_equal(&x, &y));
    ck_assert(!value_equal(&one, &one_f));
    ck_assert(value_equal(&nan, &nan));
    ck_assert(!value_equal(&text, &other));
    x = value_list();
    y = value_list();
    ck_assert(value_equal(&x, &y));
    value_push(a, &x, text);
    ck_assert(!value_equal(&x, &y));
    value_push(a, &y, other);
    ck_assert(!value_equal(&x, &y));
}
END_TEST

START_TEST(a_copy_shares_nothing)
{
    struct arena *first = arena_create();
    struct value v = value_map();
    struct value *list = value_set(first, &v, "list", value_list());
    value_push(first, list, value_str(first, "text"));
    value_push(first, list, value_bin(first, "\x01\x02", 2));
    v.line = 7;
    v.pairs[0].column = 9;
    struct value copy = value_copy(a, &v);
    list->items[0] = value_null();
    arena_destroy(first);
    ck_assert_str_eq(json(copy), "{\"list\":[\"text\",\"0102\"]}");
    ck_assert_uint_eq(copy.line, 7);
    ck_assert_uint_eq(copy.pairs[0].column, 9);
}
END_TEST

static const struct {
    const char *text;
    size_t n;
    const char *json;
} texts[] = {
    {"plain", 5, "\"plain\""},
    {"", 0, "\"\""},
    {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
    {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
    {"\0\x1f", 2, "\"\\u0000\\u001f\""},
    {"\x7fé€😀", 10, "\"\x7fé€😀\""},
    {"a\xff"
     "b",
     3, "\"a\\ufffdb\""},
    {"\xc3", 1, "\"\\ufffd\""},                       // cut off
    {"\xc0\xaf", 2, "\"\\ufffd\\ufffd\""},            // overlong
    {"\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""}, // a surrogate
    {"\xf4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
};

START_TEST(texts_are_json_whatever_their_bytes)
{
    ck_assert_str_eq(json(value_strn(a, texts[_i].text, texts[_i].n)), texts[_i].json);
}
END_TEST

START_TEST(numbers_are_json_too)
{
    ck_assert_str_eq(json(value_float(0.1)), "0.1");
    ck_assert_str_eq(json(value_float(1e300)), "1e+300");
    ck_assert_str_eq(json(value_float(3)), "3.0");
    ck_assert_str_eq(json(value_float(HUGE_VAL)), "null");
    ck_assert_str_eq(json(value_float((double)NAN)), "null");
    ck_assert_str_eq(json(value_bool(false)), "false");
}
END_TEST

START_TEST(pretty_json_is_for_people)
{
    struct value v = value_map();
    struct value *list = value_set(a, &v, "list", value_list());
    value_push(a, list, value_int(1));
    value_push(a, list, value_str(a, "b"));
    struct value *map = value_set(a, &v, "map", value_map());
    value_set(a, map, "empty", value_map());
    struct value *deep = value_set(a, map, "deep", value_list());
    value_push(a, deep, value_list());
    value_json_pretty(&v, &out);
    ck_assert_str_eq(buf_cstr(&out), "{\n"
                                     "  \"list\": [1, \"b\"],\n"
                                     "  \"map\": {\n"
                                     "    \"empty\": {},\n"
                                     "    \"deep\": [\n"
                                     "      []\n"
                                     "    ]\n"
                                     "  }\n"
                                     "}");
}
END_TEST

START_TEST(a_message_shows_a_value_shortly)
{
    struct value v = value_str(a, "line\nbreak");
    ck_assert_str_eq(value_describe(&v, a), "'line break'");
    v = value_str(a, "0123456789012345678901234567890123456789x");
    ck_assert_str_eq(value_describe(&v, a), "'0123456789012345678901234567890123456789…'");
    // A character is never cut in two.
    v = value_str(a, "012345678901234567890123456789012345678é and more");
    ck_assert_str_eq(value_describe(&v, a), "'012345678901234567890123456789012345678…'");
    v = value_list();
    ck_assert_str_eq(value_describe(&v, a), "a list");
    v = value_null();
    ck_assert_str_eq(value_describe(&v, a), "null");
    v = value_float(1e9);
    ck_assert_str_eq(value_describe(&v, a), "1000000000.0");
}
END_TEST

START_TEST(printf_takes_any_length)
{
    char *as = arena_alloc(a, 5001);
    memset(as, 'a', 5000);
    struct value v = value_printf(a, "%s-%d", as, 7);
    ck_assert_uint_eq(v.n, 5002);
    ck_assert_str_eq(v.s + 4999, "a-7");
    v = value_printf(a, "%d", 7);
    ck_assert_str_eq(v.s, "7");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("value");
    TCase *c = tcase_create("value");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, lists_and_maps_grow_one_by_one);
    tcase_add_loop_test(c, whatever_its_size_a_list_may_grow, 0, 20);
    tcase_add_test(c, set_replaces_and_keeps_the_place);
    tcase_add_test(c, integers_take_the_type_that_fits);
    tcase_add_test(c, equality_is_by_type_and_content);
    tcase_add_test(c, a_copy_shares_nothing);
    tcase_add_loop_test(c, texts_are_json_whatever_their_bytes, 0,
                        sizeof texts / sizeof *texts);
    tcase_add_test(c, numbers_are_json_too);
    tcase_add_test(c, pretty_json_is_for_people);
    tcase_add_test(c, a_message_shows_a_value_shortly);
    tcase_add_test(c, printf_takes_any_length);
    suite_add_tcase(s, c);
    return harness_run(s);
}
