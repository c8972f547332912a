// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "common/rng.h"
#include "worker/fleet/ppo_blob.h"
#include "worker/group.h"
#include "worker/group_ops.h"
#include "worker/tensor/dense.h"
#include "worker/tensor/kernels.h"

// Decisions on a tape at once: what keeps its variables in a core's cache.  Sums over a
// part are chains over its tapes, so this number is in the bits.
enum { MICRO = 16 };
enum { STREAM_SHUFFLE = 15 };
// Behind a part's gradient.
enum { STAT_ENTROPY, STAT_KL, STAT_CLIPPED, STAT_VALUE, N_STATS };

struct learner {
    const struct ppo *p;
    struct ppo_model *m;
    struct ppo_round *round;
    struct run *run;
    struct sights micro;
    struct arena *arena;
    uint32_t *order; // [round->n]
    float *parts;    // of this rank
    float *sum;
    double rate, stats[N_STATS], norm;
    double spread; // of a lesson's worths
    uint64_t batches;
};

struct batch {
    size_t first, n;     // of the order
    double mean, per_sd; // of its advantages
};

// ---- a tape ------------------------------------------------------------------------------

// Gradients of decision k's loss with regard to log p and value, in row i.
static void judge_one(const struct learner *l,
                      const struct batch *b,
                      const struct captain_view *v,
                      size_t i,
                      uint32_t k,
                      float *stats)
{
    const struct ppo *p = l->p;
    const struct ppo_step *s = &l->round->steps[k];
    const size_t n = l->micro.world->n_ports;
    const float *log_p = v->log_p->x + i * n;
    const uint8_t *mask = l->micro.seen.mask + i * n;
    float *g = v->log_p->g + i * n;
    const double per = 1 / (double)b->n;
    const double advantage = ((double)l->round->advantage[k] - b->mean) * b->per_sd;
    const double change = (double)log_p[s->action] - (double)s->log_p;
    const double ratio = math_exp(change);
    const bool clipped = advantage > 0 ? ratio > 1 + p->clip : ratio < 1 - p->clip;
    double entropy = 0;
    for (size_t j = 0; j < n; j++) {
        if (!mask[j])
            continue;
        double x = (double)log_p[j], q = math_exp(x);
        entropy -= q * x;
        if (!l->round->worth)
            g[j] += (float)(p->entropy * q * (x + 1) * per);
    }
    if (l->round->worth) {
        const struct ppo_lesson lesson = {n, mask, l->round->worth + k * n, l->spread,
                                          p->warmth};
        ppo_lesson_judge(&lesson, log_p, per, g);
    } else if (!clipped) {
        g[s->action] -= (float)(advantage * ratio * per);
    }
    const double miss = (double)v->value->x[i] - (double)l->round->target[k];
    v->value->g[i] += (float)(2 * p->value * miss * per);
    stats[STAT_ENTROPY] += (float)(entropy * per);
    stats[STAT_KL] += (float)((ratio - 1 - change) * per);
    stats[STAT_CLIPPED] += (float)((fabs(ratio - 1) > p->clip) * per);
    stats[STAT_VALUE] += (float)(miss * miss * per);
}

static void
add_part(struct learner *l, const struct batch *b, size_t first, size_t end, float *g)
{
    const size_t n = l->m->n;
    memset(g, 0, (n + N_STATS) * sizeof *g);
    for (size_t at = first; at < end; at += MICRO) {
        const size_t rows = end - at < MICRO ? end - at : MICRO;
        const uint32_t *which = l->order + b->first + at;
        for (size_t i = 0; i < rows; i++)
            sights_copy(&l->micro, i, &l->round->sights, which[i]);
        const struct captain_batch seen = sights_batch(&l->micro, 0, rows);
        arena_reset(l->arena);
        struct tape *t = tape_begin(l->arena);
        const struct captain_view v = captain_look(l->p->shape, t, l->arena, l->m->w, g, &seen);
        for (size_t i = 0; i < rows; i++)
            judge_one(l, b, &v, i, which[i], g + n);
        tape_back(t);
        run_progress(l->run);
    }
}

// ---- a step ------------------------------------------------------------------------------

static void step(struct learner *l)
{
    struct ppo_model *m = l->m;
    const float beta1 = 0.9F, beta2 = 0.999F;
    double squares = 0;
    for (size_t i = 0; i < m->n; i++)
        squares += (double)l->sum[i] * (double)l->sum[i];
    const double norm = math_sqrt(squares);
    m->steps++;
    const double left1 = 1 - math_pow(0.9, (double)m->steps);
    const double left2 = 1 - math_pow(0.999, (double)m->steps);
    const struct dense_adam a = {
        .w = m->w,
        .m = m->m,
        .v = m->v,
        .g = l->sum,
        .n = m->n,
        .step = (float)(l->rate / left1),
        .shrink = norm > l->p->max_norm ? (float)(l->p->max_norm / norm) : 1,
        .beta1 = beta1,
        .beta2 = beta2,
        .scale2 = (float)(1 / left2),
        .epsilon = 1e-5F,
    };
    dense_adam(&a);
    l->norm += norm;
    for (int i = 0; i < N_STATS; i++)
        l->stats[i] += (double)l->sum[m->n + (size_t)i];
    l->batches++;
}

static void learn_batch(struct learner *l, struct batch *b)
{
    struct group *g = l->run->group;
    const uint32_t parts = l->p->parts, rank = group_rank(g), size = group_size(g);
    const uint32_t first = group_first_part(rank, size, parts);
    const uint32_t end = group_first_part(rank + 1, size, parts);
    const size_t width = l->m->n + N_STATS;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < b->n; i++)
        sum += (double)l->round->advantage[l->order[b->first + i]];
    b->mean = sum / (double)b->n;
    for (size_t i = 0; i < b->n; i++) {
        double x = (double)l->round->advantage[l->order[b->first + i]] - b->mean;
        squares += x * x;
    }
    b->per_sd = 1 / (math_sqrt(squares / (double)b->n) + 1e-8);
    for (uint32_t i = first; i < end; i++)
        add_part(l, b, b->n * i / parts, b->n * (i + 1) / parts,
                 l->parts + (i - first) * width);
    group_tree_sum(g, l->parts, parts, width, l->sum);
    step(l);
}

// Fisher and Yates.
static void shuffle(struct learner *l, uint64_t iteration, uint32_t epoch)
{
    struct rng r = rng_at(l->p->seed, epoch, STREAM_SHUFFLE, (uint32_t)iteration);
    const size_t n = l->round->n;
    for (size_t i = 0; i < n; i++)
        l->order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(&r, i);
        uint32_t x = l->order[j];
        l->order[j] = l->order[i - 1];
        l->order[i - 1] = x;
    }
}

static enum error learn(struct learner *l, uint64_t iteration, struct errtext *t)
{
    const size_t n = l->round->n;
    const size_t batches = n > l->p->minibatch ? n / l->p->minibatch : 1;
    for (uint32_t e = 0; e < l->p->epochs; e++) {
        shuffle(l, iteration, e);
        for (size_t i = 0; i < batches; i++) {
            const size_t first = n * i / batches;
            struct batch b = {.first = first, .n = n * (i + 1) / batches - first};
            if (run_cancelled(l->run)) // of all ranks at once
                return OK;
            learn_batch(l, &b);
            if (!isfinite(l->norm))
                return errtext_set(t, FAULT_JOB,
                                   "the gradient is no number any more: a lower rate?");
        }
    }
    return OK;
}

static double rate_of(const struct ppo *p, uint64_t iteration)
{
    if (!p->decay)
        return p->rate;
    return iteration < p->decay ? p->rate * (1 - (double)iteration / p->decay) : 0;
}

static void tell(const struct learner *l, double explained, struct ppo_report *out)
{
    const double per = l->batches ? 1 / (double)l->batches : 0;
    *out = (struct ppo_report){
        .profit = l->round->profit,
        .decisions = (double)l->round->n,
        .entropy = l->stats[STAT_ENTROPY] * per,
        .kl = l->stats[STAT_KL] * per,
        .clipped = l->stats[STAT_CLIPPED] * per,
        .value_loss = l->stats[STAT_VALUE] * per,
        .norm = l->norm * per,
        .explained = explained,
        .rate = l->rate,
    };
}

static enum error learn_round(const struct ppo *p,
                              const struct ppo_task *task,
                              struct ppo_model *m,
                              struct ppo_round *round,
                              struct ppo_report *report,
                              struct errtext *t)
{
    struct learner l = {
        .p = p, .m = m, .round = round, .run = task->run, .arena = arena_create()};
    const size_t width = m->n + N_STATS;
    const uint32_t size = group_size(l.run->group), rank = group_rank(l.run->group);
    const uint32_t mine =
        group_first_part(rank + 1, size, p->parts) - group_first_part(rank, size, p->parts);
    l.rate = rate_of(p, task->iteration);
    l.order = mem_alloc(round->n * sizeof *l.order);
    l.parts = mem_alloc((mine * width + 1) * sizeof *l.parts);
    l.sum = mem_alloc(width * sizeof *l.sum);
    sights_init(&l.micro, p->world, MICRO);
    const double explained = ppo_round_judge(p, m, round);
    l.spread = round->worth ? ppo_lesson_spread(round) : 0;
    enum error e = learn(&l, task->iteration, t);
    tell(&l, explained, report);
    sights_fini(&l.micro);
    mem_free(l.order);
    mem_free(l.parts);
    mem_free(l.sum);
    arena_destroy(l.arena);
    return e;
}

enum error ppo_update(const struct ppo *p,
                      const struct ppo_task *task,
                      struct buf *out,
                      struct ppo_report *report,
                      struct errtext *t)
{
    struct ppo_model m;
    struct ppo_round round;
    enum error e = ppo_model_read(&m, p->shape, p->seed, &task->checkpoint, t);
    if (e)
        return e;
    e = ppo_round_read(p, task, &round, t);
    if (!e) {
        e = learn_round(p, task, &m, &round, report, t);
        ppo_round_fini(&round);
    }
    if (!e)
        ppo_model_write(&m, out);
    ppo_model_fini(&m);
    return e;
}
