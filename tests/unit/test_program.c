// SPDX-License-Identifier: MIT
// test_program.c - a program is a point of its space, its text an expression, and the
// same text the same tree.
#include <math.h>
#include <string.h>

#include "common/buf.h"
#include "common/expr.h"
#include "common/expr_print.h"
#include "common/expr_rows.h"
#include "common/yaml.h"
#include "coordinator/search/program.h"
#include "coordinator/search/space.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct errtext t;
static struct value job_value;

static void setup(void)
{
    a = arena_create();
}

static void teardown(void)
{
    arena_destroy(a);
}

static enum error parse(const char *text, const struct space **out)
{
    ck_assert_int_eq(yaml_parse(text, strlen(text), "job", a, &job_value, &t), OK);
    struct spec job = spec_of(&job_value, "job", &t);
    return space_parse(&job, a, out);
}

static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

// Every kind of node, small and as large as it may be.
#define ALL                                                                                    \
    "operators: [+, '-', '*', /, min, max, neg, abs, if, <, <=, and, or, not, log, exp, sqrt]"

static const char *const spaces[] = {
    "space: {p: {type: program, inputs: [x, y, z], booleans: [t], size: 200, " ALL "}}",
    "space: {p: {type: program, inputs: [x], booleans: [t, u], size: 1, result: boolean}}",
    "space: {p: {type: program, inputs: [x, y, z], constants: [0, 1], size: 7, result: "
    "boolean, "
    "booleans: [t], " ALL "}}",
    "space: {p: {type: program, inputs: [x, y, z], constants: [], size: 40}}",
    "space: {p: {type: program, inputs: [x], operators: [neg], size: 200}}",
};

static const char *
random_text(const struct space *s, struct walk *w, struct point *p, uint32_t i)
{
    struct rng r = rng_at(7, 0, 0, i);
    ck_assert(walk_run(w, p, choose_random, &r));
    struct value v = space_decode(s, p, a);
    return value_find(&v, "p")->s;
}

START_TEST(a_random_program_reads_back_as_the_same_point)
{
    const struct space *s = NULL;
    uint32_t longest = 0;

    ck_assert_msg(parse(spaces[_i], &s) == OK, "%s", t.text);
    struct walk *w = walk_create(s);
    size_t n = (s->n_genes_max + 1) * sizeof(struct gene);
    struct point p = {.genes = arena_alloc(a, n)}, back = {.genes = arena_alloc(a, n)};
    for (uint32_t i = 0; i < 300; i++) {
        const char *text = random_text(s, w, &p, i);
        struct value map = value_map();
        value_set(a, &map, "p", value_str(a, text));
        struct spec at = spec_of(&map, "point", &t);
        ck_assert_msg(space_encode(s, &at, w, &back) == OK, "%s: %s", text, t.text);
        ck_assert_msg(point_equal(&p, &back), "%s", text);
        longest = p.n > longest ? p.n : longest;
    }
    ck_assert_uint_ge(longest, _i == 1 ? 1 : 5);
    walk_destroy(w);
}
END_TEST

// The count is what going through the space finds, each text once.
START_TEST(all_programs_are_counted)
{
    static const char *const small[] = {
        "space: {p: {type: program, inputs: [x, y], booleans: [t], constants: [], size: 5, "
        "operators: ['-', if, not]}}",
        "space: {p: {type: program, inputs: [x], constants: [], size: 7, operators: [+, neg]}}",
        "space: {p: {type: program, inputs: [x, y], constants: [], size: 60, operators: "
        "[neg]}}",
    };
    const struct space *s = NULL;
    uint64_t budget = UINT64_MAX;
    uint32_t n = 0;

    ck_assert_msg(parse(small[_i], &s) == OK, "%s", t.text);
    struct walk *w = walk_create(s);
    struct point p = {.genes = arena_alloc(a, (s->n_genes_max + 1) * sizeof(struct gene))};
    while (space_successor(w, &p, &budget))
        n++;
    ck_assert(s->is_exact);
    ck_assert_double_eq(s->n_points, n);
    ck_assert_uint_gt(n, 20);
    walk_destroy(w);
}
END_TEST

static const struct value *look_up(void *ctx, uint32_t i, const char *name)
{
    (void)i;
    return value_find(ctx, name);
}

START_TEST(rows_are_what_one_evaluation_each_gives)
{
    static const double some[] = {0, 1, -1, 0.5, 3, -2.25, 1e300, -1e-300, NAN, INFINITY};
    static const char *const names[] = {"x", "y", "z", "t", NULL};
    enum { N = 40 };
    const struct space *s = NULL;
    double columns[4][N], out[N];

    ck_assert_int_eq(parse(spaces[0], &s), OK);
    struct walk *w = walk_create(s);
    struct point p = {.genes = arena_alloc(a, (s->n_genes_max + 1) * sizeof(struct gene))};
    struct rng r = rng_at(3, 0, 0, 0);
    for (int i = 0; i < 4 * N; i++)
        columns[i / N][i % N] = i / N < 3 ? some[rng_below(&r, 10)] : (double)rng_below(&r, 2);
    const struct expr_column given[] = {{"x", columns[0]},
                                        {"y", columns[1]},
                                        {"z", columns[2]},
                                        {"t", columns[3]},
                                        {NULL, NULL}};
    for (uint32_t k = 0; k < 300; k++) {
        const char *text = random_text(s, w, &p, 1000 + k);
        const struct expr *e = NULL;
        ck_assert_int_eq(expr_compile(text, strlen(text), a, &e, &t), OK);
        ck_assert_int_eq(expr_rows_check(e, names, &t), OK);
        expr_rows(e, given, N, a, out);
        for (int i = 0; i < N; i++) {
            struct value map = value_map();
            for (int c = 0; c < 4; c++)
                value_set(a, &map, names[c], value_float(columns[c][i]));
            double one = expr_number(e, look_up, &map, a);
            ck_assert_msg(equal_bytes(&one, &out[i], sizeof one)
                              || (isnan(one) && isnan(out[i])),
                          "%s: %.17g, not %.17g", text, out[i], one);
        }
    }
    walk_destroy(w);
}
END_TEST

static const char *rows_refuse(const char *text)
{
    static const char *const names[] = {"size", "room", NULL};
    const struct expr *e = NULL;

    ck_assert_int_eq(expr_compile(text, strlen(text), a, &e, &t), OK);
    ck_assert_int_eq(expr_rows_check(e, names, &t), ERR_INVALID);
    return t.text;
}

START_TEST(rows_refuse_what_is_no_number)
{
    ck_assert_ptr_nonnull(strstr(rows_refuse("rom + 1"), "did you mean 'room'"));
    ck_assert_ptr_nonnull(strstr(rows_refuse("room in [1, 2]"), "numbers"));
    ck_assert_ptr_nonnull(strstr(rows_refuse("len('a')"), "numbers"));
}
END_TEST

// An expression, its text, and its text in C (NULL: has none).
static const struct {
    const char *text, *own, *c;
} printed[] = {
    {"x", "x", "x"},
    {"1+2*x", "1.0 + (2.0 * x)", "1.0 + (2.0 * x)"},
    {"x/y - 1e-9", "(x / y) - 1e-09", "(x / (double)y) - 1e-09"},
    {"-x ** 2", "-(x ** 2.0)", "-pow(x, 2.0)"},
    {"a if x < y else -b", "a if (x < y) else (-b)", "(x < y) ? a : (-b)"},
    {"1 < x <= 3", "(1.0 < x) and (x <= 3.0)", "(1.0 < x) && (x <= 3.0)"},
    {"not (x or y)", "not (x or y)", "!(x || y)"},
    {"min(x, abs(y))", "min(x, abs(y))", "fmin(x, fabs(y))"},
    {"max(x, y, z)", "max(x, y, z)", NULL},
    {"x % 3", "x % 3.0", NULL},
    {"true", "true", "1"},
    {"x in [1, 2]", NULL, NULL},
    {"s == 'a'", NULL, NULL},
};

static void expect_print(const char *text, enum expr_syntax syntax, const char *want)
{
    const struct expr *e = NULL;
    struct buf b;

    buf_init(&b, 1 << 16);
    ck_assert_int_eq(expr_compile(text, strlen(text), a, &e, &t), OK);
    enum error got = expr_print(e, syntax, &b, &t);
    ck_assert_int_eq(got, want ? OK : ERR_INVALID);
    if (want)
        ck_assert_str_eq(buf_cstr(&b), want);
    buf_fini(&b);
}

START_TEST(an_expression_prints)
{
    expect_print(printed[_i].text, EXPR_SYNTAX_OWN, printed[_i].own);
    expect_print(printed[_i].text, EXPR_SYNTAX_C, printed[_i].c);
    if (printed[_i].own) // and is its own text
        expect_print(printed[_i].own, EXPR_SYNTAX_OWN, printed[_i].own);
}
END_TEST

static const struct {
    const char *space, *said;
} refused[] = {
    {"{type: program, inputs: [x], size: 201}", "200"},
    {"{type: program, inputs: [], constants: []}", "no program of space.p gives a number"},
    {"{type: program, inputs: [x], result: boolean, operators: [+]}", "gives a boolean"},
    {"{type: program, inputs: [x, x]}", "two inputs are called 'x'"},
    {"{type: program, inputs: [if]}", "no name for an input"},
    {"{type: program, inputs: [x], operators: [pow]}", "no operator"},
    {"{type: program, inputs: [x], operators: [+, +]}", "twice"},
    {"{type: program, inputs: [x], constants: [-1, 1]}", "neg makes the others"},
    {"{type: sequence, length: 2, join: ' ', of: {type: program, inputs: [x]}}",
     "single values"},
};

START_TEST(a_wrong_program_space_is_refused)
{
    const struct space *s = NULL;
    ck_assert_int_eq(parse(arena_printf(a, "space: {p: %s}", refused[_i].space), &s),
                     ERR_PARSE);
    ck_assert_msg(strstr(t.text, refused[_i].said), "%s", t.text);
}
END_TEST

// What a point may not say, of inputs x and y, a boolean t, five nodes.
static const struct {
    const char *text, *said;
} strangers[] = {
    {"x + w", "'w' is no input"},
    {"x +", "expected"},
    {"log(x)", "log of 1 values is none"},
    {"min(x, y, x)", "min of 3 values is none"},
    {"x + t", "wants a number"},
    {"x if y else x", "wants a boolean"},
    {"t", "no number"},
    {"x + 200", "a constant outside"},
    {"x + y + x + y", "7 nodes"},
    {"'x'", "a constant that is none"},
};

START_TEST(a_point_that_is_no_program_is_refused)
{
    const struct space *s = NULL;
    struct value map = value_map();

    ck_assert_int_eq(
        parse("space: {p: {type: program, inputs: [x, y], booleans: [t], size: 5}}", &s), OK);
    struct walk *w = walk_create(s);
    struct point p = {.genes = arena_alloc(a, (s->n_genes_max + 1) * sizeof(struct gene))};
    value_set(a, &map, "p", value_str(a, strangers[_i].text));
    struct spec at = spec_of(&map, "point", &t);
    ck_assert_int_eq(space_encode(s, &at, w, &p), ERR_PARSE);
    ck_assert_msg(strstr(t.text, strangers[_i].said), "%s", t.text);
    walk_destroy(w);
}
END_TEST

#define ROWS(x) (int)(sizeof(x) / sizeof *(x))

int main(void)
{
    Suite *s = suite_create("program");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, a_random_program_reads_back_as_the_same_point, 0, ROWS(spaces));
    tcase_add_loop_test(c, all_programs_are_counted, 0, 3);
    tcase_add_test(c, rows_are_what_one_evaluation_each_gives);
    tcase_add_test(c, rows_refuse_what_is_no_number);
    tcase_add_loop_test(c, an_expression_prints, 0, ROWS(printed));
    tcase_add_loop_test(c, a_wrong_program_space_is_refused, 0, ROWS(refused));
    tcase_add_loop_test(c, a_point_that_is_no_program_is_refused, 0, ROWS(strangers));
    suite_add_tcase(s, c);
    return harness_run(s);
}
