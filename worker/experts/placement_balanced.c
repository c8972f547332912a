// SPDX-License-Identifier: MIT
// placement_balanced.c - the expert-parallel load balancer of DeepSeek, and its
// descendant that deals instead of packing.
//
// Three steps: pack the groups of experts on the nodes by load; within a node give
// each slot that is to spare to the expert with the highest load a copy; pack the
// copies on the node's devices.  Packing means: the heaviest first, each to the
// lightest bin that has room.  The snake (the evolved variant of Cheng et al.,
// "Barbarians at the gate", 2025) instead deals the heaviest first to the bins in
// turn, to and fro, without looking at what they carry: quicker, less even.  Where
// groups, slots or devices do not divide over the nodes, all of it is one node.  Of
// equals the first comes first.
#include "worker/experts/placement_rules.h"

#include <stdlib.h>

struct weighed {
    double weight;
    uint32_t index;
};

static int by_weight(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

// Bins are runs of places of nearly the same length; place[i] is where item i goes.
// As many items as places.
struct bins {
    uint32_t n_items;
    uint32_t n;
    const uint32_t *first; // [n + 1]
};

static uint32_t lightest(const struct bins *b, const double *load, const uint32_t *used)
{
    uint32_t best = b->n;

    for (uint32_t i = 0; i < b->n; i++) {
        if (used[i] == b->first[i + 1] - b->first[i])
            continue;
        if (best == b->n || load[i] < load[best])
            best = i;
    }
    return best;
}

typedef void (*pack_fn)(const struct bins *b,
                        const struct weighed *order,
                        uint32_t *place,
                        struct arena *scratch);

static void pack_lightest(const struct bins *b,
                          const struct weighed *order,
                          uint32_t *place,
                          struct arena *scratch)
{
    double *load = arena_alloc(scratch, b->n * sizeof *load);
    uint32_t *used = arena_alloc(scratch, b->n * sizeof *used);

    for (uint32_t i = 0; i < b->n_items; i++) {
        uint32_t to = lightest(b, load, used);
        place[order[i].index] = b->first[to] + used[to]++;
        load[to] += order[i].weight;
    }
}

// Round k goes upwards when k is even; a bin that is full is passed over.
static void pack_snake(const struct bins *b,
                       const struct weighed *order,
                       uint32_t *place,
                       struct arena *scratch)
{
    uint32_t at = 0;

    (void)scratch;
    for (uint32_t round = 0; at < b->n_items; round++)
        for (uint32_t i = 0; i < b->n && at < b->n_items; i++) {
            uint32_t to = round % 2 ? b->n - 1 - i : i;
            if (round < b->first[to + 1] - b->first[to])
                place[order[at++].index] = b->first[to] + round;
        }
}

static void pack(const struct bins *b,
                 pack_fn how,
                 const double *weight,
                 uint32_t *place,
                 struct arena *scratch)
{
    // At most one place a bin: nothing can be balanced, items stay in their order.
    if (b->n_items <= b->n) {
        for (uint32_t i = 0; i < b->n_items; i++)
            place[i] = i;
        return;
    }
    struct arena_mark mark = arena_mark(scratch);
    struct weighed *order = arena_room(scratch, b->n_items * sizeof *order);

    for (uint32_t i = 0; i < b->n_items; i++)
        order[i] = (struct weighed){.weight = weight[i], .index = i};
    qsort(order, b->n_items, sizeof *order, by_weight);
    how(b, order, place, scratch);
    arena_release(scratch, mark);
}

// Which experts a node has, and how many slots and devices.
struct node {
    const uint32_t *expert; // [n_experts]
    uint32_t n_experts;
    uint32_t n_slots;
    struct bins devices; // relative to the node's first slot
    pack_fn how;
};

// Copy i of the node is one of the node's expert of[i]: first one each, then the
// spare ones.
static void
copy_hottest(const struct node *n, const double *weight, uint32_t *of, struct arena *scratch)
{
    uint32_t *copies = arena_room(scratch, n->n_experts * sizeof *copies);

    for (uint32_t i = 0; i < n->n_experts; i++) {
        of[i] = i;
        copies[i] = 1;
    }
    for (uint32_t i = n->n_experts; i < n->n_slots; i++) {
        uint32_t hottest = 0;
        for (uint32_t k = 1; k < n->n_experts; k++)
            if (weight[k] / copies[k] > weight[hottest] / copies[hottest])
                hottest = k;
        of[i] = hottest;
        copies[hottest]++;
    }
    for (uint32_t i = 0; i < n->n_experts; i++)
        of[n->n_slots + i] = copies[i];
}

static void
fill_node(const struct node *n, const double *load, uint32_t *expert, struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    double *weight = arena_room(scratch, n->n_slots * sizeof *weight);
    uint32_t *of = arena_room(scratch, (n->n_slots + n->n_experts) * sizeof *of);
    uint32_t *place = arena_room(scratch, n->n_slots * sizeof *place);
    const uint32_t *copies = of + n->n_slots;

    for (uint32_t i = 0; i < n->n_experts; i++)
        weight[i] = load[n->expert[i]];
    copy_hottest(n, weight, of, scratch);
    for (uint32_t i = 0; i < n->n_slots; i++)
        weight[i] = load[n->expert[of[i]]] / copies[of[i]];
    pack(&n->devices, n->how, weight, place, scratch);
    for (uint32_t i = 0; i < n->n_slots; i++)
        expert[place[i]] = n->expert[of[i]];
    arena_release(scratch, mark);
}

// Experts in the order of the nodes that their groups were packed on.
static const uint32_t *pack_groups(const struct placement_shape *s,
                                   pack_fn how,
                                   const uint32_t n_of[2], // nodes, groups
                                   const double *load,
                                   struct arena *scratch)
{
    uint32_t n_nodes = n_of[0], n_groups = n_of[1], size = s->n_experts / n_groups;
    uint32_t *expert = arena_room(scratch, s->n_experts * sizeof *expert);
    uint32_t *place = arena_room(scratch, n_groups * sizeof *place);
    uint32_t *first = arena_room(scratch, (n_nodes + 1) * sizeof *first);
    double *weight = arena_alloc(scratch, n_groups * sizeof *weight);
    struct bins nodes = {.n_items = n_groups, .n = n_nodes, .first = first};

    for (uint32_t i = 0; i <= n_nodes; i++)
        first[i] = placement_first(i, n_groups, n_nodes);
    for (uint32_t e = 0; e < s->n_experts; e++)
        weight[e / size] += load[e];
    pack(&nodes, how, weight, place, scratch);
    for (uint32_t e = 0; e < s->n_experts; e++)
        expert[place[e / size] * size + e % size] = e;
    return expert;
}

static void place_with(const struct placement *p,
                       pack_fn how,
                       const double *load,
                       uint32_t *expert,
                       struct arena *scratch)
{
    const struct placement_shape *s = &p->shape;
    uint32_t n_nodes = s->n_nodes;
    uint32_t n_groups = s->n_groups;

    if (n_groups % n_nodes || s->n_devices % n_nodes || s->n_slots % n_nodes)
        n_nodes = n_groups = 1;
    const uint32_t *order = pack_groups(s, how, (uint32_t[]){n_nodes, n_groups}, load, scratch);
    struct node n = {
        .n_experts = s->n_experts / n_nodes,
        .n_slots = s->n_slots / n_nodes,
        .devices = {.n_items = s->n_slots / n_nodes,
                    .n = s->n_devices / n_nodes,
                    .first = p->first_slot}, // the same for all nodes: all divides
        .how = how,
    };
    for (uint32_t i = 0; i < n_nodes; i++) {
        n.expert = order + (size_t)i * n.n_experts;
        fill_node(&n, load, expert + (size_t)i * n.n_slots, scratch);
    }
}

void placement_balanced(const struct placement *p,
                        const double *load,
                        uint32_t *expert,
                        struct arena *scratch)
{
    place_with(p, pack_lightest, load, expert, scratch);
}

void placement_snake(const struct placement *p,
                     const double *load,
                     uint32_t *expert,
                     struct arena *scratch)
{
    place_with(p, pack_snake, load, expert, scratch);
}
