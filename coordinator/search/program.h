// SPDX-License-Identifier: MIT
// program.h - expressions as typed trees over a closed set of symbols.
//
// A grammar has the inputs' names, perhaps constants, and some operators; each symbol gives
// a number or a boolean and wants such.  A program is its nodes in prefix order, so what
// may stand next follows from the nodes before: the places still open, each with a type,
// the next one on top.  No program outgrows the grammar's size and depth, since a symbol is
// allowed only if all open places can still be closed.
//
// Its text is an expression of the job file's language (common/expr_print.h), one text a
// tree.
//
// Source     Koza, Genetic Programming (1992), chapter 6; Montana, Strongly Typed Genetic
//            Programming, Evolutionary Computation 3 (1995).
// Ownership  A grammar lives in the arena it was made in.
// Threads    Read-only; any.

#ifndef COORDINATOR_SEARCH_PROGRAM_H
#define COORDINATOR_SEARCH_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/expr_code.h"
#include "common/rng.h"
#include "common/value.h"

enum {
    PROGRAM_SIZE_MAX = 200, // nodes
    PROGRAM_INPUTS_MAX = 64,
    PROGRAM_ARGS_MAX = 3,
    PROGRAM_DEPTH_MAX = 17, // Koza's; so that texts stay within EXPR_DEPTH_MAX
    PROGRAM_OPEN_MAX = PROGRAM_SIZE_MAX * (PROGRAM_ARGS_MAX - 1) + 2,
};

enum program_type { PROGRAM_NUMBER, PROGRAM_BOOLEAN };

struct program_symbol {
    const char *name; // of a constant: empty
    uint16_t op;      // enum expr_op
    uint8_t result;
    uint8_t n_args;
    uint8_t args[PROGRAM_ARGS_MAX];
};

static inline struct program_symbol program_input(const char *name, enum program_type type)
{
    return (struct program_symbol){
        .name = name, .op = *name ? EXPR_NAME : EXPR_CONSTANT, .result = (uint8_t)type};
}

// Operators by name, as the job file lists them; ended by a row without a name.
extern const struct program_symbol program_operators[];

struct grammar {
    uint32_t n, n_terminals; // symbols: terminals first
    const struct program_symbol *symbols;
    uint32_t n_inputs;  // the first terminals
    bool has_constants; // the terminal behind them
    double low, high;   // of the constants: 0 <= low < high
    uint32_t size;      // nodes at most
    uint8_t result;
    // nodes and levels of the smallest program by type; UINT32_MAX: there is none
    uint32_t least[2], lowest[2];
};

struct program_node {
    uint32_t symbol;
    double constant; // of the symbol n_inputs, where there are constants
};

// Fills in `least` and `lowest` of a grammar that is otherwise complete.
void grammar_finish(struct grammar *g);
// How many programs there are; infinite with constants.
double grammar_count(const struct grammar *g, struct arena *scratch);

static inline bool program_is_constant(const struct grammar *g, uint32_t symbol)
{
    return g->has_constants && symbol == g->n_inputs;
}

// The places of a program that are still to be filled.
struct program_open {
    uint32_t n;
    uint32_t least; // nodes that all of them need together
    uint8_t types[PROGRAM_OPEN_MAX];
    uint8_t levels[PROGRAM_OPEN_MAX]; // the root's is 1
};

void program_begin(const struct grammar *g,
                   uint8_t result,
                   uint8_t level,
                   struct program_open *o);
// May the symbol fill the next place with `left` nodes to go, this one counted?
bool program_allows(const struct grammar *g,
                    const struct program_open *o,
                    uint32_t symbol,
                    uint32_t left);
void program_take(const struct grammar *g, struct program_open *o, uint32_t symbol);
// Are these nodes a program, within the limits?
bool program_is_whole(const struct grammar *g, const struct program_node *nodes, uint32_t n);
// Nodes of the tree whose root is nodes[0].
uint32_t program_extent(const struct grammar *g, const struct program_node *nodes);

struct program_place {
    uint8_t result;
    uint8_t level;
    uint32_t most;
};
// A random tree for the place: its type, its level, at most so many nodes (which must do);
// returns its size.

uint32_t program_random(const struct grammar *g,
                        const struct program_place *place,
                        struct rng *r,
                        struct program_node *out);

// The text, in the arena.
struct value program_text(const struct grammar *g,
                          const struct program_node *nodes,
                          uint32_t n,
                          struct arena *a);
// nodes[g->size].  ERR_PARSE with what is expected.
MUST_CHECK enum error program_parse(const struct grammar *g,
                                    const struct value *text,
                                    struct arena *scratch,
                                    struct program_node *nodes,
                                    uint32_t *n,
                                    struct errtext *t);

// Share of the terminals among random symbols where both kinds are allowed: the root is
// rarely one, below it trees are of some seven nodes on average.
static inline double program_share(uint32_t index)
{
    return index == 0 ? 0.1 : 0.5;
}

#endif
