// SPDX-License-Identifier: MIT
// tpe_state.h - what the files of the TPE share.
//
// Ownership  The algorithm's state.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_TPE_STATE_H
#define COORDINATOR_SEARCH_TPE_STATE_H

#include "coordinator/search/algorithm.h"
#include "coordinator/search/parzen.h"
#include "coordinator/search/ranking.h"

enum { TPE_CANDIDATES_MAX = 1000 };

// What the records that are not among the best say about one slot.
struct tally {
    uint32_t n, cap;
    uint32_t *records; // ascending
    uint32_t *values;  // options of a choice
};

// The same about all slots of a context, for the joint density.
struct sheet {
    uint32_t n, cap;
    uint32_t n_slots;
    uint32_t first_slot; // tells whether a record has the context
    const uint32_t *slots;
    uint32_t *records; // ascending
    double *rows;      // [n][n_slots]: place on the slot's scale, or option
    // The draw of the trial at hand, the best first; a later attempt takes the next.
    uint64_t drawn_for; // the trial + 1
    uint32_t drawn_told;
    double *drawn; // [n_candidates][n_slots]
};

struct tpe {
    const struct history *history;
    struct ranking *ranking;
    // options
    uint32_t n_startup, n_candidates;
    double gamma;
    bool is_joint, has_liar;
    // what the densities stand for
    uint32_t n_synced;
    bool is_catching_up;
    uint32_t n_good;
    uint32_t good[PARZEN_GOOD_MAX];
    double weights[PARZEN_GOOD_MAX];
    struct parzen **rest;            // [n_slots], of numbers; made when first needed
    struct tally *tallies;           // [n_slots], of choices
    struct sheet *sheets;            // [n_contexts], joint only
    double *share_good, *share_rest; // [widest choice]: scratch
    double *pending;                 // [as many as are pending]: scratch
    uint32_t cap_pending;
};

// One ask's walk.
struct tpe_ask {
    struct tpe *tpe;
    const struct ask *ask;
    uint32_t n_candidates;
    struct rng rng;
};

// Ends of an option's cell on the slot's scale; false: too narrow to have a mass.
bool tpe_is_cell(const struct slot *s, uint64_t k, double *a, double *b);

// tpe_joint.c
void tpe_joint_init(struct tpe *t);
void tpe_joint_fini(struct tpe *t);
void tpe_joint_insert(struct tpe *t, uint32_t record); // into what is not among the best
void tpe_joint_remove(struct tpe *t, uint32_t record);
struct gene tpe_joint_choose(struct tpe_ask *q, const struct decision *d);

#endif
