// SPDX-License-Identifier: MIT
// gguf_state.h - what gguf_*.c share; private to them.
//
// Ownership  struct gguf owns its arena, its maps and its parts' mappings.
// Threads    Confined until gguf_open returns, read-only after that.

#ifndef WORKER_EXPERTS_GGUF_STATE_H
#define WORKER_EXPERTS_GGUF_STATE_H

#include "common/arena.h"
#include "common/map.h"
#include "worker/experts/gguf.h"

enum { GGUF_SHOWN_MAX = 64, GGUF_PARTS_MAX = 999 };

struct gguf_key {
    const char *name;
    struct gguf_value value;
};

struct gguf_part {
    const char *path;
    const uint8_t *bytes;
    size_t n;
    bool mapped; // to be unmapped by us
};

struct gguf {
    struct arena *arena;
    const char *arch;
    struct gguf_part *parts;
    uint32_t n_parts;
    struct gguf_key *keys;
    uint32_t n_keys;
    struct gguf_tensor *tensors;
    uint32_t n_tensors;
    uint64_t bytes;
    struct map by_key;    // see gguf_name_find
    struct map by_tensor; // the same
};

// A walk over one part's bytes.  Reading past the end fails with a line that
// says what was read; `what` is kept up to date by the callers.
struct gguf_reader {
    const char *path;
    const uint8_t *bytes;
    size_t n;
    size_t at;
    const char *what;
    struct errtext *t;
};

// Of one part: its header's counts and what its metadata says about splitting.
struct gguf_header {
    uint64_t n_tensors;
    uint64_t n_keys;
};

MUST_CHECK enum error gguf_read_header(struct gguf_reader *r, struct gguf_header *out);
MUST_CHECK enum error
gguf_read_keys(struct gguf_reader *r, struct arena *a, uint64_t n, struct gguf_key **out);
// Tensors of one part, appended at out[0 … n - 1].
MUST_CHECK enum error gguf_read_tensors(struct gguf_reader *r,
                                        struct arena *a,
                                        uint64_t n,
                                        uint64_t alignment,
                                        struct gguf_tensor *out);

MUST_CHECK enum error gguf_read_u32(struct gguf_reader *r, uint32_t *out);
MUST_CHECK enum error gguf_read_u64(struct gguf_reader *r, uint64_t *out);
MUST_CHECK enum error gguf_read_text(struct gguf_reader *r, struct gguf_text *out);
// "path: byte 123: WHAT MESSAGE"
enum error gguf_broken(const struct gguf_reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
// A name from a file made fit for a message.
const char *gguf_shown(const char *s, size_t n, char out[GGUF_SHOWN_MAX + 4]);

// Names in a map by their hash; names of one hash are told apart by further seeds.
// The callback gives the name of an entry.
typedef const char *(*gguf_name_fn)(const struct gguf *g, uint64_t i);
const char *gguf_key_name(const struct gguf *g, uint64_t i);
const char *gguf_tensor_name(const struct gguf *g, uint64_t i);
bool gguf_name_find(const struct gguf *g,
                    const struct map *m,
                    gguf_name_fn name_of,
                    const char *s,
                    uint64_t *i);
// False when the name is there already.
bool gguf_name_add(
    const struct gguf *g, struct map *m, gguf_name_fn name_of, const char *s, uint64_t i);

#endif
