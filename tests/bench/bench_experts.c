// SPDX-License-Identifier: MIT
// bench_experts.c - tokens a second of one model.
//
//   [mpirun -n RANKS] bench_experts MODEL.gguf exact|fast THREADS
//
// One JSON line of rank 0: create_s (packing included), prefill of 512 tokens, decode of
// 1, 2 and 8 streams together (total tokens a second, from position 16 on), shares of one
// stream's time spent in exchanges, and waiting for other ranks to come to them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/timing.h"
#include "worker/experts/engine.h"
#include "worker/pod.h"

enum { PROMPT = 512, START = 16, STEPS = 48, STREAMS = 8, ROUNDS = 3 };

static int32_t tokens[PROMPT];
static float *logits;

static double seconds(int64_t since)
{
    return (double)(timing_now() - since) * 1e-9;
}

static void step(struct engine *e, const struct engine_run *runs, uint32_t n)
{
    if (engine_step(e, runs, n)) {
        (void)fprintf(stderr, "no room for a step\n");
        exit(1);
    }
}

static double prefill(struct engine *e)
{
    struct engine_run run = {engine_open(e), tokens, PROMPT, 1, logits, NULL};
    int64_t start = timing_now();
    step(e, &run, 1);
    double s = seconds(start);
    engine_close(e, run.sequence);
    return PROMPT / s;
}

// Of the steps of one stream: seconds in all, in exchanges, waiting for other ranks.
static struct {
    double total, exchange, waiting;
} spent;

static void add_spent(const struct engine *e, double sign)
{
    struct engine_stats s;
    engine_stats(e, &s);
    spent.total += sign * (double)s.total_ns;
    spent.exchange += sign * (double)s.exchange_ns;
    spent.waiting += sign * (double)s.waiting_ns;
}

static double decode(struct engine *e, uint32_t n, uint32_t n_vocab)
{
    struct engine_run runs[STREAMS];
    for (uint32_t i = 0; i < n; i++)
        runs[i] = (struct engine_run){.sequence = engine_open(e),
                                      .tokens = tokens + (size_t)i * START,
                                      .n = START,
                                      .n_logits = 1,
                                      .logits = logits + (size_t)i * n_vocab};
    step(e, runs, n);
    if (n == 1)
        add_spent(e, -1);
    int64_t start = timing_now();
    for (uint32_t k = 0; k < STEPS; k++) {
        for (uint32_t i = 0; i < n; i++) {
            runs[i].n = 1;
            runs[i].tokens = tokens + (k * 31 + i * 97) % PROMPT;
        }
        step(e, runs, n);
    }
    double s = seconds(start);
    if (n == 1)
        add_spent(e, 1);
    for (uint32_t i = 0; i < n; i++)
        engine_close(e, runs[i].sequence);
    return n * STEPS / s;
}

static double best(double a, double b)
{
    return a > b ? a : b;
}

// The first round warms up, the best counts.
static void measure(struct engine *e, const struct model *m, double create, bool tell)
{
    double pp = 0, tg[3] = {0};
    uint32_t n_vocab = m->h.n_vocab;
    logits = calloc((size_t)STREAMS * n_vocab, sizeof *logits);
    for (uint32_t i = 0; i < PROMPT; i++)
        tokens[i] = (int32_t)((i * 7919 + 13) % n_vocab);
    for (int i = 0; i < ROUNDS && logits; i++) {
        pp = best(pp, prefill(e));
        tg[0] = best(tg[0], decode(e, 1, n_vocab));
        tg[1] = best(tg[1], decode(e, 2, n_vocab));
        tg[2] = best(tg[2], decode(e, STREAMS, n_vocab));
    }
    if (tell)
        printf("{\"create_s\": %.2f, \"pp512\": %.1f, \"tg1\": %.1f, \"tg2\": %.1f, "
               "\"tg8\": %.1f, \"exchange\": %.4f, \"waiting\": %.4f}\n",
               create, pp, tg[0], tg[1], tg[2], spent.exchange / spent.total,
               spent.waiting / spent.total);
    free(logits);
}

static enum error
run(const char *path, const struct engine_options *o, struct group *g, struct errtext *t)
{
    struct gguf *file = NULL;
    struct model *m = NULL;
    struct engine *e = NULL;
    enum error err = gguf_open(path, &file, t);
    if (!err)
        err = model_open(file, &m, t);
    int64_t start = timing_now();
    if (!err)
        err = engine_create(m, o, g, &e, t);
    if (err)
        return err;
    measure(e, m, seconds(start), group_rank(g) == 0);
    engine_destroy(e);
    model_close(m);
    return OK;
}

int main(int argc, char **argv)
{
    struct errtext t = {""};
    struct pod *pod;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: bench_experts MODEL.gguf exact|fast THREADS\n");
        return 2;
    }
    struct engine_options o = {
        .numerics = strcmp(argv[2], "fast") == 0 ? ENGINE_FAST : ENGINE_EXACT,
        .n_threads = (uint32_t)strtoul(argv[3], NULL, 10),
        .n_positions = 4096,
        .n_tokens = PROMPT,
    };
    if (pod_start(&pod, &t) || run(argv[1], &o, pod_gang(pod, 0, pod_n_ranks(pod)), &t)) {
        (void)fprintf(stderr, "%s\n", t.text);
        return 1;
    }
    pod_stop(pod);
    return 0;
}
