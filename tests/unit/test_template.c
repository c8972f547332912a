// SPDX-License-Identifier: MIT
// test_template.c - braces become values, or an explanation.
#include <stdio.h>
#include <string.h>

#include "common/yaml.h"
#include "tests/unit/harness.h"
#include "worker/evaluate/template.h"

static struct arena *a;
static struct errtext why;
static struct value values;

static void set_up(void)
{
    static const char text[] =
        "{n: 3, x: 0.1, big: 18446744073709551615, whole: 5.0, on: true, "
        "s: 'a {n} b', list: [1, two, [3.5, x]], none: null, "
        "map: {k: [1]}, a.b-c_d: dotted}";
    a = arena_create();
    ck_assert_int_eq(yaml_parse(text, sizeof text - 1, "values", a, &values, &why), OK);
}

static void tear_down(void)
{
    arena_destroy(a);
}

static const struct {
    const char *text;
    const char *filled;
} good[] = {
    {"", ""},
    {"plain", "plain"},
    {"{n}", "3"},
    {"-{n}-{x}-", "-3-0.1-"},
    {"{big}", "18446744073709551615"},
    {"{whole}", "5.0"},
    {"{on}", "true"},
    {"{s}", "a {n} b"}, // a value is not filled again
    {"{list}", "1 two 3.5 x"},
    {"{none}", ""},
    {"{map}", "{\"k\":[1]}"},
    {"{a.b-c_d}", "dotted"},
    {"{{n}}", "{n}"},
    {"{{{n}}}", "{3}"},
    {"awk '{{print $1}}'", "awk '{print $1}'"},
};

START_TEST(a_text_is_filled)
{
    struct value v = value_str(a, good[_i].text);
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(template_check(&v, &why), OK);
    ck_assert_msg(template_fill(&v, &values, &b, &why) == OK, "%s", why.text);
    ck_assert_str_eq(buf_cstr(&b), good[_i].filled);
    buf_fini(&b);
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} bad[] = {
    {"{", "a lone { at character 1 (write {{ for a brace)"},
    {"ab}", "a lone } at character 3 (write }} for a brace)"},
    {"{}", "a lone { at character 1 (write {{ for a brace)"},
    {"{ n }", "a lone { at character 1 (write {{ for a brace)"},
    {"{n", "a lone { at character 1 (write {{ for a brace)"},
    {"{n}}", "a lone } at character 4 (write }} for a brace)"},
    {"awk '{print $1}'", "a lone { at character 6 (write {{ for a brace)"},
};

START_TEST(a_lone_brace_is_found)
{
    struct value v = value_str(a, bad[_i].text);
    ck_assert_int_eq(template_check(&v, &why), ERR_PARSE);
    ck_assert_str_eq(why.text, bad[_i].message);
}
END_TEST

START_TEST(an_unknown_name_is_named)
{
    struct value v = value_str(a, "run {recipe}");
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(template_check(&v, &why), OK);
    ck_assert_int_eq(template_fill(&v, &values, &b, &why), FAULT_JOB);
    ck_assert_str_eq(why.text,
                     "unknown placeholder {recipe}: neither a parameter nor set by the "
                     "space (write {{recipe}} for the text itself)");
    buf_fini(&b);
}
END_TEST

START_TEST(a_limit_holds)
{
    struct value v = value_str(a, "{s}{s}");
    struct buf b;
    buf_init(&b, 14);
    ck_assert_int_eq(template_fill(&v, &values, &b, &why), OK);
    buf_fini(&b);
    buf_init(&b, 13);
    ck_assert_int_eq(template_fill(&v, &values, &b, &why), FAULT_JOB);
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *tc = tcase_create("template");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_text_is_filled, 0, (int)(sizeof good / sizeof *good));
    tcase_add_loop_test(tc, a_lone_brace_is_found, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(tc, an_unknown_name_is_named);
    tcase_add_test(tc, a_limit_holds);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
