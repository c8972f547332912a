// SPDX-License-Identifier: MIT
#include "protocol/guard.h"

#include <string.h>

#include "common/utf8.h"

// What stands behind the first bytes 0xc0 to 0xdf.
enum form {
    FORM_RESERVED,
    FORM_NIL,
    FORM_FALSE,
    FORM_TRUE,
    FORM_BIN,
    FORM_EXT,
    FORM_FLOAT,
    FORM_UINT,
    FORM_INT,
    FORM_STR,
    FORM_LIST,
    FORM_MAP,
};

// `size`: bytes of the number that follows the first byte: the value itself, or
// a length or count.
static const struct {
    uint8_t form;
    uint8_t size;
} head[32] = {
    {FORM_NIL, 0},   {FORM_RESERVED, 0}, {FORM_FALSE, 0}, {FORM_TRUE, 0}, {FORM_BIN, 1},
    {FORM_BIN, 2},   {FORM_BIN, 4},      {FORM_EXT, 0},   {FORM_EXT, 0},  {FORM_EXT, 0},
    {FORM_FLOAT, 4}, {FORM_FLOAT, 8},    {FORM_UINT, 1},  {FORM_UINT, 2}, {FORM_UINT, 4},
    {FORM_UINT, 8},  {FORM_INT, 1},      {FORM_INT, 2},   {FORM_INT, 4},  {FORM_INT, 8},
    {FORM_EXT, 0},   {FORM_EXT, 0},      {FORM_EXT, 0},   {FORM_EXT, 0},  {FORM_EXT, 0},
    {FORM_STR, 1},   {FORM_STR, 2},      {FORM_STR, 4},   {FORM_LIST, 2}, {FORM_LIST, 4},
    {FORM_MAP, 2},   {FORM_MAP, 4},
};

static size_t left(const struct guard_cursor *c)
{
    return (size_t)(c->end - c->p);
}

static uint64_t big(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static bool is_utf8(const uint8_t *p, size_t n)
{
    size_t length;
    for (size_t i = 0; i < n; i += length) {
        length = 1;
        if (p[i] >= 0x80 && utf8_look((const char *)p + i, n - i, &length) != UTF8_WHOLE)
            return false;
    }
    return true;
}

static enum error
take_bytes(struct guard_cursor *c, enum guard_type type, uint64_t n, struct guard_token *out)
{
    if (n > left(c) || (type == GUARD_STR && !is_utf8(c->p, n)))
        return ERR_PROTO;
    out->type = type;
    out->p = c->p;
    out->n_bytes = (uint32_t)n;
    c->p += n;
    return OK;
}

// Every element takes a byte at least, so a larger count is a lie.
static enum error
take_count(struct guard_cursor *c, enum guard_type type, uint64_t n, struct guard_token *out)
{
    if (n > (type == GUARD_MAP ? left(c) / 2 : left(c)))
        return ERR_PROTO;
    out->type = type;
    out->n = (uint32_t)n;
    return OK;
}

static enum error take_signed(int64_t i, struct guard_token *out)
{
    out->type = i < 0 ? GUARD_INT : GUARD_UINT;
    if (i < 0)
        out->i = i;
    else
        out->u = (uint64_t)i;
    return OK;
}

static enum error take_float(uint64_t bits, size_t size, struct guard_token *out)
{
    out->type = GUARD_FLOAT;
    if (size == 8) {
        memcpy(&out->f, &bits, sizeof bits);
        return OK;
    }
    uint32_t half = (uint32_t)bits;
    float f;
    memcpy(&f, &half, sizeof f);
    out->f = (double)f;
    return OK;
}

// Everything that has bytes of its own behind the first one, and the words.
static enum error take_headed(struct guard_cursor *c, uint8_t first, struct guard_token *out)
{
    size_t size = head[first & 31].size;
    if (left(c) < size)
        return ERR_PROTO;
    uint64_t v = big(c->p, size);
    c->p += size;

    switch ((enum form)head[first & 31].form) {
    case FORM_NIL:
        out->type = GUARD_NIL;
        return OK;
    case FORM_FALSE:
    case FORM_TRUE:
        out->type = GUARD_BOOL;
        out->b = first == 0xc3;
        return OK;
    case FORM_BIN:
        return take_bytes(c, GUARD_BIN, v, out);
    case FORM_STR:
        return take_bytes(c, GUARD_STR, v, out);
    case FORM_LIST:
        return take_count(c, GUARD_LIST, v, out);
    case FORM_MAP:
        return take_count(c, GUARD_MAP, v, out);
    case FORM_UINT:
        out->type = GUARD_UINT;
        out->u = v;
        return OK;
    case FORM_INT: // its size is 1, 2, 4 or 8: the sign moves to the top and back
        return take_signed((int64_t)(v << ((64 - 8 * size) & 63)) >> ((64 - 8 * size) & 63),
                           out);
    case FORM_FLOAT:
        return take_float(v, size, out);
    case FORM_EXT:
    case FORM_RESERVED:
        break;
    }
    return ERR_PROTO;
}

enum error guard_next(struct guard_cursor *c, struct guard_token *out)
{
    if (c->p == c->end)
        return ERR_PROTO;
    uint8_t first = *c->p++;
    if (first < 0x80 || first >= 0xe0)
        return take_signed((int8_t)first, out);
    if (first >= 0xc0)
        return take_headed(c, first, out);
    if (first >= 0xa0)
        return take_bytes(c, GUARD_STR, first & 31, out);
    return take_count(c, first >= 0x90 ? GUARD_LIST : GUARD_MAP, first & 15, out);
}

bool guard_uint_slow(struct guard_cursor *c, uint64_t *out)
{
    struct guard_cursor ahead = *c;
    struct guard_token t;
    if (guard_next(&ahead, &t) || t.type != GUARD_UINT)
        return false;
    *c = ahead;
    *out = t.u;
    return true;
}

// The lists and maps that a walk is inside of.
struct nest {
    uint64_t left[GUARD_DEPTH_MAX]; // values still to come at each level
    uint32_t n;
};

// Counts the value `t` and goes into it if it holds others.  False: too deep.
static bool enter(struct nest *in, const struct guard_token *t, uint32_t depth)
{
    if (in->n)
        in->left[in->n - 1]--;
    if (t->type != GUARD_LIST && t->type != GUARD_MAP)
        return true;
    if (depth + in->n >= GUARD_DEPTH_MAX)
        return false;
    in->left[in->n++] = t->type == GUARD_MAP ? 2 * (uint64_t)t->n : t->n;
    return true;
}

// Integers below 128, of which long lists are made, are a byte each.
static void skip_small(struct guard_cursor *c, struct nest *in)
{
    uint64_t *left_in = &in->left[in->n - 1];
    while (*left_in && c->p < c->end && *c->p < 0x80) {
        c->p++;
        --*left_in;
    }
}

// Walks one value inside of `depth` others.  `why` says what stopped it.
static enum error walk(struct guard_cursor *c, uint32_t depth, const char **why)
{
    struct nest in; // zeroing the whole of it would cost more than the walk
    in.n = 0;

    do {
        struct guard_token t;
        *why = "ends early, or has a bad byte, length, count or string";
        if (guard_next(c, &t))
            return ERR_PROTO;
        *why = "lists and maps nested too deep";
        if (!enter(&in, &t, depth))
            return ERR_PROTO;
        if (in.n)
            skip_small(c, &in);
        while (in.n && in.left[in.n - 1] == 0)
            in.n--;
    } while (in.n);
    *why = "";
    return OK;
}

enum error guard_skip_inside(struct guard_cursor *c, uint32_t depth)
{
    const char *why;
    return walk(c, depth, &why);
}

enum error guard_skip(struct guard_cursor *c)
{
    return guard_skip_inside(c, 0);
}

enum error guard_check(const uint8_t *p, size_t n, struct errtext *t)
{
    struct guard_cursor c = {p, p + n};
    const char *why;
    enum error e = walk(&c, 0, &why);
    if (e)
        return errtext_set(t, e, "at byte %zu: %s", (size_t)(c.p - p), why);
    if (c.p != c.end)
        return errtext_set(t, ERR_PROTO, "%zu bytes behind the value", left(&c));
    return OK;
}
