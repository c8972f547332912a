// SPDX-License-Identifier: MIT
// captain.h - the policy network of specification fleet/1, section 9, on a tape.
//
// Graph capsules over vertiports and aircraft, a transformer over the hours ahead, an
// attention decoder over destinations, a value.  Sizes do not depend on the numbers of
// vertiports and aircraft.  Where the text leaves it open: x_u of the adjacency is the
// row of features; the Laplacian is divided by the number of nodes, a re-scaling of the
// weights behind it that keeps them in range; GELU is
// its tanh form.
//
// Ownership  The parameters are one run of floats, the caller's; variables are the
//            tape's.
// Threads    As tape.h.

#ifndef WORKER_FLEET_CAPTAIN_H
#define WORKER_FLEET_CAPTAIN_H

#include <stddef.h>
#include <stdint.h>

#include "worker/fleet/observe.h"
#include "worker/tensor/tape.h"

struct captain_shape {
    const char *name;
    uint32_t width, heads, moments;              // d, of the decoder, P
    uint32_t series_width, series_heads, layers; // of the series encoder
};
const struct captain_shape *captain_find(const char *name); // "captain-64", "captain-128"

enum { CAPTAIN_FORWARD = 128, CAPTAIN_ORDER = 2 };

// Parameters in their order; returns their floats.  `each` (optional) gets all of them.
typedef void (*captain_each_fn)(
    void *ctx, const char *name, size_t rows, size_t cols, size_t at);
size_t captain_walk(const struct captain_shape *s, captain_each_fn each, void *ctx);
// Orthogonal matrices (Saxe et al., arXiv 1312.6120) from Philox, gains 1, shifts 0.
void captain_init(const struct captain_shape *s, uint64_t seed, float *w);

// n observations, one behind the other.
struct captain_batch {
    size_t n;
    uint32_t n_ports, n_aircraft;
    struct observation seen;
    const uint32_t *deciding; // [n] the aircraft
    const float *ahead;       // [n V] x d, what captain_ahead says of seen.series; or NULL
};
struct captain_view {
    struct tape_var *log_p; // n x V, of infeasible ones 0
    struct tape_var *value; // n x 1
};
// `g` (NULL on a plain tape) gets gradients added.
struct captain_view captain_look(const struct captain_shape *s,
                                 struct tape *t,
                                 struct arena *a,
                                 float *w,
                                 float *g,
                                 const struct captain_batch *b);

// The series encoder alone, of n vertiports' series `from`: n x d.  A plain tape.
struct tape_var *captain_ahead(const struct captain_shape *s,
                               struct tape *t,
                               struct arena *a,
                               float *w,
                               const float *from,
                               size_t n);

#endif
