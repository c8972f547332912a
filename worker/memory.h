// SPDX-License-Identifier: MIT
// memory.h - how much memory this process can hope for: the machine's, or less where
// its control group or `ulimit -m` says so.
//
// Threads    Any.

#ifndef WORKER_MEMORY_H
#define WORKER_MEMORY_H

#include <stddef.h>

size_t memory_machine(void); // bytes; 0: unknown
size_t memory_limit(void);   // bytes

#endif
