// SPDX-License-Identifier: MIT
// test_yaml.c - what a text means, where each part stands, and what is said
// about a text that means nothing.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct buf json;
static struct errtext t;
static struct value v;

static void setup(void)
{
    a = arena_create();
    buf_init(&json, 1 << 20);
}

static void teardown(void)
{
    buf_fini(&json);
    arena_destroy(a);
}

static enum error parse(const char *text)
{
    memset(&t, 0, sizeof t);
    return yaml_parse(text, strlen(text), "f", a, &v, &t);
}

// A text and its meaning as JSON.
static const struct {
    const char *text;
    const char *json;
} meaning[] = {
    {"", "null"},
    {"# only a comment\n", "null"},
    {"a: 1", "{\"a\":1}"},
    {"\xef\xbb\xbf"
     "a: 1",
     "{\"a\":1}"},
    {"a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}"},
    {"{\"a\":1,\"b\":[true,false,null]}", "{\"a\":1,\"b\":[true,false,null]}"},
    {"[~, null, Null, NULL, ]", "[null,null,null,null]"},
    {"[nUll, yes, no, on, off, y]", "[\"nUll\",\"yes\",\"no\",\"on\",\"off\",\"y\"]"},
    {"[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]"},
    {"[0, -0, +7, 007, -12]", "[0,0,7,7,-12]"},
    {"[0x1F, 0xffffffffffffffff, 0o17, 0x, 0o8]",
     "[31,18446744073709551615,15,\"0x\",\"0o8\"]"},
    {"[9223372036854775807, 9223372036854775808, 18446744073709551615]",
     "[9223372036854775807,9223372036854775808,18446744073709551615]"},
    {"[-9223372036854775808]", "[-9223372036854775808]"},
    {"[1.5, .5, 1., 1e3, -1E-2, 1e-400]", "[1.5,0.5,1.0,1000.0,-0.01,0.0]"},
    {"[1e, 1.2.3, +, ., 1_000, 12:30, -.inf1]",
     "[\"1e\",\"1.2.3\",\"+\",\".\",\"1_000\",\"12:30\",\"-.inf1\"]"},
    {"[inf, nan, Infinity, NaN, +.nan]", "[\"inf\",\"nan\",\"Infinity\",\"NaN\",\"+.nan\"]"},
    {"['1', \"true\", '', \"\", 'null']", "[\"1\",\"true\",\"\",\"\",\"null\"]"},
    {"[!!str 1, ! 2, !!int 3, !!float 4, !!null '', !!bool true]",
     "[\"1\",\"2\",3,4.0,null,true]"},
    {"a: !!seq [1]\nb: !!map {c: 2}", "{\"a\":[1],\"b\":{\"c\":2}}"},
    {"1: one\ntrue: two\n'': three", "{\"1\":\"one\",\"true\":\"two\",\"\":\"three\"}"},
    {"a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}"},
    {"a: >-\n  x\n  y\n", "{\"a\":\"x y\"}"},
    {"a: \"\\u00e9\\t\\\"\\/\\0\"", "{\"a\":\"é\\t\\\"/\\u0000\"}"},
    {"a: don''t\nb: 'don''t'", "{\"a\":\"don''t\",\"b\":\"don't\"}"},
    {"['a''''b', '''''', '''''''''', '', '\xc3\xa9''''\xc3\xa9']",
     "[\"a''b\",\"''\",\"''''\",\"\",\"\xc3\xa9''\xc3\xa9\"]"},
    {"{'a''''b': 'c''''' , d: 1}", "{\"a''b\":\"c''\",\"d\":1}"},
    {"\xef\xbb\xbf'a''''b'", "\"a''b\""},
    {"a: !!str '1''''2'\nb: !!int '12'", "{\"a\":\"1''2\",\"b\":12}"},
    {"a: ' x \t\n \t y  '", "{\"a\":\" x y  \"}"},
    {"a: 'x\r\n\r\n  y\r\n  '''", "{\"a\":\"x\\ny '\"}"},
    {"'\n\n\n'", "\"\\n\\n\""},
    {"a: &x [1, 2]\nb: *x\nc: {d: *x}", "{\"a\":[1,2],\"b\":[1,2],\"c\":{\"d\":[1,2]}}"},
    {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}"},
    {"a:\nb: ", "{\"a\":null,\"b\":null}"},
    {"- a\n-\n  - b\n- {}\n- []\n", "[\"a\",[\"b\"],{},[]]"},
    {"---\na\n...\n", "\"a\""},
    {"[a,\tb]", "[\"a\",\"b\"]"},
    {"x: {y: {z: [1, {w: 2}]}}", "{\"x\":{\"y\":{\"z\":[1,{\"w\":2}]}}}"},
    {"é: ü", "{\"é\":\"ü\"}"},
};

START_TEST(a_text_means_what_yaml_says)
{
    ck_assert_msg(parse(meaning[_i].text) == OK, "%s", t.text);
    value_json(&v, &json);
    ck_assert_str_eq(buf_cstr(&json), meaning[_i].json);
}
END_TEST

// Found by fuzz_metrics: libfyaml cut texts with doubled quotes in a row, gave half a
// character for some, and leaked the rest.
START_TEST(doubled_quotes_in_a_row_are_not_cut)
{
    static const char *const pieces[] = {"'", "'", "a", " ", "\xc3\xa9", "\\", "#", ": "};
    struct rng r = rng_at(1, 0, 0, (uint32_t)_i);
    struct buf text, means;
    buf_init(&text, 10000);
    buf_init(&means, 10000);
    buf_puts(&text, "{k: ['");
    for (uint64_t n = rng_below(&r, 80); n > 0; n--) {
        const char *piece = pieces[rng_below(&r, 8)];
        buf_printf(&text, "%s%s", piece, *piece == '\'' ? piece : "");
        buf_puts(&means, piece);
    }
    buf_puts(&text, "', 'next']}");
    ck_assert_msg(parse(buf_cstr(&text)) == OK, "%s", t.text);
    ck_assert_str_eq(v.pairs[0].value.items[0].s, buf_cstr(&means));
    ck_assert_uint_eq(v.pairs[0].value.items[0].n, means.n);
    ck_assert_str_eq(v.pairs[0].value.items[1].s, "next");
    buf_fini(&text);
    buf_fini(&means);
}
END_TEST

// A text and what is said about it.
static const struct {
    const char *text;
    const char *says;
} wrong[] = {
    {"a: 1\nb: 2\na: 3", "f:3:1: key 'a' comes twice, expected once (first at 1:1)"},
    {"{a: {b: 1, b: 2}}", "f:1:12: key 'b' comes twice, expected once (first at 1:6)"},
    {"a:\n\t- b\n", "f:2:1: a tab indents this line, expected spaces"},
    {"a: b: c\n",
     "f:1:5: a second ': ' on one line, expected quotes around a text that holds one"},
    {"a: [1, 2\n", "f:2:1: a list is not closed, expected ',' or ']'"},
    {"a: {b: 2\n", "f:2:1: a map goes on here, expected ',' or '}'"},
    {"a: 'x\n", "f:1:5: a string is not closed, expected a closing '"},
    {"a: \"x\n", "f:1:5: a string is not closed, expected a closing \""},
    {"a: \"\\q\"", "f:1:5: invalid escape 'q' in double-quoted string, expected \\\\ or a "
                   "single-quoted string"},
    {"a: @b", "f:1:4: a text starts with '@', expected quotes around it"},
    {"a: 1\n b: 2", "f:1:4: this line's indentation fits no other, expected that of its "
                    "neighbours"},
    {"- a\nb: 1", "f:2:1: this line is no element of the list above, expected '- ' or less "
                  "indentation"},
    {"a: *x", "f:1:4: alias '*x' has no anchor, expected '&x' before it"},
    {"a: &x [*x]", "f:1:8: alias '*x' stands inside what it names"},
    {"--- a\n--- b\n", "f:2:1: a second document starts here, expected only one"},
    {"? [a]\n: b\n", "f:1:3: a key is no plain text, expected a string"},
    {": b\n", "f:1:1: a key is missing, expected 'key: value'"},
    {"a: 18446744073709551616", "f:1:4: 18446744073709551616 is too large, expected an integer "
                                "of 64 bits"},
    {"a: -9223372036854775809",
     "f:1:4: -9223372036854775809 is too large, expected an integer of 64 bits"},
    {"a: 0x10000000000000000",
     "f:1:4: 0x10000000000000000 is too large, expected an integer of 64 bits"},
    {"a: 1e999", "f:1:4: 1e999 is too large, expected a number of double precision"},
    {"a: !!int x", "f:1:10: tag 'tag:yaml.org,2002:int' does not fit, expected no tag"},
    {"a: !mine 1", "f:1:10: tag '!mine' does not fit, expected no tag"},
    {"a: !!map [1]", "f:1:10: tag 'tag:yaml.org,2002:map' does not fit, expected no tag"},
    {"a: \x01", "f:1:4: control character 0x01, expected printable text"},
    {"é: \xff", "f:1:4: byte 0xff is no UTF-8, expected a UTF-8 text"},
    {"a: \xed\xa0\x80", "f:1:4: byte 0xed is no UTF-8, expected a UTF-8 text"},
    {"a: \xc0\xaf", "f:1:4: byte 0xc0 is no UTF-8, expected a UTF-8 text"},
    {"%YAML 3.0\n---\na", "f:1:1: this is not YAML 1.2, expected one YAML or JSON document"},
    {"\"a\\0b\": 1", "f:1:1: a key holds a NUL, expected text"},
};

START_TEST(a_wrong_text_is_named_with_its_place)
{
    ck_assert_int_eq(parse(wrong[_i].text), ERR_PARSE);
    ck_assert_str_eq(t.text, wrong[_i].says);
}
END_TEST

START_TEST(every_node_and_key_knows_its_place)
{
    ck_assert_int_eq(parse("# first\nkind: sweep\nparams:\n  us: 7\n  list:\n  - é\n  - b\n"),
                     OK);
    const struct value *params = value_find(&v, "params");
    const struct value_pair *us = &params->pairs[0];
    ck_assert_uint_eq(v.line, 2);
    ck_assert_uint_eq(v.pairs[1].line, 3);
    ck_assert_uint_eq(v.pairs[1].column, 1);
    ck_assert_uint_eq(us->line, 4);
    ck_assert_uint_eq(us->column, 3);
    ck_assert_uint_eq(us->value.line, 4);
    ck_assert_uint_eq(us->value.column, 7);
    const struct value *b = &value_find(params, "list")->items[1];
    ck_assert_uint_eq(b->line, 7);
    ck_assert_uint_eq(b->column, 5);
    ck_assert_int_eq(parse("{\"é\": 1, b: 2}"), OK);
    ck_assert_uint_eq(v.pairs[1].column, 10); // characters, not bytes
}
END_TEST

START_TEST(what_is_left_out_stands_where_it_belongs)
{
    ck_assert_int_eq(parse("a: 1\nb:\nc:\n  -\n  - x\n"), OK);
    ck_assert_uint_eq(value_find(&v, "b")->line, 2);
    ck_assert_uint_eq(value_find(&v, "b")->column, 1);
    ck_assert_uint_eq(value_find(&v, "c")->items[0].line, 4);
    ck_assert_int_eq(parse(""), OK);
    ck_assert_uint_eq(v.line, 1);
}
END_TEST

START_TEST(special_floats_are_floats)
{
    ck_assert_int_eq(parse("[.inf, -.Inf, +.INF, .nan]"), OK);
    ck_assert_double_eq(v.items[0].f, HUGE_VAL);
    ck_assert_double_eq(v.items[1].f, -HUGE_VAL);
    ck_assert_double_eq(v.items[2].f, HUGE_VAL);
    ck_assert(v.items[3].type == VALUE_FLOAT && isnan(v.items[3].f));
}
END_TEST

START_TEST(an_alias_has_the_place_where_it_stands)
{
    ck_assert_int_eq(parse("a: &x {n: 1}\nb: *x"), OK);
    const struct value *b = value_find(&v, "b");
    ck_assert_uint_eq(b->line, 2);
    ck_assert_uint_eq(value_find(b, "n")->line, 1);
}
END_TEST

START_TEST(a_billion_laughs_are_refused_at_once)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_puts(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&b, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_printf(&b, "%s*a%d", j ? "," : "", i - 1);
        buf_puts(&b, "]\n");
    }
    ck_assert_int_eq(parse(buf_cstr(&b)), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(t.text, "more than 1000000 values"));
    ck_assert_uint_lt(arena_used(a), 1 << 20);
    buf_fini(&b);
}
END_TEST

static void nested(struct buf *b, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_puts(b, "[");
    for (int i = 0; i < depth; i++)
        buf_puts(b, "]");
}

START_TEST(depth_is_bounded_also_through_aliases)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    nested(&b, YAML_DEPTH_MAX - 2);
    ck_assert_msg(parse(buf_cstr(&b)) == OK, "%s", t.text);
    buf_reset(&b);
    nested(&b, 100000);
    ck_assert(parse(buf_cstr(&b)) != OK);
    buf_reset(&b);
    buf_puts(&b, "- &a ");
    nested(&b, 40);
    buf_puts(&b, "\n- [[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n");
    ck_assert_int_eq(parse(buf_cstr(&b)), ERR_LIMIT);
    ck_assert_str_eq(t.text, "f:2:32: nested too deeply, expected at most 64 levels");
    buf_fini(&b);
}
END_TEST

START_TEST(too_many_values_or_bytes_are_refused)
{
    char *s = malloc(YAML_BYTES_MAX + 2);
    memset(s, ' ', YAML_BYTES_MAX + 1);
    ck_assert_int_eq(yaml_parse(s, YAML_BYTES_MAX + 1, "f", a, &v, &t), ERR_LIMIT);
    ck_assert_str_eq(t.text, "f:1:1: the text has 16777217 bytes, expected at most 16777216");
    memset(s, ',', 2 * YAML_NODES_MAX + 4);
    s[0] = '[';
    for (int i = 0; i <= YAML_NODES_MAX; i++)
        s[2 * i + 1] = '1';
    ck_assert_int_eq(yaml_parse(s, 2 * YAML_NODES_MAX + 2, "f", a, &v, &t), ERR_LIMIT);
    free(s);
}
END_TEST

START_TEST(a_large_map_is_checked_for_doubles_quickly)
{
    struct buf b;
    int64_t start = clock_cpu_now();
    buf_init(&b, 1 << 24);
    for (int i = 0; i < 50000; i++)
        buf_printf(&b, "key%d: %d\n", i, i);
    ck_assert_int_eq(parse(buf_cstr(&b)), OK);
    ck_assert_uint_eq(v.n, 50000);
    buf_puts(&b, "key77: 1\n");
    ck_assert_int_eq(parse(buf_cstr(&b)), ERR_PARSE);
    ck_assert_str_eq(t.text,
                     "f:50001:1: key 'key77' comes twice, expected once (first at 78:1)");
    // A quadratic check takes minutes.
    ck_assert_int_lt(clock_cpu_now() - start, 20 * CLOCK_SECOND);
    buf_fini(&b);
}
END_TEST

START_TEST(a_failed_text_may_be_nobody_s_business)
{
    ck_assert_int_eq(yaml_parse("a: [", 4, "f", a, &v, NULL), ERR_PARSE);
}
END_TEST

// Whatever the bytes, there is an answer, and it stands on one line.
START_TEST(damaged_texts_have_one_line_answers)
{
    static const char base[] =
        "kind: search\nspace:\n  x: {type: float, low: -1e3, high: &h 2}\n"
        "  y: [*h, 'q', \"r\\n\", ~]\nwhere: [\"x < 1\"]\nz: |\n  a\n b: c\n";
    char text[sizeof base];
    unsigned seed = 1;

    for (int round = 0; round < 3000; round++) {
        memcpy(text, base, sizeof base);
        for (int k = 0; k < 4; k++) {
            seed = seed * 1103515245 + 12345;
            text[seed / 65536 % (sizeof base - 1)] =
                "[]{}:,&*!|>'\"%@`-?# \n\tx0\x80"[seed / 7 % 26];
        }
        if (yaml_parse(text, sizeof base - 1, "f", a, &v, &t))
            ck_assert_msg(strncmp(t.text, "f:", 2) == 0 && !strchr(t.text, '\n'), "%s", t.text);
        else
            value_json(&v, &json);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("yaml");
    TCase *c = tcase_create("yaml");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_text_means_what_yaml_says, 0, sizeof meaning / sizeof *meaning);
    tcase_add_loop_test(c, doubled_quotes_in_a_row_are_not_cut, 0, 200);
    tcase_add_loop_test(c, a_wrong_text_is_named_with_its_place, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(c, every_node_and_key_knows_its_place);
    tcase_add_test(c, what_is_left_out_stands_where_it_belongs);
    tcase_add_test(c, special_floats_are_floats);
    tcase_add_test(c, an_alias_has_the_place_where_it_stands);
    tcase_add_test(c, a_billion_laughs_are_refused_at_once);
    tcase_add_test(c, depth_is_bounded_also_through_aliases);
    tcase_add_test(c, too_many_values_or_bytes_are_refused);
    tcase_add_test(c, a_large_map_is_checked_for_doubles_quickly);
    tcase_add_test(c, a_failed_text_may_be_nobody_s_business);
    tcase_add_test(c, damaged_texts_have_one_line_answers);
    suite_add_tcase(s, c);
    return harness_run(s);
}
