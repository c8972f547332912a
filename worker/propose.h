// SPDX-License-Identifier: MIT
// propose.h - asks an outside program for a new point (protocol/propose.h).
//
// The program is a server of OpenAI's chat completions; curl, run in the rank's sandbox,
// speaks to it, so that neither TLS nor an answer without end is in the worker.  Nothing
// that goes wrong out there is an error: the metrics say what it was.
//
// Ownership  Values live in the caller's arena.
// Threads    Main thread only.

#ifndef WORKER_PROPOSE_H
#define WORKER_PROPOSE_H

#include "common/value.h"
#include "worker/sandbox.h"

// Is there a request among the items' params (a list of maps, or NULL)?
bool propose_has_any(const struct value *maps);
// The params without the request, which comes out (NULL: there is none).
const struct value *
propose_strip(const struct value *params, struct arena *a, const struct value **request);

struct propose_host {
    struct sandbox *sandbox; // NULL: this worker runs no commands
    sandbox_poll_fn poll;    // as of a command; true cancels
    void *arg;
};
// Adds the answer to the metrics.  ERR_CANCELLED; FAULT_WORKER as of sandbox_run.
MUST_CHECK enum error propose_ask(const struct propose_host *h,
                                  const struct value *request,
                                  struct arena *a,
                                  struct value *metrics,
                                  struct errtext *t);

#endif
