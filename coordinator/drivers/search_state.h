// SPDX-License-Identifier: MIT
// search_state.h - what the files of the search driver share.
//
// Ownership  The driver's state.
// Threads    As in driver.h.

#ifndef COORDINATOR_DRIVERS_SEARCH_STATE_H
#define COORDINATOR_DRIVERS_SEARCH_STATE_H

#include "common/buf.h"
#include "coordinator/driver.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/endpoint.h"

struct trial {
    bool has_outcome;
    bool is_copy; // of an earlier trial `of` at the same point: never run, its outcome
    bool asks;    // the endpoint, with record `of` as the point to change
    uint32_t of;
    struct value metrics; // with the derived ones once scored; null: failed
};

// A request that goes out with a trial's params.
struct asking {
    uint32_t trial;
    struct value request; // of the arena `requests`
};

struct search {
    struct arena *arena; // lives as long as the job
    struct arena *scratch;
    const struct space *space;
    struct objectives objectives;
    const struct algorithm *algorithm;
    void *chooser; // the algorithm's state
    double knobs[KNOBS_MAX];
    const char *const *metrics; // NULL-ended, NULL: each outcome names its own
    bool is_reproducible;
    bool all_volatile;             // the workload measures times
    const struct value *volatiles; // names of metrics that are, or NULL
    uint32_t n_trials;             // wanted
    uint32_t window;
    uint32_t n_enqueued;
    struct point *enqueued;
    struct history history;
    struct point next; // room for one ask
    uint32_t cap_trials;
    struct trial *trials; // of those asked
    uint32_t n_asked;     // trials; they are the history's records behind n_warm
    uint32_t n_reported;  // that the caller knows
    uint32_t n_scored;    // a prefix whose outcomes are all there
    uint32_t n_failed, n_infeasible;
    bool is_pure;          // the evaluator's outcome depends on the point alone
    uint32_t n_copies;     // of those asked
    uint32_t n_in_a_row;   // copies at their end
    struct map asked_warm; // key of a point of warm_start -> the first trial there
    bool is_exhausted;     // nothing is left to ask
    bool has_news;
    bool must_retell;                // an outcome that the algorithm knows has changed
    const struct endpoint *endpoint; // NULL: none
    struct arena *requests;          // of the trials that the caller does not know yet
    uint32_t n_asking, cap_asking;
    struct asking *asking;
    uint32_t ends[ENDPOINT_ENDS]; // of the requests of trials told
    const char *why_no_digest;
    struct buf lines; // the history as text, once it is finished
    uint32_t n_best, cap_best;
    uint32_t *best; // the best trial, or the front, ascending
    // Of one objective: the trials that were the best of all before them.
    uint32_t n_curve, cap_curve;
    uint32_t *curve;
};

// An algorithm that asks so many known points one behind the other has no others.
enum { SEARCH_TRIALS_MAX = 100000000, SEARCH_COPIES_MAX = 1000 };

MUST_CHECK enum error
search_parse(struct search *s, const struct driver_setup *setup, struct errtext *t);
bool search_is_volatile(const struct search *s, const char *metric);

// Recount scores and the best from scratch, or take in one more trial.
void search_score(struct search *s, uint32_t trial);
void search_rescore(struct search *s);
struct value search_progress(const struct search *s, struct arena *a);
void search_finish(struct search *s, struct driver_output *out);

// search_endpoint.c: requests to the endpoint, if there is one.
void search_asked(struct search *s, uint32_t trial); // just now, by the algorithm
void search_add_request(const struct search *s,
                        uint32_t trial,
                        struct value *params,
                        struct arena *a);
void search_sent(struct search *s); // the caller knows all trials asked
// Params as they were asked: without the request, which is noted for the trial.
struct value search_strip(struct search *s, const struct value *params, struct trial *out);
void search_told(struct search *s, uint32_t trial); // to the algorithm next
void search_forget_told(struct search *s);          // all are told again
// The trial's metrics without what the endpoint said, which a row of the history has apart.
struct value search_metrics(const struct search *s, uint32_t trial, struct arena *a);
void search_add_answer(const struct search *s,
                       uint32_t trial,
                       struct value *row,
                       struct arena *a);
struct value search_endpoint_value(const struct search *s, struct arena *a);

static inline struct record *search_record(const struct search *s, uint32_t trial)
{
    return &s->history.records[s->history.n_warm + trial];
}

// Whose outcome the trial has: its own, or that of the one it is a copy of.
static inline struct trial *search_outcome(const struct search *s, uint32_t trial)
{
    struct trial *own = &s->trials[trial];
    return own->is_copy ? &s->trials[own->of] : own;
}

#endif
