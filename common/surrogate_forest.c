// SPDX-License-Identifier: MIT
// surrogate_forest.c - regression trees on random columns: bagged (a random forest), or
// each on what those before it left over (gradient boosting of squared errors).
//
// Source     Breiman, "Random forests", 2001; Friedman, "Stochastic gradient boosting",
//            2002.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "common/surrogate_masks.h"

enum { DEPTH_MAX = 40, LEAF_MIN = 1, TREES_DEFAULT = 100, TREES_MAX = 10000 };

// Of boosting: trees of limited depth, each a part of what it would mend.
enum { BOOST_DEPTH = 6, BOOST_TREES_DEFAULT = 500 };
#define BOOST_RATE 0.1

struct pair {
    double x, y;
};

struct grower {
    const struct surrogate_data *d;
    struct rng rng;
    uint32_t depth_max;
    uint32_t *rows; // of the tree, grouped by node
    uint32_t *side; // scratch
    struct pair *pairs;
    struct forest_node *nodes;
    uint32_t n_nodes, cap_nodes;
};

struct split {
    double gain, at;
    int32_t column;
};

static int by_x(const void *a, const void *b)
{
    const struct pair *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->y > q->y) - (p->y < q->y); // so that the order is one
}

// The best cut of a sorted column: numbers between neighbours, categories one against all.
static void try_column(struct grower *g, uint32_t n, uint32_t column, struct split *best)
{
    bool is_category = g->d->columns[column].n_levels > 0;
    struct pair *p = g->pairs;
    double total = 0, left = 0;

    qsort(p, n, sizeof *p, by_x);
    for (uint32_t i = 0; i < n; i++)
        total += p[i].y;
    for (uint32_t i = 0, first = 0; i + 1 < n; i++) {
        left += p[i].y;
        if (p[i].x == p[i + 1].x)
            continue;
        double n_left = i + 1 - first, n_right = n - n_left, right = total - left;
        double gain = left * left / n_left + right * right / n_right - total * total / n;
        if (n_left >= LEAF_MIN && n_right >= LEAF_MIN && gain > best->gain) {
            best->gain = gain;
            best->column = (int32_t)column;
            best->at = is_category ? p[i].x : p[i].x + (p[i + 1].x - p[i].x) / 2;
        }
        if (is_category) {
            first = i + 1;
            left = 0;
        }
    }
}

static bool
goes_left(const struct surrogate_data *d, const struct forest_node *n, const double *x)
{
    double v = x[n->column];
    return d->columns[n->column].n_levels > 0 ? v == n->at : v <= n->at;
}

static struct split find_split(struct grower *g, uint32_t first, uint32_t n)
{
    const struct surrogate_data *d = g->d;
    struct split best = {.gain = 1e-12, .column = -1};
    uint32_t n_tried = 2 * d->n_columns / 3 + 1;
    uint32_t start = (uint32_t)rng_below(&g->rng, d->n_columns);

    // A run of columns from a random one on; further until one can be cut at all.
    for (uint32_t k = 0; k < d->n_columns && (k < n_tried || best.column < 0); k++) {
        uint32_t column = (start + k) % d->n_columns;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = g->rows[first + i];
            g->pairs[i] = (struct pair){d->x[(size_t)row * d->n_columns + column], d->y[row]};
        }
        try_column(g, n, column, &best);
    }
    return best;
}

static int32_t add_node(struct grower *g)
{
    if (g->n_nodes == g->cap_nodes) {
        g->cap_nodes = g->cap_nodes ? g->cap_nodes * 2 : 256;
        g->nodes = mem_realloc(g->nodes, g->cap_nodes * sizeof *g->nodes);
    }
    g->nodes[g->n_nodes] = (struct forest_node){.left = -1, .right = -1};
    return (int32_t)g->n_nodes++;
}

static uint32_t
part(struct grower *g, const struct forest_node *node, uint32_t first, uint32_t n)
{
    uint32_t n_left = 0, n_right = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = g->rows[first + i];
        if (goes_left(g->d, node, g->d->x + (size_t)row * g->d->n_columns))
            g->rows[first + n_left++] = row;
        else
            g->side[n_right++] = row;
    }
    memcpy(g->rows + first + n_left, g->side, n_right * sizeof *g->side);
    return n_left;
}

static int32_t grow(struct grower *g, uint32_t first, uint32_t n, uint32_t depth)
{
    int32_t self = add_node(g);
    struct split s = {.column = -1};
    double sum = 0;

    if (depth < g->depth_max && n >= 2 * LEAF_MIN)
        s = find_split(g, first, n);
    for (uint32_t i = 0; i < n; i++)
        sum += g->d->y[g->rows[first + i]];
    g->nodes[self].at = sum / n;
    if (s.column < 0)
        return self;
    struct forest_node node = {.at = s.at, .column = s.column};
    uint32_t n_left = part(g, &node, first, n);
    node.left = grow(g, first, n_left, depth + 1);
    node.right = grow(g, first + n_left, n - n_left, depth + 1);
    g->nodes[self] = node;
    return self;
}

static void grower_init(struct grower *g, const struct surrogate_data *d, uint32_t depth_max)
{
    *g = (struct grower){.d = d, .depth_max = depth_max};
    g->rows = mem_alloc(d->n_rows * sizeof *g->rows);
    g->side = mem_alloc(d->n_rows * sizeof *g->side);
    g->pairs = mem_alloc(d->n_rows * sizeof *g->pairs);
}

static void grower_fini(struct grower *g)
{
    mem_free(g->rows);
    mem_free(g->side);
    mem_free(g->pairs);
    mem_free(g->nodes);
}

static struct value nodes_value(const struct grower *g, struct arena *a)
{
    return value_bin(a, g->nodes, g->n_nodes * sizeof *g->nodes);
}

static enum error fit(const struct surrogate_data *d,
                      const struct surrogate_options *o,
                      struct arena *a,
                      struct value *out,
                      struct errtext *t)
{
    struct grower g;
    struct value trees = value_list();
    uint32_t n_trees = o->n_trees ? o->n_trees : TREES_DEFAULT;

    if (n_trees > TREES_MAX)
        return errtext_set(t, ERR_INVALID, "%u trees, expected at most %d", n_trees, TREES_MAX);
    grower_init(&g, d, DEPTH_MAX);
    for (uint32_t k = 0; k < n_trees; k++) {
        g.rng = rng_at(o->seed, 1, 0, k);
        g.n_nodes = 0;
        for (uint32_t i = 0; i < d->n_rows; i++)
            g.rows[i] = (uint32_t)rng_below(&g.rng, d->n_rows);
        (void)grow(&g, 0, d->n_rows, 0);
        value_push(a, &trees, nodes_value(&g, a));
    }
    value_set(a, out, "trees", trees);
    grower_fini(&g);
    return OK;
}

static double
walk_tree(const struct surrogate_data *d, const struct forest_node *nodes, const double *x)
{
    const struct forest_node *n = nodes;
    while (n->left >= 0)
        n = nodes + (goes_left(d, n, x) ? n->left : n->right);
    return n->at;
}

// The first tree is one leaf, the mean.  Written as a forest, whose answer is the mean of its
// trees': leaves count n_trees times.
static enum error fit_boost(const struct surrogate_data *d,
                            const struct surrogate_options *o,
                            struct arena *a,
                            struct value *out,
                            struct errtext *t)
{
    struct grower g;
    struct value trees = value_list();
    uint32_t n_trees = o->n_trees ? o->n_trees : BOOST_TREES_DEFAULT;
    struct surrogate_data left = *d;

    if (n_trees > TREES_MAX)
        return errtext_set(t, ERR_INVALID, "%u trees, expected at most %d", n_trees, TREES_MAX);
    left.y = mem_alloc(d->n_rows * sizeof *left.y);
    memcpy(left.y, d->y, d->n_rows * sizeof *left.y);
    grower_init(&g, &left, 0);
    for (uint32_t k = 0; k < n_trees; k++) {
        double rate = k ? BOOST_RATE : 1;
        g.rng = rng_at(o->seed, 1, 1, k);
        g.n_nodes = 0;
        g.depth_max = k ? BOOST_DEPTH : 0;
        for (uint32_t i = 0; i < d->n_rows; i++)
            g.rows[i] = i;
        (void)grow(&g, 0, d->n_rows, 0);
        for (uint32_t i = 0; i < d->n_rows; i++)
            left.y[i] -= rate * walk_tree(d, g.nodes, d->x + (size_t)i * d->n_columns);
        for (uint32_t i = 0; i < g.n_nodes; i++)
            g.nodes[i].at *= g.nodes[i].left < 0 ? rate * n_trees : 1;
        value_push(a, &trees, nodes_value(&g, a));
    }
    value_set(a, out, "trees", trees);
    grower_fini(&g);
    mem_free(left.y);
    return OK;
}

struct forest {
    uint32_t n_trees;
    const struct masks *masks; // where the trees are small; else NULL: they are walked
    struct forest_tree trees[];
};

// Children stand behind their parents, so that a walk ends.
static bool is_tree(const struct forest_node *nodes, uint32_t n, uint32_t n_columns)
{
    for (uint32_t i = 0; i < n; i++) {
        bool is_leaf = nodes[i].left < 0;
        if (!is_leaf
            && (nodes[i].left <= (int32_t)i || nodes[i].right <= (int32_t)i
                || nodes[i].left >= (int32_t)n || nodes[i].right >= (int32_t)n
                || nodes[i].column < 0 || nodes[i].column >= (int32_t)n_columns))
            return false;
    }
    return n > 0;
}

static void *
open_forest(const struct surrogate_data *shape, const struct value *v, struct arena *a)
{
    const struct value *list = value_find(v, "trees");

    if (!list || list->type != VALUE_LIST || list->n == 0 || list->n > TREES_MAX)
        return NULL;
    struct forest *f = arena_alloc(a, sizeof *f + list->n * sizeof f->trees[0]);
    f->n_trees = list->n;
    for (uint32_t k = 0; k < list->n; k++) {
        const struct value *bytes = &list->items[k];
        if (bytes->type != VALUE_BIN || bytes->n % sizeof(struct forest_node))
            return NULL;
        f->trees[k].n = (uint32_t)(bytes->n / sizeof(struct forest_node));
        f->trees[k].nodes = arena_copy(a, bytes->s, bytes->n);
        if (!is_tree(f->trees[k].nodes, f->trees[k].n, shape->n_columns))
            return NULL;
    }
    f->masks = masks_create(shape, f->trees, f->n_trees, a);
    return f;
}

static double predict(const void *model, const struct surrogate_data *shape, const double *x)
{
    const struct forest *f = model;
    double sum = f->masks ? masks_sum(f->masks, x) : 0;

    for (uint32_t k = 0; !f->masks && k < f->n_trees; k++)
        sum += walk_tree(shape, f->trees[k].nodes, x);
    return sum / f->n_trees;
}

const struct surrogate_kind surrogate_forest = {"forest", fit, open_forest, predict};
const struct surrogate_kind surrogate_boost = {"boost", fit_boost, open_forest, predict};
