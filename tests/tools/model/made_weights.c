// SPDX-License-Identifier: MIT
// made_weights.c - the numbers of a made model, a row at a time.
#include <stdbool.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/tools/model/made_state.h"

// The head's memory: what never followed has weight 0, this is its probability.
#define FLOOR (1.0 / 1024)
// How likely a text ends behind the end of a line.
#define END_OF_TEXT 0.25

// Uniform with this deviation: of eight bits pairs each of Philox's blocks gives
// eight, which is what makes a large model quick to write.
static void noise(const struct made_plan *p,
                  const struct made_tensor *x,
                  uint64_t row,
                  double deviation,
                  float *out)
{
    uint32_t key[2] = {(uint32_t)p->s->seed, (uint32_t)(p->s->seed >> 32)};
    uint32_t at[4] = {0, x->layer, x->role, (uint32_t)row}, words[4];
    float unit = (float)(deviation * math_sqrt(3) / 65536);
    for (uint64_t i = 0; i < x->dims[0]; i++) {
        if (i % 8 == 0) {
            rng_philox(at, key, words);
            at[0]++;
        }
        uint32_t half = words[i % 8 / 2] >> 16 * (i % 2) & 0xffff;
        out[i] = (float)(2 * (int)half - 65535) * unit;
    }
}

// out += the embedding of `token` times `weight`.
static void
remember(const struct made_plan *p, uint32_t token, float weight, float *scratch, float *out)
{
    const struct made_tensor *embed = &p->tensors[0];
    noise(p, embed, token, embed->deviation, scratch);
    for (uint32_t i = 0; i < p->s->width; i++)
        out[i] += scratch[i] * weight;
}

static float weight_of(const struct made_plan *p, double probability)
{
    return (float)(math_log(probability / FLOOR) / p->s->width);
}

static uint32_t times(const struct made_plan *p, uint32_t token)
{
    uint32_t n, count = 0;
    const struct vocab_pair *pairs = vocab_pairs(p->vocab, &n);
    for (uint32_t i = 0; i < n; i++)
        count += pairs[i].left == token ? pairs[i].count : 0;
    return count;
}

static void head(const struct made_plan *p,
                 const struct made_tensor *x,
                 uint64_t row,
                 float *scratch,
                 float *out)
{
    uint32_t n;
    const struct vocab_pair *pairs = vocab_pairs(p->vocab, &n);
    noise(p, x, row, x->deviation, out);
    for (uint32_t i = 0; i < n; i++)
        if (pairs[i].right == row)
            remember(p, pairs[i].left,
                     weight_of(p, (double)pairs[i].count / times(p, pairs[i].left)), scratch,
                     out);
    if (row == vocab_special(p->vocab, p->family->eos))
        remember(p, '\n', weight_of(p, END_OF_TEXT), scratch, out);
}

static bool is_norm(enum made_role r)
{
    return r == MADE_OUTPUT_NORM || r == MADE_ATTN_NORM || r == MADE_Q_NORM || r == MADE_K_NORM
           || r == MADE_FFN_NORM;
}

enum error made_write_tensor(const struct made_plan *p, const struct made_tensor *x, FILE *to)
{
    uint64_t n_rows = (x->dims[1] ? x->dims[1] : 1) * (x->dims[2] ? x->dims[2] : 1);
    size_t n = (size_t)x->dims[0], row_bytes = format_row_bytes(x->format, n);
    float *row = mem_alloc(n * sizeof *row), *scratch = mem_alloc(n * sizeof *scratch);
    uint8_t *packed = mem_alloc(row_bytes);
    enum error e = OK;
    for (uint64_t i = 0; i < n_rows && !e; i++) {
        if (x->role == MADE_HEAD)
            head(p, x, i, scratch, row);
        else
            noise(p, x, i, x->deviation, row);
        for (size_t k = 0; is_norm(x->role) && k < n; k++)
            row[k] += 1;
        format_pack(x->format, row, packed, n);
        e = fwrite(packed, 1, row_bytes, to) == row_bytes ? OK : ERR_IO;
    }
    mem_free(row);
    mem_free(scratch);
    mem_free(packed);
    return e ? e : container_write_padding(x->bytes, to);
}
