// SPDX-License-Identifier: MIT
// dense_matrix.h - matrix products in register tiles; a part of dense_body.h.
//
// A tile of c stays in registers along a block of the sum, is stored, and the next
// block goes on from what was stored: a float survives that, so blocks do not show.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_DENSE_MATRIX_H
#define WORKER_TENSOR_DENSE_MATRIX_H

enum { BLOCK_K = 128 }; // 32 KiB of b at 64 columns: stays in the first cache

ALWAYS vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

ALWAYS void vf_store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

// Where the chain of a tile begins.
enum tile_start { TILE_ZERO, TILE_BIAS, TILE_MORE };

struct tile {
    const float *a, *b, *start;
    float *c;
    size_t ai, ap, bp, ci, k;
    enum tile_start from;
};

#define TILE(rows, cols)                                                                       \
    static void tile_##rows##_##cols(const struct tile *t)                                     \
    {                                                                                          \
        vf acc[rows][cols];                                                                    \
        _Pragma("GCC unroll 16") for (size_t r = 0; r < (rows); r++)                           \
            _Pragma("GCC unroll 4") for (size_t s = 0; s < (cols); s++) acc[r][s] =            \
                t->from == TILE_MORE   ? vf_load(t->c + r * t->ci + s * LANES)                 \
                : t->from == TILE_BIAS ? vf_load(t->start + s * LANES)                         \
                                       : vf_of(0);                                             \
        const float *a = t->a, *b = t->b;                                                      \
        const size_t ai = t->ai, ap = t->ap, bp = t->bp;                                       \
        for (size_t k = t->k; k > 0; k--, a += ap, b += bp) {                                  \
            vf row[cols];                                                                      \
            _Pragma("GCC unroll 4") for (size_t s = 0; s < (cols); s++) row[s] =               \
                vf_load(b + s * LANES);                                                        \
            _Pragma("GCC unroll 16") for (size_t r = 0; r < (rows); r++)                       \
            {                                                                                  \
                vf x = vf_of(a[r * ai]);                                                       \
                _Pragma("GCC unroll 4") for (size_t s = 0; s < (cols); s++) acc[r][s] =        \
                    vf_fma(x, row[s], acc[r][s]);                                              \
            }                                                                                  \
        }                                                                                      \
        _Pragma("GCC unroll 16") for (size_t r = 0; r < (rows); r++)                           \
            _Pragma("GCC unroll 4") for (size_t s = 0; s < (cols); s++)                        \
                vf_store(t->c + r * t->ci + s * LANES, acc[r][s]);                             \
    }

typedef void (*tile_fn)(const struct tile *t);

#if LANES == 16
TILE(1, 1)
TILE(12, 1)
TILE(1, 2)
TILE(2, 2)
TILE(12, 2)
TILE(1, 4)
TILE(2, 4)
TILE(4, 4)
TILE(6, 4)
#elif LANES == 8
TILE(1, 1)
TILE(10, 1)
TILE(1, 2)
TILE(2, 2)
TILE(6, 2)
#else
TILE(1, 1)
TILE(4, 1)
#endif

// From large to small: what fits first is taken.
static const struct {
    size_t rows, cols;
    tile_fn fn;
} tiles[] = {
#if LANES == 16
    {6, 4, tile_6_4}, {4, 4, tile_4_4},   {2, 4, tile_2_4},
    {1, 4, tile_1_4}, {12, 2, tile_12_2}, {2, 2, tile_2_2},
    {1, 2, tile_1_2}, {12, 1, tile_12_1}, {1, 1, tile_1_1},
#elif LANES == 8
    {6, 2, tile_6_2}, {2, 2, tile_2_2}, {1, 2, tile_1_2}, {10, 1, tile_10_1}, {1, 1, tile_1_1},
#else
    {4, 1, tile_4_1},
    {1, 1, tile_1_1},
#endif
};
enum { N_TILES = sizeof tiles / sizeof tiles[0] };

// One column of some rows, so that as many chains go on side by side.
ALWAYS void product_column(const struct tile *t, size_t i0, size_t rows, size_t j)
{
    float acc[8];
    for (size_t i = 0; i < rows; i++)
        acc[i] = t->from == TILE_MORE   ? t->c[(i0 + i) * t->ci + j]
                 : t->from == TILE_BIAS ? t->start[j]
                                        : 0;
    const float *a = t->a + i0 * t->ai;
    for (size_t k = 0; k < t->k; k++)
        for (size_t i = 0; i < rows; i++)
            acc[i] = fused(a[i * t->ai + k * t->ap], t->b[k * t->bp + j], acc[i]);
    for (size_t i = 0; i < rows; i++)
        t->c[(i0 + i) * t->ci + j] = acc[i];
}

// Columns that fill no vector.
static void product_rest(const struct tile *t, size_t m, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        size_t i = 0;
        for (; i + 8 <= m; i += 8)
            product_column(t, i, 8, j);
        for (; i < m; i++)
            product_column(t, i, 1, j);
    }
}

// All rows of `cols` vectors of columns.
static void product_panel(const struct tile *panel, size_t m, size_t cols)
{
    struct tile t = *panel;
    for (size_t i = 0; i < N_TILES && m; i++) {
        if (tiles[i].cols != cols)
            continue;
        for (; m >= tiles[i].rows; m -= tiles[i].rows) {
            tiles[i].fn(&t);
            t.a += tiles[i].rows * t.ai;
            t.c += tiles[i].rows * t.ci;
        }
    }
}

static void product_block(const struct dense_product *p, size_t from, size_t k)
{
    struct tile t = {.a = p->a + from * p->ap,
                     .b = p->b + from * p->bp,
                     .start = p->start,
                     .c = p->c,
                     .ai = p->ai,
                     .ap = p->ap,
                     .bp = p->bp,
                     .ci = p->ci,
                     .k = k,
                     .from = from || p->more ? TILE_MORE
                             : p->start      ? TILE_BIAS
                                             : TILE_ZERO};
    size_t left = p->n;
    for (size_t cols = TILE_COLS; cols; cols /= 2)
        for (; left >= cols * LANES; left -= cols * LANES) {
            product_panel(&t, p->m, cols);
            t.b += cols * LANES;
            t.c += cols * LANES;
            if (t.from == TILE_BIAS)
                t.start += cols * LANES;
        }
    if (left)
        product_rest(&t, p->m, left);
}

static void product(const struct dense_product *p)
{
    size_t k = 0;
    do {
        size_t n = p->k - k < BLOCK_K ? p->k - k : BLOCK_K;
        product_block(p, k, n);
        k += n;
    } while (k < p->k);
}

static void sum_rows(float *y, const float *x, size_t rows, size_t cols, size_t stride)
{
    for (size_t j = 0; j < cols; j += LANES) {
        if (cols - j < LANES) {
            for (; j < cols; j++)
                for (size_t i = 0; i < rows; i++)
                    y[j] += x[i * stride + j];
            break;
        }
        vf acc = vf_load(y + j);
        for (size_t i = 0; i < rows; i++)
            acc = acc + vf_load(x + i * stride + j);
        vf_store(y + j, acc);
    }
}

#endif
