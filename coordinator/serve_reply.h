// SPDX-License-Identifier: MIT
// serve_reply.h - the OpenAI interface's documents, whole and as server-sent events.
//
// Threads    Any; pure.

#ifndef COORDINATOR_SERVE_REPLY_H
#define COORDINATOR_SERVE_REPLY_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"
#include "coordinator/serve_request.h"

struct serve_head {
    enum serve_endpoint endpoint;
    const char *id; // "cmpl-…", "chatcmpl-…"
    const char *model;
    int64_t created; // Unix seconds
};

struct serve_usage {
    uint64_t prompt_tokens, completion_tokens;
};

struct serve_logprob {
    const char *token; // UTF-8
    const uint8_t *bytes;
    uint32_t n_bytes;
    double logprob;
    uint32_t n_top;
    const struct serve_logprob *top; // their own `top` is not looked at
};

struct serve_choice {
    uint32_t index;
    const char *text; // NULL: none in this event
    size_t n_text;
    const char *finish; // "stop", "length"; NULL: not yet
    bool first;         // of a chat's stream: the role comes along
    bool has_logprobs;
    const struct serve_logprob *logprobs;
    uint32_t n_logprobs;
    uint64_t text_offset; // of the text in its choice, for completions' logprobs
};

// One event of a stream: data: {…}
void serve_reply_chunk(const struct serve_head *h,
                       const struct serve_choice *c,
                       struct buf *out);
void serve_reply_usage_chunk(const struct serve_head *h,
                             const struct serve_usage *u,
                             struct buf *out);
void serve_reply_done(struct buf *out); // data: [DONE]
// The whole document.
void serve_reply_whole(const struct serve_head *h,
                       const struct serve_choice *choices,
                       uint32_t n,
                       const struct serve_usage *u,
                       struct buf *out);
void serve_reply_models(const char *const *models,
                        uint32_t n,
                        int64_t created,
                        struct buf *out);
// As an event too, when a stream has begun.  param may be NULL.
void serve_reply_error(
    enum error e, const char *text, const char *param, bool as_event, struct buf *out);
unsigned serve_reply_status(enum error e);

#endif
