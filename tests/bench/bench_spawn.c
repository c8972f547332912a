// SPDX-License-Identifier: MIT
// bench_spawn.c - commands a second: our sandbox next to a bare posix_spawn.
//
//   bench_spawn [PAIRS] [COMMANDS_A_BLOCK]
//
// Blocks alternate, so that a change of the machine's speed meets both.  The
// ratio is the median over pairs; the target is 0.9.
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/sandbox.h"

enum { PAIRS_MAX = 100 };

static const char *const argv[] = {"/bin/true", NULL};

static double run_bare(int n)
{
    int64_t start = clock_now();
    for (int i = 0; i < n; i++) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, argv[0], NULL, NULL, (char **)argv, environ) != 0
            || waitpid(pid, &status, 0) != pid || status != 0)
            return 0;
    }
    return n * 1e9 / (double)(clock_now() - start);
}

static double run_ours(struct sandbox *s, struct arena *a, int n)
{
    struct sandbox_command c = {.argv = argv,
                                .timeout_ms = 60000,
                                .output_max = 64 << 10,
                                .scratch_max = 1 << 30,
                                .processes_max = 512};
    int64_t start = clock_now();
    for (int i = 0; i < n; i++) {
        struct sandbox_result r;
        if (sandbox_run(s, &c, a, &r, NULL) || r.end != SANDBOX_EXITED || r.code != 0)
            return 0;
        sandbox_clean(s);
        arena_reset(a);
    }
    return n * 1e9 / (double)(clock_now() - start);
}

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

int main(int argc, char **args)
{
    int pairs = argc > 1 ? (int)strtol(args[1], NULL, 10) : 7;
    int n = argc > 2 ? (int)strtol(args[2], NULL, 10) : 200;
    double bare[PAIRS_MAX], ours[PAIRS_MAX], ratio[PAIRS_MAX];
    char root[] = "/tmp/bench-spawn-XXXXXX";
    struct errtext why;
    struct sandbox *s;

    if (pairs < 1 || pairs > PAIRS_MAX || n < 1 || !mkdtemp(root)) {
        fprintf(stderr, "usage: bench_spawn [PAIRS] [COMMANDS_A_BLOCK]\n");
        return 2;
    }
    int64_t start = clock_now();
    if (sandbox_open(root, &s, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    int64_t open_ns = clock_now() - start;
    struct arena *a = arena_create();
    bool failed = false;
    for (int i = 0; i < pairs; i++) {
        bare[i] = run_bare(n);
        ours[i] = run_ours(s, a, n);
        failed |= bare[i] <= 0 || ours[i] <= 0;
        ratio[i] = ours[i] / bare[i];
    }
    printf("open %.2f ms; %s\n", (double)open_ns / 1e6, sandbox_limits()[0]);
    printf("bare %.0f/s  sandbox %.0f/s", median(bare, pairs), median(ours, pairs));
    double middle = median(ratio, pairs);
    printf("  ratio %.3f (%.3f to %.3f, %d pairs)\n", middle, ratio[0], ratio[pairs - 1],
           pairs);
    arena_destroy(a);
    sandbox_close(s);
    rmdir(root);
    return failed;
}
