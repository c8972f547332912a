// SPDX-License-Identifier: MIT
#include "common/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

struct reader {
    const char *start, *p, *end;
    struct arena *a;
    struct errtext *t;
    uint32_t nodes;
    bool not_finite; // NaN and infinities are numbers
};

static enum error fail(const struct reader *r, enum error e, const char *what)
{
    return errtext_set(r->t, e, "byte %zu: %s", (size_t)(r->p - r->start) + 1, what);
}

static void blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

// ---- strings ---------------------------------------------------------------------------

static bool hex4(struct reader *r, uint32_t *out)
{
    uint32_t x = 0;
    if (r->end - r->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit > 15)
            return false;
        x = x << 4 | digit;
    }
    *out = x;
    return true;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

// Behind "\u": one character, maybe of two escapes.
static enum error unicode(struct reader *r, char **to)
{
    uint32_t c;
    uint32_t low;
    if (!hex4(r, &c))
        return fail(r, ERR_PARSE, "\\u without four hexadecimal digits");
    if (c >= 0xdc00 && c <= 0xdfff)
        return fail(r, ERR_PARSE, "the second half of a surrogate pair without the first");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (!take(r, '\\') || !take(r, 'u') || !hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return fail(r, ERR_PARSE, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, c);
    return OK;
}

static enum error escape(struct reader *r, char **to)
{
    static const char names[] = "\"\\/bfnrt";
    static const char means[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end)
        return fail(r, ERR_PARSE, "the text ends within a string");
    char c = *r->p++;
    if (c == 'u')
        return unicode(r, to);
    const char *at = c ? strchr(names, c) : NULL;
    if (!at)
        return fail(r, ERR_PARSE, "an unknown escape in a string");
    *(*to)++ = means[at - names];
    return OK;
}

// Where the string ends, or NULL; what it becomes is never longer than what it is.
static const char *closing(const struct reader *r)
{
    for (const char *p = r->p; p < r->end; p++) {
        if (*p == '"')
            return p;
        p += *p == '\\';
    }
    return NULL;
}

// The opening quote is taken.
static enum error string(struct reader *r, const char **out, size_t *n)
{
    const char *close = closing(r);
    if (!close)
        return fail(r, ERR_PARSE, "a string without its closing quote");
    char *text = arena_room(r->a, (size_t)(close - r->p) + 1);
    char *to = text;
    while (r->p < close) {
        enum error e = OK;
        size_t length = 1;
        if ((unsigned char)*r->p < 0x20)
            return fail(r, ERR_PARSE, "a control character in a string, expected an escape");
        if (*r->p == '\\') {
            r->p++;
            e = escape(r, &to);
            length = 0;
        } else if (utf8_look(r->p, (size_t)(close - r->p), &length) != UTF8_WHOLE) {
            return fail(r, ERR_PARSE, "a string that is not UTF-8");
        }
        if (e)
            return e;
        memcpy(to, r->p, length);
        to += length;
        r->p += length;
    }
    r->p = close + 1;
    *to = 0;
    *out = text;
    *n = (size_t)(to - text);
    return OK;
}

// ---- numbers ----------------------------------------------------------------------------

static size_t digits(struct reader *r)
{
    const char *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - from);
}

static bool number_text(struct reader *r, bool *whole)
{
    *whole = true;
    (void)take(r, '-');
    if (!take(r, '0') && !digits(r))
        return false;
    if (take(r, '.')) {
        *whole = false;
        if (!digits(r))
            return false;
    }
    if (!take(r, 'e') && !take(r, 'E'))
        return true;
    *whole = false;
    if (!take(r, '+'))
        (void)take(r, '-');
    return digits(r) > 0;
}

static enum error number(struct reader *r, struct value *out)
{
    const char *from = r->p;
    bool whole;
    uint64_t u = 0;
    if (!number_text(r, &whole))
        return fail(r, ERR_PARSE, "no JSON value");
    bool minus = *from == '-';
    for (const char *p = from + minus; whole && p < r->p; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        whole = u <= (UINT64_MAX - digit) / 10;
        u = whole ? u * 10 + digit : u;
    }
    if (whole && (!minus || u <= (uint64_t)INT64_MAX + 1)) {
        // The least integer has no counterpart above zero that could be negated.
        *out = minus && u ? value_int(-(int64_t)(u - 1) - 1) : value_uint(u);
        return OK;
    }
    const char *copy = arena_str(r->a, from, (size_t)(r->p - from));
    *out = value_float(strtod(copy, NULL)); // the C locale: no program of ours sets another
    return OK;
}

// ---- values -----------------------------------------------------------------------------

static bool word(struct reader *r, const char *name)
{
    size_t n = strlen(name);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, name, n) != 0)
        return false;
    r->p += n;
    return true;
}

static bool not_finite(struct reader *r, struct value *out)
{
    if (!r->not_finite)
        return false;
    if (word(r, "NaN"))
        *out = value_float(NAN);
    else if (word(r, "Infinity"))
        *out = value_float(INFINITY);
    else if (word(r, "-Infinity"))
        *out = value_float(-INFINITY);
    else
        return false;
    return true;
}

static enum error any(struct reader *r, uint32_t depth, struct value *out);

// NOLINTNEXTLINE(misc-no-recursion): bounded by JSON_DEPTH_MAX
static enum error list(struct reader *r, uint32_t depth, struct value *out)
{
    *out = value_list();
    blanks(r);
    if (take(r, ']'))
        return OK;
    for (;;) {
        struct value v;
        enum error e = any(r, depth, &v);
        if (e)
            return e;
        (void)value_push(r->a, out, v);
        blanks(r);
        if (take(r, ']'))
            return OK;
        if (!take(r, ','))
            return fail(r, ERR_PARSE, "expected ',' or ']'");
    }
}

static enum error key(struct reader *r, const struct value *map, const char **out)
{
    size_t n = 0;
    *out = "";
    blanks(r);
    if (!take(r, '"'))
        return fail(r, ERR_PARSE, "expected a key in double quotes");
    enum error e = string(r, out, &n);
    if (e)
        return e;
    if (strlen(*out) != n)
        return fail(r, ERR_PARSE, "a key with a NUL in it");
    if (map->n == JSON_KEYS_MAX)
        return fail(r, ERR_LIMIT, "too many keys");
    if (value_find(map, *out))
        return errtext_set(r->t, ERR_PARSE, "byte %zu: the key '%.40s' comes twice",
                           (size_t)(r->p - r->start), *out);
    blanks(r);
    return take(r, ':') ? OK : fail(r, ERR_PARSE, "expected ':'");
}

// NOLINTNEXTLINE(misc-no-recursion)
static enum error map(struct reader *r, uint32_t depth, struct value *out)
{
    *out = value_map();
    blanks(r);
    if (take(r, '}'))
        return OK;
    for (;;) {
        const char *name;
        struct value v;
        enum error e = key(r, out, &name);
        if (!e)
            e = any(r, depth, &v);
        if (e)
            return e;
        (void)value_set(r->a, out, name, v);
        blanks(r);
        if (take(r, '}'))
            return OK;
        if (!take(r, ','))
            return fail(r, ERR_PARSE, "expected ',' or '}'");
    }
}

static enum error text_value(struct reader *r, struct value *out)
{
    const char *s;
    size_t n;
    enum error e = string(r, &s, &n);
    if (!e)
        *out = (struct value){.type = VALUE_STR, .n = (uint32_t)n, .s = s};
    return e;
}

// NOLINTNEXTLINE(misc-no-recursion)
static enum error any(struct reader *r, uint32_t depth, struct value *out)
{
    blanks(r);
    if (depth == JSON_DEPTH_MAX)
        return fail(r, ERR_LIMIT, "nested too deeply");
    if (++r->nodes > JSON_NODES_MAX)
        return fail(r, ERR_LIMIT, "too many values");
    if (take(r, '{'))
        return map(r, depth + 1, out);
    if (take(r, '['))
        return list(r, depth + 1, out);
    if (take(r, '"'))
        return text_value(r, out);
    if (word(r, "null"))
        *out = value_null();
    else if (word(r, "true"))
        *out = value_bool(true);
    else if (word(r, "false"))
        *out = value_bool(false);
    else if (!not_finite(r, out))
        return number(r, out);
    return OK;
}

static enum error whole_text(struct reader r, struct value *out)
{
    if ((size_t)(r.end - r.start) > UINT32_MAX)
        return fail(&r, ERR_LIMIT, "the text is too long");
    enum error e = any(&r, 0, out);
    if (e)
        return e;
    blanks(&r);
    return r.p == r.end ? OK : fail(&r, ERR_PARSE, "something follows the value");
}

enum error
json_parse(const char *text, size_t n, struct arena *a, struct value *out, struct errtext *t)
{
    struct reader r = {.start = text, .p = text, .end = text + n, .a = a, .t = t};
    return whole_text(r, out);
}

enum error json_parse_printed(
    const char *text, size_t n, struct arena *a, struct value *out, struct errtext *t)
{
    struct reader r = {
        .start = text, .p = text, .end = text + n, .a = a, .t = t, .not_finite = true};
    return whole_text(r, out);
}
