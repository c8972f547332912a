// SPDX-License-Identifier: MIT
// test_share_mpi.c - what a gang's ranks hold and do: a share each of the packed
// weights, and of the work also when one expert takes 30 % of the tokens.
//
// A plain program for mpirun -n 1, 2, 3, 4: returns 0 or 1.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/tools/model/hot.h"
#include "tests/tools/model/made.h"
#include "worker/experts/engine.h"
#include "worker/experts/placement.h"
#include "worker/pod.h"

enum { TOKENS = 512, STEPS = 4, SLACK_KB = 2 << 10 };

static int n_failed;

static void complain(const struct group *g, const char *what, double got, double want)
{
    n_failed++;
    (void)fprintf(stderr, "rank %u of %u: %s: %g, expected %g\n", group_rank(g), group_size(g),
                  what, got, want);
}

// 45 million weights; the file has no name once all have opened it.
static struct model *open_model(struct group *g, uint64_t *bytes)
{
    const char *dir = getenv("TMPDIR");
    char path[512] = "";
    struct errtext t = {""};
    if (group_rank(g) == 0) {
        (void)snprintf(path, sizeof path, "%s/share.XXXXXX", dir && *dir ? dir : "/tmp");
        struct made_shape s = made_default();
        s.n_layers = 4;
        s.width = 512;
        s.head = 64;
        s.n_experts = 24;
        s.ff = 256;
        int fd = mkstemp(path);
        FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
        if (!f || made_write(&s, f, &t) || fclose(f) != 0)
            path[0] = 0;
    }
    group_bcast(g, path, sizeof path, 0);
    struct gguf *file = NULL;
    struct model *m = NULL;
    bool ok = gguf_open(path, &file, &t) == OK && model_open(file, &m, &t) == OK;
    group_barrier(g);
    if (group_rank(g) == 0)
        (void)unlink(path);
    if (!ok) {
        (void)fprintf(stderr, "%s %s\n", path, t.text);
        exit(1);
    }
    *bytes = gguf_bytes(file);
    return m;
}

static long pss_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    while (f && kb < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, "Pss:", 4) == 0)
            kb = strtol(line + 4, NULL, 10);
    if (f)
        (void)fclose(f);
    return kb;
}

static void steps(struct engine *e, const struct model *m, uint32_t n)
{
    int32_t tokens[TOKENS];
    for (uint32_t i = 0; i < TOKENS; i++)
        tokens[i] = (int32_t)((i * 7919 + 13) % m->h.n_vocab);
    for (uint32_t k = 0; k < n; k++) {
        struct engine_run run = {engine_open(e), tokens, TOKENS, 0, NULL, NULL};
        if (engine_step(e, &run, 1))
            exit(1);
        engine_close(e, run.sequence);
    }
}

static struct engine *start(const struct model *m, struct group *g, struct engine_options o)
{
    struct errtext t = {""};
    struct engine *e;
    o.n_positions = TOKENS;
    if (engine_create(m, &o, g, &e, &t)) {
        (void)fprintf(stderr, "%s\n", t.text);
        exit(1);
    }
    return e;
}

// All are on one node: packed once, by whichever way.  Pss shares out what is shared.
static void try_memory(struct group *g, const struct model *m, uint64_t bytes, bool whole)
{
    long before = pss_kb();
    struct engine *e = start(m, g,
                             (struct engine_options){.numerics = ENGINE_FAST,
                                                     .experts = whole ? ENGINE_EXPERTS_WHOLE
                                                                      : ENGINE_EXPERTS_SLICED});
    int32_t token = 1;
    struct engine_run run = {engine_open(e), &token, 1, 0, NULL, NULL};
    if (engine_step(e, &run, 1))
        exit(1);
    group_barrier(g);
    long got = pss_kb() - before;
    double want = (double)bytes / 1024 / group_size(g) * 1.05 + SLACK_KB;
    group_barrier(g);
    if (before > 0 && (double)got > want)
        complain(g, whole ? "kB of memory, whole" : "kB of memory, sliced", (double)got, want);
    if (getenv("SHOAL_TEST_TELL"))
        printf("rank %u of %u: %ld kB of %llu\n", group_rank(g), group_size(g), got,
               (unsigned long long)bytes / 1024);
    engine_destroy(e);
}

// The ranks' pairs, mean over most.
static double balance(struct group *g, const struct model *m, const char *rule)
{
    struct engine *e = start(m, g,
                             (struct engine_options){.numerics = ENGINE_FAST,
                                                     .experts = ENGINE_EXPERTS_WHOLE,
                                                     .placement = rule,
                                                     .n_spare = ENGINE_SPARE});
    steps(e, m, STEPS);
    struct engine_stats s;
    engine_stats(e, &s);
    uint64_t hot = 0, sum = 0, *all = mem_alloc(group_size(g) * sizeof *all);
    double *load = mem_alloc(group_size(g) * sizeof *load);
    for (uint32_t i = 0; i < m->h.n_layers * m->h.n_experts; i++) {
        hot += i % m->h.n_experts ? 0 : s.load[i];
        sum += s.load[i];
    }
    if (hot * 10 < sum * 3)
        complain(g, "the hot expert's share", (double)hot / (double)sum, 0.3);
    group_allgather(g, &s.whole_pairs, sizeof *all, all);
    for (uint32_t r = 0; r < group_size(g); r++)
        load[r] = (double)all[r];
    double b = placement_balance(load, group_size(g));
    mem_free(load);
    mem_free(all);
    engine_destroy(e);
    return b;
}

static void try_hot(struct group *g, struct model *m)
{
    struct hot *hot = hot_create(m, 5);
    double plain = balance(g, m, "contiguous"), even = balance(g, m, "balanced");
    if (getenv("SHOAL_TEST_TELL") && group_rank(g) == 0)
        printf("%u ranks: contiguous %.3f, balanced %.3f\n", group_size(g), plain, even);
    if (group_size(g) > 1 && plain > 0.85)
        complain(g, "contiguous is balanced without a reason", plain, 0.85);
    if (even < 0.95)
        complain(g, "balanced is not", even, 0.95);
    hot_destroy(hot);
}

int main(void)
{
    struct errtext t = {""};
    struct pod *pod;
    uint64_t bytes;
    if (pod_start(&pod, &t)) {
        (void)fprintf(stderr, "%s\n", t.text);
        return 1;
    }
    struct group *g = pod_gang(pod, 0, pod_n_ranks(pod));
    struct model *m = open_model(g, &bytes);
    try_memory(g, m, bytes, false);
    try_memory(g, m, bytes, true);
    try_hot(g, m);
    model_close(m);
    pod_stop(pod);
    return n_failed != 0;
}
