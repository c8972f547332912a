// SPDX-License-Identifier: MIT
// policy_network.c - a trained captain decides: the likeliest destination.
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "worker/fleet/pilot.h"
#include "worker/fleet/ppo.h"

enum { WEIGHTS_BYTES_MAX = 64 << 20 };

struct state {
    struct ppo_model model;
    struct pilot *pilot;
};

static void destroy(void *state)
{
    struct state *s = state;
    pilot_destroy(s->pilot);
    ppo_model_fini(&s->model);
    mem_free(s);
}

static enum error
read_weights(const char *path, const char *name, struct ppo_model *out, struct errtext *t)
{
    struct errtext why = {{0}};
    const struct captain_shape *shape = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        return errtext_set(t, FAULT_WORKER, "cannot open %s", path);
    uint8_t *bytes = mem_alloc(WEIGHTS_BYTES_MAX + 1);
    const size_t n = fread(bytes, 1, WEIGHTS_BYTES_MAX + 1, f);
    (void)fclose(f);
    const struct bin b = {bytes, (uint32_t)n};
    enum error e = OK;
    if (n > WEIGHTS_BYTES_MAX)
        e = errtext_set(&why, FAULT_JOB, "more than %d bytes", WEIGHTS_BYTES_MAX);
    if (!e)
        e = ppo_model_shape(&b, &shape, &why);
    if (!e)
        e = ppo_model_read(out, shape, 0, &b, &why);
    mem_free(bytes);
    return e ? errtext_set(t, FAULT_JOB, "%.100s: %.300s", name, why.text) : OK;
}

static enum error create(const struct policy_setup *setup, void **out, struct errtext *t)
{
    const struct value *v = setup->params ? value_find(setup->params, "weights") : NULL;
    if (!v || v->type != VALUE_STR)
        return errtext_set(t, FAULT_JOB,
                           "policy 'policy' needs params.weights: the name of a safetensors "
                           "file among the job's files, as fleet.ppo makes it");
    const char *path = setup->job ? workload_path(setup->job, v->s) : NULL;
    if (!path)
        return errtext_set(t, FAULT_JOB,
                           "weights '%.100s' is not among the job's files: add files: [%.100s]",
                           v->s, v->s);
    struct state *s = mem_alloc(sizeof *s);
    enum error e = read_weights(path, v->s, &s->model, t);
    if (e) {
        mem_free(s);
        return e;
    }
    s->pilot = pilot_create(setup->world, s->model.shape, s->model.w, 1);
    *out = s;
    return OK;
}

static uint32_t choose(void *state, struct day *d)
{
    const struct state *s = state;
    struct day *const one[] = {d};
    const struct pilot_view v = pilot_look(s->pilot, one, 1);
    return pilot_best(s->pilot, &v, 0);
}

const struct policy policy_network = {
    .name = "policy",
    .help = "a trained network (fleet.ppo), its likeliest destination",
    .create = create,
    .destroy = destroy,
    .choose = choose,
};
