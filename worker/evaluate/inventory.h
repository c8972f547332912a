// SPDX-License-Identifier: MIT
// inventory.h - components that can be chosen, what they say of themselves and what
// their probes showed.
//
// A component costs something and claims skills: its description is more or less similar
// to what each skill asks for.  Probes are queries put to it beforehand, each helpful,
// not helpful, or broken; a broken one bans it.  What it then does on the task is known
// for made inventories, so that choices can be scored.
//
// Made ones have impostors, whose descriptions are as good as any and who help with
// nothing, and stale ones, which helped once and are broken now.
//
// Ownership  Lives in the arena it was made or read in.
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_INVENTORY_H
#define WORKER_EVALUATE_INVENTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum { INVENTORY_MAX = 4096, SKILLS_MAX = 6, PROBES_MAX = 16 };

struct component {
    uint32_t cost;                 // whole units of money, at least 1
    double similarity[SKILLS_MAX]; // 0 to 1
    uint32_t helpful[SKILLS_MAX];  // probes of the skill that helped
    bool broken;                   // one probe at least
    bool works[SKILLS_MAX];        // on the task
};

struct inventory {
    uint32_t n, n_skills, n_probes; // probes a skill
    double weight[SKILLS_MAX];
    const struct component *components;
};

struct inventory_knobs {
    uint32_t n, n_skills, n_probes;
    double impostors, stale; // parts of all
};

struct inventory
inventory_make(const struct inventory_knobs *k, uint64_t seed, uint64_t item, struct arena *a);

// {skills: [weight, …], probes: n, components: [{cost, similarity: […], helpful: […],
// broken, works: […]}, …]}; broken may be left out, and works, which is then what the
// probes say.  ERR_INVALID with the place.
MUST_CHECK enum error inventory_read(const struct value *v,
                                     struct arena *a,
                                     struct inventory *out,
                                     struct errtext *t);

// The part of its probes that helped with skill j: 0 also where it is broken or fewer
// than half of them helped, which is what having failed them means.
double inventory_pass(const struct inventory *k, uint32_t component, uint32_t j);

#endif
