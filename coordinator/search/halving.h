// SPDX-License-Identifier: MIT
// halving.h - successive halving inside an ordered window: what asha and hyperband share.
//
// A configuration starts at the rung of its bracket and is asked again one rung higher
// when it is among the best 1/eta of those told there, as seen when a trial is asked:
// nothing waits for a rung to fill.  New configurations come from everywhere, and a
// share of them from around the best of the highest rung that has enough.
//
// Source     Li et al., "A system for massively parallel hyperparameter tuning", MLSys
//            2020 (algorithm 2); Li et al., JMLR 18 (2018) (brackets).
// Ownership  The algorithm's state.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_HALVING_H
#define COORDINATOR_SEARCH_HALVING_H

#include "coordinator/search/algorithm.h"

extern const struct knob halving_knobs[];

// n_brackets: at most so many, the first from the lowest rung.
void *halving_create(const struct history *h, const double *knobs, uint32_t n_brackets);
void halving_destroy(void *state);
void halving_tell(void *state, uint32_t record);
bool halving_ask(void *state, const struct ask *q, struct point *out);
const char *halving_remark(const void *state);

#endif
