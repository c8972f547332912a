// SPDX-License-Identifier: MIT
// algorithm.h - how a search chooses the next point: one file and one table row
// each.
//
// ask is a pure function of the told history, the pending points and the trial's
// number: all its randomness comes from ask_rng, by address.  So the same trial
// asked again is the same point, and recovery never needs what an ask left
// behind.  A state holds only what tell can rebuild.
//
// Ownership  The state is the algorithm's; the history is the search's.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_ALGORITHM_H
#define COORDINATOR_SEARCH_ALGORITHM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/rng.h"
#include "coordinator/search/history.h"
#include "coordinator/search/space.h"

enum { KNOBS_MAX = 16 };

enum knob_type { KNOB_BOOL, KNOB_INT, KNOB_FLOAT };

// One option of an algorithm, as `shoal explain` prints it and the job is
// checked against; its value is a double (a boolean 0 or 1).
struct knob {
    const char *name; // a row with NULL ends the table
    enum knob_type type;
    double min, max;
    double fallback;
    const char *help;
};

struct ask {
    uint64_t trial;
    uint32_t attempt; // grows when the point before was known already or not valid
};

struct algorithm {
    const char *name;
    const char *version; // recorded in the result; changes whenever an ask may
    const char *help;    // a sentence or two
    const char *source;  // what it follows
    const struct knob *knobs;
    bool takes_prior; // of a job that has one (prior.h)
    void *(*create)(const struct history *h, const double *knobs);
    void (*destroy)(void *state);
    // (optional) The record was told; in order.
    void (*tell)(void *state, uint32_t record);
    // Into *out, with the history's walk; false: not a valid point, ask again.
    bool (*ask)(void *state, const struct ask *q, struct point *out);
    // (optional) Of the trials before this one, how many must be told before it is asked.
    // Pure.  The driver keeps to it, and fewer must do where somebody else asks.
    uint64_t (*needs)(const void *state, uint64_t trial);
    // (optional) Records that an ask would breed from, the one to change first, which an
    // endpoint is shown (endpoint.h); 0: none yet.  Pure, as ask is; who has it takes an
    // endpoint, and its asks take the history's proposals first.
    uint32_t (*parents)(void *state, const struct ask *q, uint32_t *records, uint32_t most);
    // (optional) A remark for the user, or NULL.
    const char *(*remark)(const void *state);
};

extern const struct algorithm *const algorithms[]; // NULL-ended; algorithms.c
const struct algorithm *algorithm_find(const char *name);
// The one that a job without `algorithm` gets.
const struct algorithm *algorithm_default(const struct space *s);

// From the job's `algorithm`: its row, and its options into knobs[KNOBS_MAX].
MUST_CHECK enum error algorithm_parse(const struct spec *job,
                                      const struct space *s,
                                      const struct algorithm **out,
                                      double *knobs);

// Independent streams for the parts (entity) of an ask.
struct rng ask_rng(const struct history *h, const struct ask *q, uint32_t entity);

// The next trial's point: the algorithm's, but never one that was asked before
// while others are left.  ERR_NOT_FOUND: the space is exhausted, or nothing that
// satisfies `where` turns up.
MUST_CHECK enum error algorithm_ask(const struct algorithm *a,
                                    void *state,
                                    struct history *h,
                                    uint64_t trial,
                                    struct point *out);

extern const struct algorithm random_algorithm, sobol_algorithm, ga_algorithm, tpe_algorithm,
    hillclimb_algorithm;
extern const struct algorithm generational_algorithm;
extern const struct algorithm grid_algorithm;
extern const struct algorithm aco_algorithm;
extern const struct algorithm anneal_algorithm;
extern const struct algorithm evolution_algorithm;
extern const struct algorithm evolve_algorithm;
extern const struct algorithm cmaes_algorithm, gp_algorithm, asha_algorithm,
    hyperband_algorithm;
extern const struct algorithm linesearch_algorithm;
extern const struct algorithm mcts_algorithm;
extern const struct algorithm nsga2_algorithm;
extern const struct algorithm portfolio_algorithm;
extern const struct algorithm smbo_algorithm;
extern const struct algorithm reinforce_algorithm;

#endif
