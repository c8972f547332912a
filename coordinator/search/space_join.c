// SPDX-License-Identifier: MIT
// space_join.c - can a joined text be read back in one way only?
//
// Otherwise two points would be one configuration: evaluated twice, and not the
// same after a restart.
#include <string.h>

#include "coordinator/search/space_parts.h"

// A separator with none of these never stands in a number.
#define NUMBER_LETTERS "+-.0123456789aefinAEFIN"

// The values with the separator behind them, as a code (Sardinas and Patterson,
// 1953): a text with two readings leaves a dangling suffix that is a word itself.
struct suffix {
    uint32_t word;
    const char *text;
};

struct code {
    uint32_t n;
    const char **words;
    uint32_t *starts;        // of each word's suffixes in `is_dangling`
    bool *is_dangling;       // by word and offset
    struct suffix *dangling; // those not looked at yet
    uint32_t n_dangling;
};

static void code_init(struct code *c, const struct dimension *d, struct arena *a)
{
    uint32_t n_letters = 0;

    *c = (struct code){.n = d->of->n_values};
    c->words = arena_alloc(a, c->n * sizeof *c->words);
    c->starts = arena_alloc(a, c->n * sizeof *c->starts);
    for (uint32_t i = 0; i < c->n; i++) {
        c->words[i] = arena_printf(a, "%s%s", space_value_text(&d->of->values[i], a), d->join);
        c->starts[i] = n_letters;
        n_letters += (uint32_t)strlen(c->words[i]) + 1;
    }
    c->is_dangling = arena_alloc(a, n_letters);
    c->dangling = arena_alloc(a, n_letters * sizeof *c->dangling);
}

// What is left of a suffix of `word` behind its first n letters.
static void add_dangling(struct code *c, uint32_t word, const char *suffix, size_t n)
{
    bool *is_known = &c->is_dangling[c->starts[word] + (size_t)(suffix + n - c->words[word])];
    if (!*is_known)
        c->dangling[c->n_dangling++] = (struct suffix){word, suffix + n};
    *is_known = true;
}

static bool is_prefix(const char *s, const char *of)
{
    return strncmp(s, of, strlen(s)) == 0;
}

static bool code_is_unique(struct code *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        for (uint32_t j = 0; j < c->n; j++) {
            if (i == j || !is_prefix(c->words[i], c->words[j]))
                continue;
            if (strcmp(c->words[i], c->words[j]) == 0)
                return false;
            add_dangling(c, j, c->words[j], strlen(c->words[i]));
        }
    while (c->n_dangling) {
        struct suffix s = c->dangling[--c->n_dangling];
        for (uint32_t i = 0; i < c->n; i++) {
            const char *w = c->words[i];
            if (strcmp(w, s.text) == 0)
                return false;
            if (is_prefix(w, s.text))
                add_dangling(c, s.word, s.text, strlen(w));
            else if (is_prefix(s.text, w))
                add_dangling(c, i, w, strlen(s.text));
        }
    }
    return true;
}

bool space_join_is_unique(const struct dimension *d)
{
    if (d->of->type != DIMENSION_CHOICE)
        return d->join[strspn(d->join, NUMBER_LETTERS)] != 0;
    struct arena *a = arena_create();
    struct code c;
    bool is_unique = true;

    code_init(&c, d, a);
    for (uint32_t i = 0; i < c.n; i++) {
        bool is_empty = strlen(c.words[i]) == strlen(d->join); // one of it, or none at all?
        is_unique = is_unique && *c.words[i] && !(is_empty && d->min == 0);
    }
    is_unique = is_unique && code_is_unique(&c);
    arena_destroy(a);
    return is_unique;
}
