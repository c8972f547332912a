// SPDX-License-Identifier: MIT
// shared_memory.h - memory that the ranks of a node have together.
//
// Rank 0 makes a memory file without a name, whose room is taken before anybody
// writes, and the others open it by rank 0's process: nothing is left behind however
// a rank ends.  Where that is not allowed (other users, other process namespaces) or
// there is no room, nobody gets any.
//
// Ownership  Every rank unmaps its own view.
// Threads    Main thread; the memory itself belongs to whoever agrees on it.

#ifndef WORKER_SHARED_MEMORY_H
#define WORKER_SHARED_MEMORY_H

#include <stddef.h>

#include "common/error.h"
#include "worker/group.h"

// Zeroed.  Every rank of `node` (group_node) calls, and all get the same answer:
// ERR_AGAIN: not here.
MUST_CHECK enum error shared_memory_map(struct group *node, size_t n, void **out);
void shared_memory_unmap(void *p, size_t n);

#endif
