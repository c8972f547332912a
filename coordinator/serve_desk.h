// SPDX-License-Identifier: MIT
// serve_desk.h - where HTTP clients of the OpenAI interface meet a model that serves.
//
// A request is a call: its prompts are turned into tokens by the worker, each of its
// choices then waits for room in the cache (serve_admit.h), is begun, and grows with
// what the worker tells.  Nothing of it is journaled.  When the worker is lost the same
// is begun elsewhere, with the same seed: the same tokens come, and what the client
// has is skipped (serve_text.h).  When the client is gone the worker is told to stop.
//
// A restart of the coordinator ends what is under way, as it ends the connections; the
// model goes on serving.
//
// Threads    The loop's.

#ifndef COORDINATOR_SERVE_DESK_H
#define COORDINATOR_SERVE_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "protocol/message.h"

struct shell;
struct http_request;

bool serve_is_ours(const char *path); // "/v1/…", "/tokenize"
// It has a mark (http.h) that nobody else has.
void serve_http(struct shell *s, struct http_request *r);
void serve_gone(struct shell *s, uint64_t mark); // its client went away
void serve_message(struct shell *s, uint64_t peer, const struct msg_served *m);
// Once a turn: workers that are lost, jobs that ended.
void serve_turn(struct shell *s);
void serve_metrics(const struct shell *s, struct buf *b);
void serve_close(struct shell *s); // what is open is cut off by http_close

#endif
