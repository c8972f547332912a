// SPDX-License-Identifier: MIT
#include "worker/evaluate/prism_model.h"

#include <inttypes.h>
#include <math.h>

static bool is_int(const struct value *v, int64_t low, int64_t high)
{
    return v && v->type == VALUE_INT && v->i >= low && v->i <= high;
}

// ---- reading ---------------------------------------------------------------------------

enum { NUMBER_MAX = 1000000 };

static bool read_models(const struct value *list, struct prism_model *models)
{
    for (uint32_t m = 0; m < list->n; m++) {
        const struct value *v = &list->items[m];
        if (v->type != VALUE_LIST || v->n != 3)
            return false;
        for (int i = 0; i < 3; i++)
            if (!is_int(&v->items[i], i == 1 ? 0 : 1, NUMBER_MAX))
                return false;
        models[m].size = v->items[0].i;
        models[m].pressure = (double)v->items[1].i / (double)v->items[2].i;
    }
    return true;
}

static enum error read_instance(const struct value *v,
                                uint32_t i,
                                struct arena *a,
                                struct prism_instance *out,
                                struct errtext *t)
{
    const struct value *gpus = value_find(v, "gpus"), *models = value_find(v, "models");

    if (!is_int(gpus, 1, PRISM_GPUS_MAX))
        return errtext_set(t, ERR_INVALID,
                           "instance %" PRIu32 ": gpus is expected to be 1 to %d", i,
                           PRISM_GPUS_MAX);
    if (!models || models->type != VALUE_LIST || models->n < 1 || models->n > PRISM_MODELS_MAX)
        return errtext_set(t, ERR_INVALID,
                           "instance %" PRIu32 ": models is expected to be a list of 1 to %d",
                           i, PRISM_MODELS_MAX);
    struct prism_model *m = arena_alloc(a, models->n * sizeof *m);
    if (!read_models(models, m))
        return errtext_set(
            t, ERR_INVALID,
            "instance %" PRIu32
            ": a model is expected to be [size, rate, slo], whole numbers up to %d",
            i, NUMBER_MAX);
    *out = (struct prism_instance){
        .n_gpus = (uint32_t)gpus->i, .n_models = models->n, .models = m, .text = models};
    return OK;
}

enum error
prism_read(const struct value *v, struct arena *a, struct prism *out, struct errtext *t)
{
    const struct value *memory = value_find(v, "gpu_mem"), *list = value_find(v, "instances");

    if (!is_int(memory, 1, NUMBER_MAX))
        return errtext_set(t, ERR_INVALID, "gpu_mem is expected to be a whole number of GB");
    if (!list || list->type != VALUE_LIST || list->n < 1)
        return errtext_set(t, ERR_INVALID, "instances is expected to be a list");
    if (list->n > PRISM_INSTANCES_MAX)
        return errtext_set(t, ERR_LIMIT, "more than %d instances", PRISM_INSTANCES_MAX);
    struct prism_instance *k = arena_alloc(a, list->n * sizeof *k);
    for (uint32_t i = 0; i < list->n; i++) {
        enum error e = read_instance(&list->items[i], i, a, &k[i], t);
        if (e)
            return e;
    }
    *out = (struct prism){.memory = memory->i, .n = list->n, .instances = k};
    return OK;
}

// ---- what a placement is worth -----------------------------------------------------------

double prism_kvpr(const struct prism_gpu *g, int64_t memory)
{
    return g->size < memory ? g->pressure / (double)(memory - g->size) : INFINITY;
}

double prism_value(const struct prism *p, const struct prism_instance *k, const uint32_t *of)
{
    struct prism_gpu gpus[PRISM_GPUS_MAX];
    double most = 0;

    for (uint32_t g = 0; g < k->n_gpus; g++)
        gpus[g] = (struct prism_gpu){0, 0};
    for (uint32_t m = 0; m < k->n_models; m++) {
        if (of[m] >= k->n_gpus)
            return INFINITY;
        gpus[of[m]].size += k->models[m].size;
        gpus[of[m]].pressure += k->models[m].pressure;
    }
    for (uint32_t g = 0; g < k->n_gpus; g++)
        most = fmax(most, prism_kvpr(&gpus[g], p->memory));
    return most;
}

double prism_bound(const struct prism *p, const struct prism_instance *k)
{
    struct prism_gpu all = {0, 0};

    for (uint32_t m = 0; m < k->n_models; m++) {
        all.size += k->models[m].size;
        all.pressure += k->models[m].pressure;
    }
    return prism_kvpr(&all, p->memory * k->n_gpus);
}

// ---- the verifier -----------------------------------------------------------------------

static enum error take_gpu(const struct prism *p,
                           const struct prism_instance *k,
                           const struct value *list,
                           uint32_t gpu,
                           uint32_t *of,
                           struct errtext *t)
{
    int64_t size = 0;

    if (list->type != VALUE_LIST)
        return errtext_set(t, ERR_INVALID, "GPU %" PRIu32 " is %s, expected a list of models",
                           gpu, value_type_name(list->type));
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *v = &list->items[i];
        if (!is_int(v, 0, (int64_t)k->n_models - 1))
            return errtext_set(t, ERR_INVALID,
                               "GPU %" PRIu32 " holds what is no model, expected 0 to %" PRIu32,
                               gpu, k->n_models - 1);
        if (of[v->i] < k->n_gpus)
            return errtext_set(t, ERR_INVALID, "model %" PRId64 " is placed twice", v->i);
        of[v->i] = gpu;
        size += k->models[v->i].size;
    }
    if (size >= p->memory)
        return errtext_set(t, ERR_INVALID,
                           "GPU %" PRIu32 " holds %" PRId64 " GB, expected less than %" PRId64,
                           gpu, size, p->memory);
    return OK;
}

enum error prism_verify(const struct prism *p,
                        const struct prism_instance *k,
                        const struct value *answer,
                        double *value,
                        struct errtext *t)
{
    uint32_t of[PRISM_MODELS_MAX];

    if (answer->type != VALUE_LIST)
        return errtext_set(t, ERR_INVALID, "the answer is %s, expected a list of GPUs",
                           value_type_name(answer->type));
    if (answer->n > k->n_gpus)
        return errtext_set(t, ERR_INVALID, "%" PRIu32 " GPUs, expected at most %" PRIu32,
                           answer->n, k->n_gpus);
    for (uint32_t m = 0; m < k->n_models; m++)
        of[m] = k->n_gpus;
    for (uint32_t g = 0; g < answer->n; g++) {
        enum error e = take_gpu(p, k, &answer->items[g], g, of, t);
        if (e)
            return e;
    }
    for (uint32_t m = 0; m < k->n_models; m++)
        if (of[m] == k->n_gpus)
            return errtext_set(t, ERR_INVALID, "model %" PRIu32 " is nowhere", m);
    *value = prism_value(p, k, of);
    return OK;
}
