// SPDX-License-Identifier: MIT
// bench_fleet.c - days of a fleet next to a bare event queue, alternating in one run.
//
//   bench_fleet SCENARIO_DIR [REPEATS]
//   bench_fleet SCENARIO_DIR days COUNT POLICY
//
// Raw: the hold model on a binary heap of 40 pending events (pop the least, push it again
// later), the cost below which no event-driven simulator goes.  CPU time, medians and the
// spread (least and most) of the repeats.  Also: the tournament of queue.h, a binary heap
// and a calendar queue on the same hold model with 40 and 5,000 pending events.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "worker/fleet/day.h"
#include "worker/fleet/queue.h"

enum { REPEATS_MAX = 64, HOLDS = 4000000 };

static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

// Time from an event to the next of the same aircraft: 6 to 30 minutes.
static int64_t gap(uint64_t *s)
{
    return 360000 + (int64_t)((next_random(s) >> 32) * 1440000 >> 32);
}

// ---- hold models -----------------------------------------------------------------

static uint64_t hold_heap(uint32_t n)
{
    uint64_t *h = mem_alloc((n + 1) * sizeof *h);
    uint64_t s = 88172645463325252u, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        h[i] = queue_key(i * 1000, EVENT_LAND, i); // ascending: a heap
    for (int k = 0; k < HOLDS; k++) {
        uint64_t top = h[0];
        sum += top;
        uint64_t key = queue_key(queue_time(top) + gap(&s), EVENT_LAND, queue_aircraft(top));
        uint32_t i = 0;
        for (;;) {
            uint32_t c = 2 * i + 1;
            if (c >= n)
                break;
            c += c + 1 < n && h[c + 1] < h[c];
            if (h[c] >= key)
                break;
            h[i] = h[c];
            i = c;
        }
        h[i] = key;
    }
    mem_free(h);
    return sum;
}

static uint64_t hold_tournament(uint32_t n)
{
    struct queue q = {.n_leaves = queue_leaves(n)};
    q.node = mem_alloc(2 * (size_t)q.n_leaves * sizeof *q.node);
    queue_reset(&q);
    uint64_t s = 88172645463325252u, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        queue_set(&q, i, queue_key(i * 1000, EVENT_LAND, i));
    for (int k = 0; k < HOLDS; k++) {
        uint64_t top = queue_first(&q);
        sum += top;
        uint32_t a = queue_aircraft(top);
        queue_set(&q, a, queue_key(queue_time(top) + gap(&s), EVENT_LAND, a));
    }
    mem_free(q.node);
    return sum;
}

// Brown's calendar (1988), days of equal length and as many as events, sorted lists.
static uint64_t hold_calendar(uint32_t n)
{
    uint32_t days = 2;
    while (days < n)
        days *= 2;
    uint64_t width = 1080000 / n + 1;
    uint32_t *head = mem_alloc(days * sizeof *head), *next = mem_alloc(n * sizeof *next);
    uint64_t *key = mem_alloc(n * sizeof *key);
    memset(head, 0xff, days * sizeof *head);
    uint64_t s = 88172645463325252u, sum = 0, day = 0;
    for (int k = -(int)n; k < HOLDS; k++) {
        uint32_t a;
        if (k < 0) {
            a = (uint32_t)(k + (int)n);
            key[a] = queue_key(a * 1000, EVENT_LAND, a);
        } else {
            while (a = head[day & (days - 1)],
                   a == UINT32_MAX || (uint64_t)queue_time(key[a]) / width != day)
                day++;
            head[day & (days - 1)] = next[a];
            sum += key[a];
            key[a] = queue_key(queue_time(key[a]) + gap(&s), EVENT_LAND, a);
        }
        uint32_t *at = &head[(uint64_t)queue_time(key[a]) / width & (days - 1)];
        while (*at != UINT32_MAX && key[*at] < key[a])
            at = &next[*at];
        next[a] = *at;
        *at = a;
    }
    mem_free(head);
    mem_free(next);
    mem_free(key);
    return sum;
}

// ---- days ------------------------------------------------------------------------

struct fleet {
    struct arena *arena;
    struct scenario scenario;
    struct world *world;
    struct day *day;
};

static bool open_fleet(struct fleet *f, const char *dir, const char *name)
{
    char path[4096], text[65536];
    struct errtext t = {{0}};
    (void)snprintf(path, sizeof path, "%s/%s.json", dir, name);
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        (void)fclose(file);
    f->arena = arena_create();
    if (!n || scenario_parse(text, n, path, f->arena, &f->scenario, &t)
        || world_create(&f->scenario, &f->world, &t)) {
        (void)fprintf(stderr, "bench_fleet: %s %s\n", path, t.text);
        return false;
    }
    f->day = day_create(f->world);
    return true;
}

struct sample {
    double per_day, per_record, per_decision; // seconds
};

static struct sample run_days(struct fleet *f, const char *policy, bool hash, uint32_t n)
{
    const struct policy *p = policy_find(policy);
    int64_t records = 0, decisions = 0;
    double start = cpu_s();
    day_set_hash(f->day, hash);
    for (uint32_t e = 0; e < n; e++) {
        day_reset(f->day, 20240109, e);
        day_run(f->day, p, NULL);
        records += day_metrics(f->day)->events;
        decisions += day_metrics(f->day)->decisions;
    }
    double s = cpu_s() - start;
    return (struct sample){s / n, s / (double)records, s / (double)decisions};
}

// ---- the table -------------------------------------------------------------------

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static double show(const char *what, const char *unit, double *rate, int n)
{
    qsort(rate, (size_t)n, sizeof *rate, by_value);
    printf("%-44s %10.3f %s  [%.3f, %.3f]\n", what, rate[n / 2], unit, rate[0], rate[n - 1]);
    return rate[n / 2];
}

enum row {
    HEAP40,
    TREE40,
    CAL40,
    HEAP5K,
    TREE5K,
    CAL5K,
    RANDOM,
    RANDOM_DAYS,
    PLAIN,
    GREEDY,
    RATE,
    BIG,
    BIG_RATE,
    N_ROWS
};
static double rate[N_ROWS][REPEATS_MAX];
static volatile uint64_t sink;

static double holds_per_s(uint64_t (*hold)(uint32_t), uint32_t n)
{
    double start = cpu_s();
    sink += hold(n);
    return HOLDS / (cpu_s() - start) * 1e-6;
}

static void repeat(struct fleet *small, struct fleet *big, int r)
{
    rate[HEAP40][r] = holds_per_s(hold_heap, 40);
    struct sample s = run_days(small, "random", true, 3000);
    rate[RANDOM][r] = 1e-6 / s.per_record;
    rate[RANDOM_DAYS][r] = 1e-3 / s.per_day;
    rate[RATE][r] = 1e-6 / run_days(small, "greedy_rate", true, 3000).per_record;
    rate[GREEDY][r] = 1e-6 / run_days(small, "greedy", true, 3000).per_record;
    rate[PLAIN][r] = 1e-6 / run_days(small, "random", false, 3000).per_decision;
    rate[TREE40][r] = holds_per_s(hold_tournament, 40);
    rate[CAL40][r] = holds_per_s(hold_calendar, 40);
    rate[HEAP5K][r] = holds_per_s(hold_heap, 5000);
    rate[TREE5K][r] = holds_per_s(hold_tournament, 5000);
    rate[CAL5K][r] = holds_per_s(hold_calendar, 5000);
    rate[BIG][r] = 1 / run_days(big, "random", true, 10).per_day;
    rate[BIG_RATE][r] = 1 / run_days(big, "greedy_rate", true, 10).per_day;
}

// Days a second of CPU time, hashed, for a script that sets them beside something else.
static int only_days(const char *dir, const char *count, const char *policy)
{
    struct fleet f;
    long n = strtol(count, NULL, 10);
    if (n < 1 || n > 100000000 || !policy_find(policy) || !open_fleet(&f, dir, "uam8x40")) {
        (void)fprintf(stderr, "bench_fleet: days COUNT POLICY\n");
        return 2;
    }
    printf("%.1f\n", 1 / run_days(&f, policy, true, (uint32_t)n).per_day);
    return 0;
}

int main(int argc, char **argv)
{
    struct fleet small, big;
    if (argc == 5 && strcmp(argv[2], "days") == 0)
        return only_days(argv[1], argv[3], argv[4]);
    int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;

    if (argc < 2 || n < 1 || n > REPEATS_MAX || !open_fleet(&small, argv[1], "uam8x40")
        || !open_fleet(&big, argv[1], "uam200x5000")) {
        (void)fprintf(stderr, "usage: bench_fleet SCENARIO_DIR [REPEATS up to %d]\n",
                      REPEATS_MAX);
        return 2;
    }
    for (int r = 0; r < n; r++)
        repeat(&small, &big, r);
    printf("CPU time; median of %d alternating repeats [least, most]\n", n);
    double raw = show("hold model, binary heap, 40 pending", "M/s", rate[HEAP40], n);
    (void)show("  tournament", "M/s", rate[TREE40], n);
    (void)show("  calendar queue", "M/s", rate[CAL40], n);
    (void)show("hold model, binary heap, 5000 pending", "M/s", rate[HEAP5K], n);
    (void)show("  tournament", "M/s", rate[TREE5K], n);
    (void)show("  calendar queue", "M/s", rate[CAL5K], n);
    double random = show("uam8x40 random, hashed: records", "M/s", rate[RANDOM], n);
    (void)show("uam8x40 random, hashed: days", "k/s", rate[RANDOM_DAYS], n);
    (void)show("uam8x40 greedy, hashed: records", "M/s", rate[GREEDY], n);
    double by_rate = show("uam8x40 greedy_rate, hashed: records", "M/s", rate[RATE], n);
    (void)show("uam8x40 random, no hash: decisions", "M/s", rate[PLAIN], n);
    (void)show("uam200x5000 random, hashed: days", "1/s", rate[BIG], n);
    (void)show("uam200x5000 greedy_rate, hashed: days", "1/s", rate[BIG_RATE], n);
    printf("random / hold model: %.3f (0.6 wanted)\n", random / raw);
    printf("greedy_rate / random: %.3f (0.75 wanted)\n", by_rate / random);
    printf("bytes of a running day: %zu and %zu (65536 and 8388608 at most)\n",
           day_bytes(small.world), day_bytes(big.world));
    return 0;
}
