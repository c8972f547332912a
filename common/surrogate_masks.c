// SPDX-License-Identifier: MIT
#include "common/surrogate_masks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Words in all: what an open model may take beside its trees (32 MiB).
enum { LEAVES_MAX = 64, WORDS_MAX = 4 << 20, STEP = 8 };

struct axis {
    uint32_t column;
    bool is_category;
    uint32_t n;      // thresholds, ascending; of a category the levels asked for
    double *at;      // [n]
    uint64_t *words; // [n + 1][n_padded]: at or below at[i] and above those before; last: above
};

struct masks {
    uint32_t n_trees, n_padded; // to whole steps
    uint32_t n_axes;
    struct axis *axes;
    const double **leaves; // [n_trees]
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// First threshold that is not below v, n for what is no number; of a category the level
// itself.
static uint32_t place_of(const struct axis *x, double v)
{
    uint32_t low = 0, high = x->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (v <= x->at[mid])
            high = mid;
        else
            low = mid + 1;
    }
    return x->is_category && low < x->n && x->at[low] != v ? x->n : low;
}

// --- making -------------------------------------------------------------------------------
// Leaves below the node, or more than a word has bits.
// NOLINTNEXTLINE(misc-no-recursion): a node deeper than LEAVES_MAX has as many leaves above
static uint32_t count_leaves(const struct forest_node *nodes, int32_t i, uint32_t depth)
{
    if (nodes[i].left < 0)
        return 1;
    if (depth >= LEAVES_MAX)
        return LEAVES_MAX + 1;
    uint32_t left = count_leaves(nodes, nodes[i].left, depth + 1);
    if (left > LEAVES_MAX)
        return left;
    return left + count_leaves(nodes, nodes[i].right, depth + 1);
}

static bool fit_words(const struct forest_tree *trees, uint32_t n_trees, uint32_t n_columns)
{
    for (uint32_t k = 0; k < n_trees; k++) {
        for (uint32_t i = 0; i < trees[k].n; i++)
            if (isnan(trees[k].nodes[i].at))
                return false;
        if (trees[k].n >= 2 * LEAVES_MAX || count_leaves(trees[k].nodes, 0, 0) > LEAVES_MAX)
            return false;
    }
    return n_columns > 0;
}

// Into `out`, unless that is NULL, the thresholds of the column, one a node; their number.
static uint32_t
list_thresholds(uint32_t column, const struct forest_tree *trees, uint32_t n_trees, double *out)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < n_trees; k++)
        for (uint32_t i = 0; i < trees[k].n; i++) {
            const struct forest_node *node = &trees[k].nodes[i];
            if (node->left < 0 || node->column != (int32_t)column)
                continue;
            if (out)
                out[n] = node->at;
            n++;
        }
    return n;
}

// All of them, each once.
static struct axis
make_axis(uint32_t column, const struct forest_tree *trees, uint32_t n_trees, struct arena *a)
{
    struct axis x = {.column = column};
    uint32_t n = list_thresholds(column, trees, n_trees, NULL);

    x.at = arena_alloc(a, (n + 1) * sizeof *x.at);
    (void)list_thresholds(column, trees, n_trees, x.at);
    qsort(x.at, n, sizeof *x.at, ascending);
    for (uint32_t i = 0; i < n; i++)
        if (!x.n || x.at[i] != x.at[x.n - 1])
            x.at[x.n++] = x.at[i];
    return x;
}

struct maker {
    struct masks *m;
    struct axis *const *by_column;
    const struct forest_node *nodes;
    uint32_t tree;
    double *leaves;
};

// A row that fails the node's test has none of the leaves to its left.  Of a number, words of
// the first place that fails: those behind it come by make_words.
static void forbid(const struct maker *k, const struct forest_node *node, uint64_t mask)
{
    const struct axis *x = k->by_column[node->column];
    uint32_t place = place_of(x, node->at), n_padded = k->m->n_padded;

    if (!x->is_category) {
        x->words[(size_t)(place + 1) * n_padded + k->tree] &= mask;
        return;
    }
    for (uint32_t i = 0; i <= x->n; i++)
        if (i != place)
            x->words[(size_t)i * n_padded + k->tree] &= mask;
}

// Number the leaves below the node from `first` on; the number behind the last.
// NOLINTNEXTLINE(misc-no-recursion): as count_leaves
static uint32_t number_leaves(struct maker *k, int32_t i, uint32_t first)
{
    const struct forest_node *node = &k->nodes[i];

    if (node->left < 0) {
        k->leaves[first] = node->at;
        return first + 1;
    }
    uint32_t middle = number_leaves(k, node->left, first);
    uint64_t left = ((UINT64_C(1) << (middle - first)) - 1) << first;
    forbid(k, node, ~left);
    return number_leaves(k, node->right, middle);
}

static void make_words(struct masks *m,
                       struct axis *const *by_column,
                       const struct forest_tree *trees,
                       struct arena *a)
{
    for (uint32_t c = 0; c < m->n_axes; c++) {
        size_t n = (size_t)(m->axes[c].n + 1) * m->n_padded;
        m->axes[c].words = arena_room(a, n * sizeof *m->axes[c].words);
        memset(m->axes[c].words, 0xff, n * sizeof *m->axes[c].words);
    }
    for (uint32_t k = 0; k < m->n_trees; k++) {
        double *leaves = arena_room(a, (trees[k].n / 2 + 1) * sizeof *leaves);
        struct maker maker = {m, by_column, trees[k].nodes, k, leaves};
        (void)number_leaves(&maker, 0, 0);
        m->leaves[k] = leaves;
    }
    for (uint32_t c = 0; c < m->n_axes; c++) {
        uint64_t *words = m->axes[c].words;
        size_t n = (size_t)m->axes[c].n * m->n_padded;
        for (size_t i = 0; !m->axes[c].is_category && i < n; i++)
            words[i + m->n_padded] &= words[i];
    }
}

struct masks *masks_create(const struct surrogate_data *shape,
                           const struct forest_tree *trees,
                           uint32_t n_trees,
                           struct arena *a)
{
    uint32_t n_columns = shape->n_columns;
    uint64_t n_words = 0;

    if (!fit_words(trees, n_trees, n_columns))
        return NULL;
    struct masks *m = arena_alloc(a, sizeof *m);
    struct axis **by_column = arena_alloc(a, n_columns * sizeof(struct axis *));
    m->n_trees = n_trees;
    m->n_padded = (n_trees + STEP - 1) / STEP * STEP;
    // Rows a multiple of a page apart would share the sets of the cache.
    m->n_padded += m->n_padded % 64 == 0 ? STEP : 0;
    m->axes = arena_alloc(a, n_columns * sizeof *m->axes);
    m->leaves = arena_alloc(a, n_trees * sizeof(double *));
    for (uint32_t c = 0; c < n_columns; c++) {
        struct axis x = make_axis(c, trees, n_trees, a);
        x.is_category = shape->columns[c].n_levels > 0;
        if (!x.n)
            continue;
        n_words += (uint64_t)(x.n + 1) * m->n_padded;
        by_column[c] = &m->axes[m->n_axes];
        m->axes[m->n_axes++] = x;
    }
    if (n_words > WORDS_MAX)
        return NULL;
    make_words(m, by_column, trees, a);
    return m;
}

// --- using --------------------------------------------------------------------------------
typedef uint64_t words __attribute__((vector_size(STEP * sizeof(uint64_t)), aligned(8)));

static inline __attribute__((always_inline)) double sum_up(const struct masks *m,
                                                           const uint64_t *const *rows)
{
    double sum = 0;

    for (uint32_t first = 0; first < m->n_trees; first += STEP) {
        uint32_t n = m->n_trees - first < STEP ? m->n_trees - first : STEP;
        words left = ~(words){0};
        uint64_t each[STEP];
        for (uint32_t c = 0; c < m->n_axes; c++)
            left &= *(const words *)(const void *)(rows[c] + first);
        memcpy(each, &left, sizeof each);
        for (uint32_t k = 0; k < n; k++)
            sum += m->leaves[first + k][__builtin_ctzll(each[k])];
    }
    return sum;
}

// Vectors of several widths; integers do not differ, and the sum has one order.
static double sum_portable(const struct masks *m, const uint64_t *const *rows)
{
    return sum_up(m, rows);
}

#ifdef __x86_64__
__attribute__((target("avx2,bmi"))) static double sum_avx2(const struct masks *m,
                                                           const uint64_t *const *rows)
{
    return sum_up(m, rows);
}

__attribute__((target("avx512f,bmi"))) static double sum_avx512(const struct masks *m,
                                                                const uint64_t *const *rows)
{
    return sum_up(m, rows);
}
#endif

double masks_sum(const struct masks *m, const double *x)
{
    const uint64_t *rows[SURROGATE_COLUMNS_MAX];

    for (uint32_t c = 0; c < m->n_axes; c++) {
        const struct axis *axis = &m->axes[c];
        rows[c] = axis->words + (size_t)place_of(axis, x[axis->column]) * m->n_padded;
    }
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return sum_avx512(m, rows);
    if (__builtin_cpu_supports("avx2"))
        return sum_avx2(m, rows);
#endif
    return sum_portable(m, rows);
}
