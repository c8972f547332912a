// SPDX-License-Identifier: MIT
// test_engine_mpi.c - a gang's logits are a single rank's, bit for bit.
//
// A plain program for mpirun -n 1, 2, 3, 4: returns 0 or 1.  Every fixture model,
// exact and fast numerics, attention split and replicated, experts sliced and whole by
// every placement, a step of several sequences and single tokens after it; nothing to
// do where the larger fixtures are not.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/experts/engine.h"
#include "worker/pod.h"

enum { SEQUENCES = 3, LENGTH = 40, AFTER = 3 };

static int n_failed;

static void complain(const char *name, const char *what)
{
    n_failed++;
    (void)fprintf(stderr, "%s: %s\n", name, what);
}

// Prompts of different lengths, then a token each at a time.
static float *
work(const struct model *m, struct group *g, const struct engine_options *o, const char *name)
{
    struct errtext t = {""};
    struct engine *e;
    size_t row = m->h.n_vocab, per_step = SEQUENCES * row;
    float *logits = mem_alloc((1 + AFTER) * per_step * sizeof *logits);
    int32_t tokens[LENGTH + AFTER];
    uint32_t sequence[SEQUENCES];

    if (engine_create(m, o, g, &e, &t)) {
        complain(name, t.text);
        return logits;
    }
    for (uint32_t i = 0; i < LENGTH + AFTER; i++)
        tokens[i] = (int32_t)(i * 37 % m->h.n_vocab);
    for (uint32_t i = 0; i < SEQUENCES; i++)
        sequence[i] = engine_open(e);
    for (uint32_t step = 0; step <= AFTER; step++) {
        struct engine_run runs[SEQUENCES];
        for (uint32_t i = 0; i < SEQUENCES; i++)
            runs[i] = (struct engine_run){
                .sequence = sequence[i],
                .tokens = tokens + (step ? LENGTH + step - 1 : i),
                .n = step ? 1 : LENGTH - 13 * i,
                .n_logits = 1,
                .logits = logits + step * per_step + i * row,
            };
        if (engine_step(e, runs, SEQUENCES))
            complain(name, "no step");
    }
    struct engine_stats s;
    engine_stats(e, &s);
    bool can = group_size(g) > 1 && m->h.n_experts;
    if ((o->experts == ENGINE_EXPERTS_WHOLE && can) != (s.whole_steps == 1 + AFTER)
        && o->experts != ENGINE_EXPERTS_MEASURED)
        complain(name, "experts did not go as told");
    engine_destroy(e);
    return logits;
}

// How a gang divides the work.
static const struct plan {
    const char *name; // of the complaint
    enum engine_experts experts;
    const char *placement;
    uint32_t n_spare;
    bool replicate;
} plans[] = {
    {"other bits, split", ENGINE_EXPERTS_SLICED, NULL, 0, false},
    {"other bits, replicated", ENGINE_EXPERTS_SLICED, NULL, 0, true},
    {"other bits, contiguous", ENGINE_EXPERTS_WHOLE, "contiguous", 0, false},
    {"other bits, round-robin", ENGINE_EXPERTS_WHOLE, "round-robin", 1, true},
    {"other bits, balanced", ENGINE_EXPERTS_WHOLE, "balanced", 2, false},
    {"other bits, measured", ENGINE_EXPERTS_MEASURED, "balanced", 0, false},
};

static void try_model(const char *path, const char *name, struct group *g)
{
    struct errtext t = {""};
    struct gguf *file;
    struct model *m;
    if (gguf_open(path, &file, &t) || model_open(file, &m, &t)) {
        complain(name, t.text);
        return;
    }
    struct group *one = group_local_create();
    for (int fast = 0; fast < 2; fast++) {
        struct engine_options o = {.numerics = fast ? ENGINE_FAST : ENGINE_EXACT,
                                   .n_positions = 64 * SEQUENCES};
        float *want = work(m, one, &o, name);
        size_t n = (size_t)(1 + AFTER) * SEQUENCES * m->h.n_vocab * sizeof *want;
        for (size_t k = 0; k < sizeof plans / sizeof plans[0]; k++) {
            o.replicate = plans[k].replicate;
            o.n_threads = 1 + (uint32_t)plans[k].replicate;
            o.experts = plans[k].experts;
            o.placement = plans[k].placement;
            o.n_spare = plans[k].n_spare;
            float *got = work(m, g, &o, name);
            if (memcmp(got, want, n) != 0)
                complain(name, plans[k].name);
            mem_free(got);
        }
        mem_free(want);
    }
    group_destroy(one);
    model_close(m);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_model(const struct dirent *f)
{
    return strstr(f->d_name, ".gguf") != NULL;
}

static const char *models(void)
{
    static char path[512];
    const char *dir = getenv("SHOAL_FIXTURES");
    (void)snprintf(path, sizeof path, "%s/moe/models",
                   dir && *dir ? dir : "../shared/fixtures");
    return path;
}

// The same order on every rank: each step is collective.
static void try_all(struct group *g)
{
    struct dirent **list = NULL;
    int n = scandir(models(), &list, is_model, by_name);
    for (int i = 0; i < n; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", models(), list[i]->d_name);
        try_model(path, list[i]->d_name, g);
        free(list[i]);
    }
    free((void *)list);
}

int main(void)
{
    struct errtext t = {""};
    struct pod *pod;
    if (pod_start(&pod, &t)) {
        (void)fprintf(stderr, "%s\n", t.text);
        return 1;
    }
    try_all(pod_gang(pod, 0, pod_n_ranks(pod)));
    pod_stop(pod);
    return n_failed != 0;
}
