// SPDX-License-Identifier: MIT
// link.h - one rank's side of the conversation with the coordinator, pure.
//
// link_step(link, event, effects) has no clock, socket or thread, so that the
// simulator runs the real one.  It says HELLO and again after every WHO or
// change of incarnation, beats at the pace it is told, hands leases to the main
// thread, keeps results in an outbox until they are acknowledged, arms for
// gangs, and ends the pod when told GOODBYE or when the coordinator has been
// silent for too long (`lonely_ns`).
//
// Every lease handed to main (WORK, GANG) comes back in exactly one way: RESULT,
// DROPPED, or for the ranks of a gang beside its root GANG_DONE.  Results are
// collected into frames that leave when full and at TURN_END.  Frames that get
// no ACK for a while lead to another HELLO (its next_seq names the oldest), and
// the WELCOME to all of them being sent again, in order.  PREPARE is answered
// when nothing is held; a GO is handed to main once, whatever the network
// repeats.
//
// Ownership  Events lend.  What effects point to lives in the effects' arena,
//            or (RESULT messages) in the link until the next step.
// Threads    None; confined to the link thread.

#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "protocol/message.h"

struct link;

struct link_options {
    uint64_t instance;
    uint32_t rank;
    uint32_t n_ranks;
    uint32_t pid;
    const char *host;
    const char *numerics;
    uint32_t cpus;
    uint64_t memory_mb;
    struct bin catalog;   // packed, rank 0 only
    struct bin resources; // packed map or empty
    uint32_t records_max; // results a RESULT frame at most; default 32
    int64_t lonely_ns;    // give up when no coordinator spoke for so long; 0: never
};

enum link_event_type {
    LINK_EVENT_MESSAGE,   // from the coordinator
    LINK_EVENT_RESULT,    // from main: result of a lease (solo, or the root's of a gang)
    LINK_EVENT_DROPPED,   // from main: `lease` ends without a result: it was revoked
    LINK_EVENT_STARTED,   // from main: works on `lease` now (only BEATs tell of it)
    LINK_EVENT_GANG_DONE, // from main: this GO's leases are through (all ranks say it)
    LINK_EVENT_NEED,      // from main: job unknown
    LINK_EVENT_LOG,       // from main: live output
    LINK_EVENT_SERVED,    // from main: what came of requests
    LINK_EVENT_TURN_END,  // after each batch of events: results leave
    LINK_EVENT_TICK,      // time, at link_next_deadline at the latest
};

struct link_event {
    enum link_event_type type;
    int64_t now;
    uint64_t progress; // the main thread's counter, at every event
    const struct message *message;
    const struct rec_result *result;
    const struct msg_log *log;
    const struct msg_served *served;
    uint64_t lease;
    uint64_t gang;
    uint64_t job;
};

enum link_effect_type {
    LINK_EFFECT_SEND,   // message to the coordinator
    LINK_EFFECT_JOB,    // to main: job definition (message JOB)
    LINK_EFFECT_FORGET, // to main: job
    LINK_EFFECT_WORK,   // to main: leases, in order, solo
    LINK_EFFECT_GANG,   // to main: GO: leases for the gang [first_rank, first_rank + n_ranks)
    LINK_EFFECT_SERVE,  // to main: message SERVE
    LINK_EFFECT_REVOKE, // to main: drop lease if queued, cancel it if running, then DROPPED
    LINK_EFFECT_END,    // end the pod; `why`
};

struct link_effect {
    enum link_effect_type type;
    const struct message *message;  // SEND, JOB, SERVE
    const struct rec_lease *leases; // WORK, GANG
    uint32_t n_leases;
    uint64_t gang; // GANG: what GANG_DONE names
    uint32_t first_rank, n_ranks;
    uint64_t lease; // REVOKE
    uint64_t job;   // FORGET
    const char *why;
    bool failed; // END: an error, not a farewell
};

struct link_effects {
    struct arena *arena;
    struct link_effect *list;
    uint32_t n;
    uint32_t cap;
};

struct link *link_create(const struct link_options *o);
void link_destroy(struct link *l);
void link_step(struct link *l, const struct link_event *e, struct link_effects *fx);
int64_t link_next_deadline(const struct link *l);
uint32_t link_n_unacknowledged(const struct link *l); // results in the outbox
bool link_is_welcome(const struct link *l);
// So much is unacknowledged that main should not start anything now.
bool link_is_congested(const struct link *l);

#endif
