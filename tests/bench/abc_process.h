// SPDX-License-Identifier: MIT
// abc_process.h - recipes judged by one berkeley-abc process that stays, with a
// file of what is known already.
//
// `strash` follows every pass, so the value of a recipe does not depend on what
// the process did before (the fixtures' README measured it).
//
// Ownership  The handle's.
// Threads    Single.

#ifndef TESTS_BENCH_ABC_PROCESS_H
#define TESTS_BENCH_ABC_PROCESS_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/map.h"
#include "common/mem.h"
#include "tests/bench/lab.h"

struct abc {
    pid_t pid;
    FILE *in, *out; // of the process
    FILE *known;    // "recipe area delay" lines, appended to
    char start[512];  // the command that reads the circuit
    struct map cache; // hash of the recipe -> bits of the product
};

static inline uint64_t abc_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline void abc_spawn(struct abc *a)
{
    int in[2], out[2];

    if (pipe(in) || pipe(out))
        lab_die("pipe", "failed");
    a->pid = fork();
    if (a->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        for (int i = 3; i < 64; i++)
            close(i);
        execlp("stdbuf", "stdbuf", "-oL", "berkeley-abc", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    a->in = fdopen(in[1], "w");
    a->out = fdopen(out[0], "r");
    if (a->pid < 0 || !a->in || !a->out)
        lab_die("berkeley-abc", "cannot be started");
}

// Known values stand in $SHOAL_ABC_CACHE/CIRCUIT.known, or are forgotten.
static inline struct abc *abc_start(const char *fixtures, const char *circuit)
{
    struct abc *a = mem_alloc(sizeof *a);
    const char *folder = getenv("SHOAL_ABC_CACHE");
    char path[512], recipe[64];
    double area, delay;

    (void)signal(SIGPIPE, SIG_IGN);
    map_init(&a->cache);
    abc_spawn(a);
    fprintf(a->in, "read_library %s/dse.genlib\n", fixtures);
    (void)snprintf(a->start, sizeof a->start, "read_aiger %s/%s.aig; strash", fixtures, circuit);
    (void)snprintf(path, sizeof path, "%s/%s.known", folder ? folder : "", circuit);
    a->known = folder ? fopen(path, "a+") : NULL;
    while (a->known && fscanf(a->known, "%63s %lf %lf", recipe, &area, &delay) == 3)
        map_set(&a->cache, hash_bytes(recipe, strlen(recipe), 0), abc_bits(area * delay));
    return a;
}

static inline void abc_stop(struct abc *a)
{
    fprintf(a->in, "quit\n");
    (void)fclose(a->in);
    (void)fclose(a->out);
    (void)waitpid(a->pid, NULL, 0);
    if (a->known)
        (void)fclose(a->known);
    map_fini(&a->cache);
    mem_free(a);
}

static inline bool abc_evaluate(void *ctx, const struct value *params, double *y)
{
    static const char *const passes[] = {"refactor", "refactor -z", "rewrite", "rewrite -z",
                                         "resub",    "resub -z",    "balance"};
    struct abc *a = ctx;
    const struct value *recipe = value_find(params, "recipe");
    uint64_t key = hash_bytes(recipe->s, recipe->n, 0), bits;
    char line[4096];

    if (map_find(&a->cache, key, &bits)) {
        memcpy(y, &bits, sizeof bits);
        return true;
    }
    fprintf(a->in, "%s\n", a->start);
    for (uint32_t i = 0; i < recipe->n; i++)
        fprintf(a->in, "%s; strash\n", passes[recipe->s[i] - '0']);
    fprintf(a->in, "map; print_stats\n");
    fflush(a->in);
    while (fgets(line, sizeof line, a->out)) {
        const char *area = strstr(line, "area ="), *delay = strstr(line, "delay =");
        double x, z;
        if (!area || !delay || sscanf(area, "area =%lf", &x) != 1
            || sscanf(delay, "delay =%lf", &z) != 1)
            continue;
        *y = x * z;
        map_set(&a->cache, key, abc_bits(*y));
        if (a->known) {
            fprintf(a->known, "%s %.17g %.17g\n", recipe->s, x, z);
            fflush(a->known);
        }
        return true;
    }
    lab_die("berkeley-abc", "ended");
    return false;
}

#endif
