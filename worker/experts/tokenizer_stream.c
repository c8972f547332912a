// SPDX-License-Identifier: MIT
#include "worker/experts/tokenizer_stream.h"

#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"

#define REPLACEMENT "\xEF\xBF\xBD"

void tokenizer_stream_init(struct tokenizer_stream *s, const struct tokenizer *k, int flags)
{
    *s = (struct tokenizer_stream){.k = k, .flags = flags};
}

static void put_wrong(const struct tokenizer_stream *s, size_t n, struct buf *out)
{
    if (s->flags & TOKENIZER_REPLACE)
        buf_puts(out, REPLACEMENT);
    else
        buf_put(out, s->held, n);
}

static void put_byte(struct tokenizer_stream *s, char byte, struct buf *out)
{
    s->held[s->n_held++] = byte;
    while (s->n_held) {
        size_t length;
        enum utf8_kind kind = utf8_look(s->held, s->n_held, &length);
        if (kind == UTF8_PARTIAL)
            return;
        if (kind == UTF8_WHOLE)
            buf_put(out, s->held, length);
        else
            put_wrong(s, length, out);
        s->n_held -= length;
        memmove(s->held, s->held + length, s->n_held);
    }
}

void tokenizer_stream_put(struct tokenizer_stream *s, int32_t id, struct buf *out)
{
    if (s->flags & TOKENIZER_SKIP_SPECIAL && tokenizer_is_special(s->k, id))
        return;
    struct tokenizer_text p = tokenizer_piece(s->k, id);
    for (size_t i = 0; i < p.n; i++)
        put_byte(s, p.s[i], out);
}

void tokenizer_stream_end(struct tokenizer_stream *s, struct buf *out)
{
    if (s->n_held)
        put_wrong(s, s->n_held, out);
    s->n_held = 0;
}

void tokenizer_decode(
    const struct tokenizer *k, const int32_t *ids, size_t n, int flags, struct buf *out)
{
    struct tokenizer_stream s;
    tokenizer_stream_init(&s, k, flags);
    for (size_t i = 0; i < n; i++)
        tokenizer_stream_put(&s, ids[i], out);
    tokenizer_stream_end(&s, out);
}

// --- stop strings ------------------------------------------------------------

// Knuth, Morris and Pratt's automaton, one a string.
struct stop {
    char *text;
    uint32_t n;
    uint32_t *back; // longest proper end of text[0..i] that is a start of it
    uint32_t state; // bytes of it that the text read so far ends with
};

struct stop_filter {
    struct stop stops[STOP_STRINGS_MAX];
    size_t n;
    bool done;
    struct buf held; // a start of some stop string, no longer than the longest
};

static void prepare(struct stop *s, struct tokenizer_text text)
{
    s->text = mem_copy(text.s, text.n);
    s->n = (uint32_t)text.n;
    s->back = mem_alloc(text.n * sizeof *s->back);
    for (uint32_t i = 1, k = 0; i < s->n; i++) {
        while (k && s->text[i] != s->text[k])
            k = s->back[k - 1];
        k += s->text[i] == s->text[k];
        s->back[i] = k;
    }
}

enum error stop_filter_create(const struct tokenizer_text *stops,
                              size_t n,
                              struct stop_filter **out,
                              struct errtext *t)
{
    if (n > STOP_STRINGS_MAX)
        return errtext_set(t, ERR_LIMIT, "stop: %zu strings, at most %d", n, STOP_STRINGS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!stops[i].n)
            return errtext_set(t, ERR_INVALID, "stop: string %zu is empty", i + 1);
        if (stops[i].n > STOP_BYTES_MAX)
            return errtext_set(t, ERR_LIMIT, "stop: string %zu has %zu bytes, at most %d",
                               i + 1, stops[i].n, STOP_BYTES_MAX);
    }
    struct stop_filter *f = mem_alloc(sizeof *f);
    buf_init(&f->held, 2 * STOP_BYTES_MAX);
    f->n = n;
    for (size_t i = 0; i < n; i++)
        prepare(&f->stops[i], stops[i]);
    *out = f;
    return OK;
}

void stop_filter_destroy(struct stop_filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++) {
        mem_free(f->stops[i].text);
        mem_free(f->stops[i].back);
    }
    buf_fini(&f->held);
    mem_free(f);
}

static bool step(struct stop *s, char c)
{
    while (s->state && s->text[s->state] != c)
        s->state = s->back[s->state - 1];
    s->state += s->text[s->state] == c;
    return s->state == s->n;
}

static void release(struct stop_filter *f, size_t n, struct buf *out)
{
    buf_put(out, f->held.bytes, n);
    f->held.n -= n;
    if (f->held.n)
        memmove(f->held.bytes, f->held.bytes + n, f->held.n);
}

static bool put_char(struct stop_filter *f, char c, struct buf *out)
{
    size_t longest = 0, keep = 0;
    buf_put(&f->held, &c, 1);
    for (size_t i = 0; i < f->n; i++) {
        struct stop *s = &f->stops[i];
        if (step(s, c) && s->n > longest)
            longest = s->n;
        if (s->state > keep)
            keep = s->state;
    }
    if (longest) {
        release(f, f->held.n - longest, out);
        f->held.n = 0;
        return true;
    }
    release(f, f->held.n - keep, out);
    return false;
}

bool stop_filter_put(struct stop_filter *f, const char *p, size_t n, struct buf *out)
{
    if (!f->done && !f->n)
        buf_put(out, p, n);
    for (size_t i = 0; f->n && !f->done && i < n; i++)
        f->done = put_char(f, p[i], out);
    return f->done;
}

void stop_filter_end(struct stop_filter *f, struct buf *out)
{
    if (f->held.n)
        release(f, f->held.n, out);
    f->done = true;
}
