// SPDX-License-Identifier: MIT
// test_ppo.c - a round of learning in one process: replays that find the rollouts' own
// probabilities again, to the bit; advantages beside their definition; a checkpoint there
// and back; blobs that do not fit.
#include <math.h>

#include "tests/unit/fleet_fixture.h"
#include "tests/unit/run_stub.h"
#include "worker/fleet/ppo_blob.h"
#include "worker/group.h"

enum { PARTS = 2, DAYS = 2 };

static struct fleet fleet;
static struct ppo ppo;
static struct run run;
static struct buf blobs[PARTS];
static struct bin rollouts[PARTS];
static struct ppo_task task;

static void setup(void)
{
    struct errtext t = {{0}};
    ck_assert(fleet_open(&fleet, FLEET_GOLDEN, "uam3x5"));
    run = (struct run){.group = group_local_create(), .arena = arena_create()};
    ppo = (struct ppo){.world = fleet.world,
                       .shape = captain_find("captain-64"),
                       .seed = 5,
                       .days = DAYS,
                       .epochs = 1,
                       .minibatch = 100,
                       .parts = 3,
                       .lambda = 0.9,
                       .clip = 0.2,
                       .entropy = 0.01,
                       .value = 0.5,
                       .max_norm = 0.5};
    task = (struct ppo_task){.rollouts = rollouts, .n_rollouts = PARTS, .run = &run};
    for (uint32_t i = 0; i < PARTS; i++) {
        const struct ppo_part at = {0, i, PARTS};
        buf_init(&blobs[i], 1 << 20);
        ck_assert_msg(!ppo_rollout(&ppo, &at, &task.checkpoint, &run, &blobs[i], &t), "%s",
                      t.text);
        rollouts[i] = (struct bin){blobs[i].bytes, (uint32_t)blobs[i].n};
    }
}

static void teardown(void)
{
    for (uint32_t i = 0; i < PARTS; i++)
        buf_fini(&blobs[i]);
    group_destroy(run.group);
    arena_destroy(run.arena);
    fleet_stop(&fleet);
}

static struct ppo_report update(struct buf *out)
{
    struct ppo_report r;
    struct errtext t = {{0}};
    buf_reset(out);
    ck_assert_msg(!ppo_update(&ppo, &task, out, &r, &t), "%s", t.text);
    return r;
}

START_TEST(replayed_to_the_bit)
{
    struct buf out;
    buf_init(&out, 1 << 24);
    struct ppo_report r = update(&out); // at rate 0 every ratio is 1
    ck_assert(r.kl == 0 && r.clipped == 0);
    ck_assert(r.entropy > 0.5 && r.entropy < log(3));
    ck_assert(r.decisions > 300 && r.profit > 0 && r.norm > 0);
    ppo.rate = 1e-3;
    ppo.epochs = 4;
    r = update(&out);
    ck_assert(r.kl > 0 && r.kl < 0.1);
    buf_fini(&out);
}
END_TEST

START_TEST(likelier_where_it_paid)
{
    struct buf out;
    struct errtext t = {{0}};
    struct ppo_model before, after;
    struct ppo_round d;
    double gain = 0;
    buf_init(&out, 1 << 24);
    ppo.rate = 1e-4;
    ppo.entropy = 0;
    ppo.value = 0;
    ck_assert(!ppo_round_read(&ppo, &task, &d, &t));
    ck_assert(!ppo_model_read(&before, ppo.shape, ppo.seed, &task.checkpoint, &t));
    (void)ppo_round_judge(&ppo, &before, &d);
    (void)update(&out);
    const struct bin made = {out.bytes, (uint32_t)out.n};
    ck_assert(!ppo_model_read(&after, ppo.shape, ppo.seed, &made, &t));
    struct arena *a = arena_create();
    double mean = 0;
    for (size_t k = 0; k < d.n; k++)
        mean += (double)d.advantage[k] / (double)d.n;
    for (size_t k = 0; k < d.n; k++) {
        const struct captain_batch one = sights_batch(&d.sights, k, 1);
        arena_reset(a);
        struct captain_view v =
            captain_look(ppo.shape, tape_begin_plain(a), a, after.w, NULL, &one);
        gain += ((double)d.advantage[k] - mean)
                * (double)(v.log_p->x[d.steps[k].action] - d.steps[k].log_p);
    }
    ck_assert_msg(gain > 0, "%g", gain);
    arena_destroy(a);
    ppo_model_fini(&before);
    ppo_model_fini(&after);
    ppo_round_fini(&d);
    buf_fini(&out);
}
END_TEST

// Equation 16 as a sum, of decision k of a day that ends at `end`.
static double
advantage_of(const struct ppo_model *m, const struct ppo_round *d, size_t k, size_t end)
{
    double sum = 0, weight = 1;
    for (size_t j = k; j < end; j++) {
        double v = (double)m->mean + (double)m->sd * (double)d->steps[j].value;
        double next = 0;
        if (j + 1 < end)
            next = (double)m->mean + (double)m->sd * (double)d->steps[j + 1].value;
        sum += weight * ((double)d->rewards[j] + next - v);
        weight *= ppo.lambda;
    }
    return sum;
}

START_TEST(advantages)
{
    struct errtext t = {{0}};
    struct ppo_model m;
    struct ppo_round d;
    ck_assert(!ppo_round_read(&ppo, &task, &d, &t));
    ck_assert(!ppo_model_read(&m, ppo.shape, ppo.seed, &task.checkpoint, &t));
    (void)ppo_round_judge(&ppo, &m, &d);
    ck_assert(m.sd > 0);
    double profit = 0;
    size_t first = 0;
    for (uint32_t i = 0; i < d.n_days; first += d.day_steps[i++])
        for (size_t k = first; k < first + d.day_steps[i]; k++) {
            double want = advantage_of(&m, &d, k, first + d.day_steps[i]);
            ck_assert(fabs(want - (double)d.advantage[k]) < 1e-5);
            profit += (double)d.rewards[k] * 500;
        }
    ck_assert(fabs(profit / d.n_days - d.profit) < 0.1);
    ppo_model_fini(&m);
    ppo_round_fini(&d);
}
END_TEST

START_TEST(there_and_back)
{
    struct buf out, again;
    struct errtext t = {{0}};
    struct ppo_model m;
    const struct captain_shape *shape = NULL;
    buf_init(&out, 1 << 24);
    buf_init(&again, 1 << 24);
    ppo.rate = 1e-3;
    (void)update(&out);
    const struct bin b = {out.bytes, (uint32_t)out.n};
    ck_assert(!ppo_model_shape(&b, &shape, &t) && shape == ppo.shape);
    ck_assert(!ppo_model_read(&m, shape, 0, &b, &t));
    ck_assert(m.steps > 0 && m.sd > 0);
    ppo_model_write(&m, &again);
    ck_assert(again.n == out.n && memcmp(again.bytes, out.bytes, out.n) == 0);
    ppo_model_fini(&m);
    ck_assert(ppo_model_read(&m, captain_find("captain-128"), 0, &b, &t) == FAULT_JOB);
    ck_assert_ptr_nonnull(strstr(t.text, "no tensor"));
    const struct bin cut = {out.bytes, b.n - 5};
    ck_assert(ppo_model_read(&m, shape, 0, &cut, &t) == FAULT_JOB);
    buf_fini(&out);
    buf_fini(&again);
}
END_TEST

START_TEST(blobs_that_do_not_fit)
{
    struct errtext t = {{0}};
    struct ppo_round d;
    struct ppo_step *s;
    rollouts[1].n -= 4;
    ck_assert(ppo_round_read(&ppo, &task, &d, &t) == FAULT_JOB);
    rollouts[1].n = 7;
    ck_assert(ppo_round_read(&ppo, &task, &d, &t) == FAULT_JOB);
    rollouts[1] = rollouts[0]; // of other days
    ck_assert(ppo_round_read(&ppo, &task, &d, &t) == FAULT_JOB);
    ck_assert_ptr_nonnull(strstr(t.text, "not what its steps say"));
    rollouts[1] = (struct bin){blobs[1].bytes, (uint32_t)blobs[1].n};
    s = (void *)(blobs[1].bytes + sizeof(struct ppo_head) + DAYS * sizeof(uint32_t));
    s->action = 1u << 30;
    ck_assert(ppo_round_read(&ppo, &task, &d, &t) == FAULT_JOB);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ppo");
    TCase *c = tcase_create("round");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, replayed_to_the_bit);
    tcase_add_test(c, likelier_where_it_paid);
    tcase_add_test(c, advantages);
    tcase_add_test(c, there_and_back);
    tcase_add_test(c, blobs_that_do_not_fit);
    tcase_set_timeout(c, 60);
    suite_add_tcase(s, c);
    return harness_run(s);
}
