// SPDX-License-Identifier: MIT
// bench_hot.c - whole experts where one of them takes 30 % of the tokens.
//
//   [mpirun -n RANKS] bench_hot MODEL.gguf
//
// One JSON line of rank 0: tokens a second of prefill, 512 at a time, fast numerics, one
// thread a rank, a token going to one expert; routers that spread evenly, routers with a
// hot expert and contiguous placement, and the same with balanced placement and its
// copies.  They alternate; medians.  `share` is the hot expert's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/timing.h"
#include "tests/tools/model/hot.h"
#include "worker/experts/engine.h"
#include "worker/pod.h"

enum { PROMPT = 512, ROUNDS = 7, WAYS = 3 };

static const struct way {
    const char *name, *placement;
    float factor;
} ways[WAYS] = {{"even", "balanced", 1},
                {"hot_contiguous", "contiguous", 5},
                {"hot_balanced", "balanced", 5}};

static double prefill(struct engine *e, const struct model *m)
{
    int32_t tokens[PROMPT];
    for (uint32_t i = 0; i < PROMPT; i++)
        tokens[i] = (int32_t)((i * 7919 + 13) % m->h.n_vocab);
    struct engine_run run = {engine_open(e), tokens, PROMPT, 0, NULL, NULL};
    int64_t start = timing_now();
    if (engine_step(e, &run, 1))
        exit(1);
    double s = (double)(timing_now() - start) * 1e-9;
    engine_close(e, run.sequence);
    return PROMPT / s;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double share_of(const struct engine *e, const struct model *m)
{
    struct engine_stats s;
    uint64_t hot = 0, sum = 0;
    engine_stats(e, &s);
    for (uint32_t i = 0; i < m->h.n_layers * m->h.n_experts; i++) {
        hot += i % m->h.n_experts ? 0 : s.load[i];
        sum += s.load[i];
    }
    return (double)hot / (double)sum;
}

static void measure(struct engine **e, struct model *m, bool tell)
{
    double rate[WAYS][ROUNDS + 1];
    for (uint32_t r = 0; r <= ROUNDS; r++) // the first makes the placements
        for (uint32_t i = 0; i < WAYS; i++) {
            struct hot *hot = hot_create(m, ways[i].factor);
            rate[i][r] = prefill(e[i], m);
            hot_destroy(hot);
        }
    if (!tell)
        return;
    for (uint32_t i = 0; i < WAYS; i++) {
        qsort(rate[i] + 1, ROUNDS, sizeof rate[i][0], by_size);
        printf("%s\"%s\": %.1f, ", i ? "" : "{", ways[i].name, rate[i][1 + ROUNDS / 2]);
    }
    printf("\"share\": %.3f}\n", share_of(e[WAYS - 1], m));
}

static enum error run(const char *path, struct group *g, struct errtext *t)
{
    struct gguf *file = NULL;
    struct model *m = NULL;
    struct engine *e[WAYS] = {NULL};
    enum error err = gguf_open(path, &file, t);
    if (!err)
        err = model_open(file, &m, t);
    for (uint32_t i = 0; i < WAYS && !err; i++) {
        struct engine_options o = {.numerics = ENGINE_FAST,
                                   .n_positions = PROMPT,
                                   .n_tokens = PROMPT,
                                   .experts = ENGINE_EXPERTS_WHOLE,
                                   .placement = ways[i].placement,
                                   .n_spare = ENGINE_SPARE};
        err = engine_create(m, &o, g, &e[i], t);
    }
    if (err)
        return err;
    measure(e, m, group_rank(g) == 0);
    for (uint32_t i = 0; i < WAYS; i++)
        engine_destroy(e[i]);
    model_close(m);
    return OK;
}

int main(int argc, char **argv)
{
    struct errtext t = {""};
    struct pod *pod;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: bench_hot MODEL.gguf\n");
        return 2;
    }
    if (pod_start(&pod, &t) || run(argv[1], pod_gang(pod, 0, pod_n_ranks(pod)), &t)) {
        (void)fprintf(stderr, "%s\n", t.text);
        return 1;
    }
    pod_stop(pod);
    return 0;
}
