// SPDX-License-Identifier: MIT
// generate_state.h - for generate*.c only: a model that is open, and prompts at
// work.
//
// Every rank of a gang has the same prompts and, since it gets the same logits,
// makes the same choices: nothing but the engine talks to other ranks.
//
// Threads    Main thread.

#ifndef WORKER_EVALUATE_GENERATE_STATE_H
#define WORKER_EVALUATE_GENERATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/value.h"
#include "worker/evaluate/generate_model.h"
#include "worker/experts/engine.h"
#include "worker/experts/prefix.h"
#include "worker/experts/sample.h"
#include "worker/experts/tokenizer.h"
#include "worker/experts/tokenizer_stream.h"
#include "worker/workload.h"

enum {
    GENERATE_STREAMS_MAX = 16, // prompts in one step
    GENERATE_TOKENS_MAX = 512, // tokens in one step
};

struct generate_options {
    struct sample_options sampling;
    uint32_t max_tokens, top_logprobs;
    bool ignore_eos, last_logits, score, routing, stream;
    struct engine_options engine; // all but the room
    const char *chat;             // a template's name, or NULL: the model's own
    struct tokenizer_text *stops;
    uint32_t n_stops;
};

struct generator {
    struct arena *arena; // lives as long as the state
    const struct value *params;
    struct generate_options o;
    uint64_t seed;
    const char *scratch;
    struct workload_job job;
    struct generate_file *prompts;       // where they are lines of one of its files
    const struct generate_model *opened; // shared; has the two
    const struct model *model;
    struct tokenizer *tokenizer;
    struct sampler *sampler;
    // The engine of the group that came last, with room for so many positions.
    struct engine *engine;
    struct group *group;
    uint32_t n_positions;
    struct prefix *prefix; // the engine's sequences that were kept
    float *logits;         // [n_rows][n_vocab]
    uint32_t n_rows;
};

// One prompt on its way.
struct stream {
    uint32_t i;    // within the run
    uint64_t item; // the number the job knows
    const struct value *id;
    struct sample_options sampling;
    struct tokens prompt, new; // of new the last one has not been fed
    bool failed, done;
    const char *finish;
    uint32_t room;                      // new tokens at most
    uint32_t sequence, n_fed, n_reused; // reused: of the prompt, not computed
    struct tokenizer_stream bytes;
    struct stop_filter *stop; // NULL: no stop strings
    struct buf text, piece;
    size_t n_shown;    // bytes of the text that were streamed
    uint16_t *routing; // [layers with experts][n prompt][top_k]
    uint64_t *load;    // [layers with experts][n_experts]
    float *last;       // logits at the last position of the prompt, or NULL
    float *nll;        // [n prompt - 1], or NULL
    struct buf logprobs;
};

// generate_prompt.c: the tokens that a prompt stands for.  FAULT_JOB with a line.
enum error generate_encode(struct generator *g,
                           const struct value *prompt,
                           struct tokens *out,
                           struct errtext *t);

// generate_batch.c: all streams to their end, several in a step.  ERR_CANCELLED;
// FAULT_WORKER: no memory.  seconds: of prefill and decode.
enum error generate_batch(struct generator *g,
                          struct run *r,
                          struct stream *list,
                          double seconds[2],
                          struct errtext *t);

// generate_prefix.c.  Before a stream's first step; false: one before it will soon have
// the pages that it begins with, so it waits.
bool generate_prefix_begin(struct generator *g, struct stream *const *active, uint32_t i);
void generate_prefix_end(struct generator *g, struct stream *s);    // its sequence is given up
void generate_prefix_room(struct generator *g, uint32_t positions); // for a step
// What is kept must be the same on all ranks, or nothing is.
void generate_prefix_agree(struct generator *g, struct group *group, struct arena *a);

// generate_token.c: what becomes of a stream's logits, the first of which stand at
// the prompt's or the text's position n_fed - n.
void generate_take(
    struct generator *g, struct run *r, struct stream *s, const float *logits, uint32_t n);

// generate_row.c: the metrics of an item that is done; on rank 0 its blobs too.
enum error generate_row(struct generator *g,
                        struct run *r,
                        struct stream *s,
                        const double seconds[2],
                        struct errtext *t);
uint32_t generate_moe_layers(const struct generator *g);

// generate_engine.c: g->engine, when g->logits are there; their n_rows is set.
enum error generate_engine(struct generator *g,
                           struct group *group,
                           uint32_t n_positions,
                           uint32_t n_tokens,
                           struct errtext *t);
// One rank without memory must not leave the others waiting inside the engine: the
// error of one is everybody's.
enum error
generate_agree(struct group *group, enum error mine, struct arena *a, struct errtext *t);

#endif
