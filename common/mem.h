// SPDX-License-Identifier: MIT
// mem.h - allocation in two kinds.
//
// Small, bounded allocations abort when memory is gone: every process is
// crash-only, restart is the tested path, and half of all untested error code
// disappears.  A size that came from a wire, a file or a user passes a limit
// first: mem_try fails with NULL instead.
//
// Threads    Any.

#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);             // zeroed; never NULL
void *mem_realloc(void *p, size_t size);  // never NULL; new bytes are not zeroed
void *mem_try(size_t size, size_t limit); // zeroed; NULL above limit or when memory is gone
void mem_free(void *p);                   // NULL is fine
char *mem_dup(const char *s);             // a copy of a C string, never NULL
void *mem_copy(const void *p, size_t size);

#endif
