// SPDX-License-Identifier: MIT
#include "worker/evaluate/source.h"

#include <ctype.h>
#include <string.h>

#include "common/expr_print.h"
#include "worker/evaluate/template.h"

enum { NAME_MAX_BYTES = 64 };

struct mark {
    char name[NAME_MAX_BYTES + 1]; // empty: there is none
    bool as_c;
    size_t n; // bytes of it
};

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

// The mark that begins at text[0], an @.
static struct mark mark_at(const char *text, size_t n)
{
    struct mark m = {.n = 1};
    size_t len = 0;

    while (1 + len < n && len <= NAME_MAX_BYTES && is_letter(text[1 + len]))
        len++;
    bool as_c = n - 1 - len >= 2 && memcmp(text + 1 + len, ":c", 2) == 0;
    size_t end = 1 + len + (as_c ? 2 : 0);
    if (len == 0 || len > NAME_MAX_BYTES || end >= n || text[end] != '@')
        return m;
    memcpy(m.name, text + 1, len);
    m.as_c = as_c;
    m.n = end + 1;
    return m;
}

static enum error put_c(const struct value *v, struct buf *out, struct errtext *t)
{
    struct arena *a = arena_create();
    const struct expr *e = NULL;
    enum error err = errtext_set(t, ERR_INVALID, "no text");

    if (v->type == VALUE_STR)
        err = expr_compile(v->s, v->n, a, &e, t);
    buf_puts(out, "("); // whatever stands around it
    if (!err)
        err = expr_print(e, EXPR_SYNTAX_C, out, t);
    buf_puts(out, ")");
    arena_destroy(a);
    return err;
}

static enum error
put_mark(const struct mark *m, const struct value *values, struct buf *out, struct errtext *t)
{
    const struct value *v = value_find(values, m->name);
    struct errtext why = {{0}};

    if (!v)
        return errtext_set(t, FAULT_JOB,
                           "unknown mark @%s@: no parameter, nor set by the space", m->name);
    if (!m->as_c)
        template_put(v, out);
    else if (put_c(v, out, &why))
        return errtext_set(t, FAULT_JOB, "@%s:c@: %s", m->name, why.text);
    return OK;
}

enum error source_fill(
    const char *text, size_t n, const struct value *values, struct buf *out, struct errtext *t)
{
    enum error e = OK;

    for (size_t at = 0; !e && at < n;) {
        const char *next = memchr(text + at, '@', n - at);
        size_t plain = next ? (size_t)(next - text) - at : n - at;
        buf_put(out, text + at, plain);
        at += plain;
        if (at == n)
            break;
        struct mark m = mark_at(text + at, n - at);
        if (m.name[0])
            e = put_mark(&m, values, out, t);
        else
            buf_puts(out, "@");
        at += m.n;
    }
    if (!e && out->full)
        e = errtext_set(t, FAULT_JOB, "longer than %zu bytes with its values", out->limit);
    return e;
}
