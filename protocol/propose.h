// SPDX-License-Identifier: MIT
// propose.h - a trial that asks an outside program for a new point along the way.
//
// The coordinator puts a map under PROPOSE_KEY among an item's params; the workload never
// sees it.  Once the item has run, the rank that ran it sends `system` and `user` to the
// program and gives back, among the item's metrics, either what it said or why it said
// nothing.  The answer is a part of the result, so it is committed before it is used.
//
//   url, model    of an OpenAI-compatible server: URL/chat/completions
//   key_env       (optional) the worker's variable with the key for it
//   timeout_s     of the whole request
//   system, user  what it is told
//   parent        the coordinator's own
//
// Threads    Constants only.

#ifndef PROTOCOL_PROPOSE_H
#define PROTOCOL_PROPOSE_H

// No parameter's name begins with @.
#define PROPOSE_KEY    "@propose"
#define PROPOSE_ANSWER "proposal"
#define PROPOSE_FAILED "proposal_failed"

// Why there is no answer: what the text begins with.
#define PROPOSE_TIMEOUT     "time-out"
#define PROPOSE_UNREACHABLE "unreachable"
#define PROPOSE_STATUS      "HTTP status"
#define PROPOSE_LONG        "too long"
#define PROPOSE_GARBAGE     "no completion"
#define PROPOSE_NO_KEY      "no key"

enum {
    PROPOSE_TEXT_MAX = 4000,     // bytes of an answer: fits a metric
    PROPOSE_BODY_MAX = 64 << 10, // of all that comes back
};

#endif
