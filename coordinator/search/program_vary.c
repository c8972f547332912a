// SPDX-License-Identifier: MIT
#include "coordinator/search/program_vary.h"

#include <string.h>

// How often which change is tried; the others are insertions.
#define P_GROW  0.4
#define P_POINT 0.7
#define P_HOIST 0.85

// A subtree that is grown anew may be larger than the old one by so many nodes.
enum { GROWTH = 8 };

struct cut {
    const struct grammar *g;
    struct program *p;
    uint32_t at, n; // the subtree
    uint8_t type, level;
};

static struct cut cut_at(const struct grammar *g, struct program *p, uint32_t at)
{
    struct cut c = {.g = g, .p = p, .at = at};
    struct program_open o;

    program_begin(g, g->result, 1, &o);
    for (uint32_t i = 0; i < at; i++)
        program_take(g, &o, p->nodes[i].symbol);
    c.type = o.types[o.n - 1];
    c.level = o.levels[o.n - 1];
    c.n = program_extent(g, &p->nodes[at]);
    return c;
}

// The subtree becomes these nodes, unless the program would be too large or too deep.
static bool replace(const struct cut *c, const struct program_node *by, uint32_t n)
{
    struct program *p = c->p;
    struct program old = *p;

    if (p->n - c->n + n > c->g->size)
        return false;
    p->n = old.n - c->n + n;
    memcpy(&p->nodes[c->at], by, n * sizeof *by);
    memcpy(&p->nodes[c->at + n], &old.nodes[c->at + c->n], (old.n - c->at - c->n) * sizeof *by);
    if (program_is_whole(c->g, p->nodes, p->n))
        return true;
    *p = old;
    return false;
}

// One of the nodes of this type among n, by chance; n: there is none.
static uint32_t pick_of_type(const struct grammar *g,
                             const struct program_node *nodes,
                             uint32_t n,
                             uint8_t type,
                             struct rng *r)
{
    uint32_t pick = n, seen = 0;

    for (uint32_t i = 0; i < n; i++)
        if (g->symbols[nodes[i].symbol].result == type && rng_below(r, ++seen) == 0)
            pick = i;
    return pick;
}

static bool cross(const struct cut *c, const struct program *mate, struct rng *r)
{
    uint32_t from = pick_of_type(c->g, mate->nodes, mate->n, c->type, r);

    return from < mate->n
           && replace(c, &mate->nodes[from], program_extent(c->g, &mate->nodes[from]));
}

static bool grow(const struct cut *c, struct rng *r)
{
    struct program_node nodes[PROGRAM_SIZE_MAX];
    uint32_t room = c->g->size - (c->p->n - c->n);
    struct program_place place = {c->type, c->level, c->n + GROWTH};

    place.most = place.most < room ? place.most : room;
    return replace(c, nodes, program_random(c->g, &place, r, nodes));
}

static bool has_same_kind(const struct program_symbol *a, const struct program_symbol *b)
{
    return a->result == b->result && a->n_args == b->n_args
           && memcmp(a->args, b->args, a->n_args) == 0;
}

static bool turn(const struct cut *c, struct rng *r)
{
    struct program_node *node = &c->p->nodes[c->at];
    const struct program_symbol *s = c->g->symbols;
    uint32_t pick = c->g->n, seen = 0;

    for (uint32_t k = 0; k < c->g->n; k++)
        if (k != node->symbol && has_same_kind(&s[k], &s[node->symbol])
            && rng_below(r, ++seen) == 0)
            pick = k;
    if (pick == c->g->n)
        return false;
    if (s[pick].n_args == 0) // a constant needs a value
        return grow(&(struct cut){c->g, c->p, c->at, 1, c->type, c->level}, r);
    node->symbol = pick;
    return true;
}

static bool hoist(const struct cut *c, struct rng *r)
{
    struct program_node nodes[PROGRAM_SIZE_MAX];

    memcpy(nodes, &c->p->nodes[c->at], c->n * sizeof *nodes);
    uint32_t from = pick_of_type(c->g, nodes + 1, c->n - 1, c->type, r);
    return from < c->n - 1
           && replace(c, nodes + 1 + from, program_extent(c->g, nodes + 1 + from));
}

// The subtree as the argument `keep` of the symbol, the others grown.
static bool wrap(const struct cut *c, uint32_t symbol, uint32_t keep, struct rng *r)
{
    const struct program_symbol *s = &c->g->symbols[symbol];
    struct program_node nodes[2 * PROGRAM_SIZE_MAX] = {{.symbol = symbol}};
    uint32_t n = 1;

    for (uint32_t i = 0; i < s->n_args; i++) {
        struct program_place place = {s->args[i], (uint8_t)(c->level + 1),
                                      c->g->least[s->args[i]] + 2};
        uint32_t more = i == keep ? c->n : place.most;
        if (n + more > c->g->size || place.level + c->g->lowest[s->args[i]] > PROGRAM_DEPTH_MAX)
            return false;
        if (i == keep)
            memcpy(&nodes[n], &c->p->nodes[c->at], c->n * sizeof *nodes);
        else
            more = program_random(c->g, &place, r, &nodes[n]);
        n += more;
    }
    return replace(c, nodes, n);
}

static bool insert(const struct cut *c, struct rng *r)
{
    const struct grammar *g = c->g;
    uint32_t pick = g->n, keep = 0, seen = 0;

    for (uint32_t k = g->n_terminals; k < g->n; k++)
        for (uint32_t i = 0; i < g->symbols[k].n_args; i++)
            if (g->symbols[k].result == c->type && g->symbols[k].args[i] == c->type
                && rng_below(r, ++seen) == 0) {
                pick = k;
                keep = i;
            }
    return pick < g->n && wrap(c, pick, keep, r);
}

bool program_vary(const struct grammar *g,
                  struct program *p,
                  const struct program *mate,
                  uint32_t at,
                  struct rng *r)
{
    struct cut c = cut_at(g, p, at);
    double u = rng_f64(r);

    if (mate)
        return cross(&c, mate, r);
    if (u < P_GROW)
        return grow(&c, r);
    if (u < P_POINT)
        return turn(&c, r);
    return u < P_HOIST ? hoist(&c, r) : insert(&c, r);
}
