// SPDX-License-Identifier: MIT
// space_parts.h - what the files of the space share among themselves.
//
// Ownership  As in space.h.
// Threads    As in space.h.

#ifndef COORDINATOR_SEARCH_SPACE_PARTS_H
#define COORDINATOR_SEARCH_SPACE_PARTS_H

#include "coordinator/search/program.h"
#include "coordinator/search/space.h"

// A job file must be checked in a moment.  Steps are those of a walk: options looked at,
// instructions of `where`, and some for each element of its lists; a million take 2 to 12 ms.
enum {
    SPACE_PROBES = 10000,
    SPACE_PROBE_WORK = 60000000, // to find a point while options are pruned, and again without
};
enum probe { PROBE_FOUND, PROBE_NONE, PROBE_GIVEN_UP };

// Number the slots of a parsed space and count its points.
void space_layout(struct space *s, struct arena *a);
// Does some point satisfy every `where`?  Found in SPACE_PROBES random tries, or by
// going through a small space, whose points it also counts.  Decides whether
// options are pruned.  PROBE_GIVEN_UP: none found, and no more steps.
enum probe space_probe(struct space *s);
double space_count(const struct nest *n); // without `where`

// From now on a walk that has taken more steps than `work` ends as if no option
// were left; steps are counted through all walks from here on.
void walk_set_limit(struct walk *w, uint64_t work);
bool walk_is_spent(const struct walk *w);

// The value of a dimension whose genes start at *genes, which moves behind
// them.  The parameters of nests go into `map` with `prefix` before their name.
struct value space_decode_value(const struct dimension *d,
                                const struct gene **genes,
                                struct value *map,
                                const char *prefix,
                                struct arena *a);

// Programs: what the job says of one; its nodes and their genes, which start at slot `base`.
MUST_CHECK enum error
space_parse_program(const struct spec *s, struct arena *a, struct dimension *d);
uint32_t space_program_nodes(const struct dimension *d,
                             uint32_t base,
                             const struct gene *genes, // the first may be of the program
                             uint32_t n_genes,
                             struct program_node *nodes);
uint32_t space_program_genes(const struct dimension *d,
                             uint32_t base,
                             const struct program_node *nodes,
                             uint32_t n,
                             struct gene *genes);
// The open places of the program that the point's last genes begin.
void space_program_open(const struct dimension *d,
                        uint32_t base,
                        const struct point *p,
                        struct program_open *o);
struct value
space_program_decode(const struct dimension *d, const struct gene **genes, struct arena *a);
static inline uint32_t space_program_stride(const struct dimension *d)
{
    return d->grammar->has_constants ? 2 : 1;
}

// A value as it stands in a joined text.
const char *space_value_text(const struct value *v, struct arena *a);
// Of a sequence with `join`: a text that it makes is made in one way only.
bool space_join_is_unique(const struct dimension *d);

// Ways to choose between min and max of n.
double space_subsets(uint32_t n, int64_t min, int64_t max);

#endif
