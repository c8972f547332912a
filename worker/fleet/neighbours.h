// SPDX-License-Identifier: MIT
// neighbours.h - a dense graph thinned out to nearest neighbours.
//
// Specification fleet/1, section 9: above 256 aircraft the policy network sees of each
// only the 16 nearest, and those to whom it is one of their 16.
//
// Threads    Any; pure.

#ifndef WORKER_FLEET_NEIGHBOURS_H
#define WORKER_FLEET_NEIGHBOURS_H

#include <stddef.h>

enum { NEIGHBOURS_ABOVE = 256, NEIGHBOURS = 16 };

// `l`, n rows of n, is a Laplacian D - A of dense_laplacian; n > NEIGHBOURS.  Of each row
// the NEIGHBOURS largest A stay, lower columns first among equals, and what is their
// mirror image; all others become 0, and D the sums of what is left.
void neighbours_keep(float *l, size_t n);

#endif
