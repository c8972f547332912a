// SPDX-License-Identifier: MIT
#include "common/value.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/number.h"
#include "common/utf8.h"

enum { ROOM_MIN = 4, DESCRIBED_MAX = 40 };

struct value value_null(void)
{
    return (struct value){.type = VALUE_NULL};
}

struct value value_bool(bool b)
{
    return (struct value){.type = VALUE_BOOL, .b = b};
}

struct value value_int(int64_t i)
{
    return (struct value){.type = VALUE_INT, .i = i};
}

struct value value_uint(uint64_t u)
{
    if (u <= INT64_MAX)
        return value_int((int64_t)u);
    return (struct value){.type = VALUE_UINT, .u = u};
}

struct value value_float(double f)
{
    return (struct value){.type = VALUE_FLOAT, .f = f};
}

struct value value_strn(struct arena *a, const char *s, size_t n)
{
    assert(n <= UINT32_MAX);
    return (struct value){.type = VALUE_STR, .n = (uint32_t)n, .s = arena_str(a, s, n)};
}

struct value value_str(struct arena *a, const char *s)
{
    return value_strn(a, s, strlen(s));
}

struct value value_bin(struct arena *a, const void *p, size_t n)
{
    struct value v = value_strn(a, p, n);
    v.type = VALUE_BIN;
    return v;
}

struct value value_printf(struct arena *a, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < (int)sizeof text)
        return value_strn(a, text, n < 0 ? 0 : (size_t)n);
    char *s = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    (void)vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct value){.type = VALUE_STR, .n = (uint32_t)n, .s = s};
}

struct value value_list(void)
{
    return (struct value){.type = VALUE_LIST};
}

struct value value_map(void)
{
    return (struct value){.type = VALUE_MAP};
}

// The room of an array follows from its length: the power of two at or above it.
static size_t room_of(uint32_t n)
{
    size_t room = ROOM_MIN;
    while (room < n)
        room *= 2;
    return n ? room : 0;
}

static bool is_full(uint32_t n) // n == room_of(n)
{
    return n == 0 || (n >= ROOM_MIN && (n & (n - 1)) == 0);
}

struct value value_list_room(struct arena *a, uint32_t n)
{
    struct value v = {.type = VALUE_LIST, .n = n};
    // The room behind them is not touched: of a large list it takes no memory yet.
    v.items = n ? arena_room(a, room_of(n) * sizeof *v.items) : NULL;
    return v;
}

struct value value_list_of(struct arena *a, uint32_t n)
{
    struct value v = value_list_room(a, n);
    if (n)
        memset(v.items, 0, n * sizeof *v.items);
    return v;
}

struct value value_map_of(struct arena *a, uint32_t n)
{
    struct value v = {.type = VALUE_MAP, .n = n};
    v.pairs = n ? arena_alloc(a, room_of(n) * sizeof *v.pairs) : NULL;
    for (uint32_t i = 0; i < n; i++)
        v.pairs[i].key = "";
    return v;
}

struct value *value_push(struct arena *a, struct value *list, struct value v)
{
    assert(list->type == VALUE_LIST && list->n < UINT32_MAX);
    if (is_full(list->n)) {
        struct value more = value_list_of(a, list->n + 1);
        if (list->n)
            memcpy(more.items, list->items, list->n * sizeof *more.items);
        list->items = more.items;
    }
    struct value *at = &list->items[list->n++];
    *at = v;
    return at;
}

static struct value_pair *find_pair(const struct value *map, const char *key)
{
    for (uint32_t i = 0; i < map->n; i++)
        if (strcmp(map->pairs[i].key, key) == 0)
            return &map->pairs[i];
    return NULL;
}

struct value *value_set(struct arena *a, struct value *map, const char *key, struct value v)
{
    assert(map->type == VALUE_MAP && map->n < UINT32_MAX);
    struct value_pair *at = find_pair(map, key);
    if (at) {
        at->value = v;
        return &at->value;
    }
    if (is_full(map->n)) {
        struct value more = value_map_of(a, map->n + 1);
        if (map->n)
            memcpy(more.pairs, map->pairs, map->n * sizeof *more.pairs);
        map->pairs = more.pairs;
    }
    at = &map->pairs[map->n++];
    *at = (struct value_pair){.key = arena_str(a, key, strlen(key)), .value = v};
    return &at->value;
}

struct value value_without(struct arena *a, const struct value *map, const char *key)
{
    struct value rest = value_map();
    for (uint32_t i = 0; i < map->n; i++)
        if (strcmp(map->pairs[i].key, key) != 0)
            (void)value_set(a, &rest, map->pairs[i].key, map->pairs[i].value);
    return rest;
}

const struct value *value_find(const struct value *map, const char *key)
{
    if (!map || map->type != VALUE_MAP)
        return NULL;
    const struct value_pair *at = find_pair(map, key);
    return at ? &at->value : NULL;
}

bool value_is_number(const struct value *v)
{
    return v->type == VALUE_INT || v->type == VALUE_UINT || v->type == VALUE_FLOAT;
}

double value_number(const struct value *v)
{
    switch (v->type) {
    case VALUE_INT:
        return (double)v->i;
    case VALUE_UINT:
        return (double)v->u;
    case VALUE_FLOAT:
        return v->f;
    default:
        return 0;
    }
}

static bool equal_lists(const struct value *a, const struct value *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (!value_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

// Keys are unique, so that one direction is enough.
static bool equal_maps(const struct value *a, const struct value *b)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const struct value *other = value_find(b, a->pairs[i].key);
        if (!other || !value_equal(&a->pairs[i].value, other))
            return false;
    }
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type || a->n != b->n)
        return false;
    switch (a->type) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a->b == b->b;
    case VALUE_INT:
        return a->i == b->i;
    case VALUE_UINT:
        return a->u == b->u;
    case VALUE_FLOAT:
        return a->f == b->f || (isnan(a->f) && isnan(b->f));
    case VALUE_STR:
    case VALUE_BIN:
        return a->n == 0 || memcmp(a->s, b->s, a->n) == 0;
    case VALUE_LIST:
        return equal_lists(a, b);
    case VALUE_MAP:
        return equal_maps(a, b);
    }
    return false;
}

struct value value_copy(struct arena *a, const struct value *v)
{
    struct value c = *v;

    if (v->type == VALUE_STR || v->type == VALUE_BIN)
        c.s = arena_str(a, v->s, v->n);
    if (v->type == VALUE_LIST) {
        c.items = value_list_of(a, v->n).items;
        for (uint32_t i = 0; i < v->n; i++)
            c.items[i] = value_copy(a, &v->items[i]);
    }
    if (v->type == VALUE_MAP) {
        c.pairs = value_map_of(a, v->n).pairs;
        for (uint32_t i = 0; i < v->n; i++) {
            const struct value_pair *p = &v->pairs[i];
            c.pairs[i] = *p;
            c.pairs[i].key = arena_str(a, p->key, strlen(p->key));
            c.pairs[i].value = value_copy(a, &p->value);
        }
    }
    return c;
}

const char *value_type_name(enum value_type t)
{
    static const char *const name[] = {
        [VALUE_NULL] = "null",       [VALUE_BOOL] = "a boolean", [VALUE_INT] = "an integer",
        [VALUE_UINT] = "an integer", [VALUE_FLOAT] = "a number", [VALUE_STR] = "a string",
        [VALUE_BIN] = "binary data", [VALUE_LIST] = "a list",    [VALUE_MAP] = "a map",
    };
    return name[t];
}

// A cut never splits a UTF-8 sequence.
static const char *describe_string(const struct value *v, struct arena *a)
{
    uint32_t n = v->n;
    if (n > DESCRIBED_MAX) {
        n = DESCRIBED_MAX;
        while (n > 0 && ((unsigned char)v->s[n] & 0xc0) == 0x80)
            n--;
    }
    char *text = arena_printf(a, "'%.*s%s'", (int)n, v->s, n < v->n ? "…" : "");
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return text;
}

const char *value_describe(const struct value *v, struct arena *a)
{
    char text[NUMBER_TEXT_MAX];

    switch (v->type) {
    case VALUE_BOOL:
        return v->b ? "true" : "false";
    case VALUE_INT:
        return arena_printf(a, "%lld", (long long)v->i);
    case VALUE_UINT:
        return arena_printf(a, "%llu", (unsigned long long)v->u);
    case VALUE_FLOAT:
        number_format(v->f, text);
        return arena_str(a, text, strlen(text));
    case VALUE_STR:
        return describe_string(v, a);
    default:
        return value_type_name(v->type);
    }
}

// ---- JSON -------------------------------------------------------------------

static void json_special(unsigned char c, struct buf *out)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;

    if (at)
        buf_printf(out, "\\%c", to[at - from]);
    else if (c < 0x20)
        buf_printf(out, "\\u%04x", c);
    else
        buf_puts(out, "\\ufffd"); // no valid UTF-8
}

static void put_integer(struct buf *out, uint64_t u, bool minus)
{
    char text[24];
    size_t at = sizeof text;
    do
        text[--at] = (char)('0' + u % 10);
    while (u /= 10);
    if (minus)
        text[--at] = '-';
    buf_put(out, text + at, sizeof text - at);
}

static void json_string(const char *s, uint32_t n, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)s;
    uint32_t plain = 0; // bytes before i that can be copied as they are

    buf_puts(out, "\"");
    for (uint32_t i = 0; i < n;) {
        size_t len;
        enum utf8_kind kind = utf8_look(s + i, n - i, &len);
        if (kind == UTF8_WHOLE && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
            i += (uint32_t)len;
            plain += (uint32_t)len;
            continue;
        }
        buf_put(out, p + i - plain, plain);
        plain = 0;
        json_special(p[i++], out);
    }
    buf_put(out, p + n - plain, plain);
    buf_puts(out, "\"");
}

static void json_hex(const struct value *v, struct buf *out)
{
    buf_puts(out, "\"");
    for (uint32_t i = 0; i < v->n; i++)
        buf_printf(out, "%02x", (unsigned char)v->s[i]);
    buf_puts(out, "\"");
}

static void json_float(double f, struct buf *out)
{
    char text[NUMBER_TEXT_MAX];
    if (isfinite(f))
        buf_put(out, text, number_format(f, text));
    else
        buf_puts(out, "null");
}

static bool is_scalar(const struct value *v)
{
    return v->type != VALUE_LIST && v->type != VALUE_MAP;
}

// A list of plain values stays on one line, whatever the indentation.
static bool is_flat(const struct value *v)
{
    bool flat = v->type == VALUE_LIST || v->n == 0;
    for (uint32_t i = 0; flat && i < v->n; i++)
        flat = is_scalar(&v->items[i]);
    return flat;
}

// Indent < 0: compact.
static void json_value(const struct value *v, int indent, struct buf *out);

static void json_newline(int indent, struct buf *out)
{
    buf_puts(out, "\n");
    for (int i = 0; i < indent; i++)
        buf_puts(out, "  ");
}

static void json_element(const struct value *v, uint32_t i, int indent, struct buf *out)
{
    const struct value *element = v->type == VALUE_LIST ? &v->items[i] : &v->pairs[i].value;

    if (v->type == VALUE_MAP) {
        json_string(v->pairs[i].key, (uint32_t)strlen(v->pairs[i].key), out);
        buf_puts(out, indent >= 0 ? ": " : ":");
    }
    json_value(element, indent < 0 ? -1 : indent + 1, out);
}

static void json_container(const struct value *v, int indent, struct buf *out)
{
    bool is_list = v->type == VALUE_LIST;
    bool broken = indent >= 0 && !is_flat(v);

    buf_puts(out, is_list ? "[" : "{");
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            buf_puts(out, indent >= 0 && !broken ? ", " : ",");
        if (broken)
            json_newline(indent + 1, out);
        json_element(v, i, indent, out);
    }
    if (broken)
        json_newline(indent, out);
    buf_puts(out, is_list ? "]" : "}");
}

static void json_value(const struct value *v, int indent, struct buf *out)
{
    switch (v->type) {
    case VALUE_NULL:
        buf_puts(out, "null");
        break;
    case VALUE_BOOL:
        buf_puts(out, v->b ? "true" : "false");
        break;
    case VALUE_INT:
        put_integer(out, v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i, v->i < 0);
        break;
    case VALUE_UINT:
        put_integer(out, v->u, false);
        break;
    case VALUE_FLOAT:
        json_float(v->f, out);
        break;
    case VALUE_STR:
        json_string(v->s, v->n, out);
        break;
    case VALUE_BIN:
        json_hex(v, out);
        break;
    case VALUE_LIST:
    case VALUE_MAP:
        json_container(v, indent, out);
        break;
    }
}

void value_json(const struct value *v, struct buf *out)
{
    json_value(v, -1, out);
}

void value_json_pretty(const struct value *v, struct buf *out)
{
    json_value(v, 0, out);
}
