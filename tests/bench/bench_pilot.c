// SPDX-License-Identifier: MIT
// bench_pilot.c - the policy network's decisions next to our own matrix product.
//
//   bench_pilot SCENARIO_FILE [SHAPE [REPEATS]]
//
// 64 days side by side, one look for all of them, as a rollout does it: what the network
// multiplies and adds in a second of CPU time, next to dense_product alone on the same
// matrices, and on a large one (the machine's rate for this chain).  Counted is what was
// multiplied: of the series encoder, which is asked only for what a pilot does not
// remember, that share.  Norms, curves, softmax and distances count for nothing.  Also one
// day alone.  Alternating, medians.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/arena.h"
#include "common/mem.h"
#include "worker/fleet/pilot.h"
#include "worker/fleet/sights.h"
#include "worker/tensor/dense.h"
#include "worker/tensor/kernels.h"

enum { DAYS = 64, SHAPES_MAX = 64, REPEATS_MAX = 64, LOOKS = 8, LARGE = 256 };

static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// ---- what there is to multiply -----------------------------------------------------------

struct matrices {
    const struct world *w;
    uint32_t n;
    struct matrix {
        size_t m, n, k;
        bool series;
    } of[SHAPES_MAX];
    double macs;   // of a look, with what is no dense_product of weights
    double series; // the same of the series encoder, were all vertiports new to it
};

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static void note(void *ctx, const char *name, size_t rows, size_t cols, size_t at)
{
    struct matrices *x = ctx;
    size_t ports = DAYS * x->w->n_ports, m = DAYS;
    (void)at;
    if (rows < 2 || strcmp(name, "series.position") == 0)
        return;
    if (starts(name, "aircraft."))
        m = DAYS * x->w->n_aircraft;
    else if (starts(name, "series.") && !starts(name, "series.out"))
        m = ports * OBSERVE_HOURS;
    else if (starts(name, "ports.") || starts(name, "pairs") || starts(name, "glimpse.key")
             || starts(name, "glimpse.value") || starts(name, "logit.key")
             || starts(name, "series.out"))
        m = ports;
    const bool series = starts(name, "series.");
    x->of[x->n++] = (struct matrix){m, cols, rows, series};
    *(series ? &x->series : &x->macs) += (double)(m * rows * cols);
}

// Powers of both Laplacians, attention's scores and mixtures, logits.
static void others(struct matrices *x, const struct captain_shape *s)
{
    double v = x->w->n_ports, n = x->w->n_aircraft, hours = OBSERVE_HOURS;
    double powers = (v * v + n * n) * s->width * CAPTAIN_ORDER * s->moments;
    x->macs += DAYS * (powers + v * s->width * 3);
    x->series += DAYS * v * hours * hours * s->series_width * 2 * s->layers;
}

// ---- what is measured --------------------------------------------------------------------

// Room that grows and stays.
static float *numbers(int which, size_t n)
{
    static float *x[3];
    static size_t room[3];
    if (room[which] < n) {
        x[which] = mem_realloc(x[which], n * sizeof **x);
        room[which] = n;
        for (size_t i = 0; i < n; i++)
            x[which][i] = (float)(i % 31) * 0.03125F - 0.5F;
    }
    return x[which];
}

static double product_s(size_t m, size_t n, size_t k, int times)
{
    float *a = numbers(0, m * k), *b = numbers(1, k * n), *c = numbers(2, m * n);
    struct dense_product p = {
        .a = a, .ai = k, .ap = 1, .b = b, .bp = n, .c = c, .ci = n, .m = m, .n = n, .k = k};
    dense_product(&p);
    double start = cpu_s();
    for (int i = 0; i < times; i++)
        dense_product(&p);
    double s = (cpu_s() - start) / times;
    return s;
}

// With the share of the series that goes through its encoder.  What they multiply: `macs`.
static double alone_s(const struct matrices *x, double share, double *macs)
{
    double s = 0;
    *macs = 0;
    for (uint32_t i = 0; i < x->n; i++) {
        const struct matrix *m = &x->of[i];
        const double of = m->series ? share : 1;
        s += of * product_s(m->m, m->n, m->k, 4);
        *macs += of * (double)(m->m * m->n * m->k);
    }
    return s;
}

struct flight {
    const struct world *world;
    struct pilot *pilot;
    struct day *days[DAYS];
};

// Days that have ended begin again, so that there are always 64 decisions.
static void next(struct flight *f, const struct pilot_view *v)
{
    static uint32_t episode = 1000;
    for (uint32_t i = 0; i < DAYS; i++) {
        if (v && day_act(f->days[i], pilot_best(f->pilot, v, i)))
            abort(); // what is likeliest is feasible
        while (!day_next(f->days[i]))
            day_reset(f->days[i], 1, episode++);
    }
}

struct looks {
    double look, simulated; // seconds of one
    double encoded;         // share of the vertiports whose series were encoded
};

// `at_once` days in a look.
static struct looks looks(struct flight *f, uint32_t at_once)
{
    struct looks l = {0};
    const uint64_t before = pilot_encoded(f->pilot);
    for (int i = 0; i < LOOKS; i++) {
        double start = cpu_s();
        struct pilot_view v = {0};
        for (uint32_t k = 0; k < DAYS; k += at_once)
            v = pilot_look(f->pilot, f->days + k, at_once);
        double seen = cpu_s();
        if (at_once == DAYS)
            next(f, &v);
        l.look += seen - start;
        l.simulated += cpu_s() - seen;
    }
    l.look /= LOOKS;
    l.simulated /= LOOKS;
    l.encoded = (double)(pilot_encoded(f->pilot) - before) / (LOOKS * DAYS * f->world->n_ports);
    return l;
}

static double observe_s(const struct world *w, struct flight *f)
{
    static struct sights sights;
    static struct observer *observer;
    if (!observer) {
        observer = observe_create(w);
        sights_init(&sights, w, DAYS);
        sights_drop_series(&sights);
    }
    double start = cpu_s();
    for (int k = 0; k < LOOKS; k++)
        for (uint32_t i = 0; i < DAYS; i++)
            sights_take(&sights, i, observer, f->days[i]);
    return (cpu_s() - start) / LOOKS;
}

// ---- the table ---------------------------------------------------------------------------

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static double show(const char *what, const char *unit, double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    printf("%-44s %10.3f %s  [%.3f, %.3f]\n", what, x[n / 2], unit, x[0], x[n - 1]);
    return x[n / 2];
}

enum row { LOOK, ONE, OBSERVE, SIMULATE, ENCODED, NETWORK, ALONE, BEST, N_ROWS };
static double rows[N_ROWS][REPEATS_MAX];

static void repeat(const struct matrices *x, struct flight *f, int r)
{
    const struct looks l = looks(f, DAYS);
    const double observe = observe_s(x->w, f);
    double weights = 0, alone = alone_s(x, l.encoded, &weights);
    rows[LOOK][r] = l.look / DAYS * 1e6;
    rows[ONE][r] = looks(f, 1).look / DAYS * 1e6;
    rows[OBSERVE][r] = observe / DAYS * 1e6;
    rows[SIMULATE][r] = l.simulated / DAYS * 1e6;
    rows[ENCODED][r] = l.encoded * 100;
    rows[NETWORK][r] = (x->macs + l.encoded * x->series) / (l.look - observe) * 1e-9;
    rows[ALONE][r] = weights / alone * 1e-9;
    rows[BEST][r] = (double)LARGE * LARGE * LARGE / product_s(LARGE, LARGE, LARGE, 40) * 1e-9;
}

static bool open_world(const char *path, struct world **out)
{
    static struct scenario scenario;
    static char text[65536];
    struct errtext t = {{0}};
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        (void)fclose(file);
    if (n && !scenario_parse(text, n, path, arena_create(), &scenario, &t)
        && !world_create(&scenario, out, &t))
        return true;
    (void)fprintf(stderr, "bench_pilot: %s %s\n", path, t.text);
    return false;
}

int main(int argc, char **argv)
{
    const struct captain_shape *shape = captain_find(argc > 2 ? argv[2] : "captain-64");
    int n = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 7;
    struct matrices x = {0};
    struct flight f;
    struct world *w;
    struct errtext t = {{0}};

    if (kernels_choose(&t)) {
        (void)fprintf(stderr, "bench_pilot: %s\n", t.text);
        return 2;
    }
    if (argc < 2 || !shape || n < 1 || n > REPEATS_MAX || !open_world(argv[1], &w)) {
        (void)fprintf(stderr, "usage: bench_pilot SCENARIO_FILE [SHAPE [REPEATS up to %d]]\n",
                      REPEATS_MAX);
        return 2;
    }
    x.w = w;
    others(&x, shape);
    float *weights = mem_alloc(captain_walk(shape, note, &x) * sizeof *weights);
    captain_init(shape, 1, weights);
    f.world = w;
    f.pilot = pilot_create(w, shape, weights, DAYS);
    for (uint32_t i = 0; i < DAYS; i++) {
        f.days[i] = day_create(w);
        day_reset(f.days[i], 1, i);
    }
    next(&f, NULL);
    repeat(&x, &f, 0); // its memory is new
    for (int r = 0; r < n; r++)
        repeat(&x, &f, r);
    printf("%s, %d days side by side, %.2f million multiply-adds a decision and %.2f of the "
           "series; CPU time, median of %d [least, most]\n",
           shape->name, DAYS, x.macs / DAYS * 1e-6, x.series / DAYS * 1e-6, n);
    (void)show("a decision: observation and network", "us", rows[LOOK], n);
    (void)show("  one day in a look (known series)", "us", rows[ONE], n);
    (void)show("  the observation", "us", rows[OBSERVE], n);
    (void)show("the simulator between two", "us", rows[SIMULATE], n);
    (void)show("series that were encoded", "%", rows[ENCODED], n);
    double network = show("network: multiply-adds", "G/s", rows[NETWORK], n);
    double alone = show("dense_product, the same matrices", "G/s", rows[ALONE], n);
    double best = show("dense_product, 256 x 256 x 256", "G/s", rows[BEST], n);
    printf("network / the same matrices: %.3f\n", network / alone);
    printf("network / best: %.3f (0.5 wanted)\n", network / best);
    return 0;
}
