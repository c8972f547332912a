// SPDX-License-Identifier: MIT
// space_write.c - a point straight from its genes to text: the same bytes as space_decode
// and then value_json or pack_write, without a value a gene in between.  A list of a
// thousand choices is asked, journaled and kept that often.
#include <stdlib.h>
#include <string.h>

#include "coordinator/search/space.h"
#include "coordinator/search/space_parts.h"
#include "protocol/pack.h"

// Options whose text is at most so long are made once a list and then copied.
enum { TEXT_MAX = 16, TEXTS_MAX = 64 };

struct texts {
    uint8_t text[TEXTS_MAX][TEXT_MAX]; // JSON: the comma before it too
    uint8_t n[TEXTS_MAX];
};

struct writer {
    enum space_form form;
    const struct gene *g; // the next
    struct arena *arena;
    struct buf *out;
};

static void put_value(struct writer *w, const struct value *v)
{
    if (w->form == SPACE_PACKED)
        pack_write(v, w->out);
    else
        value_json(v, w->out);
}

static void put_key(struct writer *w, const char *key)
{
    struct value v = {.type = VALUE_STR, .n = (uint32_t)strlen(key), .s = key};
    put_value(w, &v);
    if (w->form == SPACE_JSON)
        buf_put(w->out, ":", 1);
}

// Nothing beneath it stands elsewhere than where it does itself.
static bool is_plain(const struct dimension *d)
{
    while (d->type == DIMENSION_SEQUENCE)
        d = d->of;
    return !d->nests;
}

static bool make_texts(const struct writer *w, const struct dimension *d, struct texts *t)
{
    if (d->n_values > TEXTS_MAX)
        return false;
    struct buf b;
    bool fit = true;
    buf_init(&b, SIZE_MAX);
    for (uint32_t k = 0; k < d->n_values && fit; k++) {
        struct writer one = {.form = w->form, .out = &b};
        buf_reset(&b);
        if (w->form == SPACE_JSON)
            buf_put(&b, ",", 1);
        put_value(&one, &d->values[k]);
        fit = b.n <= TEXT_MAX;
        t->n[k] = fit ? (uint8_t)b.n : 0;
        if (fit)
            memcpy(t->text[k], b.bytes, b.n);
    }
    buf_fini(&b);
    return fit;
}

static void copy_texts(struct writer *w, const struct texts *t, uint32_t n)
{
    uint8_t *start = buf_reserve(w->out, (size_t)n * TEXT_MAX), *at = start;

    for (uint32_t i = 0; start && i < n; i++) {
        uint64_t k = w->g++->k;
        memcpy(at, t->text[k], TEXT_MAX);
        at += t->n[k];
    }
    if (start) {
        w->out->n = (size_t)(at - w->out->bytes); // of what was reserved the rest is none
        *at = 0;
    }
}

static void put_dimension(struct writer *w, const struct dimension *d);

// NOLINTNEXTLINE(misc-no-recursion): bounded by SPACE_NESTING_MAX
static void put_list(struct writer *w, const struct dimension *d)
{
    struct texts t;
    uint32_t n = d->min;

    if (d->min < d->max)
        n += (uint32_t)w->g++->k;
    if (w->form == SPACE_PACKED)
        pack_write_list(n, w->out);
    size_t start = w->out->n;
    if (d->of->type == DIMENSION_CHOICE && n > d->of->n_values && make_texts(w, d->of, &t)) {
        copy_texts(w, &t, n);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            if (w->form == SPACE_JSON)
                buf_put(w->out, ",", 1);
            put_dimension(w, d->of);
        }
    }
    if (w->form == SPACE_PACKED)
        return;
    if (n == 0)
        buf_put(w->out, "[", 1);
    else if (!w->out->full)
        w->out->bytes[start] = '['; // for the first comma
    buf_put(w->out, "]", 1);
}

// NOLINTNEXTLINE(misc-no-recursion): bounded by SPACE_NESTING_MAX
static void put_dimension(struct writer *w, const struct dimension *d)
{
    if (d->type == DIMENSION_SEQUENCE && !d->join) {
        put_list(w, d);
        return;
    }
    struct value beneath = value_map();
    struct value v = space_decode_value(d, &w->g, &beneath, "", w->arena);
    put_value(w, &v);
}

struct part {
    const char *key;
    size_t at, n; // of its key and value in the text
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct part *)a)->key, ((const struct part *)b)->key);
}

// The parts, which stand from `start` on, in the canonical order of their keys.
static void sort_parts(struct writer *w, struct part *parts, uint32_t n, size_t start)
{
    bool is_sorted = true;
    for (uint32_t i = 1; i < n; i++)
        is_sorted = is_sorted && by_key(&parts[i - 1], &parts[i]) < 0;
    if (is_sorted || w->out->full)
        return;
    const uint8_t *copy = arena_copy(w->arena, w->out->bytes + start, w->out->n - start);
    qsort(parts, n, sizeof *parts, by_key);
    uint8_t *to = w->out->bytes + start;
    for (uint32_t i = 0; i < n; to += parts[i++].n)
        memcpy(to, copy + (parts[i].at - start), parts[i].n);
}

static void put_map(struct writer *w, const struct nest *root)
{
    struct part *parts = arena_alloc(w->arena, (root->n + 1) * sizeof *parts);

    if (w->form == SPACE_PACKED)
        pack_write_map(root->n, w->out);
    else
        buf_put(w->out, "{", 1);
    size_t start = w->out->n;
    for (uint32_t i = 0; i < root->n; i++) {
        const struct dimension *d = &root->dimensions[i];
        if (i && w->form == SPACE_JSON)
            buf_put(w->out, ",", 1);
        parts[i] = (struct part){.key = d->name, .at = w->out->n};
        put_key(w, d->name);
        put_dimension(w, d);
        parts[i].n = w->out->n - parts[i].at;
    }
    if (w->form == SPACE_PACKED)
        sort_parts(w, parts, root->n, start);
    else
        buf_put(w->out, "}", 1);
}

void space_write(const struct space *s,
                 const struct point *p,
                 enum space_form form,
                 struct arena *scratch,
                 struct buf *out)
{
    struct writer w = {.form = form, .g = p->genes, .arena = scratch, .out = out};
    struct arena_mark m = arena_mark(scratch);
    bool plain = true;

    for (uint32_t i = 0; i < s->root.n; i++)
        plain = plain && is_plain(&s->root.dimensions[i]);
    if (plain) {
        put_map(&w, &s->root);
    } else {
        struct value v = space_decode(s, p, scratch);
        put_value(&w, &v);
    }
    arena_release(scratch, m);
}
