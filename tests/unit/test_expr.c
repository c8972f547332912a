// SPDX-License-Identifier: MIT
// test_expr.c - what an expression means, also while names have no value yet,
// and what is said about one that means nothing.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/expr.h"
#include "common/math.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"

// The names of all tests; `later` and its like have no value.
static const char names[] =
    "x: 3\ny: 4.5\nz: -2\nmodel: tree\nsvm: {C: 2}\ns: 'é1'\nyes: true\n"
    "list: [5, 1, 3]\npart: [1, ~, 3]\nwords: [a, b]\nempty: []\n"
    "big: 1e308\nnothing: ~\n";

static struct arena *a;
static struct buf json;
static struct errtext t;
static struct value point;

static void setup(void)
{
    a = arena_create();
    buf_init(&json, 1 << 16);
    ck_assert_int_eq(yaml_parse(names, sizeof names - 1, "names", a, &point, &t), OK);
}

static void teardown(void)
{
    buf_fini(&json);
    arena_destroy(a);
}

static const struct value *lookup(void *ctx, uint32_t i, const char *name)
{
    (void)i;
    if (strcmp(name, "svm.C") == 0)
        return value_find(value_find(ctx, "svm"), "C");
    return value_find(ctx, name);
}

static const struct expr *compile(const char *text)
{
    const struct expr *e = NULL;
    enum error error = expr_compile(text, strlen(text), a, &e, &t);
    ck_assert_msg(error == OK, "%s: %s", text, t.text);
    return e;
}

// An expression and its value as JSON; null is unknown, "nan" is NaN.
static const struct {
    const char *text;
    const char *json;
} meaning[] = {
    // arithmetic and precedence
    {"1 + 2 * 3", "7.0"},
    {"(1 + 2) * 3", "9.0"},
    {"7 - 2 - 1", "4.0"},
    {"2 ** 3 ** 2", "512.0"},
    {"-2 ** 2", "-4.0"},
    {"2 ** -1", "0.5"},
    {"--3", "3.0"},
    {"+x", "3"},
    {"1e3 + .5 + 2.", "1002.5"},
    {"7 % 3", "1.0"},
    {"-7 % 3", "2.0"},
    {"7 % -3", "-2.0"},
    {"6 / 4", "1.5"},
    {"x * y - z", "15.5"},
    {"svm.C * 10", "20.0"},
    {"true + true", "2.0"},
    // comparisons and logic
    {"1 < 2", "true"},
    {"2 <= 1", "false"},
    {"x == 3.0", "true"},
    {"x != 3", "false"},
    {"1 < x < 5", "true"},
    {"1 < x < 3", "false"},
    {"5 > x > 1 < 2", "true"},
    {"model == 'tree'", "true"},
    {"model == \"tree\" and x > 2", "true"},
    {"'a' < 'b'", "true"},
    {"'b' < 'ab'", "false"},
    {"'a' < 1", "false"},
    {"'a' == 1", "false"},
    {"'a' != 1", "true"},
    {"not x == 3", "false"},
    {"not not 1", "true"},
    {"1 or 0 and 0", "true"},
    {"yes == 1", "true"},
    {"x in [1, 2, 3]", "true"},
    {"x not in [1, 2, 3]", "false"},
    {"model in ['tree', 'svm']", "true"},
    {"3 in list", "true"},
    {"'re' in model", "true"},
    {"1 in 1", "false"},
    {"list == [5, 1, 3]", "true"},
    {"[1] == [1, 2]", "false"},
    {"1 if x > 2 else 2", "1.0"},
    {"1 if x > 5 else 2 if x > 4 else 3", "3.0"},
    {"words[1] == 'b'", "true"},
    {"list[0] + list[-1]", "8.0"},
    {"list[x - 2]", "1"},
    {"[[1, 2], [3]][0][1]", "2.0"},
    {"'it\\'s' == \"it's\"", "true"},
    {"'a\\nb' == 'a\\nb'", "true"},
    // functions
    {"abs(z)", "2.0"},
    {"min(3, 1, 2)", "1.0"},
    {"max(list)", "5.0"},
    {"sum(list)", "9.0"},
    {"sum([])", "0.0"},
    {"mean(list)", "3.0"},
    {"len(list)", "3.0"},
    {"len(s)", "2.0"},
    {"pow(2, 10)", "1024.0"},
    {"sqrt(16)", "4.0"},
    {"log2(8)", "3.0"},
    {"log10(1000)", "3.0"},
    {"exp(0) + log(1)", "1.0"},
    {"[floor(-1.5), ceil(-1.5), round(-1.5)]", "[-2.0,-1.0,-2.0]"},
    {"[round(0.5), round(1.5), round(2.4)]", "[0.0,2.0,2.0]"},
    {"any(0, 0, 1)", "true"},
    {"all([1, 1, 0])", "false"},
    {"any([])", "false"},
    {"all([])", "true"},
    {"max(x, y,)", "4.5"},
    // a name may be called like a function or a word within another
    {"x if yes else later", "3"},
    // unknown
    {"later", "null"},
    {"nothing", "null"},
    {"later + 1", "null"},
    {"-later", "null"},
    {"later < 3", "null"},
    {"later == later", "null"},
    {"not later", "null"},
    {"later and 0", "false"},
    {"0 and later", "false"},
    {"later and 1", "null"},
    {"later or 1", "true"},
    {"1 or later", "true"},
    {"later or 0", "null"},
    {"model != 'tree' or later < 6", "null"},
    {"model != 'svm' or later < 6", "true"},
    {"1 < later < 3", "null"},
    {"5 < x < later", "false"},
    {"1 if later else 2", "null"},
    {"7 if later else 7", "7.0"},
    {"later if 0 else 7", "7.0"},
    {"x in [3, later]", "true"},
    {"x in [4, later]", "null"},
    {"x not in [4, later]", "null"},
    {"later in []", "false"},
    {"later in [1]", "null"},
    {"later in ''", "null"},
    {"'' in ''", "true"},
    {"later in 5", "false"},
    {"x in later", "null"},
    {"part[0] + part[2]", "4.0"},
    {"part[1]", "null"},
    {"list[3]", "null"},
    {"list[-4]", "null"},
    {"list[0.5]", "null"},
    {"len(part)", "3.0"},
    {"sum(part)", "null"},
    {"any(part)", "true"},
    {"all(part)", "null"},
    {"min(later, 1)", "null"},
    {"[1, later] == [2, 3]", "false"},
    {"[1, later] == [1, 3]", "null"},
    {"later[0]", "null"},
    {"abs(later)", "null"},
    {"pow(later, 2)", "null"},
    {"len(later)", "null"},
    // what cannot be computed
    {"1 / 0", "\"nan\""},
    {"1 % 0", "\"nan\""},
    {"log(-1)", "\"nan\""},
    {"sqrt(-1)", "\"nan\""},
    {"'a' + 1", "\"nan\""},
    {"-model", "\"nan\""},
    {"x[0]", "\"nan\""},
    {"min([])", "\"nan\""},
    {"mean([])", "\"nan\""},
    {"max(1, 'a')", "\"nan\""},
    {"len(3)", "\"nan\""},
    {"1 / 0 < 3", "false"},
    {"not 1 / 0 < 3", "true"},
    {"1 / 0 == 1 / 0", "false"},
    {"big * 10 > big", "true"},
};

START_TEST(an_expression_means_what_it_says)
{
    struct value v = expr_eval(compile(meaning[_i].text), lookup, &point, a);
    if (v.type == VALUE_FLOAT && isnan(v.f))
        buf_puts(&json, "\"nan\"");
    else
        value_json(&v, &json);
    ck_assert_msg(strcmp(buf_cstr(&json), meaning[_i].json) == 0, "%s is %s, expected %s",
                  meaning[_i].text, buf_cstr(&json), meaning[_i].json);
}
END_TEST

static const struct {
    const char *text;
    const char *says;
} wrong[] = {
    {"", "column 1: the expression ends, expected a value"},
    {"1 +", "column 4: the expression ends, expected a value"},
    {"1 2", "column 3: '2', expected an operator"},
    {"(1", "column 3: the expression ends, expected an operator or ')'"},
    {"[1, 2", "column 6: the expression ends, expected ',' or ']'"},
    {"[, 1]", "column 2: ',', expected a value"},
    {"x[1", "column 4: the expression ends, expected an operator or ']'"},
    {"max(1", "column 6: the expression ends, expected ',' or ')'"},
    {"x && y", "column 3: '&&', expected 'and'"},
    {"x || y", "column 3: '||', expected 'or'"},
    {"!x", "column 1: '!', expected 'not'"},
    {"x = 3", "column 3: '=', expected '=='"},
    {"x ^ 2", "column 3: '^', expected '**'"},
    {"x // 2", "column 3: '//', expected floor(a / b)"},
    {"x ? 1 : 2", "column 3: '?', expected 'a if c else b'"},
    {"x $ 2", "column 3: a character that means nothing here, expected a name, a number or an "
              "operator"},
    {"'abc", "column 1: a text is not closed, expected ' at its end"},
    {"'a\\qb'", "column 3: an escape that means nothing, expected \\\\ \\' \\\" \\n \\t"},
    {"1.2.3", "column 4: '.3', expected an operator"},
    {"3x", "column 1: '3x', expected a number"},
    {"1e999", "column 1: '1e999', expected a number"},
    {"sqr(2)", "column 1: unknown function 'sqr', did you mean 'sqrt'?"},
    {"frobnicate(2)",
     "column 1: unknown function 'frobnicate', expected one of: abs min max log "
     "log2 log10 exp sqrt pow floor ceil round sum mean len any all"},
    {"pow(2)", "column 1: pow of 1 values, expected 2"},
    {"abs()", "column 1: abs of 0 values, expected 1"},
    {"min()", "column 1: min of 0 values, expected at least 1"},
    {"1 if 2", "column 7: the expression ends, expected 'else'"},
    {"x not y", "column 7: 'y', expected 'in' behind 'not'"},
    {"x and and y", "column 7: 'and', expected a value"},
    {"é < = 2", "column 5: '=', expected '=='"},
    {"x) + 1", "column 2: ')', expected an operator"},
};

START_TEST(a_wrong_expression_is_named_with_its_column)
{
    const struct expr *e = NULL;
    ck_assert_int_eq(expr_compile(wrong[_i].text, strlen(wrong[_i].text), a, &e, &t),
                     ERR_PARSE);
    ck_assert_str_eq(t.text, wrong[_i].says);
    ck_assert_ptr_null(e);
}
END_TEST

START_TEST(names_are_listed_once_in_order)
{
    const char *const *list;
    const struct expr *e = compile("b * svm.C + max(a, b) if svm.C in [x.y.0] else 'c'");
    ck_assert_uint_eq(expr_names(e, &list), 4);
    ck_assert_str_eq(list[0], "b");
    ck_assert_str_eq(list[1], "svm.C");
    ck_assert_str_eq(list[2], "a");
    ck_assert_str_eq(list[3], "x.y.0");
}
END_TEST

START_TEST(a_condition_is_true_false_or_unknown)
{
    ck_assert_int_eq(expr_test(compile("x"), lookup, &point, a), EXPR_TRUE);
    ck_assert_int_eq(expr_test(compile("x - 3"), lookup, &point, a), EXPR_FALSE);
    ck_assert_int_eq(expr_test(compile("1 / 0"), lookup, &point, a), EXPR_FALSE);
    ck_assert_int_eq(expr_test(compile("model"), lookup, &point, a), EXPR_TRUE);
    ck_assert_int_eq(expr_test(compile("empty"), lookup, &point, a), EXPR_FALSE);
    ck_assert_int_eq(expr_test(compile("later"), lookup, &point, a), EXPR_UNKNOWN);
    ck_assert(isnan(expr_number(compile("later"), lookup, &point, a)));
    ck_assert(isnan(expr_number(compile("model"), lookup, &point, a)));
    ck_assert_double_eq(expr_number(compile("x > 2"), lookup, &point, a), 1);
}
END_TEST

START_TEST(functions_are_those_of_our_own_mathematics)
{
    ck_assert_double_eq(expr_number(compile("exp(y)"), lookup, &point, a), math_exp(4.5));
    ck_assert_double_eq(expr_number(compile("log(y)"), lookup, &point, a), math_log(4.5));
    ck_assert_double_eq(expr_number(compile("y ** 0.3"), lookup, &point, a),
                        math_pow(4.5, 0.3));
}
END_TEST

// Long sums are fine, deep nesting is refused, whatever it is made of.
static const struct {
    const char *open;
    const char *middle;
    const char *close;
    int n;
    enum error error;
} size[] = {
    {"x + ", "x", "", 1500, OK},
    {"(", "x", ")", 60, OK},
    {"(", "x", ")", 65, ERR_LIMIT},
    {"(", "x", ")", 2000, ERR_LIMIT},
    {"-", "x", "", 2000, ERR_LIMIT},
    {"not ", "x", "", 1000, ERR_LIMIT},
    {"[", "x", "]", 2000, ERR_LIMIT},
    {"x ** ", "x", "", 1000, ERR_LIMIT},
    {"abs(", "x", ")", 1000, ERR_LIMIT},
    {"1 if x else ", "x", "", 500, ERR_LIMIT},
    {"1 < (", "x", ") < 3", 29, ERR_LIMIT},
    {"x + ", "x", "", 3000, ERR_LIMIT},
    {"x[", "0", "]", 1000, ERR_LIMIT},
};

START_TEST(size_and_depth_are_bounded)
{
    struct buf b;
    const struct expr *e;

    buf_init(&b, 1 << 20);
    for (int i = 0; i < size[_i].n; i++)
        buf_puts(&b, size[_i].open);
    buf_puts(&b, size[_i].middle);
    for (int i = 0; i < size[_i].n; i++)
        buf_puts(&b, size[_i].close);
    ck_assert_int_eq(expr_compile(buf_cstr(&b), b.n, a, &e, &t), size[_i].error);
    if (!size[_i].error)
        (void)expr_eval(e, lookup, &point, a);
    buf_fini(&b);
}
END_TEST

// The point of p, q, r from two bits each, and what of it is known.
static struct value point_of(int bits, int known)
{
    struct value map = value_map();
    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('p' + i), 0};
        if (known >> i & 1)
            value_set(a, &map, name, value_int(bits >> (2 * i) & 3));
    }
    return map;
}

// Kleene's law: an answer given early holds for every completion.
START_TEST(an_early_answer_never_changes)
{
    static const char *const texts[] = {
        "p and q or r", "p or q and not r",          "(p if q else r) == 1", "p in [q, r]",
        "p < q < r",    "any(p, q) and all([q, r])", "max(p, q) > r",        "[p, q] != [r, 1]",
        "not (p == q)", "p not in [q, 0] or r",
    };
    const struct expr *e = compile(texts[_i]);

    for (int k = 0; k < 8 * 64; k++) {
        struct value partial = point_of(k >> 3, k & 7), full = point_of(k >> 3, 7);
        enum expr_truth early = expr_test(e, lookup, &partial, a);
        enum expr_truth late = expr_test(e, lookup, &full, a);
        ck_assert_int_ne(late, EXPR_UNKNOWN);
        ck_assert_msg(early == EXPR_UNKNOWN || early == late, "%s: case %d", texts[_i], k);
    }
}
END_TEST

// Whatever the bytes: an answer on one line, or a value.
START_TEST(damaged_expressions_have_one_line_answers)
{
    static const char parts[][8] = {
        "x",    "(",      ")",    "[",     "]",        ",",    " and ", " or ", "not ",
        " if ", " else ", "in ",  "<",     "==",       "**",   "-",     "1",    ".",
        "'",    "\n",     "max(", "later", "\xc3\xa9", "\xff", "%",     "\"a\""};
    unsigned seed = 7;
    const struct expr *e;

    for (int k = 0; k < 5000; k++) {
        buf_reset(&json);
        for (int i = 0; i < 14; i++) {
            seed = seed * 1103515245 + 12345;
            buf_puts(&json, parts[seed / 65536 % (sizeof parts / sizeof *parts)]);
        }
        if (expr_compile(buf_cstr(&json), json.n, a, &e, &t))
            ck_assert_msg(strncmp(t.text, "column ", 7) == 0 && !strchr(t.text, '\n'), "%s: %s",
                          buf_cstr(&json), t.text);
        else
            (void)expr_eval(e, lookup, &point, a);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("expr");
    TCase *c = tcase_create("expr");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, an_expression_means_what_it_says, 0,
                        sizeof meaning / sizeof *meaning);
    tcase_add_loop_test(c, a_wrong_expression_is_named_with_its_column, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(c, names_are_listed_once_in_order);
    tcase_add_test(c, a_condition_is_true_false_or_unknown);
    tcase_add_test(c, functions_are_those_of_our_own_mathematics);
    tcase_add_loop_test(c, size_and_depth_are_bounded, 0, sizeof size / sizeof *size);
    tcase_add_loop_test(c, an_early_answer_never_changes, 0, 10);
    tcase_add_test(c, damaged_expressions_have_one_line_answers);
    suite_add_tcase(s, c);
    return harness_run(s);
}
