// SPDX-License-Identifier: MIT
// serve_state.h - the desk's tables, for serve_*.c around serve_desk.h only.
//
//   model   a job that serves, as its worker said when it opened
//   call    one HTTP request under way
//   prompt  of a call; its tokens are the worker's affair to make
//   flow    of a call: one choice, in the cache's queue or at the worker
//   line    what the worker knows a prompt or a flow by: a number for each time it
//           is asked, so that what comes late leads nowhere
//
// Threads    The loop's.

#ifndef COORDINATOR_SERVE_STATE_H
#define COORDINATOR_SERVE_STATE_H

#include "coordinator/drivers/serve.h"
#include "coordinator/gate_state.h"
#include "coordinator/prometheus.h"
#include "coordinator/serve_admit.h"
#include "coordinator/serve_desk.h"
#include "coordinator/serve_reply.h"
#include "coordinator/serve_request.h"
#include "coordinator/serve_text.h"

enum serve_asked { SERVE_ENCODE = 1, SERVE_BEGIN, SERVE_CANCEL };
enum serve_answer { SERVE_OPEN = 1, SERVE_ENCODED, SERVE_TOKENS, SERVE_REFUSED };

struct serve_call;

struct serve_line {
    struct serve_call *call;
    bool is_prompt;
    uint64_t request; // 0: not asked
    int64_t asked;
};

struct serve_prompt {
    struct serve_line line;
    struct value body; // of the question; null once answered
    const uint8_t *tokens;
    uint32_t n;
};

struct serve_flow {
    struct serve_line line;
    uint64_t id; // in the queue
    struct serve_prompt *prompt;
    uint32_t index;
    uint32_t room; // tokens at most
    bool done;
    const char *finish;
    struct serve_text text;
    struct buf out;                 // of an answer that comes whole
    uint32_t n_tokens;              // of this run
    uint32_t n_seen;                // of all runs: their log-probabilities were taken
    struct serve_logprob *logprobs; // taken and not sent
    uint32_t n_logprobs, cap_logprobs;
    uint64_t offset; // bytes of the tokens whose log-probabilities were sent
    bool spoke;      // a first event went out
    int64_t last;    // when the last token came; 0: none yet
};

struct serve_call {
    struct serve_call *next, *prev;
    struct http_request *http;
    uint64_t mark;
    struct arena *arena;
    uint64_t job;
    uint32_t max_tokens;
    struct serve_request ask;
    struct serve_head head;
    uint64_t seed;
    int64_t came;
    struct serve_prompt *prompts;
    uint32_t n_prompts, n_encoded;
    struct serve_flow *flows;
    uint32_t n_flows, n_done;
    bool queued, streams;
    bool broken; // its client is gone, or too slow
};

struct serve_model {
    struct serve_model *next;
    uint64_t job, lease, peer;
    bool open;
    uint32_t n_context, n_vocab;
    uint64_t n_reused; // as its worker last said
    struct serve_admit admit;
};

struct serve_desk {
    struct serve_model *models;
    struct serve_call *calls, *calls_tail; // oldest first
    struct map lines;                      // request -> struct serve_line *
    struct map flows;                      // id -> struct serve_flow *
    uint64_t last;                         // number given out
    struct prometheus_histogram first_token, between_tokens;
    uint64_t n_answered, n_refused, n_gone, n_replayed, n_prompt_tokens, n_tokens;
    uint64_t n_reused; // prompt tokens that workers took from their caches
};

// serve_desk.c
struct serve_desk *serve_desk_of(struct shell *s); // made when first needed
struct serve_model *serve_model_find(const struct serve_desk *d, uint64_t job);
void serve_admit_all(struct shell *s, struct serve_model *m); // begins what fits now

// serve_http.c
void serve_refuse(
    struct shell *s, struct http_request *r, enum error e, const char *text, const char *param);
void serve_refuse_busy(struct shell *s,
                       struct http_request *r,
                       unsigned status,
                       uint32_t retry_s,
                       const char *text);

// serve_call.c
MUST_CHECK enum error serve_call_begin(struct shell *s,
                                       struct http_request *r,
                                       struct serve_call *c,
                                       struct serve_model *m,
                                       struct errtext *t);
void serve_call_encoded(struct shell *s, struct serve_call *c); // all prompts are tokens now
// It ends with an error; on a stream as an event.
void serve_call_fail(struct shell *s, struct serve_call *c, enum error e, const char *text);
void serve_call_end(struct shell *s, struct serve_call *c);  // every choice is there
void serve_call_drop(struct shell *s, struct serve_call *c); // its client is gone
void serve_call_free(struct shell *s, struct serve_call *c);

// serve_wire.c: to the worker.
void serve_wire_encode(struct shell *s, struct serve_model *m, struct serve_prompt *p);
void serve_wire_begin(struct shell *s, struct serve_model *m, struct serve_flow *f);
void serve_wire_cancel(struct shell *s, struct serve_line *l);

// serve_flow.c
void serve_flow_take(struct shell *s, struct serve_flow *f, const struct rec_piece *p);
void serve_flow_reset(struct serve_flow *f); // the same will come from its beginning
void serve_flow_again(struct shell *s, struct serve_flow *f); // something was lost on the way

#endif
