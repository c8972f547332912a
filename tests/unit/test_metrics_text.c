// SPDX-License-Identifier: MIT
// test_metrics_text.c - what a command prints becomes numbers, or one line that
// says why not.  Also the small pieces around it: tails and printable text.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"
#include "worker/metrics_text.h"
#include "worker/printable.h"
#include "worker/tail.h"

static struct arena *a;
static struct errtext why;

static void set_up(void)
{
    a = arena_create();
}

static void tear_down(void)
{
    arena_destroy(a);
}

static struct metrics_text *rule(const char *spec)
{
    struct value v;
    struct metrics_text *m;
    ck_assert_msg(yaml_parse(spec, strlen(spec), "spec", a, &v, &why) == OK, "%s", why.text);
    ck_assert_msg(metrics_text_open(&v, &m, &why) == OK, "%s", why.text);
    return m;
}

// The metrics as JSON, or the message.
static const char *read_both(const char *spec, const char *out, size_t n, const char *err)
{
    struct metrics_text *m = rule(spec);
    struct metrics_source s = {.out = out, .n_out = n, .err = err, .n_err = strlen(err)};
    struct value v;
    struct buf b;
    enum error e = metrics_text_read(m, &s, a, &v, &why);
    metrics_text_close(m);
    if (e) {
        ck_assert_int_eq(e, FAULT_JOB);
        ck_assert_ptr_null(strchr(why.text, '\n'));
        return why.text;
    }
    buf_init(&b, 1 << 20);
    value_json(&v, &b);
    const char *json = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return json;
}

// --- json --------------------------------------------------------------------

static const struct {
    const char *out;
    const char *read;
} json_rows[] = {
    {"{\"adp\": 12.5}", "{\"adp\":12.5}"},
    {"noise\n{\"a\": 1, \"b\": -2e3, \"c\": \"text\", \"d\": true, \"e\": false}\n \r\n\n",
     "{\"a\":1,\"b\":-2000.0,\"c\":\"text\",\"d\":1,\"e\":0}"},
    {"{\"old\": 1}\n{\"new\": 2}\n", "{\"new\":2}"},
    {"  {\"a\": 1}  ", "{\"a\":1}"},
    {"{}", "{}"},
    {"", "no metrics: nothing on stdout, a JSON object was expected"},
    {"\n \n", "no metrics: nothing on stdout, a JSON object was expected"},
    {"done", "no metrics: the last line of stdout is no JSON object: done"},
    {"[1]", "no metrics: the last line of stdout is no JSON object: [1]"},
    {"{\"a\": 1}\nbye", "no metrics: the last line of stdout is no JSON object: bye"},
    {"{\"a\": 1", "no metrics: the last line of stdout is no JSON object: {\"a\": 1"},
    {"{\"a\": 1, \"a\": 2}",
     "no metrics: the last line of stdout is no JSON object: {\"a\": 1, \"a\": 2}"},
    {"\x01\xff\x02", "no metrics: the last line of stdout is no JSON object: ???"},
    {"{\"a\": NaN}", "bad metric a: not finite"},
    {"{\"a\": -Infinity}", "bad metric a: not finite"},
    {"{\"a\": \"nan\"}", "bad metric a: not finite"},
    {"{\"a\": Infinity}", "bad metric a: not finite"},
    {"{\"a\": .inf}", "no metrics: the last line of stdout is no JSON object: {\"a\": .inf}"},
    {"{a: 1}", "no metrics: the last line of stdout is no JSON object: {a: 1}"},
    {"{\"a\": 0x10}", "no metrics: the last line of stdout is no JSON object: {\"a\": 0x10}"},
    {"{\"a\": -9223372036854775808}", "{\"a\":-9223372036854775808}"},
    {"{\"a\": null}", "bad metric a: a number or a string was expected, not null"},
    {"{\"a\": [1]}", "bad metric a: a number or a string was expected, not a list"},
    {"{\"a\": {\"b\": 1}}", "bad metric a: a number or a string was expected, not a map"},
    {"{\"\": 1}", "bad metric: a name of 1 to 64 printable characters was expected: "},
    {"{\"a\\nb\": 1}", "bad metric: a name of 1 to 64 printable characters was expected: a?b"},
};

START_TEST(the_last_line_is_an_object)
{
    const char *out = json_rows[_i].out;
    ck_assert_str_eq(read_both("json", out, strlen(out), ""), json_rows[_i].read);
}
END_TEST

START_TEST(a_line_whose_beginning_is_lost_is_refused)
{
    struct metrics_text *m = rule("json");
    struct metrics_source s = {.out = "{\"a\": 1}", .n_out = 8, .out_cut = true, .err = ""};
    struct value v;
    ck_assert_int_eq(metrics_text_read(m, &s, a, &v, &why), FAULT_JOB);
    ck_assert_str_eq(why.text,
                     "no metrics: the last line is longer than the output kept (output_kb)");
    s.out = "x\n{\"a\": 1}";
    s.n_out = 10;
    ck_assert_int_eq(metrics_text_read(m, &s, a, &v, &why), OK);
    metrics_text_close(m);
}
END_TEST

// Found by fuzz_metrics: the YAML library that stood here kept 2 KB of such a line for ever.
// LeakSanitizer would see it come back.
static const char *const broken[] = {
    "{\"a\": '''''''''''''''''''''''''''''''''''''''''''''}",
    "{'''''''''''''''''''''''''''''''''''''''''''''''''': 1}",
    "{\"a\": [1, 2}",
    "{\"a\": {\"b\": 1]}",
    "{\"a\" 1}",
    "{\"a\": 1,, }",
    "{\"a\": &x *y}",
    "{!<a \"b\": 1}",
    "{\"a\": 1}}",
    "{\"\\ud800\": 1}",
};

START_TEST(broken_json_is_refused_and_leaks_nothing)
{
    const char *said = read_both("json", broken[_i], strlen(broken[_i]), "");
    ck_assert_ptr_nonnull(strstr(said, "is no JSON object: {"));
}
END_TEST

START_TEST(sizes_are_bounded)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "{");
    for (int i = 0; i < 65; i++)
        buf_printf(&b, "%s\"m%d\": %d", i ? ", " : "", i, i);
    buf_puts(&b, "}");
    ck_assert_str_eq(read_both("json", buf_cstr(&b), b.n, ""),
                     "65 metrics, at most 64 were expected");
    buf_reset(&b);
    buf_printf(&b, "{\"s\": \"%01025d\"}", 0);
    ck_assert_str_eq(read_both("json", buf_cstr(&b), b.n, ""),
                     "bad metric s: a string of at most 1024 characters was expected");
    buf_fini(&b);
}
END_TEST

// --- expressions -------------------------------------------------------------

static const struct {
    const char *spec;
    const char *out;
    const char *err;
    const char *read;
} expression_rows[] = {
    {"{area: 'area = *([0-9.]+)'}", "area = 12.50 delay = 3\n", "", "{\"area\":12.5}"},
    {"{area: 'area = *([0-9.]+)'}", "area = 1\narea =   2\n", "", "{\"area\":2}"}, // the last
    {"{a: 'a=(\\S+)', b: 'b=(\\S+)'}", "b=-1e-3 a=7", "", "{\"a\":7,\"b\":-0.001}"},
    {"{a: '^a (.*)$'}", "x\na 5 \ny", "", "{\"a\":5}"}, // lines
    {"{a: 'a=(\\d+)'}", "nothing", "a=3", "{\"a\":3}"}, // stderr when not on stdout
    {"{a: 'a=(\\d+)'}", "a=1", "a=3", "{\"a\":1}"},
    {"{a: '(?:a=(\\d+)|b)'}", "a=1 b", "", "{\"a\":1}"}, // b has no number
    {"{a: 'a=(\\d+)'}", "b=1", "", "no metric a: its expression matches nowhere"},
    {"{a: 'a=(\\S*)'}", "a=fast", "", "bad metric a: a number was expected, not fast"},
    {"{a: 'a=(\\S*)'}", "a=nan", "", "bad metric a: a number was expected, not nan"},
    {"{a: 'a=(\\S*)'}", "a=", "", "bad metric a: a number was expected, not "},
    {"{a: 'a=(\\S*)'}", "a=1,5", "", "bad metric a: a number was expected, not 1,5"},
    {"{a: '()'}", "xy", "", "bad metric a: a number was expected, not "},
    {"{a: '(?:x+x+)+(y)'}", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-y", "",
     "no metric a: its expression takes too long"},
};

START_TEST(a_group_is_a_number)
{
    ck_assert_str_eq(read_both(expression_rows[_i].spec, expression_rows[_i].out,
                               strlen(expression_rows[_i].out), expression_rows[_i].err),
                     expression_rows[_i].read);
}
END_TEST

START_TEST(nuls_in_the_output_are_bytes_like_others)
{
    ck_assert_str_eq(read_both("{a: 'a=(\\d+)'}", "\0\0a=4\0", 6, ""), "{\"a\":4}");
}
END_TEST

START_TEST(without_a_rule_there_is_one_metric)
{
    ck_assert_str_eq(read_both("null", "anything", 8, ""), "{\"exit\":0}");
}
END_TEST

static const struct {
    const char *spec;
    const char *message;
} bad_rules[] = {
    {"yaml", "1:1: metrics: json or a map of names to regular expressions was expected"},
    {"3", "1:1: metrics: json or a map of names to regular expressions was expected"},
    {"{}", "metrics: 1 to 64 expressions were expected"},
    {"{a: 'x'}",
     "1:5: metrics.a: 0 capture groups, exactly one (...) around the number was expected"},
    {"{a: '(x)(y)'}",
     "1:5: metrics.a: 2 capture groups, exactly one (...) around the number was expected"},
    {"{a: 3}", "1:5: metrics.a: a regular expression of at most 4096 bytes was expected"},
    {"{a: '(x'}",
     "1:5: metrics.a: missing closing parenthesis at character 3 of the expression"},
    {"{ok: '(x)', a: '(x'}",
     "1:16: metrics.a: missing closing parenthesis at character 3 of the expression"},
};

START_TEST(a_bad_rule_is_explained)
{
    const char *spec = bad_rules[_i].spec;
    struct value v;
    struct metrics_text *m;
    ck_assert_int_eq(yaml_parse(spec, strlen(spec), "spec", a, &v, &why), OK);
    ck_assert_int_eq(metrics_text_open(&v, &m, &why), ERR_PARSE);
    ck_assert_str_eq(why.text, bad_rules[_i].message);
}
END_TEST

// --- tails and printable text ------------------------------------------------

START_TEST(a_tail_is_the_end_of_the_stream)
{
    static char all[400000];
    struct rng r = rng_at(7, 0, 0, (uint32_t)_i);
    size_t max = _i == 0 ? 0 : 1 + rng_u64(&r) % 100000, n = 0, kept;
    struct tail t;
    tail_init(&t, max);
    while (n < sizeof all - TAIL_CHUNK_MAX) {
        size_t chunk = rng_u64(&r) % (_i % 2 ? 300 : TAIL_CHUNK_MAX);
        for (size_t i = 0; i < chunk; i++)
            all[n + i] = (char)rng_u64(&r);
        tail_put(&t, all + n, chunk);
        n += chunk;
        const char *last = tail_last(&t, &kept);
        ck_assert_uint_eq(kept, n < max ? n : max);
        ck_assert_mem_eq(last, all + n - kept, kept);
    }
    ck_assert_uint_eq(t.total, n);
    ck_assert_uint_le(t.kept.cap, 4 * max + 4 * TAIL_CHUNK_MAX);
    tail_fini(&t);
}
END_TEST

static const struct {
    const char *from;
    size_t max;
    const char *to;
} printable_rows[] = {
    {"plain\n\ttext", 100, "plain\n\ttext"},
    {"a\033[1mb\r", 100, "a?[1mb?"},
    {"gr\xc3\xbc\xc3\x9f", 100, "gr\xc3\xbc\xc3\x9f"},
    {"\xc3", 100, "?"},
    {"\xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80", 100, "?? ??? ????"},
    {"\xf0\x9f\x90\x9f", 100, "\xf0\x9f\x90\x9f"},
    {"0123456789", 4, "6789"},
    {"ab\xc3\xbc", 1, ""}, // not half a character
};

START_TEST(output_becomes_printable)
{
    const char *from = printable_rows[_i].from;
    struct value v = printable_tail(a, from, strlen(from), printable_rows[_i].max);
    ck_assert_str_eq(v.s, printable_rows[_i].to);
    ck_assert_uint_eq(v.n, strlen(v.s));
}
END_TEST

#define N(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *suite = suite_create("metrics_text");
    TCase *tc = tcase_create("metrics_text");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, the_last_line_is_an_object, 0, N(json_rows));
    tcase_add_test(tc, a_line_whose_beginning_is_lost_is_refused);
    tcase_add_loop_test(tc, broken_json_is_refused_and_leaks_nothing, 0, N(broken));
    tcase_add_test(tc, sizes_are_bounded);
    tcase_add_loop_test(tc, a_group_is_a_number, 0, N(expression_rows));
    tcase_add_test(tc, nuls_in_the_output_are_bytes_like_others);
    tcase_add_test(tc, without_a_rule_there_is_one_metric);
    tcase_add_loop_test(tc, a_bad_rule_is_explained, 0, N(bad_rules));
    tcase_add_loop_test(tc, a_tail_is_the_end_of_the_stream, 0, 12);
    tcase_add_loop_test(tc, output_becomes_printable, 0, N(printable_rows));
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
