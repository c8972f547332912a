// SPDX-License-Identifier: MIT
// surrogate_sequence.c - a sequence as columns: its length, what stands at each place, and
// how often each value and each pair of neighbours occurs, wherever.
//
// Source     Negrinho and Gordon, arXiv:1704.08792, section 5 (n-grams of a sequence).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/surrogate_parts.h"

enum {
    PLACES_MAX = 128, // that have a column of their own
    TOKENS_MAX = 4096,
    TOKEN_MAX = 40,
    TEXTS_LEAST = 16 // so many different ones before a text may be a sequence
};

static bool is_break(char c)
{
    return c == ' ' || c == ',' || c == ';';
}

// What recurs in fewer than half of the trials is no category: a recipe that was joined.
static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_joined(const char *name, const struct surrogate_trials *from, const char **texts)
{
    uint32_t n = 0, n_different = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        const struct value *v = value_find(from->rows[i], name);
        if (v && v->type == VALUE_STR)
            texts[n++] = v->s;
    }
    qsort(texts, n, sizeof *texts, by_text);
    for (uint32_t i = 0; i < n; i++)
        n_different += i == 0 || strcmp(texts[i], texts[i - 1]) != 0;
    return n_different > TEXTS_LEAST && n_different > n / 2;
}

struct value surrogate_joined(const struct surrogate_trials *from, struct arena *a)
{
    const char **texts = mem_alloc(from->n * sizeof *texts);
    struct value names = value_list();
    for (uint32_t k = 0; k < from->rows[0]->n; k++) {
        const struct value_pair *p = &from->rows[0]->pairs[k];
        if (p->value.type == VALUE_STR && is_joined(p->key, from, texts))
            value_push(a, &names, value_str(a, p->key));
    }
    mem_free(texts);
    return names;
}

// The words of a text, or its characters where it is one word.
static struct value split(const char *s, struct arena *a)
{
    struct value list = value_list();
    bool has_words = s[strcspn(s, " ,;")] != 0;
    while (*s && list.n < TOKENS_MAX) {
        size_t n = has_words ? strcspn(s, " ,;") : 1;
        if (n)
            value_push(a, &list, value_strn(a, s, n));
        s += n;
        while (has_words && is_break(*s))
            s++;
    }
    return list;
}

static bool token_of(const struct value *v, char text[TOKEN_MAX])
{
    if (v->type == VALUE_STR)
        (void)snprintf(text, TOKEN_MAX, "%s", v->s);
    else if (v->type == VALUE_BOOL)
        (void)snprintf(text, TOKEN_MAX, "%s", v->b ? "true" : "false");
    else if (value_is_number(v) && value_number(v) == (double)(int64_t)value_number(v))
        (void)snprintf(text, TOKEN_MAX, "%lld", (long long)value_number(v));
    else
        return false; // reals, lists and maps are not counted
    return true;
}

static void count(struct value *row, const char *key, struct arena *a)
{
    const struct value *v = value_find(row, key);
    value_set(a, row, arena_str(a, key, strlen(key)), value_int(v ? v->i + 1 : 1));
}

static void
unroll(struct value *row, const char *name, const struct value *list, struct arena *a)
{
    char before[TOKEN_MAX] = "", token[TOKEN_MAX], key[3 * TOKEN_MAX + 80];
    bool had_one = false;

    (void)snprintf(key, sizeof key, "%.100s.length", name);
    value_set(a, row, arena_str(a, key, strlen(key)), value_int(list->n));
    for (uint32_t i = 0; i < list->n && i < TOKENS_MAX; i++) {
        (void)snprintf(key, sizeof key, "%.100s[%u]", name, i);
        if (i < PLACES_MAX)
            value_set(a, row, arena_str(a, key, strlen(key)), list->items[i]);
        bool has_one = token_of(&list->items[i], token);
        if (has_one) {
            (void)snprintf(key, sizeof key, "%.100s" SURROGATE_COUNT "%s", name, token);
            count(row, key, a);
        }
        if (has_one && had_one) {
            (void)snprintf(key, sizeof key, "%.100s" SURROGATE_COUNT "%s %s", name, before,
                           token);
            count(row, key, a);
        }
        had_one = has_one;
        memcpy(before, token, sizeof before);
    }
}

static bool names(const struct value *joined, const char *name)
{
    for (uint32_t i = 0; i < joined->n; i++)
        if (joined->items[i].type == VALUE_STR && strcmp(joined->items[i].s, name) == 0)
            return true;
    return false;
}

const struct value *
surrogate_unroll(const struct value *params, const struct value *joined, struct arena *a)
{
    struct value *row = NULL;
    for (uint32_t k = 0; !row && k < params->n; k++) {
        const struct value_pair *p = &params->pairs[k];
        if (p->value.type == VALUE_LIST || names(joined, p->key))
            row = arena_alloc(a, sizeof *row);
    }
    if (!row)
        return params;
    *row = value_map();
    for (uint32_t k = 0; k < params->n; k++) {
        const struct value_pair *p = &params->pairs[k];
        struct value list = p->value;
        if (list.type == VALUE_STR && names(joined, p->key))
            list = split(list.s, a);
        if (list.type == VALUE_LIST)
            unroll(row, p->key, &list, a);
        else
            value_set(a, row, p->key, p->value);
    }
    return row;
}
