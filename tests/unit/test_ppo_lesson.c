// SPDX-License-Identifier: MIT
// test_ppo_lesson.c - a lesson's loss beside finite differences of what it climbs; a round
// after which the policy expects more worth; blobs of lessons and others told apart.
#include <math.h>

#include "tests/unit/fleet_fixture.h"
#include "tests/unit/run_stub.h"
#include "worker/fleet/ppo_blob.h"
#include "worker/group.h"

enum { DAYS = 4 };

static struct fleet fleet;
static struct ppo ppo;
static struct run run;
static struct buf blob;
static struct bin rollout;
static struct ppo_task task;

static void setup(void)
{
    const struct ppo_part at = {0, 0, 1};
    struct errtext t = {{0}};
    ck_assert(fleet_open(&fleet, FLEET_GOLDEN, "uam3x5"));
    run = (struct run){.group = group_local_create(), .arena = arena_create()};
    ppo = (struct ppo){.world = fleet.world,
                       .shape = captain_find("captain-64"),
                       .seed = 5,
                       .days = DAYS,
                       .epochs = 8,
                       .minibatch = 100,
                       .parts = 3,
                       .rate = 1e-3,
                       .lambda = 0.95,
                       .clip = 0.2,
                       .value = 0.5,
                       .max_norm = 0.5,
                       .lessons = 1,
                       .ahead_ms = 90 * 60000,
                       .warmth = 5};
    task = (struct ppo_task){.rollouts = &rollout, .n_rollouts = 1, .run = &run};
    buf_init(&blob, 1 << 20);
    ck_assert_msg(!ppo_rollout(&ppo, &at, &task.checkpoint, &run, &blob, &t), "%s", t.text);
    rollout = (struct bin){blob.bytes, (uint32_t)blob.n};
}

static void teardown(void)
{
    buf_fini(&blob);
    group_destroy(run.group);
    arena_destroy(run.arena);
    fleet_stop(&fleet);
}

static double climbed(const struct ppo_lesson *l, const float *log_p, double mean)
{
    double sum = 0;
    for (size_t j = 0; j < l->n; j++)
        if (l->mask[j])
            sum += exp((double)log_p[j])
                   * ((double)l->worth[j] - mean - l->warmth * (double)log_p[j]) / l->spread;
    return sum;
}

START_TEST(gradients)
{
    const uint8_t mask[] = {1, 0, 1, 1};
    const float worth[] = {30, 900, -20, 5};
    const struct ppo_lesson l = {4, mask, worth, 25, 5};
    const float log_p[] = {-1.5F, 0, -0.75F, -1.2F};
    float g[4] = {0};
    ppo_lesson_judge(&l, log_p, 0.5, g);
    for (size_t j = 0; j < 4; j++) {
        float up[4], down[4];
        memcpy(up, log_p, sizeof up);
        memcpy(down, log_p, sizeof down);
        up[j] += 0x1p-8F;
        down[j] -= 0x1p-8F;
        double slope = (climbed(&l, up, 5) - climbed(&l, down, 5)) / 0x1p-7;
        ck_assert_msg(fabs(-0.5 * slope - (double)g[j]) < 1e-4, "%zu: %g, expected %g", j,
                      (double)g[j], -0.5 * slope);
    }
    ck_assert(g[1] == 0 && g[0] < 0 && g[2] > 0);
}
END_TEST

// What the policy of these weights expects of a round's decisions, about their means.
static double expected(const struct ppo_round *d, float *w)
{
    const size_t n = fleet.world->n_ports;
    struct arena *a = arena_create();
    double sum = 0;
    for (size_t k = 0; k < d->n; k++) {
        const struct captain_batch one = sights_batch(&d->sights, k, 1);
        double mean = 0, feasible = 0;
        arena_reset(a);
        struct captain_view v = captain_look(ppo.shape, tape_begin_plain(a), a, w, NULL, &one);
        for (size_t j = 0; j < n; j++)
            if (one.seen.mask[j]) {
                mean += (double)d->worth[k * n + j];
                feasible++;
            }
        for (size_t j = 0; j < n; j++)
            if (one.seen.mask[j])
                sum += exp((double)v.log_p->x[j])
                       * ((double)d->worth[k * n + j] - mean / feasible);
    }
    arena_destroy(a);
    return sum / (double)d->n;
}

START_TEST(the_policy_expects_more)
{
    struct errtext t = {{0}};
    struct ppo_round d;
    struct ppo_model before, after;
    struct ppo_report r;
    struct buf out;
    buf_init(&out, 1 << 24);
    ck_assert(!ppo_round_read(&ppo, &task, &d, &t));
    ck_assert(!ppo_model_read(&before, ppo.shape, ppo.seed, &task.checkpoint, &t));
    ck_assert_msg(!ppo_update(&ppo, &task, &out, &r, &t), "%s", t.text);
    const struct bin made = {out.bytes, (uint32_t)out.n};
    ck_assert(!ppo_model_read(&after, ppo.shape, ppo.seed, &made, &t));
    double was = expected(&d, before.w), is = expected(&d, after.w);
    ck_assert_msg(is > was + 0.1 * ppo_lesson_spread(&d), "%g dollars, before %g", is, was);
    ppo_model_fini(&before);
    ppo_model_fini(&after);
    ppo_round_fini(&d);
    buf_fini(&out);
}
END_TEST

START_TEST(other_blobs)
{
    struct errtext t = {{0}};
    struct ppo_round d;
    ppo.lessons = 0;
    ck_assert(ppo_round_read(&ppo, &task, &d, &t) == FAULT_JOB);
    ck_assert_ptr_nonnull(strstr(t.text, "0 worths"));
    ppo.lessons = 1;
    rollout.n -= 4;
    ck_assert(ppo_round_read(&ppo, &task, &d, &t) == FAULT_JOB);
    task.iteration = 1; // no lesson any more
    ck_assert(ppo_round_read(&ppo, &task, &d, &t) == FAULT_JOB);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ppo_lesson");
    TCase *c = tcase_create("lesson");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, gradients);
    tcase_add_test(c, the_policy_expects_more);
    tcase_add_test(c, other_blobs);
    tcase_set_timeout(c, 60);
    suite_add_tcase(s, c);
    return harness_run(s);
}
