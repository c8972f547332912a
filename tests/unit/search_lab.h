// SPDX-License-Identifier: MIT
// search_lab.h - a job's text, an algorithm, its history: a search without a driver.
//
// Ownership  What is made lives in the lab's arena until lab_close.
// Threads    Single.

#ifndef TESTS_UNIT_SEARCH_LAB_H
#define TESTS_UNIT_SEARCH_LAB_H

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/yaml.h"
#include "coordinator/search/algorithm.h"
#include "tests/unit/harness.h"

enum { LAB_WINDOW = 16 }; // what the algorithm is told; tests ask at this or below

struct lab {
    struct arena *arena;
    struct errtext t;
    struct value text;
    const struct space *space;
    struct objectives objectives;
    const struct algorithm *algorithm;
    double knobs[KNOBS_MAX];
    struct history history;
    void *state;
    struct point next; // room for one
};

static inline struct point lab_point(const struct lab *l)
{
    size_t n = l->space->n_genes_max + 1;
    return (struct point){.genes = arena_alloc(l->arena, n * sizeof(struct gene))};
}

// `algorithm` is the value of the job's key, or NULL: the default.
static inline void
lab_open(struct lab *l, const char *space, const char *objectives, const char *algorithm)
{
    *l = (struct lab){.arena = arena_create()};
    const char *job = arena_printf(l->arena, "%s\nobjectives: %s\n%s%s", space,
                                   objectives ? objectives : "[{metric: y}]",
                                   algorithm ? "algorithm: " : "", algorithm ? algorithm : "");
    enum error e = yaml_parse(job, strlen(job), "job", l->arena, &l->text, &l->t);
    struct spec spec = spec_of(&l->text, "job", &l->t);
    if (!e)
        e = space_parse(&spec, l->arena, &l->space);
    if (!e)
        e = objective_parse(&spec, NULL, l->arena, &l->objectives);
    if (!e)
        e = algorithm_parse(&spec, l->space, &l->algorithm, l->knobs);
    ck_assert_msg(e == OK, "%s", l->t.text);
}

static inline void lab_start(struct lab *l, uint64_t seed)
{
    history_init(&l->history, l->space, &l->objectives, seed);
    l->history.window = LAB_WINDOW;
    l->state = l->algorithm->create(&l->history, l->knobs);
    l->next = lab_point(l);
}

static inline void lab_stop(struct lab *l)
{
    l->algorithm->destroy(l->state);
    history_fini(&l->history);
}

static inline void lab_close(struct lab *l)
{
    arena_destroy(l->arena);
}

// The next trial's point into l->next, not yet asked; false: exhausted.
static inline bool lab_peek(struct lab *l)
{
    struct history *h = &l->history;
    uint32_t trial = h->n_asked - h->n_warm;
    return algorithm_ask(l->algorithm, l->state, h, trial, &l->next) == OK;
}

static inline bool lab_ask(struct lab *l)
{
    if (!lab_peek(l))
        return false;
    (void)history_ask(&l->history, &l->next);
    return true;
}

// Tell the oldest pending one.
static inline void lab_tell(struct lab *l, struct score score)
{
    struct history *h = &l->history;
    h->records[h->n_told].score = score;
    uint32_t record = history_tell(h);
    if (l->algorithm->tell)
        l->algorithm->tell(l->state, record);
}

static inline struct score lab_loss(double loss)
{
    return (struct score){.verdict = SCORE_FEASIBLE, .losses = {loss}};
}

// A smooth loss of a point: every decision is best at 0.3 of its scale.
static inline double lab_bowl(const struct space *s, const struct point *p)
{
    double sum = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct slot *slot = &s->slots[p->genes[i].slot];
        double u = slot->kind == SLOT_CHOICE ? (double)p->genes[i].k / (double)slot->n
                                             : slot_unit(slot, p->genes[i]);
        sum += (u - 0.3) * (u - 0.3);
    }
    return p->n ? sum / p->n : 1;
}

#endif
