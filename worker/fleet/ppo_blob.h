// SPDX-License-Identifier: MIT
// ppo_blob.h - for ppo_*.c: a rollout's blob, and a round's decisions replayed from it.
//
// Format     Little-endian words of 32 bits: a head, the decisions of each day, the days'
//            steps one behind the other, of a lesson also their destinations' worths.
// Threads    As ppo.h.

#ifndef WORKER_FLEET_PPO_BLOB_H
#define WORKER_FLEET_PPO_BLOB_H

#include "worker/fleet/ppo.h"
#include "worker/fleet/sights.h"

enum { PPO_MAGIC = 0x314f5050 }; // "PPO1"

struct ppo_head {
    uint32_t magic, days;
    uint32_t worths; // of a lesson: floats of worth a step, V; else 0
};
struct ppo_step {
    uint32_t action;
    float log_p, value;
};

// The first of a rollout's episodes.
MUST_CHECK enum error ppo_first_episode(const struct ppo *p,
                                        const struct ppo_part *at,
                                        uint32_t *out,
                                        struct errtext *t);

// All decisions of a round, day by day.
struct ppo_round {
    size_t n;
    uint32_t n_days;
    struct sights sights;
    struct ppo_step *steps;    // [n]
    float *rewards;            // [n], in units of 500 dollars
    uint32_t *day_steps;       // [n_days]
    float *advantage, *target; // [n], after ppo_round_judge
    float *worth;              // [n][V] dollars, of a lesson (NULL: none)
    double profit;             // mean of the days, dollars
};
MUST_CHECK enum error ppo_round_read(const struct ppo *p,
                                     const struct ppo_task *task,
                                     struct ppo_round *out,
                                     struct errtext *t);
void ppo_round_fini(struct ppo_round *d);

// Advantages and what the value is to be, from the model's scale; sets that when the
// model has none yet.  Returns the share of the returns' variance the values explain.
double ppo_round_judge(const struct ppo *p, struct ppo_model *m, struct ppo_round *d);

// ---- a lesson (ppo_lesson.c) -------------------------------------------------------------

// The deviation of a round's worths, each about the mean of its decision, in dollars.
double ppo_lesson_spread(const struct ppo_round *d);

struct ppo_lesson {
    size_t n; // vertiports
    const uint8_t *mask;
    const float *worth;
    double spread, warmth; // dollars
};
// Adds to the gradients g of a decision's log p; times `per`.
void ppo_lesson_judge(const struct ppo_lesson *l, const float *log_p, double per, float *g);

#endif
