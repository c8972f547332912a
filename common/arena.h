// SPDX-License-Identifier: MIT
// arena.h - memory with one lifetime, given back all at once.
//
// Chunks are kept across a reset, so a turn in steady state allocates nothing.
//
// Ownership  The creator owns the arena; what it hands out dies with it or at
//            the next reset or release.
// Threads    Confined to the owner's thread.

#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

struct arena;
struct arena_chunk;
struct arena_mark {
    struct arena_chunk *chunk;
    size_t used;
};

struct arena *arena_create(void);
void arena_destroy(struct arena *a);             // NULL is fine
void *arena_alloc(struct arena *a, size_t size); // 16-byte aligned, zeroed, never NULL
void *arena_room(struct arena *a, size_t size);  // the same, not zeroed
void *arena_copy(struct arena *a, const void *p, size_t size);
char *arena_str(struct arena *a, const char *s, size_t n); // copy with a final NUL, not aligned
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *a);
size_t arena_used(const struct arena *a); // bytes handed out since the last reset

// Scratch inside one function: everything allocated after the mark goes.
struct arena_mark arena_mark(struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);

#endif
