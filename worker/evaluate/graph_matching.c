// SPDX-License-Identifier: MIT
// graph_matching.c - a maximum matching by Edmonds's blossoms: from each vertex that is
// alone, a tree of alternating paths; an odd cycle shrinks to its base.
#include "worker/evaluate/graph.h"

enum { N = GRAPH_VERTICES_MAX, NONE = 255 };

struct search {
    const struct graph *g;
    uint8_t mate[N];
    uint8_t base[N];   // of the blossom a vertex is in
    uint8_t parent[N]; // towards the root, of an odd vertex; within blossoms of both
    bool is_even[N];   // reached by an even number of edges
    uint8_t queue[N];
    uint32_t n_queue;
};

// The first base that the ways to the root have in common.
static uint8_t common_base(const struct search *s, uint8_t a, uint8_t b)
{
    bool on_way[N] = {false};
    for (;;) {
        a = s->base[a];
        on_way[a] = true;
        if (s->mate[a] == NONE)
            break;
        a = s->parent[s->mate[a]];
    }
    while (b = s->base[b], !on_way[b])
        b = s->parent[s->mate[b]];
    return b;
}

// Mark the blossoms between v and the base, and lead their odd vertices over `child`.
static void mark_way(struct search *s, bool *in_blossom, uint8_t v, uint8_t base, uint8_t child)
{
    while (s->base[v] != base) {
        uint8_t mate = s->mate[v];
        in_blossom[s->base[v]] = in_blossom[s->base[mate]] = true;
        s->parent[v] = child;
        child = mate;
        v = s->parent[mate];
    }
}

static void shrink(struct search *s, uint8_t a, uint8_t b)
{
    bool in_blossom[N] = {false};
    uint8_t base = common_base(s, a, b);

    mark_way(s, in_blossom, a, base, b);
    mark_way(s, in_blossom, b, base, a);
    for (uint8_t i = 0; i < s->g->n; i++) {
        if (!in_blossom[s->base[i]])
            continue;
        s->base[i] = base;
        if (!s->is_even[i]) {
            s->is_even[i] = true;
            s->queue[s->n_queue++] = i;
        }
    }
}

// Look along one edge of an even vertex; the end of an augmenting path, or NONE.
static uint8_t look(struct search *s, uint8_t root, uint8_t v, uint8_t to)
{
    if (s->base[v] == s->base[to] || s->mate[v] == to)
        return NONE;
    if (to == root || (s->mate[to] != NONE && s->parent[s->mate[to]] != NONE)) {
        shrink(s, v, to);
        return NONE;
    }
    if (s->parent[to] != NONE)
        return NONE;
    s->parent[to] = v;
    if (s->mate[to] == NONE)
        return to;
    s->is_even[s->mate[to]] = true;
    s->queue[s->n_queue++] = s->mate[to];
    return NONE;
}

static uint8_t find_path(struct search *s, uint8_t root)
{
    for (uint8_t i = 0; i < s->g->n; i++) {
        s->base[i] = i;
        s->parent[i] = NONE;
        s->is_even[i] = false;
    }
    s->is_even[root] = true;
    s->queue[0] = root;
    s->n_queue = 1;
    for (uint32_t head = 0; head < s->n_queue; head++) {
        uint8_t v = s->queue[head];
        for (uint32_t rest = s->g->near[v]; rest; rest &= rest - 1) {
            uint8_t end = look(s, root, v, (uint8_t)__builtin_ctz(rest));
            if (end != NONE)
                return end;
        }
    }
    return NONE;
}

uint32_t graph_matching(const struct graph *g)
{
    struct search s = {.g = g};
    uint32_t n = 0;

    for (uint32_t i = 0; i < g->n; i++)
        s.mate[i] = NONE;
    for (uint8_t root = 0; root < g->n; root++) {
        uint8_t v = s.mate[root] == NONE ? find_path(&s, root) : NONE;
        n += v != NONE;
        while (v != NONE) { // along the path, free edges and matched ones change places
            uint8_t before = s.parent[v], next = s.mate[before];
            s.mate[v] = before;
            s.mate[before] = v;
            v = next;
        }
    }
    return n;
}
