// SPDX-License-Identifier: MIT
// Programs as decisions: one slot a node in prefix order, and behind it one for the
// constant that the node may be.
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "common/options.h"
#include "coordinator/search/program.h"
#include "coordinator/search/space.h"
#include "coordinator/search/space_parts.h"

// The operators of a program that names none: closed under numbers, small.
static const char *const usual[] = {"+", "-", "*", "/", "min", "max", "neg", "abs", "if", "<"};

// ---- the job's word for it ---------------------------------------------------------------
static bool is_name(const char *s)
{
    static const char *const reserved[] = {"and",  "or",   "not",  "in",    "if",
                                           "else", "true", "True", "false", "False"};

    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(s, reserved[i]) == 0)
            return false;
    for (const char *c = s; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return false;
    return true;
}

struct builder {
    struct grammar *g;
    struct program_symbol *symbols; // room for all
};

static bool has_symbol(const struct builder *b, const char *name)
{
    for (uint32_t i = 0; i < b->g->n; i++)
        if (strcmp(b->symbols[i].name, name) == 0)
            return true;
    return false;
}

static enum error
add_inputs(struct builder *b, const struct spec *s, const char *key, enum program_type type)
{
    const struct value *list = NULL;
    enum error e = spec_strs(s, key, 0, PROGRAM_INPUTS_MAX, &list);

    for (uint32_t i = 0; !e && list && i < list->n; i++) {
        const struct value *v = &list->items[i];
        if (!is_name(v->s))
            return spec_fail(s, v,
                             "'%.60s' is no name for an input, expected letters, digits "
                             "and '_', a letter first, and no word of the language",
                             v->s);
        if (has_symbol(b, v->s))
            return spec_fail(s, v, "two inputs are called '%.60s', expected different names",
                             v->s);
        b->symbols[b->g->n++] = program_input(v->s, type);
    }
    return e;
}

static enum error add_constants(struct builder *b, const struct spec *s)
{
    const struct value *list = NULL;
    enum error e = spec_list(s, "constants", 0, 2, &list);

    if (e)
        return e;
    b->g->low = 0.01;
    b->g->high = 100;
    if (list && list->n == 0)
        return OK;
    if (list) {
        bool is_good = list->n == 2 && value_is_number(&list->items[0])
                       && value_is_number(&list->items[1]);
        b->g->low = is_good ? value_number(&list->items[0]) : 1;
        b->g->high = is_good ? value_number(&list->items[1]) : 0;
    }
    if (!(b->g->low >= 0 && b->g->high > b->g->low && b->g->high <= 1e300))
        return spec_expected(s, "constants",
                             "[low, high] with 0 <= low < high (neg makes the others), or [] "
                             "for none");
    b->g->has_constants = true;
    b->symbols[b->g->n++] = program_input("", PROGRAM_NUMBER);
    return OK;
}

static enum error add_operator(struct builder *b, const struct spec *s, const struct value *v)
{
    const char *names[32];
    uint32_t k = 0;

    for (; program_operators[k].name; k++)
        names[k] = program_operators[k].name;
    names[k] = NULL;
    for (k = 0; names[k] && strcmp(names[k], v->s) != 0; k++)
        ;
    if (names[k]) {
        b->symbols[b->g->n++] = program_operators[k];
        return OK;
    }
    return spec_fail(s, v,
                     "'%.60s' is no operator, expected some of + - * / min max neg abs "
                     "if < <= and or not log exp sqrt",
                     v->s);
}

static enum error add_operators(struct builder *b, const struct spec *s)
{
    const struct value *list = NULL;
    enum error e = spec_strs(s, "operators", 0, 32, &list);

    for (uint32_t i = 0; !e && list && i < list->n; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(list->items[j].s, list->items[i].s) == 0)
                return spec_fail(s, &list->items[i], "operator '%.20s' stands there twice",
                                 list->items[i].s);
        e = add_operator(b, s, &list->items[i]);
    }
    for (uint32_t i = 0; !e && !list && i < sizeof usual / sizeof *usual; i++) {
        struct value name = {.type = VALUE_STR, .s = usual[i]};
        e = add_operator(b, s, &name);
    }
    return e;
}

enum error space_parse_program(const struct spec *s, struct arena *a, struct dimension *d)
{
    static const char *const keys[] = {"type",      "inputs", "booleans", "constants",
                                       "operators", "size",   "result",   NULL};
    static const char *const results[] = {"number", "boolean", NULL};
    struct grammar *g = arena_alloc(a, sizeof *g);
    struct builder b = {.g = g};
    const char *result = "number";
    int64_t size = 30;
    enum error e;

    b.symbols = arena_alloc(a, (2 * PROGRAM_INPUTS_MAX + 33) * sizeof *b.symbols);
    if ((e = spec_keys(s, keys, NULL)) || (e = spec_require(s, "inputs", "names of its inputs"))
        || (e = spec_int(s, "size", 1, PROGRAM_SIZE_MAX, &size))
        || (e = spec_str(s, "result", results, &result))
        || (e = add_inputs(&b, s, "inputs", PROGRAM_NUMBER))
        || (e = add_inputs(&b, s, "booleans", PROGRAM_BOOLEAN)))
        return e;
    g->n_inputs = g->n;
    if ((e = add_constants(&b, s)))
        return e;
    g->n_terminals = g->n;
    if ((e = add_operators(&b, s)))
        return e;
    g->symbols = b.symbols;
    g->size = (uint32_t)size;
    g->result = strcmp(result, "number") == 0 ? PROGRAM_NUMBER : PROGRAM_BOOLEAN;
    grammar_finish(g);
    if (g->least[g->result] > g->size || g->lowest[g->result] > PROGRAM_DEPTH_MAX)
        return spec_fail(s, NULL,
                         "no program of %s gives a %s with at most %u nodes, expected more "
                         "inputs, operators or nodes",
                         s->path, result, g->size);
    d->grammar = g;
    d->n_values = g->n;
    d->n_slots = g->size * space_program_stride(d);
    return OK;
}

// ---- genes -------------------------------------------------------------------------------
uint32_t space_program_nodes(const struct dimension *d,
                             uint32_t base,
                             const struct gene *genes,
                             uint32_t n_genes,
                             struct program_node *nodes)
{
    uint32_t stride = space_program_stride(d), n = 0;

    for (uint32_t i = 0; i < n_genes && genes[i].slot < base + d->n_slots; i++) {
        if ((genes[i].slot - base) % stride == 0)
            nodes[n++] = (struct program_node){.symbol = (uint32_t)genes[i].k};
        else
            nodes[n - 1].constant = genes[i].x;
    }
    return n;
}

uint32_t space_program_genes(const struct dimension *d,
                             uint32_t base,
                             const struct program_node *nodes,
                             uint32_t n,
                             struct gene *genes)
{
    uint32_t stride = space_program_stride(d), n_genes = 0;

    for (uint32_t i = 0; i < n; i++) {
        genes[n_genes++] = (struct gene){.slot = base + i * stride, .k = nodes[i].symbol};
        if (program_is_constant(d->grammar, nodes[i].symbol))
            genes[n_genes++] =
                (struct gene){.slot = base + i * stride + 1, .x = nodes[i].constant};
    }
    return n_genes;
}

void space_program_open(const struct dimension *d,
                        uint32_t base,
                        const struct point *p,
                        struct program_open *o)
{
    uint32_t stride = space_program_stride(d), first = p->n;

    while (first > 0 && p->genes[first - 1].slot >= base)
        first--;
    program_begin(d->grammar, d->grammar->result, 1, o);
    for (uint32_t i = first; i < p->n; i++)
        if ((p->genes[i].slot - base) % stride == 0)
            program_take(d->grammar, o, (uint32_t)p->genes[i].k);
}

struct value
space_program_decode(const struct dimension *d, const struct gene **genes, struct arena *a)
{
    struct program_node nodes[PROGRAM_SIZE_MAX];
    const struct grammar *g = d->grammar;
    uint32_t n = 0;

    for (uint32_t open = 1; open > 0; n++) {
        const struct gene *at = (*genes)++;
        nodes[n] = (struct program_node){.symbol = (uint32_t)at->k};
        if (program_is_constant(g, nodes[n].symbol))
            nodes[n].constant = (*genes)++->x;
        open += g->symbols[nodes[n].symbol].n_args - 1U;
    }
    return program_text(g, nodes, n, a);
}
