// SPDX-License-Identifier: MIT
// program_vary.h - a new program from one or two old ones.
//
// With a mate: the subtree at the place makes way for one of the mate's of the same type.
// Alone: the subtree is grown anew, one node becomes another of the same kind, the subtree
// gives way to one of its own or becomes an argument of a new node.
//
// Source     Koza, Genetic Programming (1992), sections 6.4.1 and 6.5.1; hoist and insertion
//            as in Poli, Langdon and McPhee, A Field Guide to GP (2008), section 5.2.
// Ownership  The caller's nodes.
// Threads    Any; pure.

#ifndef COORDINATOR_SEARCH_PROGRAM_VARY_H
#define COORDINATOR_SEARCH_PROGRAM_VARY_H

#include "coordinator/search/program.h"

struct program {
    uint32_t n;
    struct program_node nodes[PROGRAM_SIZE_MAX];
};

// Changes p at node `at`; mate NULL: alone.  False: nothing came of it, p is as it was.
bool program_vary(const struct grammar *g,
                  struct program *p,
                  const struct program *mate,
                  uint32_t at,
                  struct rng *r);

#endif
