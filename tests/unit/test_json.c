// SPDX-License-Identifier: MIT
// test_json.c - JSON is read as RFC 8259 has it, and nothing else is.
#include <math.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "tests/unit/harness.h"

static struct arena *a;

static void set_up(void)
{
    a = arena_create();
}

static void tear_down(void)
{
    arena_destroy(a);
}

// Text, and how we write what was read.
static const struct {
    const char *text, *again;
} good[] = {
    {"null", "null"},
    {" [1, -2,\t3.5 ]\r\n", "[1,-2,3.5]"},
    {"{\"a\": {\"b\": [true, false]}}", "{\"a\":{\"b\":[true,false]}}"},
    {"18446744073709551615", "18446744073709551615"},
    {"-9223372036854775807", "-9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"-9223372036854775809", "-9.223372036854776e+18"},
    {"-0", "0"},
    {"1e3", "1000.0"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
    {"\"a\\u00e9\\n\\/\"", "\"a\xc3\xa9\\n/\""},
    {"\"\\u20ac\"", "\"\xe2\x82\xac\""},
};

START_TEST(what_is_json_is_read)
{
    struct value v;
    struct errtext t = {{0}};
    struct buf b;
    ck_assert_msg(!json_parse(good[_i].text, strlen(good[_i].text), a, &v, &t), "%s", t.text);
    buf_init(&b, 1000);
    value_json(&v, &b);
    ck_assert_str_eq(buf_cstr(&b), good[_i].again);
    buf_fini(&b);
}
END_TEST

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "no JSON value"},
    {"[1,]", "no JSON value"},
    {"{\"a\":1,}", "a key in double quotes"},
    {"{a:1}", "a key in double quotes"},
    {"{\"a\" 1}", "':'"},
    {"{\"a\":1,\"a\":2}", "'a' comes twice"},
    {"[1 2]", "',' or ']'"},
    {"{\"a\":1 \"b\":2}", "',' or '}'"},
    {"01", "something follows"},
    {"1.", "no JSON value"},
    {"+1", "no JSON value"},
    {"1e", "no JSON value"},
    {"nul", "no JSON value"},
    {"NaN", "no JSON value"},
    {"-Infinity", "no JSON value"},
    {"\"abc", "closing quote"},
    {"\"\\\"", "closing quote"},
    {"\"\\x\"", "unknown escape"},
    {"\"\\u12g4\"", "hexadecimal"},
    {"\"\\ud800\"", "surrogate"},
    {"\"\\ud800\\u0041\"", "surrogate"},
    {"\"\\udc00\"", "surrogate"},
    {"\"a\nb\"", "control character"},
    {"\"\xff\"", "not UTF-8"},
    {"\"\xc0\x80\"", "not UTF-8"},
    {"\"\xed\xa0\x80\"", "not UTF-8"},
    {"\"\xe2\x82\"", "not UTF-8"},
    {"{\"\\u0000\":1}", "NUL"},
    {"{} {}", "something follows"},
};

START_TEST(what_is_not_is_refused_with_its_place)
{
    struct value v;
    struct errtext t = {{0}};
    ck_assert_int_eq(json_parse(bad[_i].text, strlen(bad[_i].text), a, &v, &t), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad[_i].says) != NULL, "%s: %s", bad[_i].text, t.text);
    ck_assert_msg(strncmp(t.text, "byte ", 5) == 0, "%s", t.text);
}
END_TEST

static const struct {
    const char *text;
    double means;
} printed[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

START_TEST(what_is_printed_for_no_number_is_read_when_asked)
{
    struct value v;
    const char *text = printed[_i].text;
    double x = printed[_i].means;
    ck_assert_int_eq(json_parse_printed(text, strlen(text), a, &v, NULL), OK);
    ck_assert_int_eq(v.type, VALUE_FLOAT);
    ck_assert(isnan(x) ? isnan(v.f) : v.f == x);
    ck_assert_int_eq(json_parse_printed("Nan", 3, a, &v, NULL), ERR_PARSE);
    ck_assert_int_eq(json_parse_printed("-NaN", 4, a, &v, NULL), ERR_PARSE);
}
END_TEST

START_TEST(depth_is_bounded)
{
    char text[2 * JSON_DEPTH_MAX + 2];
    struct value v;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    ck_assert_int_eq(json_parse(text, 2 * JSON_DEPTH_MAX, a, &v, NULL), OK);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    ck_assert_int_eq(json_parse(text, sizeof text, a, &v, NULL), ERR_LIMIT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *c = tcase_create("json");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, what_is_json_is_read, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(c, what_is_not_is_refused_with_its_place, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_loop_test(c, what_is_printed_for_no_number_is_read_when_asked, 0,
                        sizeof printed / sizeof printed[0]);
    tcase_add_test(c, depth_is_bounded);
    suite_add_tcase(s, c);
    return harness_run(s);
}
