// SPDX-License-Identifier: MIT
// engine.h - a model at work: a batch of sequences in, logits out.
//
// Every rank of the gang makes the same calls with the same arguments and gets
// the same logits.  A logit depends on its sequence's tokens alone: not on the
// number of ranks or threads, on what else is in the batch, on how a prompt was
// cut into steps, nor on whether its first pages were another sequence's.
//
// Attention and dense parts are split by output rows (heads), the experts by output
// rows or among the ranks; what a rank made goes to all by a gather, so that no sum is
// ever cut into partial sums.
//
// A sequence keeps its keys and values in pages of ENGINE_PAGE positions out of
// one pool; a page can belong to several sequences.
//
// Ownership  The engine borrows model and group, which outlive it.
// Threads    The worker's main thread; a step shares its work with the engine's own team.

#ifndef WORKER_EXPERTS_ENGINE_H
#define WORKER_EXPERTS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/experts/model.h"
#include "worker/group.h"

enum { ENGINE_PAGE = 64 }; // as in kv.h

enum engine_kv { ENGINE_KV_DEFAULT, ENGINE_KV_F32, ENGINE_KV_F16, ENGINE_KV_Q8_0 };

// Exact: float32 activations, weights as float32.  Fast: activations of eight bits
// where weights are quantised (packed.h's canonical products), floats elsewhere; the
// weights are packed at creation, a copy of this rank's share.
enum engine_numerics { ENGINE_EXACT, ENGINE_FAST };

// On a gang: every rank a slice of every expert, whole experts on ranks (whole.h), or
// for each size of step what was faster.
enum engine_experts { ENGINE_EXPERTS_MEASURED, ENGINE_EXPERTS_SLICED, ENGINE_EXPERTS_WHOLE };

#define ENGINE_SPARE UINT32_MAX

struct engine_options {
    enum engine_numerics numerics;
    uint32_t n_threads;   // of this rank, at most TEAM_MAX; 0: its share of the cores
    enum engine_kv kv;    // default: f32, with fast numerics f16
    bool replicate;       // every rank does all of the attention and dense parts
    uint32_t n_positions; // room of the pool, rounded up to pages
    uint32_t n_tokens;    // most tokens of one step; 0: 512
    enum engine_experts experts;
    const char *placement; // of whole experts: a rule of placement.h; NULL: contiguous
    // Copies of experts that each rank has beyond its share; ENGINE_SPARE: an eighth of
    // the share when balanced, else none.
    uint32_t n_spare;
};

struct engine;

// ERR_LIMIT: memory; ERR_UNSUPPORTED: a format or size that the options do not fit.
MUST_CHECK enum error engine_create(const struct model *m,
                                    const struct engine_options *o,
                                    struct group *g,
                                    struct engine **out,
                                    struct errtext *t);
void engine_destroy(struct engine *e); // NULL is fine

// A new empty sequence's number; numbers are used again.
uint32_t engine_open(struct engine *e);
void engine_close(struct engine *e, uint32_t sequence);
uint32_t engine_length(const struct engine *e, uint32_t sequence); // positions it holds
// Begin the empty `sequence` with the first n positions of `from`, whole pages
// only; returns how many it got.
uint32_t engine_reuse(struct engine *e, uint32_t sequence, uint32_t from, uint32_t n);
uint32_t engine_free(const struct engine *e); // positions for which there are free pages
// Positions that a step of n more tokens would take from the pool.
uint32_t engine_need(const struct engine *e, uint32_t sequence, uint32_t n);

// Some more tokens of one sequence.
struct engine_run {
    uint32_t sequence;
    const int32_t *tokens; // each below n_vocab
    uint32_t n;
    uint32_t n_logits; // of the last so many tokens, at most n
    float *logits;     // out: [n_logits][n_vocab], on every rank
    uint16_t *routing; // out or NULL: [moe layers][n][top_k], ascending experts
};

// One step: the runs' tokens together, at most n_tokens.  Each sequence stands in
// one run only.  ERR_LIMIT: no free pages, nothing has changed.
MUST_CHECK enum error engine_step(struct engine *e, const struct engine_run *runs, uint32_t n);

// Since the creation: tokens through each expert [layer][expert], and seconds.
struct engine_stats {
    const uint64_t *load; // [n_layers][n_experts], zero for dense layers
    uint64_t n_tokens, n_steps;
    int64_t total_ns;
    int64_t exchange_ns; // talking with other ranks
    int64_t waiting_ns;  // for those that were not there yet, as far as it can be told apart
    uint64_t whole_steps, whole_pairs; // with whole experts: steps, pairs of this rank
};
void engine_stats(const struct engine *e, struct engine_stats *out);

#endif
