// SPDX-License-Identifier: MIT
// prism_rule.h - heuristics that place models on GPUs, with their knobs.
//
// Models are taken in the order of a key that falls, pressure + size_weight * size
// (both as parts of their largest), and each goes where the rule says:
//
//   before   on the GPU with room whose KVPR is least so far (the suite's baseline)
//   after    on the GPU whose KVPR is least once the model is there
//   pack     vector packing against a target: a GPU holds its models at a KVPR of x
//            when sum(pressure + x size) <= x memory, so x makes it a bin-packing
//            problem of one dimension, solved by best fit; x is found by bisection
//
// Then `passes` rounds of moves and swaps that lower the worst GPU.  `tries` > 1
// repeats all of it with the key disturbed by up to `noise` and keeps the best.
//
// Threads    Any; pure: a function of instance, knobs and seed.

#ifndef WORKER_EVALUATE_PRISM_RULE_H
#define WORKER_EVALUATE_PRISM_RULE_H

#include "worker/evaluate/prism_model.h"

enum prism_rule { PRISM_BEFORE, PRISM_AFTER, PRISM_PACK };

struct prism_knobs {
    enum prism_rule rule;
    double size_weight;
    double noise;
    uint32_t passes, tries;
};

// of[n_models]; the value, infinite when some model found no room.
double prism_place(const struct prism *p,
                   uint32_t instance,
                   const struct prism_knobs *knobs,
                   uint64_t seed,
                   uint32_t *of);

#endif
