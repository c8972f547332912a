// SPDX-License-Identifier: MIT
#include "common/yaml_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"

// ---- valid text -------------------------------------------------------------

static uint32_t sequence_length(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

// 0: not UTF-8.
static uint32_t next_character(const char *s, size_t n, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s;
    uint32_t len = sequence_length(p[0]);

    if (len == 0 || len > n)
        return 0;
    *code = len == 1 ? p[0] : p[0] & (0x7fU >> len);
    for (uint32_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3fU);
    }
    bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least[len] || *code > 0x10ffff || surrogate ? 0 : len;
}

static bool is_printable(uint32_t c)
{
    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    return c != 0x7f && (c < 0x80 || c >= 0xa0 || c == 0x85);
}

bool yaml_is_text(
    const char *s, size_t n, uint32_t *line, uint32_t *column, struct yaml_why *why)
{
    *line = *column = 1;
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        uint32_t len = next_character(s + i, n - i, &code);
        if (len == 0) {
            (void)snprintf(why->text, sizeof why->text,
                           "byte 0x%02x is no UTF-8, expected a UTF-8 text",
                           (unsigned char)s[i]);
            return false;
        }
        if (!is_printable(code)) {
            (void)snprintf(why->text, sizeof why->text,
                           "control character 0x%02x, expected printable text", (unsigned)code);
            return false;
        }
        *column += 1;
        if (code == '\n') {
            *line += 1;
            *column = 1;
        }
        i += len;
    }
    return true;
}

// ---- the core schema --------------------------------------------------------

static bool is_word(const char *s, size_t n, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == n && memcmp(s, *words, n) == 0)
            return true;
    return false;
}

static size_t digits(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i] >= '0' && s[i] <= '9')
        i++;
    return i;
}

static bool is_signed(const char *s, size_t n)
{
    return n > 0 && (s[0] == '-' || s[0] == '+');
}

static bool is_decimal_int(const char *s, size_t n)
{
    size_t sign = is_signed(s, n);
    return n > sign && digits(s + sign, n - sign) == n - sign;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
static bool is_decimal_float(const char *s, size_t n)
{
    size_t i = is_signed(s, n);
    size_t whole = digits(s + i, n - i);
    size_t part = 0;

    i += whole;
    if (i < n && s[i] == '.') {
        part = digits(s + i + 1, n - i - 1);
        i += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        i += is_signed(s + i, n - i);
        size_t exponent = digits(s + i, n - i);
        if (exponent == 0)
            return false;
        i += exponent;
    }
    return i == n;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool is_radix_int(const char *s, size_t n, uint32_t radix)
{
    if (n < 3 || s[0] != '0' || s[1] != (radix == 16 ? 'x' : 'o'))
        return false;
    for (size_t i = 2; i < n; i++)
        if (digit_of(s[i]) >= (int)radix)
            return false;
    return true;
}

static bool read_radix(const char *s, size_t n, uint32_t radix, struct value *out)
{
    uint64_t u = 0;

    for (size_t i = 2; i < n; i++)
        if (__builtin_mul_overflow(u, radix, &u)
            || __builtin_add_overflow(u, (uint64_t)digit_of(s[i]), &u))
            return false;
    struct value v = value_uint(u);
    out->type = v.type;
    out->u = u;
    return true;
}

static bool read_int(const char *s, size_t n, struct value *out)
{
    if (number_parse_i64(s, n, &out->i)) {
        out->type = VALUE_INT;
        return true;
    }
    out->type = VALUE_UINT;
    return number_parse_u64(s, n, &out->u);
}

static bool too_large(const char *s, size_t n, const char *what, struct yaml_why *why)
{
    (void)snprintf(why->text, sizeof why->text, "%.*s is too large, expected %s",
                   (int)(n > 40 ? 40 : n), s, what);
    return false;
}

static bool resolve_number(const char *s, size_t n, struct value *out, struct yaml_why *why)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    size_t sign = is_signed(s, n);
    uint32_t radix = is_radix_int(s, n, 16) ? 16 : is_radix_int(s, n, 8) ? 8 : 10;

    if (radix != 10 || is_decimal_int(s, n)) {
        bool fits = radix == 10 ? read_int(s, n, out) : read_radix(s, n, radix, out);
        return fits ? true : too_large(s, n, "an integer of 64 bits", why);
    }
    if (is_word(s + sign, n - sign, infinite) || is_word(s, n, nan)) {
        out->type = VALUE_FLOAT;
        return number_parse_f64(s, n, &out->f);
    }
    if (is_decimal_float(s, n)) {
        out->type = VALUE_FLOAT;
        bool fits = number_parse_f64(s, n, &out->f);
        return fits ? true : too_large(s, n, "a number of double precision", why);
    }
    out->type = VALUE_STR;
    return true;
}

bool yaml_resolve(const char *s, size_t n, bool plain, struct value *out, struct yaml_why *why)
{
    static const char *const null[] = {"", "null", "Null", "NULL", "~", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};

    if (!plain) {
        out->type = VALUE_STR;
    } else if (is_word(s, n, null)) {
        out->type = VALUE_NULL;
    } else if (is_word(s, n, yes) || is_word(s, n, no)) {
        out->type = VALUE_BOOL;
        out->b = is_word(s, n, yes);
    } else if (strchr("-+.0123456789", s[0])) {
        return resolve_number(s, n, out, why);
    } else {
        out->type = VALUE_STR;
    }
    return true;
}

// ---- tags -------------------------------------------------------------------

bool yaml_tag_is(const char *tag, size_t n, const char *name)
{
    static const char core[] = "tag:yaml.org,2002:";
    size_t prefix = sizeof core - 1;

    return n == prefix + strlen(name) && memcmp(tag, core, prefix) == 0
           && memcmp(tag + prefix, name, n - prefix) == 0;
}

bool yaml_tagged(
    const char *s, size_t n, struct yaml_tag tag, struct value *out, struct yaml_why *why)
{
    static const struct {
        const char *tag;
        enum value_type type;
    } known[] = {
        {"null", VALUE_NULL}, {"bool", VALUE_BOOL},   {"int", VALUE_INT},
        {"int", VALUE_UINT},  {"float", VALUE_FLOAT},
    };

    out->type = VALUE_STR;
    if ((tag.n == 1 && *tag.s == '!') || yaml_tag_is(tag.s, tag.n, "str"))
        return true;
    if (!yaml_resolve(s, n, true, out, why))
        return false;
    if (out->type == VALUE_INT && yaml_tag_is(tag.s, tag.n, "float")) {
        out->type = VALUE_FLOAT;
        out->f = (double)out->i;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (out->type == known[i].type && yaml_tag_is(tag.s, tag.n, known[i].tag))
            return true;
    (void)snprintf(why->text, sizeof why->text, "tag '%.*s' does not fit, expected no tag",
                   (int)(tag.n > 60 ? 60 : tag.n), tag.s);
    return false;
}

// ---- single quotes ----------------------------------------------------------

size_t yaml_single_quoted_length(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && (s[i] != '\'' || (i + 1 < n && s[i + 1] == '\'')))
        i += s[i] == '\'' ? 2 : 1;
    return i < n ? i : n;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t';
}

// At a line end: one is a space, of more each but the first is one.
static const char *fold(const char *s, const char *end, char **to)
{
    size_t breaks = 0;
    for (; s < end && (is_white(*s) || *s == '\n' || *s == '\r'); s++)
        breaks += *s == '\n' || (*s == '\r' && (s + 1 == end || s[1] != '\n'));
    if (breaks == 1)
        *(*to)++ = ' ';
    for (size_t i = 1; i < breaks; i++)
        *(*to)++ = '\n';
    return s;
}

size_t yaml_single_quoted(const char *s, size_t n, char *out)
{
    const char *end = s + n;
    char *to = out;
    while (s < end) {
        if (*s == '\n' || *s == '\r') {
            while (to > out && is_white(to[-1]))
                to--;
            s = fold(s, end, &to);
            continue;
        }
        s += *s == '\'' && s + 1 < end; // the second of two
        *to++ = *s++;
    }
    return (size_t)(to - out);
}

// ---- messages ---------------------------------------------------------------

// What the library says begins with `theirs`; `ours` is what a user can act on.
static const struct {
    const char *theirs;
    const char *ours;
} words[] = {
    {"tab character", "a tab indents this line, expected spaces"},
    {"invalid tab", "a tab indents this line, expected spaces"},
    {"cannot use tab", "a tab indents this line, expected spaces"},
    {"Indentation used tabs", "a tab indents this line, expected spaces"},
    {"flow sequence without", "a list is not closed, expected ',' or ']'"},
    {"flow mapping without", "a map is not closed, expected ',' or '}'"},
    {"missing comma in flow sequence", "a list goes on here, expected ',' or ']'"},
    {"missing comma in flow mapping", "a map goes on here, expected ',' or '}'"},
    {"single-quoted scalar without", "a string is not closed, expected a closing '"},
    {"double-quoted scalar without", "a string is not closed, expected a closing \""},
    {"invalid nested block mapping",
     "a second ': ' on one line, expected quotes around a text that holds one"},
    {"invalid multiline plain key",
     "this line's indentation fits no other, expected that of its neighbours"},
    {"wrongly indented", "this line is indented wrongly, expected that of its neighbours"},
    {"invalid scalar at the end of block sequence",
     "this line is no element of the list above, expected '- ' or less indentation"},
    {"invalid value after mapping",
     "this line is no 'key: value' of the map above, expected one or less indentation"},
};

void yaml_explain(const char *message, char *out, size_t size)
{
    int n = (int)strcspn(message, "\n");

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strncmp(message, words[i].theirs, strlen(words[i].theirs)) != 0)
            continue;
        (void)snprintf(out, size, "%s", words[i].ours);
        return;
    }
    if (strncmp(message, "plain scalar cannot start with", 30) == 0)
        (void)snprintf(out, size, "a text starts with%.*s, expected quotes around it", n - 30,
                       message + 30);
    else if (strncmp(message, "invalid escape", 14) == 0)
        (void)snprintf(out, size, "%.*s, expected \\\\ or a single-quoted string", n, message);
    else
        (void)snprintf(out, size, "not YAML: %.*s, expected YAML 1.2 or JSON", n, message);
}
