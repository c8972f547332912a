// SPDX-License-Identifier: MIT
// test_source.c - marks in a program's text: a value, an expression in C, or what is wrong.
#include <string.h>

#include "common/yaml.h"
#include "tests/unit/harness.h"
#include "worker/evaluate/source.h"

static const char values[] =
    "n: 3\nf: 'a if x < 1 else -b'\nl: [1, 2]\nbad: '1 +'\nlist: '[1]'\n";

// A text, what becomes of it (NULL: refused), or what is said.
static const struct {
    const char *text, *want, *said;
} rows[] = {
    {"int n = @n@;", "int n = 3;", NULL},
    {"@f:c@", "((x < 1.0) ? a : (-b))", NULL},
    {"@f@", "a if x < 1 else -b", NULL},
    {"{@l@}", "{1 2}", NULL},
    {"a@b, @ @, @@, @n @, @n:d@, @n:c", "a@b, @ @, @@, @n @, @n:d@, @n:c", NULL},
    {"@@n@@", "@3@", NULL},
    {"", "", NULL},
    {"@m@", NULL, "unknown mark @m@"},
    {"@m:c@", NULL, "unknown mark @m@"},
    {"@n:c@", NULL, "no text"},
    {"@bad:c@", NULL, "column"},
    {"@list:c@", NULL, "has no text in C"},
};

START_TEST(marks_are_filled_and_other_signs_left)
{
    struct arena *a = arena_create();
    struct value v;
    struct errtext t = {{0}};
    struct buf b;

    buf_init(&b, 100);
    ck_assert_int_eq(yaml_parse(values, sizeof values - 1, "values", a, &v, &t), OK);
    enum error e = source_fill(rows[_i].text, strlen(rows[_i].text), &v, &b, &t);
    ck_assert_int_eq(e, rows[_i].want ? OK : FAULT_JOB);
    if (rows[_i].want)
        ck_assert_str_eq(buf_cstr(&b), rows[_i].want);
    else
        ck_assert_msg(strstr(t.text, rows[_i].said), "%s", t.text);
    buf_fini(&b);
    arena_destroy(a);
}
END_TEST

START_TEST(a_text_beyond_the_limit_is_refused)
{
    static const char text[] = "twelve bytes";
    struct value none = value_map();
    struct errtext t;
    struct buf b;

    buf_init(&b, 11);
    ck_assert_int_eq(source_fill(text, 12, &none, &b, &t), FAULT_JOB);
    ck_assert_msg(strstr(t.text, "longer than 11 bytes"), "%s", t.text);
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("source");
    TCase *c = tcase_create("all");
    tcase_add_loop_test(c, marks_are_filled_and_other_signs_left, 0,
                        (int)(sizeof rows / sizeof *rows));
    tcase_add_test(c, a_text_beyond_the_limit_is_refused);
    suite_add_tcase(s, c);
    return harness_run(s);
}
