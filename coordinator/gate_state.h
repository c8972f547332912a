// SPDX-License-Identifier: MIT
// gate_state.h - for gate.c, gate_metrics.c and serve_*.c only.

#ifndef COORDINATOR_GATE_STATE_H
#define COORDINATOR_GATE_STATE_H

#include "coordinator/gate.h"
#include "coordinator/http.h"
#include "coordinator/shell_state.h"

enum { TOKEN_BYTES = 32, TOKEN_SIZE = 2 * TOKEN_BYTES + 1, STATUS_CLASSES = 6 };

struct gate {
    struct http *http;
    struct mailbox *mail;
    char token[TOKEN_SIZE];
    struct map requests; // peer -> request
    uint64_t last_peer;
    int64_t due;
    uint64_t n_answers[STATUS_CLASSES]; // by status / 100
};

// The request's only answer.
void gate_answer(struct gate *g, struct http_request *r, struct http_answer *a);
// Its answer, of this status, is on its way by other means.
void gate_forget(struct gate *g, const struct http_request *r, unsigned status);
void gate_metrics(struct shell *s, struct arena *a, struct buf *out);

#endif
