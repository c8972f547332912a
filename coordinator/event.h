// SPDX-License-Identifier: MIT
// event.h - all that goes into the core and all that comes out of it.
//
// The core is a function of its events; time arrives with each of them.  The
// shell turns sockets, disk and driver pool into events and effects into
// sockets, disk and driver pool; the simulator does the same with a random
// network and a forgetful disk.
//
// Ownership  Everything an event points to is borrowed for the call.
//            Everything an effect points to lives in effects->arena, or in the
//            core until the job is dropped (said at each field).

#ifndef COORDINATOR_EVENT_H
#define COORDINATOR_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "coordinator/driver.h"
#include "protocol/message.h"

enum durability { DURABILITY_NONE, DURABILITY_NORMAL, DURABILITY_FULL };

enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };

// What the core must know of a job.  Strings and bytes are copied.
struct job_spec {
    uint64_t number; // 1…, given by the shell, never reused
    const char *name;
    const char *owner; // fair share is between owners
    const char *workload;
    int32_t priority;
    uint32_t gang;         // 1: solo
    bool serves;           // ends when it is cancelled: its ranks are a gang, even one alone
    uint64_t shard;        // items a shard, 0: adaptive
    uint32_t max_attempts; // of an item whose command failed (job faults), 1: never retried
    uint32_t max_crashes;
    uint64_t max_failures; // the job fails above it; UINT64_MAX: no limit
    int64_t backoff_ns;
    int64_t deadline_ns; // from submission; 0: none
    int64_t stall_ns;    // the workload's
    uint32_t cpus;
    uint64_t memory_mb;
    const struct value *resources; // map name -> number, or NULL
    enum durability durability;
    bool folds; // workers send folds, not rows
    bool exact; // folds keep their values
    // The JOB message for workers, encoded by codec_encode (its `job` = number).
    struct bin job_message;
    uint64_t per_point; // a shard never straddles a multiple of it; 0: no grid
    uint64_t n_items;   // known at once (sweep); a search adds later by EVENT_ITEMS
    // Params of an item as packed bytes in *a, or empty; NULL function: none have any
    // beside those that EVENT_ITEMS brought.  Pure; called while the job runs.
    struct bin (*params_of)(void *ctx, uint64_t item, struct arena *a);
    // Of a gang job: an item that one rank does alone.  NULL: there are none.  Pure.
    bool (*is_solo)(void *ctx, uint64_t item);
    void *ctx; // of both
};

enum event_type {
    EVENT_MESSAGE,     // from a worker: message
    EVENT_PEER_CLOSED, // hint: the connection of `peer` closed
    EVENT_SUBMIT,      // spec: a new job
    EVENT_ITEMS,       // job, items: the driver asked
    EVENT_FINISHED,    // job, finished: the driver is done
    EVENT_CANCEL,      // job
    EVENT_RETRY,       // job: failed items again; a finished job reopens with a new driver
    EVENT_DRAIN,       // peer's pod (instance) takes no more work
    EVENT_DISK,        // disk.full: pause or go on granting
    EVENT_TICK,        // time only; at core_next_deadline at the latest
    EVENT_TURN_END,    // after each batch of events: schedule, acknowledge
    // Recovery, before any other event, in journal order
    EVENT_RECOVER_RESULT, // message: a RESULT read back
    EVENT_RECOVER_ASKED,  // job, items
    EVENT_RECOVER_POD,    // instance of a pod that was known, pod
    EVENT_RECOVERED,      // all of it read: wait for the pods known, then go
};

// What the journal knows of a pod.  Numbers are stored.
enum pod_record { POD_GONE = 0, POD_HERE = 1, POD_DRAINING = 2 };

struct event {
    enum event_type type;
    int64_t now;
    uint64_t peer;
    uint64_t job;
    uint64_t instance;
    const struct message *message;
    const struct job_spec *spec;
    struct { // EVENT_ITEMS: items [0, n_items) exist; params[i] for the new ones, packed
        uint64_t n_items;
        const struct bin *params; // NULL: they have none
        uint64_t waits_for;
        bool is_waiting; // waits_for is meant
        // Those of the new ones that the driver answers itself: done.
        const uint64_t *answered;
        uint64_t n_answered;
    } items;
    struct {
        enum job_state state; // JOB_DONE or JOB_FAILED
        struct bin result;    // for the journal: packed {result, stats, digest, …}
    } finished;
    bool disk_full;
    enum pod_record pod; // EVENT_RECOVER_POD
};

enum effect_type {
    EFFECT_SEND,     // message to peer
    EFFECT_JOURNAL,  // keep `bytes` of `kind` for `job`
    EFFECT_TELL,     // outcome to the driver of job (the shell steps it afterwards)
    EFFECT_JOB,      // job reached `state`: watchers; the driver of an unfinished one goes
    EFFECT_REOPENED, // the shell's own: what was told of failed items holds no longer
    EFFECT_CHANGED,  // counts of job changed; at most one a turn and job
};

// What the journal keeps.  Numbers are stored: never reuse one.
enum journal_kind {
    JOURNAL_SUBMIT = 1, // written by the shell itself
    JOURNAL_RESULT = 2, // a RESULT payload (msg_result_batch), all of one job
    JOURNAL_ASKED = 3,  // packed [first, [params…]]
    JOURNAL_STATE = 4,  // packed {state, result…}: the job ended
    JOURNAL_POD = 5,    // job 0; packed [instance, enum pod_record]
    JOURNAL_RETRY = 6,  // failed items are open again; empty
    JOURNAL_EXTEND = 7, // written by the shell: packed arguments of `extend`
    JOURNAL_LOG = 8,    // written by the shell: output of an item, best effort
    JOURNAL_META = 9,   // written by the shell: job 0; see journal.h
};

struct effect {
    enum effect_type type;
    bool after; // only once this turn's writes are committed
    uint64_t peer;
    uint64_t job;
    const struct message *message;
    enum journal_kind kind;
    struct bin bytes;
    struct outcome outcome;
    enum job_state state;
    const char *why; // EFFECT_JOB: one line, or NULL
};

struct effects {
    struct arena *arena; // the shell's: lives until the turn's commit has been dealt with
    struct effect *list;
    uint32_t n;
    uint32_t cap;
    enum durability durability; // the strongest that a JOURNAL effect of this turn asked for
};

void effects_init(struct effects *e, struct arena *a);
void effects_reserve(struct effects *e, uint32_t cap);                // room for so many in all
struct effect *effects_add(struct effects *e, enum effect_type type); // zeroed but for type

#endif
