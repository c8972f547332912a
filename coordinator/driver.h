// SPDX-License-Identifier: MIT
// driver.h - how a kind of job becomes items and how their outcomes become a
// result: one file and one table row each.
//
// A driver is deterministic: what it asks and what it answers is a function of
// the job and of what it was told, never of time, order of arrival or thread.
// Outcomes arrive committed, in any order, each item exactly once.
//
//   create            from the job's text; may make items at once
//   tell              one settled run of items (cheap: folds or buffers)
//   step              think: ask further items, report progress, finish
//   restore           instead of an ask, after a restart: item i was asked with
//                     these params; in order, before any tell
//   params_of         what an item is called with, where no ask says it
//
// The shell calls step after create, after tells, after extend; when
// `is_inline` on the loop's thread (must take microseconds), else on the pool,
// one step at a time per job; tell is never concurrent with step.
//
// Ownership  The state is the driver's; everything written to an output lives
//            in output->arena (the caller's, valid until the next step).
// Threads    As told; no shared state between jobs.

#ifndef COORDINATOR_DRIVER_H
#define COORDINATOR_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

struct buf;
struct sha256;

// What a job's metrics are called when the workload fixes them.
struct driver_workload {
    const char *name;
    const char *const *metrics;  // NULL-ended; NULL: dynamic, each outcome names its own
    const struct value *catalog; // the catalog entry: params, metrics, flags
};

// The spec has passed the common checks (coordinator/jobfile.h).
struct driver_setup {
    const struct value *spec; // the whole job file, positions kept; lives as long as the state
    const char *file;         // its name, for messages "file:line:column: …"
    uint64_t seed;
    struct driver_workload workload;
};

// What is known of one item that ended.
struct outcome_fault {
    uint64_t item;
    const char *text;
};

// A settled run of items [first, first + count).  Item numbers count from 0
// over the whole job (grid point by grid point).
struct outcome {
    uint64_t first;
    uint32_t count;
    const uint8_t *data; // packed by common/outcome.h: rows of metrics, named metrics or folds
    size_t n_data;
    const struct outcome_fault *faults; // items that failed; their rows do not count
    uint32_t n_faults;
    // The run was told before, as failed, and tried again: this counts instead.
    bool again;
    // Blobs that items returned: list of {item, name, hash, size} or NULL.
    const struct value *outputs;
};

struct driver_output {
    struct arena *arena; // the caller's
    // Items [0, n_items) exist now; it never shrinks.  For those that are new,
    // params[i - (old n_items)] is the map merged over the job's params; params
    // NULL: no item has its own, or params_of knows them.
    uint64_t n_items;
    const struct value *params; // [n_items - old], or NULL
    uint64_t n_expected;        // items that there will be in all; less than n_items: no more
    // Items that driver waits for first (copies of stragglers); 0: none.
    uint64_t waits_for;
    struct value progress; // map for `status` and `watch`: best so far, …; null: unchanged
    bool finished;
    struct value result;       // when finished: the digested part, section 5 of the design
    struct value stats;        // when finished: not digested
    const char *why_no_digest; // when finished: NULL or the reason
    const char *why_failed;    // when finished: NULL, or what kept it from its end
    // When finished: long lists, stored as blobs; the result refers to them by hash.
    struct driver_blob {
        const char *name;
        const void *bytes;
        size_t n;
        // The bytes are hashes, 64 hexadecimal digits a line, of blobs that are there
        // already: the artefact is those, one behind the other.
        bool is_list;
        const struct sha256 *hash; // of the bytes, where the driver took it; else NULL
    } * blobs;
    uint32_t n_blobs;
};

// One more of out->blobs, which has room, and its hash in `hex`.  The bytes stay the
// caller's: they may be large, and outlive the step.
void driver_add_blob(struct driver_output *out,
                     const char *name,
                     const struct buf *b,
                     char hex[65]);

struct driver {
    const char *name; // the job file's `kind`
    const char *help;
    bool is_inline;
    // Its items do not depend on what it is told: it may be told before the outcomes are
    // committed, since whatever follows from them stands behind them in the journal.
    bool knows_all_items;
    const char *const
        *keys; // NULL-ended: top-level job keys of this kind beside the common ones
    // (optional) The workload of every job of this kind: then a job has no `workload` and
    // no `params`; those of `keys` that are in `param_keys` (NULL-ended) are its params.
    const char *workload;
    const char *const *param_keys;
    bool serves;    // a job of this kind lasts until it is cancelled (event.h)
    uint32_t shard; // items a shard where the job does not say; 0: adaptive
    // How results travel: DRIVER_ROWS: every item's metrics; DRIVER_FOLDS: folds
    // are enough.  Asked once after create.
    enum driver_wants { DRIVER_ROWS, DRIVER_FOLDS } (*wants)(const void *state);
    // ERR_PARSE with "file:line:column: what, what was expected".
    enum error (*create)(const struct driver_setup *setup, void **state, struct errtext *t);
    void (*destroy)(void *state);
    void (*tell)(void *state, const struct outcome *o);
    void (*step)(void *state, struct driver_output *out);
    void (*restore)(void *state,
                    uint64_t item,
                    const struct value *params); // (optional) kinds without params need none
    // (optional) `shoal extend JOB --trials N`
    enum error (*extend)(void *state, const struct value *args, struct errtext *t);
    // (optional) Params of an item that follow from the job alone: a map, made anew at
    // every lease so that no item waits with a copy of it.  Not a map: none has any.
    struct value (*params_of)(const void *state, uint64_t item, struct arena *a);
    // (optional) Of a job with `gang`: items that one rank does alone.  Pure.  An item that
    // waits for others must not be asked together with those of the other sort.
    bool (*is_solo)(const void *state, uint64_t item);
    // (optional) An item asked whose outcome the driver has from another one: nobody runs
    // it, it counts as done.  Pure, and known again once the item is restored.
    bool (*answers)(const void *state, uint64_t item);
    // How the item space is laid out, for leases: items per grid point and the
    // number of the first one, as the workload sees it.  Default: one point, first 0.
    void (*layout)(const void *state,
                   uint64_t *per_point,
                   uint64_t *first,
                   const struct value **points);
};

// The table: coordinator/drivers/drivers.c.  NULL-ended.
extern const struct driver *const drivers[];
const struct driver *driver_find(const char *kind);

#endif
