// SPDX-License-Identifier: MIT
// link_state.h - the link's tables, for the files beneath link.h only.
//
//   lease   held (in order of arrival), or answered and kept with its frame
//   frame   one RESULT message: being filled, or waiting for its ACK
//
// Threads    None.

#ifndef WORKER_LINK_STATE_H
#define WORKER_LINK_STATE_H

#include "common/map.h"
#include "worker/link.h"

enum { RECORDS_CAP = 256 }; // records a frame at most, whatever the options say

enum lease_state {
    LEASE_WAITS,    // for the JOB message
    LEASE_HANDED,   // main has it
    LEASE_GONE,     // main has it as a member of a gang
    LEASE_ANSWERED, // its result is in the outbox
};

struct link_lease {
    uint64_t number, job, first;
    uint32_t count;
    enum lease_state state;
    bool revoked;
    uint64_t gang;
    struct rec_lease *waits;        // LEASE_WAITS: a copy, its params behind it
    struct link_lease *next, *prev; // held ones; answered ones hang on their frame by next
};

struct link_frame {
    uint64_t seq;
    struct arena *arena;
    struct message message;     // RESULT
    struct rec_result *records; // [records_max]
    uint32_t n;
    size_t bytes;
    struct link_lease *leases; // answered here
    struct link_frame *next;
};

struct link {
    struct link_options o; // strings are ours
    struct arena *arena;   // for them
    int64_t now;
    // the conversation
    uint64_t incarnation; // of the coordinator that welcomed us last, 0: none yet
    uint64_t said_for;    // of the WHO or WELCOME that the last HELLO answered
    bool welcome;
    int64_t hello_at;    // when to say HELLO (again); INT64_MAX: not needed
    int64_t hello_again; // wait after the next one
    int64_t beat_ns;
    int64_t beat_at;
    int64_t heard;
    uint64_t progress;
    uint64_t working; // lease that main works on, 0: none
    bool ended;
    // leases
    struct map lease_by_number; // -> struct link_lease *
    struct link_lease *held, *held_tail;
    uint32_t n_held; // revoked ones included
    uint32_t n_waiting;
    struct link_lease *free_leases;
    struct map jobs;  // known to main
    struct map needs; // job -> how often asked for
    int64_t need_at;
    // gang
    uint64_t armed_for;  // PREPAREd or gone for this gang, 0: solo
    bool said_armed;     // for the present PREPARE
    uint32_t gone_step;  // last GO of armed_for
    uint64_t gang_ended; // gangs up to this one are over
    int64_t went_at;     // when to say WENT; INT64_MAX: said, or needless
    // outbox
    struct link_frame *oldest, *newest; // sealed, unacknowledged
    struct link_frame *unsent;          // first of those not sent since the WELCOME
    struct link_frame *open;            // being filled, or NULL
    struct link_frame *free_frames;
    uint32_t n_free_frames;
    uint64_t next_seq; // of the next frame to be sealed
    uint32_t n_unacknowledged;
    size_t bytes;
    int64_t acked; // when the outbox last moved
    int64_t resend_ns;
};

struct link_effect *link_add(struct link_effects *fx, enum link_effect_type type);
struct message *link_send(struct link_effects *fx, enum message_type type);

// link_lease.c
struct link_lease *link_lease_find(const struct link *l, uint64_t number);
struct link_lease *
link_lease_add(struct link *l, const struct rec_lease *r, enum lease_state state);
void link_lease_unhold(struct link *l, struct link_lease *x); // out of the list of held ones
void link_lease_free(struct link *l, struct link_lease *x);   // out of the map and gone
void link_lease_on_grant(struct link *l, const struct msg_grant *g, struct link_effects *fx);
void link_lease_on_job(struct link *l, const struct message *m, struct link_effects *fx);
void link_lease_on_forget(struct link *l, uint64_t job, struct link_effects *fx);
void link_lease_on_revoke(struct link *l, const struct msg_revoke *r, struct link_effects *fx);
void link_lease_on_dropped(struct link *l, uint64_t number);
void link_lease_need(struct link *l, uint64_t job, struct link_effects *fx);
void link_lease_tick(struct link *l, struct link_effects *fx); // NEED again
// What HELLO tells: held leases with their steps.
uint32_t link_lease_list(const struct link *l, struct arena *a, struct rec_held **out);

// link_outbox.c
void link_outbox_add(struct link *l, const struct rec_result *r, struct link_effects *fx);
void link_outbox_flush(struct link *l, struct link_effects *fx); // seal and send what may go
void link_outbox_rewind(struct link *l); // all of it has to be sent again
void link_outbox_on_ack(struct link *l, uint64_t upto);
uint64_t link_outbox_next_seq(const struct link *l); // oldest unacknowledged
void link_outbox_fini(struct link *l);

// link_gang.c
void link_gang_on_prepare(struct link *l, const struct msg_prepare *p, struct link_effects *fx);
void link_gang_on_go(struct link *l, const struct message *m, struct link_effects *fx);
void link_gang_on_disarm(struct link *l, uint64_t gang);
void link_gang_on_restart(struct link *l); // of the coordinator
void link_gang_on_done(struct link *l, uint64_t gang);
void link_gang_check(struct link *l, struct link_effects *fx); // ARMED when nothing is held
void link_gang_tick(struct link *l, struct link_effects *fx);  // WENT when it is time

#endif
