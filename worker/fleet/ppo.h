// SPDX-License-Identifier: MIT
// ppo.h - proximal policy optimisation of a captain on days of a fleet.
//
// Schulman et al., arXiv 1707.06347 (clipped objective, equation 7), with generalised
// advantages (arXiv 1506.02438, equation 16, discount 1) over the decisions of a day in
// their order, whichever aircraft decides; a rollout has whole days, so nothing is cut
// off.  Rewards are changes of profit in units of 500 dollars.  The network's value is
// (V - mean) / sd, with mean and sd of the first round's returns: a head that begins
// near 0 would otherwise spend its first rounds on climbing to a day's profit.
//
// Lessons: in the first rounds a decision is not judged by what its day brought but by a
// lookahead (lookahead.h), which knows the worth Q of every destination j, and the policy
// pi climbs  sum_j pi_j (Q_j - warmth log pi_j)  (the actor of discrete soft actor-critic,
// Christodoulou, arXiv 1910.07207, equation 12).  It is linear in Q, so that what the
// lookahead knows of the future averages out.  The days are the network's own.
//
// A rollout's blob has actions, their log p and values; rewards and observations come
// back by replaying the days.  Gradients are sums over `parts` logical parts of a
// minibatch, added in one fixed tree, and everything else is done alike on every rank:
// the bits do not depend on the number of ranks.
//
// Errors     FAULT_JOB: blobs that do not fit.
// Threads    Main thread only.

#ifndef WORKER_FLEET_PPO_H
#define WORKER_FLEET_PPO_H

#include "common/buf.h"
#include "protocol/message.h"
#include "worker/fleet/captain.h"
#include "worker/fleet/day.h"
#include "worker/workload.h"

struct ppo {
    const struct world *world;
    const struct captain_shape *shape;
    uint64_t seed;
    uint32_t days; // of a rollout, side by side
    uint32_t epochs, minibatch, parts;
    uint32_t decay; // rounds until the rate is 0; 0: it stays
    double rate, lambda, clip, entropy, value, max_norm;
    uint32_t lessons; // rounds that begin with them
    int64_t ahead_ms; // of a lesson's lookahead
    double warmth;    // dollars
};

// ---- a checkpoint: safetensors (ppo_model.c) ---------------------------------------------

struct ppo_model {
    const struct captain_shape *shape;
    size_t n;
    float *w, *m, *v; // weights and Adam's moments, n each
    uint64_t steps;   // Adam's
    float mean, sd;   // of values; sd 0: not known yet
};
// From no bytes: first weights.
MUST_CHECK enum error ppo_model_read(struct ppo_model *out,
                                     const struct captain_shape *shape,
                                     uint64_t seed,
                                     const struct bin *bytes,
                                     struct errtext *t);
// Which network the bytes are of, from their metadata.
MUST_CHECK enum error
ppo_model_shape(const struct bin *bytes, const struct captain_shape **out, struct errtext *t);
void ppo_model_fini(struct ppo_model *m);
void ppo_model_write(const struct ppo_model *m, struct buf *out);

// ---- a rollout (ppo_rollout.c) -----------------------------------------------------------

enum { PPO_DAYS_MAX = 1024 };
struct ppo_part {
    uint64_t iteration;
    uint32_t part, of;
};
MUST_CHECK enum error ppo_rollout(const struct ppo *p,
                                  const struct ppo_part *at,
                                  const struct bin *checkpoint,
                                  struct run *r,
                                  struct buf *out,
                                  struct errtext *t);

// ---- an update (ppo_update.c) ------------------------------------------------------------

struct ppo_report {
    double profit; // mean of the days, dollars
    double decisions;
    double entropy, kl, clipped, value_loss, norm, explained, rate;
};
struct ppo_task {
    uint64_t iteration;
    struct bin checkpoint;
    const struct bin *rollouts;
    uint32_t n_rollouts;
    struct run *run;
};
MUST_CHECK enum error ppo_update(const struct ppo *p,
                                 const struct ppo_task *task,
                                 struct buf *out,
                                 struct ppo_report *report,
                                 struct errtext *t);

#endif
