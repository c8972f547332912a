// SPDX-License-Identifier: MIT
// train_line.c - the smallest trainee: a linear model learns a hidden one from noisy
// samples, by gradient descent.  Every sample is fresh, so the loss is a test loss too.
//
//   x uniform in [-1, 1)^n, y = w . x + noise; loss = (m . x - y)^2 / 2, averaged;
//   m -= rate * gradient, a rollout being a logical part of the gradient's sum.
#include <string.h>

#include "worker/evaluate/train.h"
#include "worker/group_ops.h"
#include "worker/tensor/kernels.h"

enum { N_MAX = 4096, SAMPLES_MAX = 65536 };
// Streams of the generator.
enum { STREAM_HIDDEN = 1, STREAM_SAMPLE, STREAM_TEST };

static const struct param params[] = {
    {.name = "n",
     .type = PARAM_INT,
     .min = 1,
     .max = N_MAX,
     .fallback = "16",
     .help = "length of the vectors"},
    {.name = "samples",
     .type = PARAM_INT,
     .min = 1,
     .max = SAMPLES_MAX,
     .fallback = "64",
     .help = "samples of a rollout and of a test"},
    {.name = "rate",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 100,
     .fallback = "0.5",
     .help = "step along the gradient"},
    {.name = "noise",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 100,
     .fallback = "0.1",
     .help = "largest error of a sample"},
    {.name = NULL},
};

struct state {
    uint64_t seed;
    const char *scratch;
    uint32_t n, samples;
    float rate, noise;
    float *hidden; // [n]
};

// Uniform in [-1, 1), 24 bits: exact in a float.
static float uniform(struct rng *r)
{
    return (float)((int32_t)(rng_u32(r) >> 8) - (1 << 23)) * 0x1p-23f;
}

static enum error open_line(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->seed = job->seed;
    s->scratch = job->scratch;
    s->n = (uint32_t)evaluate_int(job->params, NULL, "n", 16);
    s->samples = (uint32_t)evaluate_int(job->params, NULL, "samples", 64);
    s->rate = (float)value_number(value_find(job->params, "rate"));
    s->noise = (float)value_number(value_find(job->params, "noise"));
    s->hidden = mem_alloc(s->n * sizeof *s->hidden);
    struct rng r = evaluate_rng(s->seed, 0, STREAM_HIDDEN, 0);
    for (uint32_t i = 0; i < s->n; i++)
        s->hidden[i] = uniform(&r);
    *out = s;
    return OK;
}

static void close_line(void *state)
{
    struct state *s = state;
    mem_free(s->hidden);
    mem_free(s);
}

// A sample: n numbers and what they give.
static void sample(const struct state *s, struct rng *r, float *x)
{
    for (uint32_t i = 0; i < s->n; i++)
        x[i] = uniform(r);
    x[s->n] = kernels_dot(s->hidden, x, s->n) + s->noise * uniform(r);
}

static enum error rollout(void *state, const struct train_call *c, struct errtext *t)
{
    const struct state *s = state;
    (void)t;
    float *x = arena_alloc(c->run->arena, (s->n + 1) * sizeof *x);
    struct rng r = evaluate_rng(s->seed, c->part, STREAM_SAMPLE, c->iteration);
    for (uint32_t i = 0; i < s->samples; i++) {
        sample(s, &r, x);
        buf_put(c->out, x, (s->n + 1) * sizeof *x);
    }
    return OK;
}

// The model of a checkpoint; zeros before the first.
static enum error
model_of(const struct state *s, const struct bin *b, float *m, struct errtext *t)
{
    memset(m, 0, s->n * sizeof *m);
    if (b->n && b->n != s->n * sizeof *m)
        return errtext_set(t, FAULT_JOB, "the checkpoint is no model of %u numbers", s->n);
    if (b->n)
        memcpy(m, b->p, b->n);
    return OK;
}

// gradient[n] and, behind it, twice the loss: sums over the samples at p.
static void
add_samples(const struct state *s, const float *m, const uint8_t *p, float *gradient)
{
    float x[N_MAX + 1];
    memset(gradient, 0, (s->n + 1) * sizeof *gradient);
    for (uint32_t i = 0; i < s->samples; i++) {
        memcpy(x, p + i * (s->n + 1) * sizeof *x, (s->n + 1) * sizeof *x);
        float error = kernels_dot(m, x, s->n) - x[s->n];
        kernels_axpy(gradient, error, x, s->n);
        gradient[s->n] += error * error;
    }
}

static enum error update(void *state, const struct train_call *c, struct errtext *t)
{
    const struct state *s = state;
    struct arena *a = c->run->arena;
    struct group *g = c->run->group;
    uint32_t parts = c->n_rollouts, rank = group_rank(g), size = group_size(g);
    uint32_t first = group_first_part(rank, size, parts);
    uint32_t mine = group_first_part(rank + 1, size, parts) - first;
    size_t n = s->n + 1, bytes = s->samples * n * sizeof(float);
    float *m = arena_alloc(a, s->n * sizeof *m), *sum = arena_alloc(a, n * sizeof *sum);
    float *in = arena_alloc(a, (mine * n + 1) * sizeof *in);
    enum error e = model_of(s, &c->checkpoint, m, t);
    for (uint32_t i = 0; i < parts && !e; i++)
        if (c->rollouts[i].n != bytes)
            e = errtext_set(t, FAULT_JOB, "rollout %u has %u bytes, expected %zu", i,
                            c->rollouts[i].n, bytes);
    if (e)
        return e;
    for (uint32_t i = 0; i < mine; i++)
        add_samples(s, m, c->rollouts[first + i].p, in + i * n);
    group_tree_sum(g, in, parts, n, sum);
    float count = (float)parts * (float)s->samples;
    kernels_axpy(m, -s->rate / count, sum, s->n);
    buf_put(c->out, m, s->n * sizeof *m);
    train_number(c, "loss", (double)(sum[s->n] / count / 2));
    return OK;
}

static enum error evaluate(void *state, const struct train_call *c, struct errtext *t)
{
    const struct state *s = state;
    struct arena *a = c->run->arena;
    float *m = arena_alloc(a, s->n * sizeof *m), *x = arena_alloc(a, (s->n + 1) * sizeof *x);
    struct rng r = evaluate_rng(c->seed, c->part, STREAM_TEST, 0);
    float sum = 0;
    enum error e = model_of(s, &c->checkpoint, m, t);
    for (uint32_t i = 0; i < s->samples && !e; i++) {
        sample(s, &r, x);
        float error = kernels_dot(m, x, s->n) - x[s->n];
        sum += error * error;
    }
    if (!e)
        train_number(c, "loss", (double)(sum / (float)s->samples / 2));
    return e;
}

static enum error run_line(void *state, struct run *r, struct errtext *t)
{
    static const struct trainee line = {rollout, update, evaluate};
    return train_run(&line, state, ((const struct state *)state)->scratch, r, t);
}

const struct workload workload_train_line = {
    .name = "train.line",
    .help = "Learns a hidden linear model from noisy samples (kind: train).",
    .params = params,
    .collective = true,
    .stall_ms = 60000,
    .open = open_line,
    .close = close_line,
    .run = run_line,
};
