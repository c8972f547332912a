// SPDX-License-Identifier: MIT
// space_parts.h - what the files of the space share among themselves.
//
// Ownership  As in space.h.
// Threads    As in space.h.

#ifndef COORDINATOR_SEARCH_SPACE_PARTS_H
#define COORDINATOR_SEARCH_SPACE_PARTS_H

#include "coordinator/search/space.h"

enum { SPACE_PROBES = 10000 };

// Number the slots of a parsed space and count its points.
void space_layout(struct space *s, struct arena *a);
// Some point satisfies every `where`: found in SPACE_PROBES random tries, or by
// going through a small space, whose points it also counts.
bool space_probe(struct space *s);
double space_count(const struct nest *n); // without `where`

// The value of a dimension whose genes start at *genes, which moves behind
// them.  The parameters of nests go into `map` with `prefix` before their name.
struct value space_decode_value(const struct dimension *d,
                                const struct gene **genes,
                                struct value *map,
                                const char *prefix,
                                struct arena *a);

// A value as it stands in a joined text.
const char *space_value_text(const struct value *v, struct arena *a);
// Of a sequence with `join`: a text that it makes is made in one way only.
bool space_join_is_unique(const struct dimension *d);

// Ways to choose between min and max of n.
double space_subsets(uint32_t n, int64_t min, int64_t max);

#endif
