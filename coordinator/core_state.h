// SPDX-License-Identifier: MIT
// core_state.h - the core's tables, for the files beneath core.h only.
//
//   pod   a set of ranks that live and die together
//   rank  one worker process behind one peer
//   job   items: [fresh, n_items) never granted yet, `units` to be granted again,
//         leases out, `settled`
//   lease a shard out on one rank, or on a gang
//   gang  consecutive ranks of a pod held for one job
//
// Threads    None.

#ifndef COORDINATOR_CORE_STATE_H
#define COORDINATOR_CORE_STATE_H

#include "common/clock.h"
#include "common/map.h"
#include "coordinator/core.h"
#include "coordinator/ranges.h"

enum {
    BEAT_BUSY_MS = 100,
    BEAT_IDLE_MS = 2000,
    BEATS_SUSPECT = 3,
    BEATS_LOST = 30,
    WORKER_FAULTS_MAX = 5, // of one item, on whatever ranks
    COPIES_MAX = 2,        // leases of one shard at a time
    GONE_PODS_MAX = 4096,  // remembered; survivors of a pod live a second
};

// A rank that we believe free but that neither arms nor shows progress for so
// long is inside a gang that never got together: only its pod's end helps.
#define GANG_STALL (30 * CLOCK_SECOND)
// A lease that serves and lasted so long starts to count its crashes anew.
#define SERVED_WELL (60 * CLOCK_SECOND)

// Short leases of one GO: as many as a gang works through in about GO_TIME.
#define GO_TIME (2 * CLOCK_MS)
enum { GO_LEASES_MAX = 16 };

// A shard that waits to be granted again.
struct unit {
    uint64_t first;
    uint32_t count;
    uint32_t attempt;
    uint32_t crashes; // losses while alone
    uint32_t faults;  // worker faults
    bool alone;       // suspect
    bool lone_go;     // suspect, of a gang: its GO has no other lease
    int64_t not_before;
};

struct lease {
    uint64_t number;
    struct job *job;
    struct rank *rank; // a gang's first rank
    struct gang *gang; // NULL: solo
    struct unit unit;
    int64_t granted;
    bool is_copy;
    bool has_copy;
    struct lease *rank_next, *rank_prev;
    struct lease *job_next, *job_prev;
};

struct params_entry {
    uint32_t n;
    uint8_t bytes[];
};

struct job {
    struct job_spec spec;   // strings are ours
    struct message message; // JOB, as every rank gets it before its first lease
    enum job_state state;
    struct arena *arena;
    uint32_t owner; // index of core->owner_ns
    int64_t submitted;
    uint64_t n_items;
    uint64_t fresh;     // first item never granted
    struct unit *units; // granted first, in order
    uint32_t n_units, cap_units;
    struct ranges settled;
    struct ranges failed;               // settled as failures: `retry --failed`
    struct map params;                  // item -> struct params_entry *, until done
    struct lease *leases, *leases_tail; // oldest first
    uint64_t n_leased;
    uint64_t n_retries, n_copies, n_quarantined, n_lost, rank_ns;
    double item_ns; // moving average, 0: unknown
    uint64_t waits_for;
    bool is_waiting;
    bool changed;
    // A lease was adopted: other leases, or units that wait, may hold the same items.
    bool may_overlap;
    bool finishing; // its driver said so, the record is on its way
};

struct rank {
    struct pod *pod;
    uint32_t index;
    uint32_t pid;
    uint64_t peer;
    int64_t seen;
    uint64_t progress;
    int64_t moved;     // when progress last changed, or work came
    uint64_t next_seq; // of the RESULT expected
    bool ack_due;
    uint64_t acked;   // the last that was said
    uint64_t *forget; // jobs that ended, to say
    uint32_t n_forget, cap_forget;
    int64_t chat_since; // when the oldest of those to say came up
    bool suspect;
    bool stalled; // its lease was revoked for standing still
    uint32_t beat_ms;
    uint32_t n_held;
    struct lease *held, *held_tail;
    struct gang *gang;
    bool adopted_gang; // gone into a gang of an earlier incarnation: free when it holds nothing
    struct map jobs;   // numbers of jobs it was told of
    uint64_t told;     // one of them, the last that was looked for; 0: none
    uint64_t n_items_done;
    struct rec_lease *grant; // of this turn
    uint32_t n_grant, cap_grant;
};

struct pod {
    uint64_t instance;
    uint32_t n_ranks;
    struct rank **ranks; // [n_ranks], NULL: not here yet
    uint32_t n_here;
    bool draining;
    bool alone; // a suspect shard runs on it
    char host[64];
    char version[16];
    char numerics[16];
    uint32_t cpus;
    uint64_t memory_mb;
    struct arena *arena;
    struct value resources;
};

enum gang_state { GANG_RESERVED, GANG_PREPARING, GANG_HELD, GANG_GOING };

struct gang {
    uint64_t number;
    enum gang_state state;
    struct job *job;
    struct pod *pod;
    uint32_t first_rank, n_ranks;
    uint32_t step;
    uint32_t n_armed, n_went;
    uint8_t *armed, *went; // [n_ranks]
    struct msg_go go;      // the present step, as sent, for repetition
    struct rec_lease go_leases[GO_LEASES_MAX];
    struct arena *go_params;
    uint32_t n_left; // leases of it unanswered; the last answer frees the gang
    bool answered[GO_LEASES_MAX];
    int64_t since; // of the present state
    int64_t resend;
    struct gang *next;
};

struct core {
    struct core_options o;
    int64_t now;
    struct job **jobs; // by number
    uint32_t n_jobs, cap_jobs;
    struct map job_by_number; // -> struct job *
    struct pod **pods;        // by arrival
    uint32_t n_pods, cap_pods;
    struct map rank_by_peer;    // -> struct rank *
    struct map lease_by_number; // -> struct lease *
    struct gang *gangs;
    uint64_t next_lease;
    struct lease *free_leases;
    uint32_t n_open;
    uint32_t cursor; // where granting goes on, so that ranks fill evenly
    bool disk_full;
    bool work_changed; // something may be grantable now
    // recovery
    bool recovering; // until all known pods are back or wait_until
    int64_t wait_until;
    struct map known_pods;
    struct map draining_pods; // instances, here or not
    struct map gone_pods;     // lost or left: instance -> 1; they are told GOODBYE
    uint64_t *gone_order;     // [GONE_PODS_MAX] of them, a ring; 0: free
    uint32_t gone_at;         // the oldest
    struct pod *alone_pod;    // kept free for a suspect shard of alone_job
    struct job *alone_job;
    int64_t next_tick;
    int64_t chat_due; // the first rank's ACK or FORGETs
    // Fair share: rank time served, by owner.
    struct map owner_by_hash; // -> index
    uint64_t *owner_ns;
    uint32_t n_owners, cap_owners;
};

// roster.c
struct rank *roster_find(const struct core *c, uint64_t peer);
struct rank *
roster_hello(struct core *c, uint64_t peer, const struct msg_hello *h, struct effects *fx);
void roster_remove_pod(struct core *c, struct pod *p); // no leases left on it
// It takes no more work, after a restart neither.
void roster_drain(struct core *c, struct pod *p, struct effects *fx);
void roster_forget(struct core *c, uint64_t instance, struct effects *fx); // by the journal
struct pod *roster_pod(const struct core *c, uint64_t instance);
bool roster_fits(const struct pod *p, const struct job_spec *s);

// job.c
struct job *job_find(const struct core *c, uint64_t number);
enum error job_submit(struct core *c, const struct job_spec *s, struct errtext *t);
void job_add_items(struct job *j, uint64_t n_items, const struct bin *params);
void job_push_unit(struct job *j, const struct unit *u, bool front);
// Its shard failed as a whole (no part settled, no copy out): two shards of it.
void job_push_halves(struct job *j, const struct unit *u);
// After recovery: what is neither settled nor out becomes units or fresh again.
void job_reopen(struct job *j);
// The next shard to grant: a unit that is due, else fresh items; or a suspect one
// (alone).  False: none now.
bool job_take(struct core *c, struct job *j, bool alone, struct unit *out);
bool job_has_work(const struct core *c, const struct job *j);
// Is the first that job_take would take, of a job that has work, for a gang?
bool job_goes_ganged(const struct core *c, const struct job *j);
int64_t job_next_due(const struct job *j); // of delayed units; INT64_MAX
struct bin job_params(struct job *j, const struct unit *u, struct arena *a);
void job_destroy(struct job *j);
// Revokes what is out.  The record of the end is in `bytes`, or made here when empty.
void job_end(struct core *c,
             struct job *j,
             enum job_state s,
             const char *why,
             struct bin bytes,
             struct effects *fx);
// Somebody works on [first, end) already: it waits no longer.
void job_claim(struct job *j, uint64_t first, uint64_t end);
// Marks, drops units and the params of what has not failed.
void job_settle(struct job *j, uint64_t first, uint64_t end);
uint64_t job_shard_size(const struct core *c, const struct job *j, uint64_t first);

// lease.c
struct lease *lease_create(struct core *c, struct job *j, struct rank *r, const struct unit *u);
struct lease *
lease_adopt(struct core *c, struct job *j, struct rank *r, const struct rec_held *h);
void lease_end(struct core *c, struct lease *l); // unlink and free
struct lease *lease_find(const struct core *c, uint64_t number);
// The lease ended without a result: whatever of it is neither settled nor out
// elsewhere waits again as `u` says.
void lease_give_back(struct core *c, struct lease *l, const struct unit *u);
void lease_revoke(struct core *c, struct lease *l, const char *why, struct effects *fx);

// settle.c
void settle_result(struct core *c,
                   struct rank *r,
                   const struct message *m,
                   struct effects *fx,
                   bool recovering);
void settle_failed(struct core *c,
                   struct job *j,
                   uint64_t item,
                   const char *text,
                   struct effects *fx); // quarantine, exhausted worker faults

// gang.c
void gang_schedule(struct core *c, struct job *j, struct effects *fx);
// The job goes on with items for single ranks: its gangs that do not run set theirs free.
void gang_give_up(struct core *c, struct job *j, struct effects *fx);
void gang_on_armed(struct core *c, struct rank *r, uint64_t number, struct effects *fx);
void gang_on_went(struct core *c, struct rank *r, const struct msg_went *w);
void gang_on_result(struct core *c, uint64_t lease, struct effects *fx); // the root answered
void gang_free_adopted(struct core *c, struct rank *r, struct effects *fx);
void gang_tick(struct core *c, struct effects *fx);
void gang_dissolve(struct core *c, struct gang *g, struct effects *fx);
bool gang_lets(const struct core *c, const struct rank *r); // the rank may take solo work

// schedule.c
void schedule_turn(struct core *c, struct effects *fx);
// Put the lease on the rank's next GRANT; schedule_flush sends them.
void schedule_grant(
    struct core *c, struct rank *r, struct job *j, struct lease *l, struct effects *fx);
void schedule_send_job(struct core *c, struct rank *r, struct job *j, struct effects *fx);
// To be said to the rank some milliseconds later, with whatever else came up.
void schedule_ack(struct core *c, struct rank *r);
void schedule_forget(struct core *c, struct rank *r, uint64_t job);

// liveness.c
void liveness_tick(struct core *c, struct effects *fx);
void liveness_lose_pod(struct core *c, struct pod *p, const char *why, struct effects *fx);
void liveness_hint_closed(struct core *c, struct rank *r); // suspect at once, lost soon
void liveness_reconcile(struct core *c,
                        struct rank *r,
                        struct effects *fx); // grants that got lost
void liveness_pace(struct core *c, struct rank *r, struct effects *fx);

static inline bool job_gangs_item(const struct job *j, uint64_t item)
{
    if (j->spec.serves)
        return true;
    return j->spec.gang > 1 && !(j->spec.is_solo && j->spec.is_solo(j->spec.ctx, item));
}

static inline struct effect *
core_send(struct effects *fx, uint64_t peer, enum message_type type, struct message **m)
{
    struct effect *e = effects_add(fx, EFFECT_SEND);
    e->peer = peer;
    *m = arena_alloc(fx->arena, sizeof **m);
    (*m)->type = type;
    e->message = *m;
    return e;
}

#endif
