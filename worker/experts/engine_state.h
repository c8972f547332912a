// SPDX-License-Identifier: MIT
// engine_state.h - what the engine's files share; private to them.
//
// Everything of one step lies in the step's arena.  Matrices of activations are
// row-major, one row per token.
//
// Threads    Main thread.

#ifndef WORKER_EXPERTS_ENGINE_STATE_H
#define WORKER_EXPERTS_ENGINE_STATE_H

#include <assert.h>

#include "common/arena.h"
#include "worker/experts/engine.h"
#include "worker/experts/kv.h"
#include "worker/experts/rope.h"
#include "worker/experts/weights.h"

// A step's tokens: where each stands, run by run.
struct batch {
    const struct engine_run *runs;
    uint32_t n_runs, n;
    uint32_t *position; // [n]
    uint32_t *first;    // [n_runs] index of a run's first token
    float *h;           // [n][d] hidden state, the same on every rank
};

struct engine {
    const struct model *m;
    struct group *group;
    uint32_t rank, size;
    bool replicate;
    uint32_t n_tokens;
    float score_scale;
    struct range heads, kv_heads; // of this rank
    struct team *team;
    struct weights *weights; // NULL: exact numerics
    bool has_whole;          // every rank can read every expert
    struct whole *whole;     // NULL: experts are sliced
    struct kv *kv;
    struct rope rope;
    struct arena *step;
    uint64_t *load;
    uint64_t tokens_done, steps_done;
    int64_t total_ns, exchange_ns, waiting_ns;
};

// Where a rank's part of n things begins, which are given out `unit` together.
static inline uint32_t engine_first(uint32_t rank, uint32_t size, uint32_t n, uint32_t unit)
{
    assert(size > 0);
    uint64_t at = ((uint64_t)n + unit - 1) / unit * rank / size * unit;
    return at < n ? (uint32_t)at : n;
}

static inline struct range
engine_share_of(const struct engine *e, uint32_t n, uint32_t unit, bool whole)
{
    if (whole)
        return (struct range){0, n};
    return (struct range){engine_first(e->rank, e->size, n, unit),
                          engine_first(e->rank + 1, e->size, n, unit)};
}

// This rank's of a matrix' n rows: as they are packed, so that all ranks can read one
// packed matrix.  Everything when `whole`.
static inline struct range engine_part(const struct engine *e, uint32_t n, bool whole)
{
    return engine_share_of(e, n, PACKED_ROWS, whole);
}

void engine_heads(struct engine *e); // this rank's, from its number
// Pack what this rank reads (shares.c); with `whole` all of every expert.  Collective.
MUST_CHECK enum error engine_pack(struct engine *e, bool whole, struct errtext *t);

float *engine_matrix(struct engine *e, size_t rows, size_t columns);
const float *engine_floats(struct engine *e, const struct gguf_tensor *t); // NULL gives NULL

// ---- work for the team ---------------------------------------------------------------

// fn(arg, from, to) for runs of 0 to n - 1, each of at least `grain`.
typedef void (*engine_share_fn)(void *arg, uint32_t from, uint32_t to);
void engine_share(struct engine *e, uint32_t n, uint32_t grain, engine_share_fn fn, void *arg);

// n vectors, and with fast numerics their codes, one row of blocks each.
struct operand {
    const float *x; // [n][n_in]
    size_t n_in;
    const struct packed_x *const *q;
    uint32_t n;
};
struct operand engine_operand(struct engine *e, float *x, size_t n_in, uint32_t n);
// Rows of blocks for n vectors' codes; NULL where products take none.
struct packed_x **engine_codes(struct engine *e, size_t n_in, uint32_t n);
// Codes of n numbers, a multiple of PACKED_BLOCK.
void engine_code(const struct engine *e, const float *x, size_t n, struct packed_x *out);

// y[n][rows] of a tensor's slice `z` (of its third dimension) with x.  With `up`, which
// has w's shape, y = silu(w x) (up x), and its codes where there is room for them.
struct product {
    const struct gguf_tensor *w, *up;
    const struct weights_entry *packed, *up_packed; // of each; NULL: as the file has it
    uint32_t z;
    struct range rows;
    struct operand x;
    float *y;
    float *up_y;                 // [n][rows], what `up` gives
    struct packed_x *const *act; // [n], or NULL
};
void engine_products(struct engine *e, const struct product *list, uint32_t n);
// Packed weights of a product from a row on; NULL where they are not packed.
const uint8_t *engine_weights(const struct product *p, uint32_t row);
// Some rows of one, by whoever calls, who reads the weights at `after` next (or NULL).
void engine_multiply(const struct engine *e,
                     const struct product *p,
                     struct range rows,
                     const uint8_t *after);
// One with room for its results.
struct product engine_part_of(struct engine *e,
                              const struct gguf_tensor *w,
                              uint32_t z,
                              struct range rows,
                              const struct operand *x);
// silu(gate x) (up x), with room for its codes when `coded`; the operand that it makes.
struct product engine_gated_of(struct engine *e,
                               const struct gguf_tensor *const gate_up[2],
                               struct range rows,
                               const struct operand *x,
                               bool coded);
struct operand engine_gated(struct engine *e, const struct product *p);
// One made at once: some rows, or all of them on every rank.
float *engine_rows(struct engine *e,
                   const struct gguf_tensor *w,
                   struct range rows,
                   const struct operand *x);
float *engine_product(struct engine *e, const struct gguf_tensor *w, const struct operand *x);

// ---- parts of a step -----------------------------------------------------------------

// Every rank gives its part of rows of `columns` units of `unit` floats; all get the n
// whole rows.  Parts are engine_part's of units of one float, else units are given out
// one by one.
float *
engine_gather(struct engine *e, float *part, uint32_t n, uint32_t columns, uint32_t unit);
// The same of codes that each rank has made of its part, which are half of the floats'
// bytes and then need not be made by all.  Where parts have no whole blocks, or `w`, which
// takes them, no codes, there are none.
bool engine_codes_travel(const struct engine *e,
                         const struct gguf_tensor *w,
                         uint32_t columns,
                         uint32_t unit);
struct packed_x **engine_gather_codes(struct engine *e,
                                      struct packed_x *const *part,
                                      uint32_t n,
                                      uint32_t columns,
                                      uint32_t unit);
float *engine_normed(struct engine *e, const struct batch *b, const struct gguf_tensor *norm);

// h += attention(norm(h)), h += ffn(norm(h))
void engine_attention(struct engine *e, struct batch *b, uint32_t layer);
void engine_ffn(struct engine *e, struct batch *b, uint32_t layer);

// The queries of one head of one run against its keys: q [n][stride], out [n][out_stride],
// where the run's first query stands at `position`.
struct attend {
    struct kv_place at;
    uint32_t n, position;
    uint32_t key, value; // value: of the result; the first numbers of a key when latent
    const float *q;
    size_t q_stride;
    float *out;
    size_t out_stride;
    bool latent;
};
size_t engine_attend_room(const struct attend *a); // floats of scratch that it needs
void engine_attend(const struct engine *e, const struct attend *a, float *room);

#endif
