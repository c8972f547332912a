// SPDX-License-Identifier: MIT
// serve.h - a model that answers HTTP requests for as long as its job lasts.
//
// One item, which never ends by itself: the driver has nothing to ask and nothing to
// fold.  Requests and their answers bypass it, the core and the journal (serve_desk.h).
//
// Ownership  Options live as long as the state.
// Threads    As driver.h.

#ifndef COORDINATOR_DRIVERS_SERVE_H
#define COORDINATOR_DRIVERS_SERVE_H

#include <stdint.h>

#include "coordinator/driver.h"

struct serve_job {
    const char *model;   // what clients call it
    const char *api_key; // NULL: the token of the state directory; "none": anybody
    uint32_t max_tokens; // where a request does not say
    uint32_t waiting;    // texts that may wait for others to end
};

extern const struct driver serve_driver;
const struct serve_job *serve_job_of(const void *state);

#endif
