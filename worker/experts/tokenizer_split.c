// SPDX-License-Identifier: MIT
#include "worker/experts/tokenizer_split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <stdbool.h>

#include "common/mem.h"
#include "common/utf8.h"

// The expressions look at each character a few times: what a match may take is
// a multiple of the text's length.
enum { STEPS_MIN = 1 << 20, STEPS_PER_BYTE = 64 };

struct ends {
    uint32_t *at;
    size_t n;
    size_t cap;
};

struct tokenizer_split {
    size_t n;
    pcre2_code *code[PRE_EXPRESSIONS_MAX];
    pcre2_match_data *match;
    pcre2_match_context *limits;
    struct ends now, next;
};

struct tokenizer_split *tokenizer_split_create(const struct tokenizer_pre *pre)
{
    struct tokenizer_split *s = mem_alloc(sizeof *s);
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY;

    for (; s->n < PRE_EXPRESSIONS_MAX && pre->expressions[s->n]; s->n++) {
        int code;
        PCRE2_SIZE at;
        pcre2_code *c = pcre2_compile((PCRE2_SPTR)pre->expressions[s->n], PCRE2_ZERO_TERMINATED,
                                      options, &code, &at, NULL);
        assert(c); // the table is ours, a test compiles all of it
        pcre2_jit_compile(c, PCRE2_JIT_COMPLETE); // without it, it is only slower
        s->code[s->n] = c;
    }
    s->match = pcre2_match_data_create(1, NULL);
    s->limits = pcre2_match_context_create(NULL);
    assert(s->match && s->limits);
    return s;
}

void tokenizer_split_destroy(struct tokenizer_split *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        pcre2_code_free(s->code[i]);
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->limits);
    mem_free(s->now.at);
    mem_free(s->next.at);
    mem_free(s);
}

static void push(struct ends *e, size_t at)
{
    if (e->n == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 256;
        e->at = mem_realloc(e->at, e->cap * sizeof *e->at);
    }
    e->at[e->n++] = (uint32_t)at;
}

// JIT code has a small stack of its own; the interpreter takes over beyond it.
// The check of the text's UTF-8 at each call would make all of it quadratic.
static int match_at(struct tokenizer_split *s, size_t i, const char *p, size_t n, size_t from)
{
    PCRE2_SPTR text = (PCRE2_SPTR)p;
    uint32_t options = PCRE2_NO_UTF_CHECK;
    int r = pcre2_match(s->code[i], text, n, from, options, s->match, s->limits);
    if (r == PCRE2_ERROR_JIT_STACKLIMIT)
        r = pcre2_match(s->code[i], text, n, from, options | PCRE2_NO_JIT, s->match, s->limits);
    return r;
}

static bool character_at(const char *p, size_t n, size_t *length)
{
    return utf8_look(p, n, length) == UTF8_WHOLE;
}

// Stretches of characters and of bytes that are none, in turn.
static void cut_wrong(struct tokenizer_split *s, const char *text, size_t n)
{
    size_t length;
    for (size_t at = 0; at < n;) {
        bool good = character_at(text + at, n - at, &length);
        do
            at += length;
        while (at < n && character_at(text + at, n - at, &length) == good);
        push(&s->now, at);
    }
}

// Cut the words of text[from, to) by expression i.  What lies outside is not
// seen: each word is a text of its own.
static enum error
cut(struct tokenizer_split *s, size_t i, const char *text, size_t from, size_t to)
{
    size_t at = 0, n = to - from;
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(s->match);

    size_t length;

    if (!character_at(text + from, n, &length)) {
        push(&s->next, to);
        return OK;
    }
    while (at < n) {
        int r = match_at(s, i, text + from, n, at);
        if (r == PCRE2_ERROR_NOMATCH)
            break;
        if (r < 0)
            return ERR_LIMIT;
        assert(found[1] > found[0]); // no expression matches nothing
        if (found[0] > at)
            push(&s->next, from + found[0]);
        push(&s->next, from + found[1]);
        at = found[1];
    }
    if (at < n)
        push(&s->next, to);
    return OK;
}

enum error tokenizer_split_run(struct tokenizer_split *s,
                               const char *text,
                               size_t n,
                               const uint32_t **ends,
                               size_t *n_ends)
{
    size_t steps = n * STEPS_PER_BYTE + STEPS_MIN;
    pcre2_set_match_limit(s->limits, steps > UINT32_MAX ? UINT32_MAX : (uint32_t)steps);
    s->now.n = 0;
    cut_wrong(s, text, n);
    for (size_t i = 0; i < s->n; i++) {
        s->next.n = 0;
        for (size_t k = 0, from = 0; k < s->now.n; from = s->now.at[k++]) {
            enum error e = cut(s, i, text, from, s->now.at[k]);
            if (e)
                return e;
        }
        struct ends swap = s->now;
        s->now = s->next;
        s->next = swap;
    }
    *ends = s->now.at;
    *n_ends = s->now.n;
    return OK;
}
