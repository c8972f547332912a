// SPDX-License-Identifier: MIT
// shell.h - the loop around the core: sockets, journal, drivers, clock.
//
// A turn: take what the sockets and mailboxes hold (bounded), core_step for each,
// EVENT_TURN_END, hand the turn's writes to the journal, go on.  What may leave at
// once leaves at once; what promises durability waits in line for its commit.
// Everything here is crash-only: a kill at any moment loses nothing that was
// acknowledged.
//
// Ownership  The opener closes.
// Threads    One; the journal, the pools and the channel have their own inside.

#ifndef COORDINATOR_SHELL_H
#define COORDINATOR_SHELL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct shell;

struct shell_options {
    const char *const *endpoints; // NULL-ended, at least one
    const char *state_dir;        // made when missing
    const char *key_dir;          // NULL: STATE/keys when an endpoint needs keys
    const char *http;             // address of the HTTP side (http.h); NULL: none
    const char *worker_program;   // asked for its catalog when no worker came; NULL: none
    bool allow_exec;
    uint32_t records_max; // 0: the core's default
    uint32_t credit_max;
    uint32_t jobs_max;
    int64_t catalog_wait_ns; // a first submission waits for a worker's catalog, 0: 1 s
};

// Locks the state directory, recovers, opens the ports, and says so in
// STATE/coordinator.json.  ERR_BUSY: another coordinator has the directory.
MUST_CHECK enum error
shell_open(const struct shell_options *o, struct shell **out, struct errtext *t);
// Until SIGTERM, SIGINT (both must be blocked in all threads) or `shutdown`; OK then.
MUST_CHECK enum error shell_run(struct shell *s, struct errtext *t);
void shell_close(struct shell *s); // NULL is fine

#endif
