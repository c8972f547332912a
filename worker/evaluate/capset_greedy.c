// SPDX-License-Identifier: MIT
// capset_greedy.c - vectors by priority, and whether a set is a cap set.
#include <stdlib.h>

#include "worker/evaluate/capset.h"

uint32_t capset_vectors(uint32_t dimension)
{
    uint32_t n = 1;
    while (dimension-- > 0)
        n *= 3;
    return n;
}

uint32_t capset_terms(uint32_t dimension)
{
    return (dimension + 1) * (dimension + 2) / 2;
}

// a + b + c = 0 in each digit.
uint32_t capset_third(uint32_t dimension, uint32_t a, uint32_t b)
{
    uint32_t c = 0, place = 1;
    for (uint32_t i = 0; i < dimension; i++, a /= 3, b /= 3, place *= 3)
        c += (6 - a % 3 - b % 3) % 3 * place;
    return c;
}

static uint32_t form_at(uint32_t dimension, const uint8_t *form, uint32_t vector)
{
    uint32_t x[CAPSET_DIMENSION_MAX], sum = *form++;
    for (uint32_t i = 0; i < dimension; i++, vector /= 3)
        x[i] = vector % 3;
    for (uint32_t i = 0; i < dimension; i++)
        sum += *form++ * x[i];
    for (uint32_t i = 0; i < dimension; i++)
        for (uint32_t j = i; j < dimension; j++)
            sum += *form++ * x[i] * x[j];
    return sum % 3;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// Priorities with the vector's number in their low digits: no two are the same.
static void sort_all(const struct capset_order *o, uint32_t *order)
{
    uint32_t n = capset_vectors(o->dimension);
    for (uint32_t v = 0; v < n; v++) {
        uint32_t key = 0;
        for (uint32_t k = 0; k < o->n_forms; k++)
            key = 3 * key + form_at(o->dimension, o->forms[k], v);
        order[v] = key * CAPSET_VECTORS_MAX + v;
    }
    qsort(order, n, sizeof *order, by_number);
    for (uint32_t i = 0; i < n; i++)
        order[i] %= CAPSET_VECTORS_MAX;
}

struct growing {
    uint32_t dimension, n;
    uint32_t *set;
    bool is_out[CAPSET_VECTORS_MAX]; // in the set, or on a line with two of it
};

static void try_vector(struct growing *g, uint32_t v)
{
    if (g->is_out[v])
        return;
    for (uint32_t i = 0; i < g->n; i++)
        g->is_out[capset_third(g->dimension, g->set[i], v)] = true;
    g->is_out[v] = true;
    g->set[g->n++] = v;
}

uint32_t capset_greedy(const struct capset_order *o, uint32_t *set)
{
    struct growing g = {.dimension = o->dimension, .set = set};
    uint32_t order[CAPSET_VECTORS_MAX], n = capset_vectors(o->dimension);

    for (uint32_t i = 0; i < o->n_first; i++)
        try_vector(&g, o->first[i]);
    sort_all(o, order);
    for (uint32_t i = 0; i < n; i++)
        try_vector(&g, order[i]);
    return g.n;
}

bool capset_is_cap(uint32_t dimension, const uint32_t *set, uint32_t n)
{
    bool is_in[CAPSET_VECTORS_MAX] = {false};

    for (uint32_t i = 0; i < n; i++) {
        if (set[i] >= capset_vectors(dimension) || is_in[set[i]])
            return false;
        is_in[set[i]] = true;
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (is_in[capset_third(dimension, set[i], set[j])])
                return false;
    return true;
}
