// SPDX-License-Identifier: MIT
// test_captain.c - the network on a day's observations: probabilities, the same bits in
// any batch, gradients beside finite differences.
#include <math.h>

#include "common/math.h"
#include "tests/unit/fleet_fixture.h"
#include "worker/fleet/captain.h"
#include "worker/fleet/neighbours.h"
#include "worker/tensor/dense.h"

enum { N = 6, V = 8, M = 40 };

static float ports[N][V * OBSERVE_PORT], aircraft[N][M * OBSERVE_AIRCRAFT];
static float series[N][V * OBSERVE_HOURS * OBSERVE_SERIES], pairs[N][V * OBSERVE_PAIR];
static uint8_t mask[N][V];
static uint32_t deciding[N];

static struct captain_batch batch(size_t first, size_t n)
{
    return (struct captain_batch){
        n,
        V,
        M,
        {ports[first], aircraft[first], series[first], pairs[first], mask[first]},
        deciding + first,
        NULL};
}

static void collect(void)
{
    struct fleet f;
    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam8x40"));
    struct observer *o = observe_create(f.world);
    day_reset(f.day, 1, 0);
    for (uint32_t i = 0; i < 50 * N; i++) {
        ck_assert(day_next(f.day));
        struct captain_batch b = batch(i / 50, 1);
        deciding[i / 50] = day_epoch(f.day)->aircraft;
        observe(o, f.day, &b.seen);
        ck_assert(day_act(f.day, day_feasible(f.day, i % day_epoch(f.day)->n_feasible)) == OK);
    }
    observe_destroy(o);
    fleet_stop(&f);
}

static double loss(const struct captain_view *v)
{
    double sum = 0;
    for (size_t i = 0; i < v->log_p->rows * V; i++)
        sum += (double)v->log_p->x[i] * (double)(i % 5);
    for (size_t i = 0; i < v->value->rows; i++)
        sum += (double)v->value->x[i];
    return sum;
}

START_TEST(gradients_and_bits)
{
    const struct captain_shape *s = captain_find(_i ? "captain-128" : "captain-64");
    size_t n = captain_walk(s, NULL, NULL);
    float *w = mem_alloc(n * sizeof *w), *g = mem_alloc(n * sizeof *g);
    struct arena *a = arena_create(), *b = arena_create();
    struct captain_batch all = batch(0, N);
    collect();
    captain_init(s, 9, w);
    struct tape *t = tape_begin(a);
    struct captain_view v = captain_look(s, t, a, w, g, &all);
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        struct captain_batch one = batch(i, 1);
        arena_reset(b);
        struct captain_view alone = captain_look(s, tape_begin_plain(b), b, w, NULL, &one);
        ck_assert(equal_bytes(alone.log_p->x, v.log_p->x + i * V, V * sizeof(float)));
        ck_assert(equal_bytes(alone.value->x, v.value->x + i, sizeof(float)));
        for (size_t j = 0; j < V; j++)
            sum += mask[i][j] ? math_exp((double)v.log_p->x[i * V + j]) : 0;
        ck_assert(fabs(sum - 1) < 1e-5);
    }
    for (size_t i = 0; i < N * V; i++)
        v.log_p->g[i] = (float)(i % 5);
    for (size_t i = 0; i < N; i++)
        v.value->g[i] = 1;
    tape_back(t);
    double worst = 0;
    for (size_t i = 0; i < n; i += n / 211) {
        const float was = w[i], h = 0x1p-11F;
        double side[2];
        for (int k = 0; k < 2; k++) {
            w[i] = k ? was + h : was - h;
            arena_reset(b);
            struct captain_view moved = captain_look(s, tape_begin(b), b, w, g, &all);
            side[k] = loss(&moved);
        }
        w[i] = was;
        double slope = (side[1] - side[0]) / (2 * (double)h), got = (double)g[i];
        worst = fmax(worst, fabs(slope - got) / (1 + fabs(got)));
    }
    ck_assert_msg(worst < 0.05, "%s: %zu floats, %g away", s->name, n, worst);
    mem_free(w);
    mem_free(g);
    arena_destroy(a);
    arena_destroy(b);
}
END_TEST

// By the definition: how many of row u lie before column v.
static size_t rank_of(const float *row, size_t u, size_t v, size_t n)
{
    size_t before = 0;
    for (size_t k = 0; k < n; k++)
        before += k != u && k != v && (row[k] < row[v] || (row[k] == row[v] && k < v));
    return before;
}

START_TEST(a_large_fleet_keeps_its_sixteen_nearest_neighbours)
{
    enum { FLEET = NEIGHBOURS_ABOVE + 1, FEATURES = 2 };
    static float x[FLEET * FEATURES], l[FLEET * FLEET], thin[FLEET * FLEET];
    for (size_t i = 0; i < FLEET * FEATURES; i++)
        x[i] = (float)(i * 7919 % 64); // many are equal
    dense_laplacian(l, x, FLEET, FEATURES);
    memcpy(thin, l, sizeof l);
    neighbours_keep(thin, FLEET);
    for (size_t u = 0; u < FLEET; u++) {
        float sum = 0;
        for (size_t v = 0; v < FLEET; v++) {
            bool keeps = rank_of(l + u * FLEET, u, v, FLEET) < NEIGHBOURS
                         || rank_of(l + v * FLEET, v, u, FLEET) < NEIGHBOURS;
            if (u == v)
                continue;
            ck_assert(thin[u * FLEET + v] == (keeps ? l[u * FLEET + v] : 0));
            sum += thin[u * FLEET + v];
        }
        ck_assert(thin[u * FLEET + u] == -sum);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("captain");
    TCase *c = tcase_create("network");
    tcase_add_loop_test(c, gradients_and_bits, 0, 2);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_large_fleet_keeps_its_sixteen_nearest_neighbours);
    suite_add_tcase(s, c);
    return harness_run(s);
}
