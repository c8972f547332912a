// SPDX-License-Identifier: MIT
// scenario.h - the scenario of a fleet's job, as far as a client shows it.
//
// Ownership  What is made lives in the arena.
// Threads    One.

#ifndef CLUSTER_CLIENT_SCENARIO_H
#define CLUSTER_CLIENT_SCENARIO_H

#include <stdbool.h>

#include "common/value.h"
#include "protocol/caller.h"

// params.scenario of a job file: the map there, or the attachment (of the list that the
// request `file` answers) that it names.  False: there is none, or it cannot be read.
bool scenario_find(struct caller *c,
                   const struct value *spec,
                   const struct value *files,
                   struct arena *a,
                   struct value *out);

// Where its vertiports lie, in metres: listed, or laid out by section 3 of `fleet/1`.
struct scenario_place {
    double x, y;
};
enum { SCENARIO_PLACES_MAX = 65535 };
// How many; 0: it says nothing of them.
uint32_t
scenario_places(const struct value *scenario, struct arena *a, struct scenario_place **out);

#endif
