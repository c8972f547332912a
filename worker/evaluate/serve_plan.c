// SPDX-License-Identifier: MIT
// serve_plan.c - one step, as rank 0 tells the others of its gang.
//
// A list of integers: how many sequences open, close or begin with another's pages, each
// as 0 (open), its number + 1 (close) or -1, its number, the other's and how many
// positions, in the order in which rank 0 did it, since the engine gives numbers by it;
// then how many runs, each as sequence, rows of logits, number of
// tokens, tokens; last, for how many milliseconds nobody need look again.
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/evaluate/serve_state.h"
#include "worker/experts/model.h"
#include "worker/group.h"

void serve_plan_reset(struct serve_plan *p)
{
    p->n = 1;
    p->n_runs = 0;
    if (p->cap)
        p->list[0] = 0;
}

void serve_plan_fini(struct serve_plan *p)
{
    mem_free(p->list);
    *p = (struct serve_plan){0};
}

static void room(struct serve_plan *p, uint32_t n)
{
    if (n <= p->cap)
        return;
    uint32_t cap = n * 2;
    p->list = mem_realloc(p->list, cap * sizeof *p->list);
    memset(p->list + p->cap, 0, (cap - p->cap) * sizeof *p->list);
    p->cap = cap;
}

static void put(struct serve_plan *p, int32_t x)
{
    room(p, p->n + 1);
    p->list[p->n++] = x;
}

static void put_change(struct serve_plan *p, int32_t x)
{
    put(p, x);
    p->list[0]++;
}

uint32_t serve_plan_open(struct server *s)
{
    put_change(&s->plan, 0);
    return engine_open(s->g->engine);
}

void serve_plan_close(struct server *s, uint32_t sequence)
{
    put_change(&s->plan, (int32_t)sequence + 1);
    engine_close(s->g->engine, sequence);
}

uint32_t serve_plan_reuse(struct server *s, uint32_t sequence, uint32_t from, uint32_t n)
{
    put_change(&s->plan, -1);
    put(&s->plan, (int32_t)sequence);
    put(&s->plan, (int32_t)from);
    put(&s->plan, (int32_t)n);
    return engine_reuse(s->g->engine, sequence, from, n);
}

static void write_runs(struct server *s)
{
    struct serve_plan *p = &s->plan;
    put(p, (int32_t)p->n_runs);
    for (uint32_t i = 0; i < p->n_runs; i++) {
        const struct engine_run *run = &p->runs[i];
        put(p, (int32_t)run->sequence);
        put(p, (int32_t)run->n_logits);
        put(p, (int32_t)run->n);
        for (uint32_t k = 0; k < run->n; k++)
            put(p, run->tokens[k]);
    }
    put(p, (int32_t)s->nap_ms);
}

// On the other ranks: the same engine, the same calls.
static void read_all(struct server *s)
{
    struct serve_plan *p = &s->plan;
    const int32_t *at = p->list;
    float *logits = s->g->logits;
    for (int32_t n = *at++; n > 0; n--, at++) {
        if (*at < 0) {
            (void)engine_reuse(s->g->engine, (uint32_t)at[1], (uint32_t)at[2], (uint32_t)at[3]);
            at += 3;
        } else if (*at)
            engine_close(s->g->engine, (uint32_t)(*at - 1));
        else
            (void)engine_open(s->g->engine);
    }
    p->n_runs = (uint32_t)*at++;
    for (uint32_t i = 0; i < p->n_runs; i++) {
        struct engine_run *run = &p->runs[i];
        *run = (struct engine_run){.sequence = (uint32_t)at[0],
                                   .n_logits = (uint32_t)at[1],
                                   .n = (uint32_t)at[2],
                                   .tokens = at + 3,
                                   .logits = logits};
        logits += (size_t)run->n_logits * s->g->model->h.n_vocab;
        at += 3 + run->n;
    }
    s->nap_ms = (uint32_t)*at;
}

enum error serve_plan_run(struct server *s, struct errtext *t)
{
    struct serve_plan *p = &s->plan;
    struct group *group = s->r->group;
    bool root = group_rank(group) == 0;
    if (root)
        write_runs(s);
    if (group_size(group) > 1) {
        group_bcast(group, &p->n, sizeof p->n, 0);
        room(p, p->n);
        group_bcast(group, p->list, p->n * sizeof *p->list, 0);
    }
    if (!root)
        read_all(s);
    if (p->n_runs && engine_step(s->g->engine, p->runs, p->n_runs))
        return errtext_set(t, FAULT_WORKER, "the engine has no pages left");
    // Rank 0 looks for requests meanwhile: to wait in the collective would cost a CPU.
    if (!root && s->nap_ms)
        clock_sleep(s->nap_ms * CLOCK_MS);
    return OK;
}
