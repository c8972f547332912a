// SPDX-License-Identifier: MIT
// abc_process.h - recipes judged by one berkeley-abc process that stays, with a
// memory of every circuit it has passed through.
//
// `strash` follows every pass, so a circuit on its way is its graph alone: the
// same graph and the same pass give the same graph, however it came about (the
// fixtures' README measured it).  Graphs are told apart by the body of their
// AIGER file; the comment behind it holds a date.
//
// With SHOAL_ABC_CACHE the memory outlives the process in that folder; several
// may use it at once.
//
// Ownership  The handle's.
// Threads    Single.

#ifndef TESTS_BENCH_ABC_PROCESS_H
#define TESTS_BENCH_ABC_PROCESS_H

#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/map.h"
#include "common/mem.h"
#include "tests/bench/lab.h"

enum { ABC_RECIPE_MAX = 64, ABC_FILE_MAX = 1 << 20 };

struct abc {
    pid_t pid;
    FILE *in, *out;    // of the process
    FILE *known;       // "pass FROM PASS TO" and "value GRAPH AREA DELAY" lines, appended to
    char folder[300];  // GRAPH.aig
    char circuit[300]; // the file of the untouched graph
    uint64_t root;
    struct map next;   // abc_key of a graph and a pass -> graph
    struct map value;  // graph -> bits of the product
    uint64_t n_passes; // run by the process, not remembered
    // of the recipes since abc_begin
    double best;
    char winner[ABC_RECIPE_MAX];
};

static const char *const abc_passes[] = {"refactor", "refactor -z", "rewrite", "rewrite -z",
                                         "resub",    "resub -z",    "balance"};

static inline uint64_t abc_key(uint64_t graph, int pass)
{
    return hash_mix64(graph ^ hash_mix64((uint64_t)pass + 1));
}

static inline void abc_set_value(struct abc *a, uint64_t graph, double y)
{
    uint64_t bits;
    memcpy(&bits, &y, sizeof bits);
    map_set(&a->value, graph, bits);
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

// Where the AIGER file's comment begins: behind the header "aig M I L O A", a line
// an output and two numbers an AND gate, whose bytes may look like anything.
static inline size_t abc_body(const uint8_t *b, size_t n)
{
    uint64_t header[5] = {0};
    char *next = (char *)b + 3;
    size_t at = 0;

    for (int i = 0; i < 5; i++)
        header[i] = strtoull(next, &next, 10);
    if (memcmp(b, "aig", 3) != 0 || *next != '\n')
        lab_die("aiger", "no header");
    for (uint64_t lines = 0; at < n && lines < header[3] + 1; at++)
        lines += b[at] == '\n';
    for (uint64_t numbers = 0; at < n && numbers < 2 * header[4]; at++)
        numbers += b[at] < 0x80;
    return at;
}

static inline uint64_t abc_graph_of(const char *path)
{
    uint8_t *b = mem_alloc(ABC_FILE_MAX);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(b, 1, ABC_FILE_MAX - 1, f) : 0;

    if (!n)
        lab_die(path, "cannot be read");
    (void)fclose(f);
    uint64_t graph = hash_bytes(b, abc_body(b, n), 0);
    mem_free(b);
    return graph;
}

static inline void abc_read_known(struct abc *a)
{
    char line[200], *at;

    while (fgets(line, sizeof line, a->known)) {
        bool is_pass = strncmp(line, "pass ", 5) == 0;
        uint64_t graph = strtoull(line + (is_pass ? 5 : 6), &at, 16);
        if (is_pass) {
            int pass = (int)strtol(at, &at, 10);
            map_set(&a->next, abc_key(graph, pass), strtoull(at, NULL, 16));
        } else {
            double area = strtod(at, &at);
            abc_set_value(a, graph, area * strtod(at, NULL));
        }
    }
}

static inline struct abc *abc_start(const char *fixtures, const char *circuit)
{
    struct abc *a = mem_alloc(sizeof *a);
    const char *cache = getenv("SHOAL_ABC_CACHE");
    char temporary[] = "/tmp/shoal-abc-XXXXXX", known[340];

    (void)signal(SIGPIPE, SIG_IGN);
    map_init(&a->next);
    map_init(&a->value);
    cache = cache ? cache : mkdtemp(temporary);
    (void)snprintf(a->folder, sizeof a->folder, "%s/%s", cache ? cache : ".", circuit);
    (void)snprintf(a->circuit, sizeof a->circuit, "%s/%s.aig", fixtures, circuit);
    (void)mkdir(a->folder, 0700);
    (void)snprintf(known, sizeof known, "%s/known", a->folder);
    a->known = fopen(known, "a+");
    if (!a->known)
        lab_die(known, "cannot be opened");
    abc_read_known(a);
    a->root = abc_graph_of(a->circuit);
    abc_spawn(a);
    fprintf(a->in, "read_library %s/dse.genlib\n", fixtures);
    return a;
}

static inline void abc_stop(struct abc *a)
{
    fprintf(a->in, "quit\n");
    (void)fclose(a->in);
    (void)fclose(a->out);
    (void)waitpid(a->pid, NULL, 0);
    (void)fclose(a->known);
    map_fini(&a->next);
    map_fini(&a->value);
    mem_free(a);
}

static inline void abc_step_name(const struct abc *a, uint32_t i, char out[400])
{
    (void)snprintf(out, 400, "%s/step-%d-%u.aig", a->folder, (int)getpid(), i);
}

// Commands for what of the recipe is new behind the first `done` passes.
static inline void
abc_command(struct abc *a, const struct value *recipe, uint32_t done, uint64_t graph)
{
    char name[400];

    if (graph == a->root)
        fprintf(a->in, "read_aiger %s; strash\n", a->circuit);
    else
        fprintf(a->in, "read_aiger %s/%016" PRIx64 ".aig; strash\n", a->folder, graph);
    for (uint32_t i = done; i < recipe->n; i++) {
        abc_step_name(a, i, name);
        fprintf(a->in, "%s; strash; write_aiger %s\n", abc_passes[recipe->s[i] - '0'], name);
        a->n_passes++;
    }
    fprintf(a->in, "map; print_stats\n");
    fflush(a->in);
}

static inline uint64_t
abc_learn(struct abc *a, const struct value *recipe, uint32_t done, uint64_t graph)
{
    char step[400], kept[400];

    for (uint32_t i = done; i < recipe->n; i++) {
        int pass = recipe->s[i] - '0';
        abc_step_name(a, i, step);
        uint64_t to = abc_graph_of(step);
        (void)snprintf(kept, sizeof kept, "%s/%016" PRIx64 ".aig", a->folder, to);
        if (rename(step, kept))
            lab_die(kept, "cannot be written");
        map_set(&a->next, abc_key(graph, pass), to);
        fprintf(a->known, "pass %016" PRIx64 " %d %016" PRIx64 "\n", graph, pass, to);
        graph = to;
    }
    return graph;
}

static inline bool abc_measure(struct abc *a, const struct value *recipe, double *y)
{
    uint64_t graph = a->root, bits;
    uint32_t done = 0;
    char line[4096];

    while (done < recipe->n
           && map_find(&a->next, abc_key(graph, recipe->s[done] - '0'), &graph))
        done++;
    if (done == recipe->n && map_find(&a->value, graph, &bits)) {
        memcpy(y, &bits, sizeof bits);
        return true;
    }
    abc_command(a, recipe, done, graph);
    while (fgets(line, sizeof line, a->out)) {
        const char *area = strstr(line, "area ="), *delay = strstr(line, "delay =");
        if (!area || !delay)
            continue;
        double x = strtod(area + 6, NULL), z = strtod(delay + 7, NULL);
        *y = x * z;
        graph = abc_learn(a, recipe, done, graph);
        abc_set_value(a, graph, *y);
        fprintf(a->known, "value %016" PRIx64 " %.17g %.17g\n", graph, x, z);
        fflush(a->known);
        return true;
    }
    lab_die("berkeley-abc", "ended");
    return false;
}

static inline void abc_begin(struct abc *a)
{
    a->best = INFINITY;
    a->winner[0] = 0;
}

static inline bool abc_evaluate(void *ctx, const struct value *params, double *y)
{
    struct abc *a = ctx;
    const struct value *recipe = value_find(params, "recipe");

    if (recipe->n >= ABC_RECIPE_MAX || !abc_measure(a, recipe, y))
        return false;
    if (*y < a->best) {
        a->best = *y;
        memcpy(a->winner, recipe->s, recipe->n);
        a->winner[recipe->n] = 0;
    }
    return true;
}

// Runs the recipe anew, nothing remembered, and maps it: whether the netlist has
// the product that was measured and the circuit's function.
static inline bool abc_proves(struct abc *a, const char *recipe, double measured)
{
    double y = NAN;
    char line[4096];

    fprintf(a->in, "read_aiger %s; strash\n", a->circuit);
    for (const char *at = recipe; *at; at++)
        fprintf(a->in, "%s; strash\n", abc_passes[*at - '0']);
    fprintf(a->in, "map; print_stats; cec %s\n", a->circuit);
    fflush(a->in);
    while (fgets(line, sizeof line, a->out)) {
        const char *area = strstr(line, "area ="), *delay = strstr(line, "delay =");
        if (area && delay)
            y = strtod(area + 6, NULL) * strtod(delay + 7, NULL);
        if (strstr(line, "Networks are equivalent"))
            return y == measured;
        if (strstr(line, "NOT EQUIVALENT") || strstr(line, "UNDECIDED")
            || strstr(line, "failed"))
            return false;
    }
    lab_die("berkeley-abc", "ended");
    return false;
}

#endif
