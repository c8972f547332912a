// SPDX-License-Identifier: MIT
// serve_state.h - for serve*.c only: a model that answers for as long as its job
// lasts.
//
// Rank 0 of the gang is asked, decides what each step does and says so to the
// others: which sequences open and close and which tokens are fed.  What comes out
// of a step only rank 0 looks at.
//
// Threads    Main thread.

#ifndef WORKER_EVALUATE_SERVE_STATE_H
#define WORKER_EVALUATE_SERVE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/evaluate/generate_state.h"

enum {
    SERVE_STREAMS_MAX = 64, // of which a job may ask for
    SERVE_TOKENS_MAX = 512, // tokens in one step
    SERVE_LOGPROBS_MAX = 20,
};

// What one step does, as numbers: see serve_plan.c.
struct serve_plan {
    int32_t *list;
    uint32_t n, cap;
    uint32_t n_runs;
    struct engine_run runs[SERVE_STREAMS_MAX];
};

// A request that was begun.
struct serve_stream {
    uint64_t request, seed, item;
    struct tokens prompt, new;
    uint32_t room; // new tokens at most
    struct sample_options sampling;
    bool ignore_eos, logprobs, done;
    uint32_t n_top;
    uint32_t sequence, n_fed;
};

struct server {
    struct generator *g; // model, tokenizer, sampler, engine, logits
    struct run *r;
    struct arena *arena; // of one round
    uint32_t n_positions, streams_max, n_context;
    uint32_t pages_taken;
    uint64_t n_reused;                               // positions that were not computed again
    struct serve_stream *streams[SERVE_STREAMS_MAX]; // in order of arrival
    uint32_t n_streams;
    struct serve_plan plan;
    int64_t told_open;
    uint64_t seen;   // the largest number of a request so far
    uint32_t nap_ms; // how long nobody looks, when nothing is to be done
};

// serve_plan.c.  Rank 0 notes what it does with the engine; then all ranks pass
// through serve_plan_run at once, and the step happens on each of them.
void serve_plan_reset(struct serve_plan *p);
void serve_plan_fini(struct serve_plan *p);
uint32_t serve_plan_open(struct server *s);
void serve_plan_close(struct server *s, uint32_t sequence);
// How many positions it got.
uint32_t serve_plan_reuse(struct server *s, uint32_t sequence, uint32_t from, uint32_t n);
// FAULT_WORKER.
MUST_CHECK enum error serve_plan_run(struct server *s, struct errtext *t);

// serve_stream.c: rank 0's.
void serve_stream_ask(struct server *s, const struct run_request *q);
void serve_stream_step(struct server *s); // fills the plan's runs
void serve_stream_take(struct server *s); // looks at what came of them
void serve_stream_fini(struct server *s);

// serve_prefix.c: as generate_prefix.c.
bool serve_prefix_begin(struct server *s, uint32_t i); // false: stream i waits
void serve_prefix_end(struct server *s, struct serve_stream *x);
void serve_prefix_room(struct server *s, uint32_t positions);

// serve_token.c: the next token of a stream, and what is told of it.
void serve_token_take(struct server *s, struct serve_stream *x, const float *logits);

#endif
