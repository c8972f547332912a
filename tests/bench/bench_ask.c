// SPDX-License-Identifier: MIT
// bench_ask.c - what an ask and a tell cost, behind a history of n trials.
//
//   bench_ask [ALGORITHM [N]]     one line of JSON an algorithm and n
//
// Five floats, one objective, one trial at a time.  CPU time of the thread, so
// that a busy machine shows little; the median of blocks of ten trials and the
// mean, since a mixture changes more in some of them.
#include <math.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "coordinator/search/algorithm.h"
#include "tests/bench/timing.h"

// A clock costs as much as a cheap ask: ten trials between two looks at it.
enum { TRIALS = 400, BLOCK = 10 };

static const char job[] =
    "space: {x: {type: sequence, length: 5, of: {type: float, low: -5, high: "
    "5}}}\nobjectives: [{metric: y}]\nalgorithm: ";

// Beside every row of the table.
static const char *const variants[] = {"{name: tpe, multivariate: true}", NULL};

static const uint32_t sizes[] = {100, 300, 1000, 10000, 100000};

struct bench {
    struct arena *arena;
    const struct space *space;
    struct objectives objectives;
    const struct algorithm *algorithm;
    double knobs[KNOBS_MAX];
    struct history history;
    void *state;
    struct point next;
};

static int64_t cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void open_bench(struct bench *b, const char *algorithm)
{
    struct errtext t;
    struct value v;

    *b = (struct bench){.arena = arena_create()};
    const char *text = arena_printf(b->arena, "%s%s", job, algorithm);
    enum error e = yaml_parse(text, strlen(text), "job", b->arena, &v, &t);
    struct spec s = spec_of(&v, "job", &t);
    if (!e)
        e = space_parse(&s, b->arena, &b->space);
    if (!e)
        e = objective_parse(&s, NULL, b->arena, &b->objectives);
    if (!e)
        e = algorithm_parse(&s, b->space, &b->algorithm, b->knobs);
    if (e) {
        fprintf(stderr, "%s\n", t.text);
        exit(1);
    }
    history_init(&b->history, b->space, &b->objectives, 1);
    b->state = b->algorithm->create(&b->history, b->knobs);
    b->next.genes = arena_alloc(b->arena, (b->space->n_genes_max + 1) * sizeof(struct gene));
}

static void close_bench(struct bench *b)
{
    b->algorithm->destroy(b->state);
    history_fini(&b->history);
    arena_destroy(b->arena);
}

static void tell(struct bench *b)
{
    struct history *h = &b->history;
    struct record *r = &h->records[h->n_told];
    double sum = 0;

    for (uint32_t i = 0; i < r->point.n; i++)
        sum += r->point.genes[i].x * r->point.genes[i].x;
    r->score = (struct score){.verdict = SCORE_FEASIBLE, .losses = {sum}};
    uint32_t record = history_tell(h);
    if (b->algorithm->tell)
        b->algorithm->tell(b->state, record);
}

// Trials that the algorithm did not ask for, for a start: by chance, closing in on
// the best place as a search does.
static void fill(struct bench *b, uint32_t n)
{
    struct gene genes[5];
    struct point p = {.genes = genes, .n = 5};

    for (uint32_t i = b->history.n_asked; i < n; i++) {
        struct rng r = rng_at(1, 1, 0, i);
        double wide = 5 / sqrt(1 + i / 50.0);
        for (uint32_t j = 0; j < 5; j++)
            genes[j] = (struct gene){.slot = j, .x = (2 * rng_f64(&r) - 1) * wide};
        (void)history_ask(&b->history, &p);
        tell(b);
    }
}

static void ask(struct bench *b)
{
    if (algorithm_ask(b->algorithm, b->state, &b->history, b->history.n_asked, &b->next))
        exit(1);
    (void)history_ask(&b->history, &b->next);
}

static void run(struct bench *b, const char *algorithm, uint32_t n)
{
    uint32_t *took = timing_alloc(TRIALS), n_blocks = (n > 10000 ? 20 : TRIALS) / BLOCK;
    double sum = 0;

    fill(b, n);
    ask(b); // brings the state up to date
    tell(b);
    for (uint32_t i = 0; i < n_blocks; i++) {
        int64_t start = cpu_now();
        for (uint32_t j = 0; j < BLOCK; j++) {
            ask(b);
            tell(b);
        }
        took[i] = (uint32_t)((cpu_now() - start) / BLOCK);
        sum += took[i];
    }
    timing_sort(took, n_blocks);
    printf(
        "{\"algorithm\": \"%s\", \"n\": %u, \"p50_us\": %.2f, \"mean_us\": %.2f, \"p99_us\": "
        "%.2f}\n",
        algorithm, n, timing_us(took, n_blocks, 50), sum / n_blocks / 1e3,
        timing_us(took, n_blocks, 99));
    fflush(stdout);
    free(took);
}

static void run_sizes(const char *algorithm, int argc, char **argv)
{
    struct bench b;

    if (argc > 1 && strcmp(algorithm, argv[1]) != 0)
        return;
    open_bench(&b, algorithm);
    for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
        if (argc < 3 || strtoul(argv[2], NULL, 10) == sizes[j])
            run(&b, algorithm, sizes[j]);
    close_bench(&b);
}

int main(int argc, char **argv)
{
    for (int i = 0; algorithms[i]; i++)
        run_sizes(algorithms[i]->name, argc, argv);
    for (int i = 0; variants[i]; i++)
        run_sizes(variants[i], argc, argv);
    return 0;
}
