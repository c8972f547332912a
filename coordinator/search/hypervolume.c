// SPDX-License-Identifier: MIT
#include "coordinator/search/hypervolume.h"

#include <math.h>
#include <string.h>

#include "common/mem.h"

static bool dominates(const double *a, const double *b, uint32_t m)
{
    bool is_better = false;
    for (uint32_t i = 0; i < m; i++) {
        if (a[i] > b[i])
            return false;
        is_better = is_better || a[i] < b[i];
    }
    return is_better;
}

void hypervolume_front(const double *points, uint32_t n, uint32_t m, bool *is_front)
{
    for (uint32_t i = 0; i < n; i++) {
        const double *p = points + (size_t)i * m;
        is_front[i] = true;
        for (uint32_t j = 0; j < n && is_front[i]; j++) {
            const double *q = points + (size_t)j * m;
            bool is_twin = j < i && memcmp(p, q, m * sizeof *p) == 0;
            is_front[i] = !is_twin && !dominates(q, p, m);
        }
    }
}

// Row numbers ascending in the last objective but `drop`; by merging, so that
// the order of equals does not depend on the library.
static void sort_rows(uint32_t *rows,
                      uint32_t *spare,
                      uint32_t n,
                      const double *points,
                      uint32_t stride,
                      uint32_t axis)
{
    if (n < 2)
        return;
    uint32_t half = n / 2, i = 0, j = half, at = 0;
    sort_rows(rows, spare, half, points, stride, axis);
    sort_rows(rows + half, spare, n - half, points, stride, axis);
    while (i < half || j < n) {
        bool left = j == n
                    || (i < half
                        && points[(size_t)rows[i] * stride + axis]
                               <= points[(size_t)rows[j] * stride + axis]);
        spare[at++] = left ? rows[i++] : rows[j++];
    }
    memcpy(rows, spare, n * sizeof *rows);
}

// rows ascending in objective 0.
static double sweep(const double *points,
                    uint32_t stride,
                    const uint32_t *rows,
                    uint32_t n,
                    const double *reference)
{
    double volume = 0, lowest = reference[1];
    for (uint32_t i = 0; i < n; i++) {
        const double *p = points + (size_t)rows[i] * stride;
        if (p[1] >= lowest)
            continue;
        volume += (reference[0] - p[0]) * (lowest - p[1]);
        lowest = p[1];
    }
    return volume;
}

static double slices(const double *points,
                     uint32_t stride,
                     const uint32_t *rows,
                     uint32_t n,
                     uint32_t m,
                     const double *reference)
{
    if (n == 0)
        return 0;
    if (m == 1) {
        double least = INFINITY;
        for (uint32_t i = 0; i < n; i++)
            least = fmin(least, points[(size_t)rows[i] * stride]);
        return reference[0] - least;
    }
    uint32_t *sorted = mem_copy(rows, n * sizeof *rows), *spare = mem_alloc(n * sizeof *spare);
    uint32_t axis = m == 2 ? 0 : m - 1;
    double volume = 0;
    sort_rows(sorted, spare, n, points, stride, axis);
    mem_free(spare);
    if (m == 2)
        volume = sweep(points, stride, sorted, n, reference);
    for (uint32_t i = 0; m > 2 && i < n; i++) {
        double from = points[(size_t)sorted[i] * stride + axis];
        double to = i + 1 < n ? points[(size_t)sorted[i + 1] * stride + axis] : reference[axis];
        if (to > from)
            volume += (to - from) * slices(points, stride, sorted, i + 1, m - 1, reference);
    }
    mem_free(sorted);
    return volume;
}

double hypervolume_of(const double *points, uint32_t n, uint32_t m, const double *reference)
{
    uint32_t *rows = mem_alloc((n + 1) * sizeof *rows), n_inside = 0;

    for (uint32_t i = 0; i < n; i++) {
        bool is_inside = true;
        for (uint32_t j = 0; j < m; j++)
            is_inside = is_inside && points[(size_t)i * m + j] < reference[j];
        if (is_inside)
            rows[n_inside++] = i;
    }
    double volume = slices(points, m, rows, n_inside, m, reference);
    mem_free(rows);
    return volume;
}

struct choice {
    const double *points;
    uint32_t n, m;
    const double *reference;
    uint32_t n_chosen;
    uint32_t *chosen;
    bool *is_taken;
    double *bound;   // on what each row adds
    double *scratch; // [n][m]
};

// What row `i` adds to the rows chosen so far: its own box less what they cover
// of it.
static double gain(const struct choice *c, uint32_t i)
{
    uint32_t m = c->m;
    const double *p = c->points + (size_t)i * m;
    double box = 1;

    for (uint32_t j = 0; j < m; j++)
        box *= p[j] < c->reference[j] ? c->reference[j] - p[j] : 0;
    for (uint32_t k = 0; k < c->n_chosen; k++)
        for (uint32_t j = 0; j < m; j++)
            c->scratch[(size_t)k * m + j] = fmax(p[j], c->points[(size_t)c->chosen[k] * m + j]);
    return box - hypervolume_of(c->scratch, c->n_chosen, m, c->reference);
}

// A gain only shrinks as more is chosen: an old one below the best is enough.
static uint32_t choose_next(struct choice *c)
{
    uint32_t best = c->n;
    double most = -INFINITY;

    for (uint32_t i = 0; i < c->n; i++) {
        if (c->is_taken[i] || c->bound[i] <= most)
            continue;
        c->bound[i] = gain(c, i);
        if (c->bound[i] > most) {
            most = c->bound[i];
            best = i;
        }
    }
    // Volumes beyond the numbers compare with nothing: then in order.
    for (uint32_t i = 0; i < c->n && best == c->n; i++)
        best = c->is_taken[i] ? c->n : i;
    return best;
}

void hypervolume_subset(const double *points,
                        uint32_t n,
                        uint32_t m,
                        const double *reference,
                        uint32_t k,
                        uint32_t *chosen)
{
    struct choice c = {.points = points, .n = n, .m = m, .reference = reference};

    c.chosen = chosen;
    c.is_taken = mem_alloc(n + 1);
    c.bound = mem_alloc((n + 1) * sizeof *c.bound);
    c.scratch = mem_alloc(((size_t)k + 1) * m * sizeof *c.scratch);
    for (uint32_t i = 0; i < n; i++)
        c.bound[i] = INFINITY;
    while (c.n_chosen < k) {
        uint32_t next = choose_next(&c);
        chosen[c.n_chosen++] = next;
        c.is_taken[next] = true;
    }
    mem_free(c.scratch);
    mem_free(c.bound);
    mem_free(c.is_taken);
}
