// SPDX-License-Identifier: MIT
// serve_request.h - what a client of the OpenAI interface asks for.
//
// Every key is either understood or refused by its name: a request never gets less
// than it asked for without being told.
//
// Ownership  Everything lives in the arena of the parsed body.
// Threads    Any; pure.

#ifndef COORDINATOR_SERVE_REQUEST_H
#define COORDINATOR_SERVE_REQUEST_H

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum {
    SERVE_STOPS_MAX = 4,
    SERVE_STOP_BYTES_MAX = 256,
    SERVE_CHOICES_MAX = 16, // n × prompts
    SERVE_LOGPROBS_MAX = 20,
    SERVE_TOKENS_MAX = 1 << 20,
};

enum serve_endpoint { SERVE_COMPLETIONS, SERVE_CHAT, SERVE_TOKENIZE };

struct serve_request {
    enum serve_endpoint endpoint;
    const char *model; // NULL: whichever is served
    // Completions and tokenize: texts or lists of token ids.  Chat: messages, checked to
    // be maps of strings `role` and `content`.
    struct value prompts;
    uint32_t n;          // choices of each prompt
    uint32_t max_tokens; // 0: as many as fit
    double temperature, top_p, min_p, repetition_penalty;
    uint32_t top_k; // 0: all
    bool has_seed, ignore_eos;
    uint64_t seed;
    const char *stops[SERVE_STOPS_MAX];
    uint32_t n_stops;
    bool wants_logprobs;
    uint32_t n_logprobs; // of other tokens beside the chosen one
    bool stream, stream_usage;
    bool add_special; // tokenize
};

// ERR_INVALID or ERR_UNSUPPORTED with a text; *param (of the request's keys) or NULL.
MUST_CHECK enum error serve_request_parse(enum serve_endpoint endpoint,
                                          const struct value *body,
                                          struct serve_request *out,
                                          const char **param,
                                          struct errtext *t);

#endif
