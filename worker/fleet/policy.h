// SPDX-License-Identifier: MIT
// policy.h - who decides where an aircraft goes next: one file and one table row each.
//
// A policy is asked at every epoch and answers with a feasible vertiport.  It may keep a
// state over a day; whatever it draws comes by address (day_policy_draw, or a stream of
// its own), so that an episode is the same whoever ran what before.
//
// Threads    The day's.

#ifndef WORKER_FLEET_POLICY_H
#define WORKER_FLEET_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/value.h"

struct day;
struct run;
struct world;
struct workload_job;

// What a policy is made from: the workload's parameters as the item has them.
struct policy_setup {
    const struct world *world;
    const struct value *params;     // of the job, defaults filled in; NULL: none
    const struct value *over;       // of the item, or NULL
    const struct workload_job *job; // files, scratch; NULL outside a job
};

struct policy {
    const char *name; // a row with NULL ends the table
    const char *help;
    bool per_item; // what it is made from may differ from item to item
    // (optional) The state, one per rank and grid point; NULL when absent.  FAULT_JOB,
    // FAULT_WORKER.
    enum error (*create)(const struct policy_setup *setup, void **state, struct errtext *t);
    void (*destroy)(void *state);
    // (optional) A day begins; it has been reset.  The run, for its progress, may be NULL
    // and lasts until the day's end.  A failure ends the item.
    enum error (*begin)(void *state, struct day *d, struct run *run, struct errtext *t);
    uint32_t (*choose)(void *state, struct day *d);
    // (optional) The day has ended.  FAULT_JOB, FAULT_WORKER: it does not count.
    enum error (*end)(void *state, struct day *d, struct errtext *t);
};

extern const struct policy *const policies[]; // NULL-ended
extern const char *const policy_names[];      // the same, for tables of choices
const struct policy *policy_find(const char *name);

extern const struct policy policy_random, policy_greedy, policy_greedy_rate, policy_schedule,
    policy_external, policy_network;

#endif
