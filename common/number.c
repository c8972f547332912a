// SPDX-License-Identifier: MIT
#include "common/number.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/digits.h"

// Longer texts are no number that a human or a program of ours wrote.
enum { TEXT_MAX = 1024 };

// Whoever calls setlocale, the decimal point here stays a point.
static locale_t plain;
static pthread_once_t plain_once = PTHREAD_ONCE_INIT;

static void make_plain(void)
{
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(plain);
}

static double read_text(const char *text)
{
    pthread_once(&plain_once, make_plain);
    return strtod_l(text, NULL, plain);
}

// |x| = 0.d1d2…dn × 10^point
struct decimal {
    char digits[20];
    int n;
    int point;
};

static double decimal_value(const struct decimal *d)
{
    char text[NUMBER_TEXT_MAX], digits[8], *o = text;
    int n = 0, exponent = d->point - d->n;
    memcpy(o, d->digits, (size_t)d->n);
    o += d->n;
    *o++ = 'e';
    if (exponent < 0)
        *o++ = '-';
    for (int x = abs(exponent); x || !n; x /= 10)
        digits[n++] = (char)('0' + x % 10);
    while (n)
        *o++ = digits[--n];
    *o = 0;
    return read_text(text);
}

// The n digits nearest to x > 0.  Reads snprintf's digits only, so the
// locale's decimal point does not matter.
static void round_to_digits(double x, int n, struct decimal *d)
{
    char text[NUMBER_TEXT_MAX];
    const char *p = text;

    snprintf(text, sizeof text, "%.*e", n - 1, x);
    d->n = 0;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            d->digits[d->n++] = *p;
    d->point = 1 + (int)strtol(p + 1, NULL, 10);
}

static void one_up(struct decimal *d)
{
    int i = d->n - 1;
    while (i > 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    d->digits[i]++; // no power of two is followed by sixteen nines
}

static bool fits(double x, int n, struct decimal *d)
{
    round_to_digits(x, n, d);
    if (decimal_value(d) == x)
        return true;
    // The gap below a power of two is half the gap above: the nearest text may
    // lie outside while its upper neighbour is inside.
    int exponent;
    if (frexp(x, &exponent) > 0.5)
        return false;
    one_up(d);
    return decimal_value(d) == x;
}

// As fits, from the 17 digits nearest to x: rounding those is rounding x, but for a tie,
// which they may be only by their own rounding.  Half the distance to the next double is at
// most 11.2 units of the 17th digit, so that most numbers are seen not to fit 15.
static bool fits_rounded(double x, int n, const struct decimal *full, struct decimal *d)
{
    enum { FULL = 17, FAR = 13 };
    int cut = 0, half = n == FULL - 1 ? 5 : 50, exponent, nines = 0;

    for (int i = n; i < FULL; i++)
        cut = 10 * cut + full->digits[i] - '0';
    if (cut > FAR && cut < 2 * half - FAR)
        return false;
    while (nines < n && full->digits[nines] == '9')
        nines++;
    if (cut == half || nines == n)
        return fits(x, n, d);
    *d = *full;
    d->n = n;
    if (cut > half)
        one_up(d);
    return decimal_value(d) == x || (frexp(x, &exponent) == 0.5 && fits(x, n, d));
}

static void whole_digits(uint64_t u, struct decimal *d)
{
    char text[20];
    int n = 0;
    for (; u; u /= 10)
        text[n++] = (char)('0' + u % 10);
    d->n = d->point = n;
    for (int i = 0; i < n; i++)
        d->digits[i] = text[n - 1 - i];
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
}

// The 17 digits, with point, as text.
static void spread_digits(uint64_t digits, int point, struct decimal *d)
{
    d->n = 17;
    d->point = point;
    for (int i = d->n; i--; digits /= 10)
        d->digits[i] = (char)('0' + digits % 10);
}

// Every decimal of up to 15 digits survives a normal double, so 15 digits with
// their zeros cut are the shortest when they read back.  Subnormals hold less.
static void shortest(double x, struct decimal *d)
{
    if (x < 1e15 && x == floor(x)) { // has them all in front of its point
        whole_digits((uint64_t)x, d);
        return;
    }
    uint64_t digits;
    int point;
    if (digits_shortest(x, &digits, &point)) {
        spread_digits(digits, point, d);
    } else if (x < DBL_MIN) {
        int n = 1;
        while (n < 17 && !fits(x, n, d))
            n++;
        if (n == 17)
            round_to_digits(x, 17, d);
    } else {
        struct decimal full = {.n = 0};
        round_to_digits(x, 17, &full);
        if (!fits_rounded(x, 15, &full, d) && !fits_rounded(x, 16, &full, d))
            *d = full;
    }
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
}

static char *put(char *out, const char *s, int n)
{
    memcpy(out, s, (size_t)n);
    return out + n;
}

static char *put_zeros(char *out, int n)
{
    memset(out, '0', (size_t)n);
    return out + n;
}

static char *write_plain(char *o, const struct decimal *d)
{
    if (d->point <= 0) {
        o = put(o, "0.", 2);
        o = put_zeros(o, -d->point);
        return put(o, d->digits, d->n);
    }
    int whole = d->n < d->point ? d->n : d->point;
    o = put(o, d->digits, whole);
    o = put_zeros(o, d->point - whole);
    *o++ = '.';
    if (whole == d->n)
        return put(o, "0", 1);
    return put(o, d->digits + whole, d->n - whole);
}

static char *write_scientific(char *o, const struct decimal *d)
{
    o = put(o, d->digits, 1);
    if (d->n > 1) {
        *o++ = '.';
        o = put(o, d->digits + 1, d->n - 1);
    }
    return o + sprintf(o, "e%+03d", d->point - 1);
}

size_t number_format(double x, char out[NUMBER_TEXT_MAX])
{
    if (isnan(x)) {
        memcpy(out, "nan", 4);
        return 3;
    }
    char *o = out;
    if (signbit(x))
        *o++ = '-';
    if (isinf(x) || x == 0) {
        memcpy(o, isinf(x) ? "inf" : "0.0", 4);
        return (size_t)(o - out) + 3;
    }
    struct decimal d = {.n = 0};
    shortest(fabs(x), &d);
    o = d.point < -3 || d.point > 16 ? write_scientific(o, &d) : write_plain(o, &d);
    *o = 0;
    return (size_t)(o - out);
}

static size_t count_digits(const char *s)
{
    size_t n = 0;
    while (s[n] >= '0' && s[n] <= '9')
        n++;
    return n;
}

// Whether s is [sign] digits with at most one point, then an exponent or not.
static bool is_decimal(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t whole = count_digits(s);
    s += whole;
    size_t part = 0;
    if (*s == '.') {
        part = count_digits(s + 1);
        s += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        size_t n = count_digits(s);
        if (n == 0)
            return false;
        s += n;
    }
    return *s == 0;
}

// "inf", "nan" and YAML's ".inf", ".nan", signed or not.
static bool is_special(const char *s, double *out)
{
    bool negative = *s == '-';
    s += *s == '-' || *s == '+';
    s += *s == '.';
    if (strcasecmp(s, "inf") != 0 && strcasecmp(s, "nan") != 0)
        return false;
    double x = *s == 'i' || *s == 'I' ? HUGE_VAL : (double)NAN;
    *out = negative ? -x : x;
    return true;
}

bool number_parse_f64(const char *s, size_t n, double *out)
{
    char text[TEXT_MAX];

    if (n == 0 || n >= sizeof text || memchr(s, 0, n))
        return false;
    memcpy(text, s, n);
    text[n] = 0;
    if (is_special(text, out))
        return true;
    if (!is_decimal(text))
        return false;
    double x = read_text(text);
    if (isinf(x)) // too large a number is not infinity
        return false;
    *out = x;
    return true;
}

bool number_parse_u64(const char *s, size_t n, uint64_t *out)
{
    uint64_t v = 0;

    if (n > 0 && *s == '+') {
        s++;
        n--;
    }
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool number_parse_i64(const char *s, size_t n, int64_t *out)
{
    bool negative = n > 0 && *s == '-';
    uint64_t v;

    if (negative && n > 1 && s[1] == '+')
        return false;
    if (!number_parse_u64(s + negative, n - negative, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}
