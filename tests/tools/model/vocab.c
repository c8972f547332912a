// SPDX-License-Identifier: MIT
#include "tests/tools/model/vocab.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "worker/experts/tokenizer_state.h"

enum { N_BYTES = 256 };

struct vocab {
    struct arena *arena;
    const char **pieces;
    int32_t *types;
    uint32_t n, n_special;
    const char **merges;
    uint32_t n_merges;
    uint32_t *tokens; // of the text
    bool *starts;     // a word starts here: no merge over it
    uint32_t n_tokens;
    struct vocab_pair *pairs;
    uint32_t n_pairs;
};

// A word is a run of letters with the blank before it; all else stands alone.
static bool starts_word(const char *text, size_t i)
{
    if (i == 0 || !isalpha((unsigned char)text[i]))
        return true;
    return !isalpha((unsigned char)text[i - 1]) && text[i - 1] != ' ';
}

static void start(struct vocab *v)
{
    size_t n = strlen(vocab_text);
    v->tokens = arena_room(v->arena, n * sizeof *v->tokens);
    v->starts = arena_room(v->arena, n * sizeof *v->starts);
    for (size_t i = 0; i < n; i++) {
        v->tokens[i] = (unsigned char)vocab_text[i];
        v->starts[i] = starts_word(vocab_text, i);
    }
    v->n_tokens = (uint32_t)n;
    for (int b = 0; b < N_BYTES; b++) {
        char text[2];
        v->pieces[b] = arena_str(v->arena, text, tokenizer_byte_text((uint8_t)b, text));
        v->types[b] = TOKENIZER_NORMAL;
    }
}

static int by_right(const void *a, const void *b)
{
    const struct vocab_pair *x = a, *y = b;
    if (x->right != y->right)
        return x->right < y->right ? -1 : 1;
    return (x->left > y->left) - (x->left < y->left);
}

// The text's pairs, counted and in order; inside words only, or all.
static uint32_t count_pairs(const struct vocab *v, bool inside, struct vocab_pair *out)
{
    uint32_t n = 0, distinct = 0;
    for (uint32_t i = 1; i < v->n_tokens; i++)
        if (!inside || !v->starts[i])
            out[n++] = (struct vocab_pair){v->tokens[i - 1], v->tokens[i], 1};
    qsort(out, n, sizeof *out, by_right);
    for (uint32_t i = 0; i < n; i++) {
        if (distinct && by_right(&out[distinct - 1], &out[i]) == 0)
            out[distinct - 1].count++;
        else
            out[distinct++] = out[i];
    }
    return distinct;
}

static bool is_better(const struct vocab_pair *x, const struct vocab_pair *than)
{
    if (x->count != than->count)
        return x->count > than->count;
    return x->left != than->left ? x->left < than->left : x->right < than->right;
}

static void replace(struct vocab *v, const struct vocab_pair *p, uint32_t by)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        bool both = i + 1 < v->n_tokens && !v->starts[i + 1] && v->tokens[i] == p->left
                    && v->tokens[i + 1] == p->right;
        v->starts[n] = v->starts[i];
        v->tokens[n++] = both ? by : v->tokens[i];
        i += both;
    }
    v->n_tokens = n;
}

// At most `most` tokens above the bytes; fewer when no pair is there twice.
static void learn(struct vocab *v, uint32_t most)
{
    struct vocab_pair *pairs = mem_alloc(v->n_tokens * sizeof *pairs);
    v->merges = arena_alloc(v->arena, (v->n_tokens + 1) * sizeof *v->merges);
    while (v->n_merges < most) {
        uint32_t n = count_pairs(v, true, pairs);
        const struct vocab_pair *best = NULL;
        for (uint32_t i = 0; i < n; i++)
            if (pairs[i].count > 1 && (!best || is_better(&pairs[i], best)))
                best = &pairs[i];
        if (!best)
            break;
        const char *left = v->pieces[best->left], *right = v->pieces[best->right];
        v->merges[v->n_merges++] = arena_printf(v->arena, "%s %s", left, right);
        v->pieces[v->n] = arena_printf(v->arena, "%s%s", left, right);
        v->types[v->n] = TOKENIZER_NORMAL;
        replace(v, best, v->n++);
    }
    mem_free(pairs);
}

struct vocab *vocab_create(uint32_t n, const char *const *special, uint32_t n_special)
{
    assert(n >= N_BYTES + n_special && n <= VOCAB_MAX && n_special <= VOCAB_SPECIAL_MAX);
    struct vocab *v = mem_alloc(sizeof *v);
    v->arena = arena_create();
    v->pieces = arena_alloc(v->arena, n * sizeof *v->pieces);
    v->types = arena_alloc(v->arena, n * sizeof *v->types);
    start(v);
    v->n = N_BYTES;
    v->n_special = n_special;
    learn(v, n - n_special - N_BYTES);
    for (; v->n < n - n_special; v->n++) {
        v->pieces[v->n] = arena_printf(v->arena, "<|unused_%u|>", v->n);
        v->types[v->n] = TOKENIZER_UNUSED;
    }
    for (uint32_t i = 0; i < n_special; i++, v->n++) {
        v->pieces[v->n] = special[i];
        v->types[v->n] = TOKENIZER_CONTROL;
    }
    v->pairs = arena_room(v->arena, v->n_tokens * sizeof *v->pairs);
    v->n_pairs = count_pairs(v, false, v->pairs);
    return v;
}

void vocab_destroy(struct vocab *v)
{
    if (!v)
        return;
    arena_destroy(v->arena);
    mem_free(v);
}

uint32_t vocab_n(const struct vocab *v)
{
    return v->n;
}

const char *vocab_piece(const struct vocab *v, uint32_t id)
{
    return v->pieces[id];
}

int32_t vocab_type(const struct vocab *v, uint32_t id)
{
    return v->types[id];
}

uint32_t vocab_special(const struct vocab *v, uint32_t i)
{
    return v->n - v->n_special + i;
}

uint32_t vocab_n_merges(const struct vocab *v)
{
    return v->n_merges;
}

const char *vocab_merge(const struct vocab *v, uint32_t i)
{
    return v->merges[i];
}

const uint32_t *vocab_tokens(const struct vocab *v, uint32_t *n)
{
    *n = v->n_tokens;
    return v->tokens;
}

const struct vocab_pair *vocab_pairs(const struct vocab *v, uint32_t *n)
{
    *n = v->n_pairs;
    return v->pairs;
}
