// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "worker/fleet/ppo_blob.h"

#define REWARD_USD 500.0
#define UUSD       1e6

enum { SIGHTS_GIB_MAX = 2 }; // of observations on a rank

// ---- the blobs ---------------------------------------------------------------------------

// Counts the steps of a rollout; its text says what does not fit.
static enum error count(const struct ppo *p,
                        bool lesson,
                        const struct bin *b,
                        uint32_t *day_steps,
                        struct errtext *t)
{
    struct ppo_head head = {0};
    const size_t front = sizeof head + p->days * sizeof *day_steps;
    const uint32_t worths = lesson ? p->world->n_ports : 0;
    uint64_t n = 0;
    if (b->n >= front)
        memcpy(&head, b->p, sizeof head);
    if (head.magic != PPO_MAGIC || head.days != p->days || head.worths != worths)
        return errtext_set(t, FAULT_JOB, "a rollout is no blob of %u days and %u worths",
                           p->days, worths);
    memcpy(day_steps, b->p + sizeof head, front - sizeof head);
    for (uint32_t i = 0; i < p->days; i++)
        n += day_steps[i];
    const uint64_t size = front + n * (sizeof(struct ppo_step) + worths * sizeof(float));
    if (size != b->n)
        return errtext_set(t, FAULT_JOB,
                           "a rollout of %" PRIu64 " decisions has %u bytes, expected %" PRIu64,
                           n, b->n, size);
    return OK;
}

static void read_steps(const struct ppo *p, const struct bin *b, struct ppo_round *d)
{
    const size_t front = sizeof(struct ppo_head) + p->days * sizeof *d->day_steps;
    const size_t row = d->worth ? p->world->n_ports * sizeof *d->worth : 0;
    const size_t n = (b->n - front) / (sizeof *d->steps + row);
    if (n)
        memcpy(d->steps + d->n, b->p + front, n * sizeof *d->steps);
    if (n && row)
        memcpy(d->worth + d->n * p->world->n_ports, b->p + front + n * sizeof *d->steps,
               n * row);
    d->n += n;
}

// ---- the days again ----------------------------------------------------------------------

struct replay {
    const struct observer *observer;
    struct day *day;
    size_t at;
};

static enum error
replay_day(struct replay *y, struct ppo_round *d, uint32_t i, struct errtext *t)
{
    const size_t end = y->at + d->day_steps[i];
    int64_t before = 0;
    bool fits = true;
    size_t k = y->at;
    while (fits && day_next(y->day)) {
        int64_t now = day_profit(y->day);
        if (k > y->at)
            d->rewards[k - 1] = (float)((double)(now - before) / (UUSD * REWARD_USD));
        before = now;
        fits = k < end;
        if (!fits)
            break;
        sights_take(&d->sights, k, y->observer, y->day);
        fits = day_act(y->day, d->steps[k++].action) == OK;
    }
    if (!fits || k != end)
        return errtext_set(t, FAULT_JOB, "day %u of the rollouts is not what its steps say", i);
    if (k > y->at)
        d->rewards[k - 1] =
            (float)((double)(day_profit(y->day) - before) / (UUSD * REWARD_USD));
    d->profit += (double)day_profit(y->day) / UUSD / d->n_days;
    y->at = end;
    return OK;
}

static enum error
replay(const struct ppo *p, const struct ppo_task *task, struct ppo_round *d, struct errtext *t)
{
    struct observer *o = observe_create(p->world);
    struct replay y = {o, day_create(p->world), 0};
    enum error e = OK;
    day_set_hash(y.day, false);
    for (uint32_t i = 0; i < d->n_days && !e; i++) {
        uint32_t first = 0;
        const struct ppo_part at = {task->iteration, i / p->days, task->n_rollouts};
        e = ppo_first_episode(p, &at, &first, t);
        if (e)
            break;
        day_reset(y.day, p->seed, first + i % p->days);
        e = replay_day(&y, d, i, t);
        run_progress(task->run);
    }
    day_destroy(y.day);
    observe_destroy(o);
    return e;
}

// The decisions of all rollouts together.
static enum error count_all(const struct ppo *p,
                            const struct ppo_task *task,
                            struct ppo_round *d,
                            size_t *out,
                            struct errtext *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < task->n_rollouts; i++) {
        enum error e = count(p, task->iteration < p->lessons, &task->rollouts[i],
                             d->day_steps + (size_t)i * p->days, t);
        if (e)
            return e;
    }
    for (uint32_t i = 0; i < d->n_days; i++)
        n += d->day_steps[i];
    *out = n;
    if (!n)
        return errtext_set(t, FAULT_JOB, "a round has no decision");
    if (n * sights_bytes(p->world) >> 30 >= SIGHTS_GIB_MAX)
        return errtext_set(t, FAULT_JOB,
                           "a round's %zu decisions need more than %d GiB of observations: "
                           "fewer rollouts or days",
                           n, SIGHTS_GIB_MAX);
    return OK;
}

enum error ppo_round_read(const struct ppo *p,
                          const struct ppo_task *task,
                          struct ppo_round *out,
                          struct errtext *t)
{
    size_t n = 0;
    *out = (struct ppo_round){.n_days = task->n_rollouts * p->days};
    out->day_steps = mem_alloc((out->n_days + 1) * sizeof *out->day_steps);
    enum error e = count_all(p, task, out, &n, t);
    if (!e) {
        out->steps = mem_alloc(n * sizeof *out->steps);
        out->rewards = mem_alloc(n * sizeof *out->rewards);
        out->advantage = mem_alloc(n * sizeof *out->advantage);
        out->target = mem_alloc(n * sizeof *out->target);
        if (task->iteration < p->lessons)
            out->worth = mem_alloc(n * p->world->n_ports * sizeof *out->worth);
        sights_init(&out->sights, p->world, n);
        for (uint32_t i = 0; i < task->n_rollouts; i++)
            read_steps(p, &task->rollouts[i], out);
        e = replay(p, task, out, t);
    }
    if (e)
        ppo_round_fini(out);
    return e;
}

void ppo_round_fini(struct ppo_round *d)
{
    sights_fini(&d->sights);
    mem_free(d->steps);
    mem_free(d->worth);
    mem_free(d->rewards);
    mem_free(d->advantage);
    mem_free(d->target);
    mem_free(d->day_steps);
    *d = (struct ppo_round){0};
}

// ---- advantages --------------------------------------------------------------------------

struct moments {
    double mean, var;
};

static struct moments moments_of(const float *x, size_t n)
{
    struct moments m = {0};
    for (size_t i = 0; i < n; i++)
        m.mean += (double)x[i];
    m.mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        m.var += ((double)x[i] - m.mean) * ((double)x[i] - m.mean);
    m.var /= (double)n;
    return m;
}

// target[k] = what the day still brings from k on.
static void returns(struct ppo_round *d)
{
    size_t end = d->n;
    for (uint32_t i = d->n_days; i-- > 0;) {
        double sum = 0;
        for (uint32_t k = 0; k < d->day_steps[i]; k++) {
            end--;
            sum += (double)d->rewards[end];
            d->target[end] = (float)sum;
        }
    }
}

double ppo_round_judge(const struct ppo *p, struct ppo_model *m, struct ppo_round *d)
{
    returns(d);
    const struct moments all = moments_of(d->target, d->n);
    if (!(m->sd > 0)) {
        m->mean = (float)all.mean;
        m->sd = all.var > 1e-12 ? (float)math_sqrt(all.var) : 1;
    }
    float *miss = mem_alloc(d->n * sizeof *miss);
    size_t k = d->n;
    for (uint32_t i = d->n_days; i-- > 0;) {
        double next = 0, sum = 0;
        for (uint32_t j = 0; j < d->day_steps[i]; j++) {
            k--;
            double v = (double)m->mean + (double)m->sd * (double)d->steps[k].value;
            sum = (double)d->rewards[k] + next - v + p->lambda * sum;
            miss[k] = (float)((double)d->target[k] - v);
            d->advantage[k] = (float)sum;
            d->target[k] = (float)((v + sum - (double)m->mean) / (double)m->sd);
            next = v;
        }
    }
    const struct moments left = moments_of(miss, d->n);
    mem_free(miss);
    return all.var > 0 ? 1 - left.var / all.var : 0;
}
