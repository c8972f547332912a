// SPDX-License-Identifier: MIT
// placement.h - which device holds which experts.
//
// A device has a run of consecutive slots, a slot holds one copy of an expert.
// Every expert has at least one copy; where there are more slots than experts,
// some have several, and an expert's load is taken to be shared evenly by its
// copies.  The numbers need not divide: devices differ by at most one slot.
//
//   contiguous    neighbours together; windows overlap where copies are to spare
//   round-robin   dealt like cards
//   balanced      by measured load: whole groups on nodes, copies for whoever has
//                 the highest load a copy within its node, then the heaviest copies
//                 first, each on the lightest device with room (DeepSeek's EPLB)
//   snake         the same copies, dealt to the devices to and fro, the heaviest first
//
// A placement is a function of shape and loads alone: every rank computes its own
// and all are the same.  One file and one row of the table each.
//
// Ownership  A placement lives in the arena that it was made in.
// Threads    Any; pure.

#ifndef WORKER_EXPERTS_PLACEMENT_H
#define WORKER_EXPERTS_PLACEMENT_H

#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"

enum { PLACEMENT_EXPERTS_MAX = 65536, PLACEMENT_DEVICES_MAX = 65536 };

struct placement_shape {
    uint32_t n_experts;
    uint32_t n_slots;  // at least n_experts, at most n_experts on every device
    uint32_t n_groups; // of consecutive experts that are routed together; divides n_experts
    uint32_t n_nodes;  // of consecutive devices that are near each other
    uint32_t n_devices;
};

struct placement {
    struct placement_shape shape;
    uint32_t *expert;     // [n_slots] that the slot holds
    uint32_t *first_slot; // [n_devices + 1] device d has [first_slot[d], first_slot[d + 1])
    uint32_t *first_copy; // [n_experts + 1] expert e has [first_copy[e], first_copy[e + 1])
    uint32_t *copy;       // [n_slots] slots by expert, ascending within each
};

struct placement_rule {
    const char *name;
    const char *help;
    // expert[n_slots]; the shape has been checked, first_slot is filled in.  `scratch`
    // is given back afterwards.
    void (*place)(const struct placement *p,
                  const double *load,
                  uint32_t *expert,
                  struct arena *scratch);
};

// The table, ended by a row without a name.
extern const struct placement_rule placement_rules[];
const struct placement_rule *placement_find(const char *name); // NULL: no such rule

// ERR_INVALID with what does not fit.
MUST_CHECK enum error placement_check(const struct placement_shape *shape, struct errtext *t);
// load[n_experts], finite and not negative, of any unit; NULL: all alike.
MUST_CHECK enum error placement_make(const struct placement_rule *rule,
                                     const struct placement_shape *shape,
                                     const double *load,
                                     struct arena *a,
                                     struct placement *out,
                                     struct errtext *t);
// One that somebody else made: slot k holds expert[k].  ERR_INVALID: an expert that does
// not exist, or one without a slot.
MUST_CHECK enum error placement_given(const struct placement_shape *shape,
                                      const uint32_t *expert,
                                      struct arena *a,
                                      struct placement *out,
                                      struct errtext *t);

// The first slot of part i of n when n parts share `slots` as evenly as they can.
static inline uint32_t placement_first(uint32_t i, uint32_t slots, uint32_t n)
{
    return (uint32_t)((uint64_t)i * slots / n);
}
uint32_t placement_device(const struct placement *p, uint32_t slot);

// What each device carries of load[n_experts].
void placement_loads(const struct placement *p, const double *load, double *device);
// Mean over the largest of n loads: 1 is even; 1 also where nothing is loaded.
double placement_balance(const double *load, uint32_t n);

#endif
