// SPDX-License-Identifier: MIT
// prism_model.h - models on GPUs: what a placement is worth, and whether it is one.
//
// The model-placement problem of the ADRS suite (Cheng et al., "Barbarians at the
// gate", 2025, after PRISM).  A model has a size (GB), a request rate and a latency
// target (slo).  The pressure on the KV cache of a GPU is
//
//     KVPR = sum(rate / slo) / (memory - sum(size))
//
// and an instance is worth its largest KVPR: less is better.  A set of instances
// scores 1 / mean.  By the mediant inequality no placement of an instance is below
// sum(rate / slo) / (n_gpus memory - sum(size)): prism_bound.
//
// The verifier takes nothing on trust: every model exactly once, no GPU more than
// there are, what lies on a GPU smaller than its memory.  An instance without such a
// placement has no value: the whole answer has failed.
//
// Ownership  Instances live in the arena they were read into.
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_PRISM_MODEL_H
#define WORKER_EVALUATE_PRISM_MODEL_H

#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum { PRISM_INSTANCES_MAX = 10000, PRISM_GPUS_MAX = 256, PRISM_MODELS_MAX = 256 };

struct prism_model {
    int64_t size;    // GB
    double pressure; // rate / slo
};

struct prism_instance {
    uint32_t n_gpus, n_models;
    const struct prism_model *models;
    const struct value *text; // the models as they were given: [size, rate, slo]
};

struct prism {
    int64_t memory; // GB of a GPU
    uint32_t n;
    const struct prism_instance *instances;
};

// {gpu_mem, instances: [{gpus, models: [[size, rate, slo], …]}, …]}; other keys are
// skipped.  ERR_INVALID with the place; ERR_LIMIT.
MUST_CHECK enum error
prism_read(const struct value *v, struct arena *a, struct prism *out, struct errtext *t);

// What the GPUs carry: of[m] is the GPU of model m, or n_gpus where it has none yet.
struct prism_gpu {
    int64_t size;
    double pressure;
};
double prism_kvpr(const struct prism_gpu *g, int64_t memory); // infinite without memory left
// The largest of all GPUs, models added in their order.
double prism_value(const struct prism *p, const struct prism_instance *k, const uint32_t *of);
double prism_bound(const struct prism *p, const struct prism_instance *k);

// An answer is a list with one list of models (numbers from 0 on) for each GPU; fewer
// lists leave GPUs empty.  ERR_INVALID says what is wrong with it.
MUST_CHECK enum error prism_verify(const struct prism *p,
                                   const struct prism_instance *k,
                                   const struct value *answer,
                                   double *value,
                                   struct errtext *t);

#endif
