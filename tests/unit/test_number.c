// SPDX-License-Identifier: MIT
// test_number.c - shortest text out, exact value in, whatever the locale.
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/rng.h"
#include "tests/unit/harness.h"

static const struct {
    double x;
    const char *text;
} format[] = {
    {0, "0.0"},
    {-0.0, "-0.0"},
    {1, "1.0"},
    {0.1, "0.1"},
    {-2.5, "-2.5"},
    {100, "100.0"},
    {1e15, "1000000000000000.0"},
    {1e16, "1e+16"},
    {123456789.125, "123456789.125"},
    {1e-4, "0.0001"},
    {1e-5, "1e-05"},
    {1.5e300, "1.5e+300"},
    {0.1 + 0.2, "0.30000000000000004"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {DBL_MIN, "2.2250738585072014e-308"},
    {DBL_TRUE_MIN, "5e-324"},
    {0x1p-44, "5.684341886080802e-14"}, // the nearest 16 digits do not read back
    {9007199254740993.0, "9007199254740992.0"},
    {INFINITY, "inf"},
    {-INFINITY, "-inf"},
    {NAN, "nan"},
};

START_TEST(known_numbers_have_their_text)
{
    char out[NUMBER_TEXT_MAX];
    number_format(format[_i].x, out);
    ck_assert_str_eq(out, format[_i].text);
}
END_TEST

// Whether some text of n digits reads back as x; the long way.
static bool shorter_exists(double x, int n)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", n - 1, x);
    return strtod(text, NULL) == x;
}

START_TEST(text_reads_back_and_none_is_shorter)
{
    struct rng r = rng_at((uint64_t)_i, 0, 0, 0);

    for (int i = 0; i < 20000; i++) {
        uint64_t b = rng_u64(&r) >> (_i * 4);
        double x, y;
        memcpy(&x, &b, sizeof x);
        if (!isfinite(x))
            continue;
        char out[NUMBER_TEXT_MAX];
        number_format(x, out);
        ck_assert(number_parse_f64(out, strlen(out), &y));
        ck_assert_mem_eq(&x, &y, sizeof x);
        ck_assert(strpbrk(out, ".e"));
        int digits = 0;
        bool leading = true;
        for (const char *p = out; *p && *p != 'e'; p++) {
            leading = leading && (*p < '1' || *p > '9');
            digits += !leading && *p >= '0' && *p <= '9';
        }
        if (digits > 1 && digits <= 17 && strchr(out, 'e'))
            ck_assert_msg(!shorter_exists(x, digits - 1), "%s", out);
    }
}
END_TEST

// The digits of a text without its point, outer noughts and exponent; their number.
static int significant(const char *text, char *digits)
{
    int n = 0;
    for (const char *p = text; *p && *p != 'e'; p++)
        if (*p != '.' && (n || *p != '0'))
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

// Of uniform numbers, of those with few digits, of many sizes.
static double number_of_kind(int kind, uint64_t u)
{
    if (kind == 0)
        return (double)(u >> 11) * 0x1p-53 * 10.24;
    if (kind == 1)
        return (double)(u >> 44) / 1000;
    return ldexp((double)(u >> 11), (int)(u % 128) - 128);
}

// The text's digits are the nearest of their number, and one fewer does not read back.
START_TEST(digits_are_the_nearest_of_the_fewest)
{
    struct rng r = rng_at(77, (uint32_t)_i, 0, 0);

    for (int i = 0; i < 20000; i++) {
        double x = number_of_kind(_i, rng_u64(&r));
        char out[NUMBER_TEXT_MAX], text[64], digits[64], nearest[64];
        ck_assert_uint_eq(number_format(x, out), strlen(out));
        int n = significant(out, digits), e;
        snprintf(text, sizeof text, "%.*e", n ? n - 1 : 0, x);
        // Below a power of two the nearest may lie outside.
        if (frexp(x, &e) != 0.5)
            ck_assert_msg(significant(text, nearest) == n
                              && !memcmp(digits, nearest, (size_t)n),
                          "%a: %s", x, out);
        ck_assert_msg(n < 2 || !shorter_exists(x, n - 1), "%s", out);
    }
}
END_TEST

static const struct {
    const char *text;
    bool good;
    double x;
} parse[] = {
    {"1", true, 1},          {"-1.5", true, -1.5},
    {"+2.", true, 2},        {".5", true, 0.5},
    {"1e3", true, 1000},     {"1E-2", true, 0.01},
    {"inf", true, INFINITY}, {"-.inf", true, -INFINITY},
    {"", false, 0},          {".", false, 0},
    {"-", false, 0},         {"1e", false, 0},
    {"1e+", false, 0},       {"1.2.3", false, 0},
    {" 1", false, 0},        {"1 ", false, 0},
    {"0x10", false, 0},      {"1,5", false, 0},
    {"1e999", false, 0},     {"infinity", false, 0},
    {"--1", false, 0},       {"1e5x", false, 0},
    {"nanx", false, 0},
};

START_TEST(only_whole_numbers_of_text_are_taken)
{
    double x = 77;
    bool good = number_parse_f64(parse[_i].text, strlen(parse[_i].text), &x);
    ck_assert_msg(good == parse[_i].good, "%s", parse[_i].text);
    ck_assert(x == (good ? parse[_i].x : 77));
}
END_TEST

START_TEST(the_length_counts_not_the_end)
{
    double x;
    ck_assert(number_parse_f64("12345", 2, &x) && x == 12);
    ck_assert(!number_parse_f64("1\0002", 3, &x));
}
END_TEST

START_TEST(integers_stop_at_their_ends)
{
    int64_t i;
    uint64_t u;
    ck_assert(number_parse_i64("9223372036854775807", 19, &i) && i == INT64_MAX);
    ck_assert(number_parse_i64("-9223372036854775808", 20, &i) && i == INT64_MIN);
    ck_assert(!number_parse_i64("9223372036854775808", 19, &i));
    ck_assert(!number_parse_i64("-9223372036854775809", 20, &i));
    ck_assert(number_parse_u64("18446744073709551615", 20, &u) && u == UINT64_MAX);
    ck_assert(!number_parse_u64("18446744073709551616", 20, &u));
    ck_assert(!number_parse_u64("-1", 2, &u));
    ck_assert(!number_parse_i64("", 0, &i) && !number_parse_i64("-", 1, &i));
    ck_assert(!number_parse_i64("-+1", 3, &i) && !number_parse_i64("1.0", 3, &i));
    ck_assert(number_parse_i64("-0", 2, &i) && i == 0);
}
END_TEST

START_TEST(a_comma_locale_changes_nothing)
{
    char out[NUMBER_TEXT_MAX];
    double x;
    // Where the machine has no such locale this checks the plain one again.
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        (void)setlocale(LC_ALL, "");
    number_format(1.5, out);
    ck_assert_str_eq(out, "1.5");
    ck_assert(number_parse_f64("2.25", 4, &x) && x == 2.25);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("number");
    TCase *c = tcase_create("number");
    tcase_add_loop_test(c, known_numbers_have_their_text, 0, sizeof format / sizeof *format);
    tcase_add_loop_test(c, text_reads_back_and_none_is_shorter, 0, 4);
    tcase_add_loop_test(c, digits_are_the_nearest_of_the_fewest, 0, 3);
    tcase_add_loop_test(c, only_whole_numbers_of_text_are_taken, 0,
                        sizeof parse / sizeof *parse);
    tcase_add_test(c, the_length_counts_not_the_end);
    tcase_add_test(c, integers_stop_at_their_ends);
    tcase_add_test(c, a_comma_locale_changes_nothing);
    suite_add_tcase(s, c);
    return harness_run(s);
}
