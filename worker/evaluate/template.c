// SPDX-License-Identifier: MIT
#include "worker/evaluate/template.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "common/number.h"

// Of a name: what is longer was never meant as one.
enum { NAME_MAX_BYTES = 64 };

static size_t name_length(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && (isalnum((unsigned char)p[i]) || (p[i] && strchr("_-.", p[i]))))
        i++;
    return i <= NAME_MAX_BYTES ? i : 0;
}

struct piece {
    enum { PIECE_TEXT, PIECE_NAME, PIECE_BAD } kind;
    const char *p;
    size_t n;    // bytes of the text or of the name
    size_t used; // bytes of the template
};

// The piece that begins at p; n > 0.
static struct piece next_piece(const char *p, size_t n)
{
    if (n > 1 && (*p == '{' || *p == '}') && p[1] == *p)
        return (struct piece){PIECE_TEXT, p, 1, 2};
    if (*p == '{') {
        size_t name = name_length(p + 1, n - 1);
        if (name > 0 && name + 1 < n && p[name + 1] == '}')
            return (struct piece){PIECE_NAME, p + 1, name, name + 2};
    }
    if (*p == '{' || *p == '}')
        return (struct piece){PIECE_BAD, p, 1, 1};
    size_t plain = 0;
    while (plain < n && p[plain] != '{' && p[plain] != '}')
        plain++;
    return (struct piece){PIECE_TEXT, p, plain, plain};
}

enum error template_check(const struct value *text, struct errtext *t)
{
    for (size_t at = 0; at < text->n;) {
        struct piece piece = next_piece(text->s + at, text->n - at);
        if (piece.kind == PIECE_BAD)
            return errtext_set(t, ERR_PARSE,
                               "a lone %c at character %zu (write %c%c for a brace)", *piece.p,
                               at + 1, *piece.p, *piece.p);
        at += piece.used;
    }
    return OK;
}

static void put_list(const struct value *v, struct buf *out)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (i > 0)
            buf_puts(out, " ");
        template_put(&v->items[i], out);
    }
}

void template_put(const struct value *v, struct buf *out)
{
    switch (v->type) {
    case VALUE_STR:
        buf_put(out, v->s, v->n);
        break;
    case VALUE_LIST: // its elements are no deeper than the job file was
        put_list(v, out);
        break;
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_FLOAT:
    case VALUE_BIN:
    case VALUE_MAP:
        value_json(v, out);
        break;
    }
}

static const struct value *find(const struct value *values, const char *name, size_t n)
{
    char key[NAME_MAX_BYTES + 1];
    memcpy(key, name, n);
    key[n] = '\0';
    return value_find(values, key);
}

enum error template_fill(const struct value *text,
                         const struct value *values,
                         struct buf *out,
                         struct errtext *t)
{
    for (size_t at = 0; at < text->n;) {
        struct piece piece = next_piece(text->s + at, text->n - at);
        at += piece.used;
        if (piece.kind != PIECE_NAME) {
            buf_put(out, piece.p, piece.n);
            continue;
        }
        const struct value *v = find(values, piece.p, piece.n);
        if (!v)
            return errtext_set(t, FAULT_JOB,
                               "unknown placeholder {%.*s}: neither a parameter nor set by the "
                               "space (write {{%.*s}} for the text itself)",
                               (int)piece.n, piece.p, (int)piece.n, piece.p);
        template_put(v, out);
    }
    if (out->full)
        return errtext_set(t, FAULT_JOB, "longer than %zu bytes with its values", out->limit);
    return OK;
}
