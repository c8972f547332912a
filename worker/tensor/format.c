// SPDX-License-Identifier: MIT
// format.c - the table of formats and what works for all of them.
#include "worker/tensor/format.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "worker/tensor/format_blocks.h"
#include "worker/tensor/format_table.h"
#include "worker/tensor/kernels.h"

static const struct format_class *current(void)
{
#ifdef __x86_64__
    const char *name = kernels_class();
    if (strcmp(name, "avx512") == 0)
        return &format_avx512;
    if (strcmp(name, "avx2") == 0)
        return &format_avx2;
#endif
    return &format_portable;
}

static void unpack_f32(const void *src, float *dst, size_t n)
{
    block_unpack_f32(src, dst, n);
}

// Unpacking in the class chosen.
#define UNPACK(format)                                                                         \
    static void unpack_##format(const void *src, float *dst, size_t n)                         \
    {                                                                                          \
        current()->format(src, dst, n);                                                        \
    }
UNPACK(f16)
UNPACK(bf16)
UNPACK(q4_0)
UNPACK(q4_1)
UNPACK(q5_0)
UNPACK(q5_1)
UNPACK(q8_0)
UNPACK(q2_k)
UNPACK(q3_k)
UNPACK(q4_k)
UNPACK(q5_k)
UNPACK(q6_k)
UNPACK(iq4_nl)
UNPACK(iq4_xs)
UNPACK(mxfp4)

static void pack_f16(const float *src, void *dst, size_t n)
{
    current()->pack_f16(src, dst, n);
}

static const struct format table[] = {
    {"F32", FORMAT_F32, 1, 4, unpack_f32, format_pack_f32},
    {"F16", FORMAT_F16, 1, 2, unpack_f16, pack_f16},
    {"BF16", FORMAT_BF16, 1, 2, unpack_bf16, format_pack_bf16},
    {"Q4_0", FORMAT_Q4_0, 32, Q4_0_BYTES, unpack_q4_0, format_pack_q4_0},
    {"Q4_1", FORMAT_Q4_1, 32, Q4_1_BYTES, unpack_q4_1, NULL},
    {"Q5_0", FORMAT_Q5_0, 32, Q5_0_BYTES, unpack_q5_0, NULL},
    {"Q5_1", FORMAT_Q5_1, 32, Q5_1_BYTES, unpack_q5_1, NULL},
    {"Q8_0", FORMAT_Q8_0, 32, Q8_0_BYTES, unpack_q8_0, format_pack_q8_0},
    {"Q2_K", FORMAT_Q2_K, 256, Q2_K_BYTES, unpack_q2_k, NULL},
    {"Q3_K", FORMAT_Q3_K, 256, Q3_K_BYTES, unpack_q3_k, NULL},
    {"Q4_K", FORMAT_Q4_K, 256, Q4_K_BYTES, unpack_q4_k, format_pack_q4_k},
    {"Q5_K", FORMAT_Q5_K, 256, Q5_K_BYTES, unpack_q5_k, NULL},
    {"Q6_K", FORMAT_Q6_K, 256, Q6_K_BYTES, unpack_q6_k, NULL},
    {"IQ4_NL", FORMAT_IQ4_NL, 32, IQ4_NL_BYTES, unpack_iq4_nl, NULL},
    {"IQ4_XS", FORMAT_IQ4_XS, 256, IQ4_XS_BYTES, unpack_iq4_xs, NULL},
    {"MXFP4", FORMAT_MXFP4, 32, MXFP4_BYTES, unpack_mxfp4, NULL},
};
enum { N_FORMATS = sizeof table / sizeof table[0] };

const struct format *format_at(size_t i)
{
    return i < N_FORMATS ? &table[i] : NULL;
}

const struct format *format_find(uint32_t type)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (table[i].type == type)
            return &table[i];
    return NULL;
}

const struct format *format_named(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcasecmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

const char *format_type_name(uint32_t type)
{
    static const char *const others[] = {
        [9] = "Q8_1",     [15] = "Q8_K",  [16] = "IQ2_XXS", [17] = "IQ2_XS",
        [18] = "IQ3_XXS", [19] = "IQ1_S", [21] = "IQ3_S",   [22] = "IQ2_S",
        [24] = "I8",      [25] = "I16",   [26] = "I32",     [27] = "I64",
        [28] = "F64",     [29] = "IQ1_M", [34] = "TQ1_0",   [35] = "TQ2_0",
    };
    const struct format *f = format_find(type);
    if (f)
        return f->name;
    bool named = type < sizeof others / sizeof others[0] && others[type];
    return named ? others[type] : "?";
}

size_t format_row_bytes(const struct format *f, size_t n)
{
    return n / f->block * f->bytes;
}

void format_unpack(const struct format *f, const void *src, float *dst, size_t n)
{
    f->unpack(src, dst, n);
}

void format_pack(const struct format *f, const float *src, void *dst, size_t n)
{
    f->pack(src, dst, n);
}

// ---- products ---------------------------------------------------------------

// Weights unpacked at a time (they stay in the first-level cache) and vectors that
// share one unpacking.
enum { CHUNK = 1024, VECTORS = 30, FEW = 2 };
_Static_assert(CHUNK % FORMAT_BLOCK_MAX == 0, "chunks begin with blocks");

struct job {
    const struct format *f;
    const uint8_t *rows;
    const struct format_shape *shape;
    const float *x;
    float *y;
};

// Rows j … j + n_rows - 1, elements from … from + n - 1, in floats at `out`,
// CHUNK apart.  Rows that do not exist repeat the last.
static void
unpack_rows(const struct job *job, size_t j, size_t n_rows, size_t from, size_t n, float *out)
{
    size_t row_bytes = format_row_bytes(job->f, job->shape->n_in);
    size_t skip = format_row_bytes(job->f, from);
    for (size_t r = 0; r < FORMAT_ROWS; r++) {
        size_t row = j + (r < n_rows ? r : n_rows - 1);
        job->f->unpack(job->rows + row * row_bytes + skip, out + r * CHUNK, n);
    }
}

static const float *floats_of(const struct job *job, size_t j, size_t from)
{
    return (const float *)(const void *)job->rows + j * job->shape->n_in + from;
}

// n_rows <= FORMAT_ROWS rows with n_x <= VECTORS vectors.
static void block(const struct job *job, size_t j, size_t n_rows, size_t t, size_t n_x)
{
    _Alignas(64) float acc[VECTORS * FORMAT_ROWS * FORMAT_LANES];
    _Alignas(64) float w[FORMAT_ROWS * CHUNK];
    const struct format_shape *s = job->shape;
    const struct format_class *class = current();
    // Floats are read where they lie, unless they end in part of a lane or a row is missing.
    bool in_place =
        job->f->type == FORMAT_F32 && n_rows == FORMAT_ROWS && s->n_in % FORMAT_LANES == 0;
    size_t tail = 0;
    const float *x = job->x + t * s->x_stride, *x_tail = x;

    memset(acc, 0, n_x * FORMAT_ROWS * FORMAT_LANES * sizeof acc[0]);
    for (size_t from = 0; from < s->n_in; from += CHUNK) {
        size_t n = s->n_in - from < CHUNK ? s->n_in - from : CHUNK;
        tail = n % FORMAT_LANES;
        x_tail = x + from + n - tail;
        const float *rows = in_place ? floats_of(job, j, from) : w;
        if (!in_place)
            unpack_rows(job, j, n_rows, from, n, w);
        class->strip(&(struct format_strip){.w = rows,
                                            .w_stride = in_place ? s->n_in : CHUNK,
                                            .x = x + from,
                                            .x_stride = s->x_stride,
                                            .n = n - tail,
                                            .n_x = n_x,
                                            .acc = acc});
        if (tail)
            memmove(w, w + n - tail,
                    (FORMAT_ROWS - 1) * CHUNK * sizeof w[0] + tail * sizeof w[0]);
    }
    float sum[VECTORS * FORMAT_ROWS];
    for (size_t i = 0; i < n_x * FORMAT_ROWS && tail; i++)
        for (size_t k = 0; k < tail; k++) {
            float *lane = acc + i * FORMAT_LANES + k;
            *lane = fmaf(w[i % FORMAT_ROWS * CHUNK + k],
                         x_tail[i / FORMAT_ROWS * s->x_stride + k], *lane);
        }
    class->trees(acc, n_x * FORMAT_ROWS, sum);
    for (size_t i = 0; i < n_x; i++)
        memcpy(job->y + (t + i) * s->y_stride + j, sum + i * FORMAT_ROWS, n_rows * sizeof *sum);
}

// As many rows from the first on as a class multiplies without unpacking, which pays
// while vectors are few; how many they were.
static size_t few_vectors(const struct job *job)
{
    const struct format_class *class = current();
    const struct format_shape *s = job->shape;
    uint32_t type = job->f->type;
    format_gemv_fn gemv = type < class->n_gemv ? class->gemv[type] : NULL;
    size_t j = 0, row_bytes = format_row_bytes(job->f, s->n_in);
    if (!gemv || s->n_x > FEW || s->n_in % FORMAT_GEMV_STEP != 0)
        return 0;
    for (; j + FORMAT_GEMV_ROWS <= s->n_out; j += FORMAT_GEMV_ROWS)
        for (size_t t = 0; t < s->n_x; t++)
            gemv(&(struct format_gemv){.rows = job->rows + j * row_bytes,
                                       .row_bytes = row_bytes,
                                       .n_in = s->n_in,
                                       .x = job->x + t * s->x_stride,
                                       .y = job->y + t * s->y_stride + j});
    return j;
}

void format_matmul(const struct format *f,
                   const void *rows,
                   const struct format_shape *s,
                   const float *x,
                   float *y)
{
    struct job job = {f, rows, s, x, y};
    assert(s->n_in % f->block == 0);
    for (size_t j = few_vectors(&job); j < s->n_out; j += FORMAT_ROWS) {
        size_t n_rows = s->n_out - j < FORMAT_ROWS ? s->n_out - j : FORMAT_ROWS;
        for (size_t t = 0; t < s->n_x; t += VECTORS)
            block(&job, j, n_rows, t, s->n_x - t < VECTORS ? s->n_x - t : VECTORS);
    }
}

float format_dot(const struct format *f, const void *row, const float *x, size_t n)
{
    struct format_shape s = {.n_in = n, .n_out = 1, .n_x = 1, .x_stride = n, .y_stride = 1};
    float y;
    format_matmul(f, row, &s, x, &y);
    return y;
}
