// SPDX-License-Identifier: MIT
// space.h - the space language as one lazily expanded choice tree.
//
// Every algorithm sees the same thing: the next decision, which it takes, after
// which further decisions may appear.  All decisions that can ever appear have
// a fixed number, their slot, in the order in which they are taken (depth
// first), and a stable name ("recipe[3]", "depth"); a point is the path taken:
// one gene per decision, slots ascending.  What is not decided on the path of a
// point (a branch not taken) has no gene.
//
//   struct walk *w = walk_create(space);
//   walk_start(w, &point);
//   while (walk_next(w, &d))
//       walk_take(w, choose(&d));
//   if (walk_is_valid(w)) …          // else: no option was left, or `where` fails
//
// `where` expressions prune options that would make one certainly false given
// what is decided, and reject complete points.  One that cannot be evaluated
// because it speaks of a parameter that is not in play holds.  Where the first
// point costs too much that way (long lists), nothing is pruned.
//
// Ownership  A space lives in the arena it was parsed into and borrows the job's
//            values.  A point's genes are its holder's (space->n_genes_max fit any).
// Threads    A space is read-only; a walk is its holder's.

#ifndef COORDINATOR_SEARCH_SPACE_H
#define COORDINATOR_SEARCH_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/rng.h"
#include "common/value.h"
#include "coordinator/spec.h"

enum {
    SPACE_SLOTS_MAX = 65536, // decisions that can ever appear
    SPACE_VALUES_MAX = 4096, // of one choice or permutation
    SPACE_SUBSET_MAX = 1000, // binomials up to it fit a double
    SPACE_NESTING_MAX = 16,
    SPACE_PRUNED_MAX = 256, // a decision with more options is not pruned, only rejected
};

enum dimension_type {
    DIMENSION_FLOAT,
    DIMENSION_INT,
    DIMENSION_CHOICE,
    DIMENSION_SEQUENCE,
    DIMENSION_PERMUTATION,
    DIMENSION_SUBSET,
    DIMENSION_PROGRAM,
    DIMENSION_FIDELITY, // how much of an evaluation: low, low * eta, … high
};

struct dimension;
struct grammar; // coordinator/search/program.h

// The named dimensions of one map of the job file: the space itself, or what a
// value of a choice carries.
struct nest {
    uint32_t n;
    struct dimension *dimensions;
    uint32_t n_slots;
};

struct dimension {
    enum dimension_type type;
    const char *name; // its key; NULL for the elements of a sequence
    bool is_log;
    double low, high, step; // float, int; step 0: continuous
    double n_steps;         // float with step, int: how many values
    uint32_t n_values;      // choice, permutation, subset
    const struct value *values;
    struct nest *nests;            // choice whose values carry spaces: [n_values], else NULL
    uint32_t min, max;             // length of a sequence, size of a subset
    const char *join;              // of a sequence; NULL: a list
    struct dimension *of;          // of a sequence
    const struct grammar *grammar; // of a program
    uint32_t n_slots;              // of it and everything beneath
};

enum slot_kind {
    SLOT_FLOAT,  // a real in [low, high]
    SLOT_GRID,   // ordered: low + k * step, k < n
    SLOT_CHOICE, // unordered: k < n
};

enum slot_role {
    ROLE_VALUE,
    ROLE_LENGTH,
    ROLE_PERMUTATION,
    ROLE_SUBSET,
    ROLE_FIDELITY,
    ROLE_PROGRAM,  // a node of a program
    ROLE_CONSTANT, // the number that the node before it is
};

struct slot {
    const char *name;
    const struct dimension *dimension;
    enum slot_kind kind;
    enum slot_role role;
    bool is_log;
    bool is_watched; // a `where` may hang on it
    double low, high, step;
    // the ends of its scale: log of it when is_log; a grid reaches half a step further
    double t_low, t_high;
    uint64_t n;                  // options of a grid or choice
    uint32_t index;              // place within a permutation or subset, of a program: node
    uint32_t axis;               // dense number shared by slots that exclude each other
    uint32_t context;            // slots with one context are always decided together
    uint32_t end;                // first slot behind it and everything beneath
    uint32_t stride;             // of a length: slots per element; of a program: per node
    const uint32_t *nest_starts; // of a choice with nests: n + 1 slots; else NULL
};

struct gene {
    uint32_t slot;
    union {
        double x;   // SLOT_FLOAT
        uint64_t k; // SLOT_GRID, SLOT_CHOICE
    };
};

struct point {
    struct gene *genes;
    uint32_t n;
};

struct where;

// A parameter that an expression can name: its slots are [first, end).
struct space_key {
    const char *name;
    const struct dimension *dimension;
    uint32_t first, end;
};

struct space {
    struct nest root;
    struct slot *slots;
    uint32_t n_slots;
    uint32_t n_genes_max;
    uint32_t n_axes;
    uint32_t n_contexts;
    double n_points;   // infinity when continuous; without `where`, else an upper bound
    bool is_exact;     // n_points is exact
    uint32_t fidelity; // slot of the fidelity; n_slots: none
    double eta;        // factor from one of its levels to the next
    uint32_t n_keys;
    const struct space_key *keys;
    uint32_t n_wheres;
    struct where *const *wheres;
    bool is_pruned; // else `where` costs too much for every option, and only rejects points
};

// The space from the job's `space` and `where` (either may be NULL).
MUST_CHECK enum error
space_parse(const struct spec *job, struct arena *a, const struct space **out);

// --- walking ------------------------------------------------------------------
struct decision {
    const struct slot *slot;
    uint32_t index;         // the slot's number
    uint64_t n_allowed;     // options that are left; SLOT_FLOAT: 1
    const uint8_t *allowed; // [slot->n]; NULL: all
    // ROLE_SUBSET: share of the subsets left that take this value; ROLE_PROGRAM: of the
    // terminals, which are the first options
    double p_in;
};

struct walk;

struct walk *walk_create(const struct space *s);
void walk_destroy(struct walk *w);                  // NULL is fine
void walk_start(struct walk *w, struct point *out); // empties the point, borrows it
// Start with the genes a point holds already; false when they are no path.  `where` is
// not asked about them: it shows in what follows.
bool walk_resume(struct walk *w, struct point *out);
// The next decision; false at the end, or when no option is left.
bool walk_next(struct walk *w, struct decision *d);
// Of a space with a fidelity: walks decide for this level from now on, the last one at first.
void walk_set_fidelity(struct walk *w, uint64_t level);
void walk_take(struct walk *w, struct gene g); // an option of the decision just shown
bool walk_is_valid(const struct walk *w);      // complete, every `where` holds

typedef struct gene (*walk_choose_fn)(void *ctx, const struct decision *d);
// A whole path; false when it ends in a place that `where` forbids.
bool walk_run(struct walk *w, struct point *out, walk_choose_fn choose, void *ctx);

// --- decisions ----------------------------------------------------------------
bool decision_allows(const struct decision *d, struct gene g);
// by the space's own measure
struct gene decision_random(const struct decision *d, struct rng *r);
struct gene decision_at(const struct decision *d, double u); // the same measure, u in [0, 1)
// The option nearest to `want` (which may have been lost to a mask).
struct gene decision_nearest(const struct decision *d, struct gene want, struct rng *r);
// the i-th option that is left
struct gene decision_option(const struct decision *d, uint64_t i);
// Is the point evaluated in full (or does its space know nothing else)?
bool point_is_full(const struct space *s, const struct point *p);
// A slot's scale as [0, 1]: where a gene lies, and the gene at a place.
double slot_unit(const struct slot *s, struct gene g);
struct gene slot_gene(const struct slot *s, uint32_t index, double u);

// --- points -------------------------------------------------------------------
struct value space_decode(const struct space *s, const struct point *p, struct arena *a);
// The same appended to `out` as canonical MessagePack or as JSON on one line.
enum space_form { SPACE_PACKED, SPACE_JSON };
void space_write(const struct space *s,
                 const struct point *p,
                 enum space_form form,
                 struct arena *scratch,
                 struct buf *out);
// `at` is the file, for the message; ERR_PARSE: a parameter is missing, too
// much, or out of the space.
MUST_CHECK enum error space_encode(const struct space *s,
                                   const struct spec *params,
                                   struct walk *w,
                                   struct point *out);
uint64_t point_key(const struct point *p); // equal points, equal keys
bool point_equal(const struct point *a, const struct point *b);
const struct gene *point_find(const struct point *p, uint32_t slot); // NULL: not decided
void point_copy(struct point *out, const struct point *p);           // into the genes of *out
// The next point in the order of the slots, of a finite space, behind a valid one;
// from an empty point the first.  False at the end, or after `budget` steps.
bool space_successor(struct walk *w, struct point *p, uint64_t *budget);

#endif
