// SPDX-License-Identifier: MIT
// guard.h - one walk over received MessagePack before anything is allocated.
//
// msgpack-c's unpacker allocates for the count a header claims (five bytes can
// reserve 8 GiB), so received bytes are first walked here: complete, no deeper
// than GUARD_DEPTH_MAX, no count larger than the bytes left could hold, no
// reserved or extension type, strings valid UTF-8, nothing behind the value.  The same
// walker then serves the codec as its reader.
//
// Threads    Any; pure, no allocation.

#ifndef PROTOCOL_GUARD_H
#define PROTOCOL_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/error.h"
#include "protocol/big_endian.h"

enum { GUARD_DEPTH_MAX = 32 };

// The bytes are exactly one acceptable value.
MUST_CHECK enum error guard_check(const uint8_t *p, size_t n, struct errtext *t);

enum guard_type {
    GUARD_NIL,
    GUARD_BOOL,
    GUARD_UINT,
    GUARD_INT,
    GUARD_FLOAT,
    GUARD_STR,
    GUARD_BIN,
    GUARD_LIST,
    GUARD_MAP,
};

struct guard_token {
    enum guard_type type;
    union {
        bool b;
        uint64_t u;
        int64_t i; // negative
        double f;
        uint32_t n; // elements or pairs that follow: as many as the bytes left could hold
        struct {
            const uint8_t *p;
            uint32_t n_bytes;
        };
    };
};

// A reader over checked bytes.
struct guard_cursor {
    const uint8_t *p;
    const uint8_t *end;
};

// Read one token (a list's or map's head, not its content).  ERR_PROTO at the
// end or on a bad byte: also safe on bytes that were not checked.
MUST_CHECK enum error guard_next(struct guard_cursor *c, struct guard_token *out);
bool guard_uint_slow(struct guard_cursor *c, uint64_t *out); // guard_uint's rest
// The commonest token by the shortest way: a whole number.  False: something else
// stands there, or not all of it; the cursor has not moved.
static inline bool guard_uint(struct guard_cursor *c, uint64_t *out)
{
    size_t left = (size_t)(c->end - c->p);
    uint8_t first = left ? *c->p : 0xc0;
    if (first < 0x80) {
        *out = first;
        c->p++;
        return true;
    }
    if (first >= 0xcc && first <= 0xcf && left > 8) {
        uint32_t size = 1u << (first - 0xcc);
        *out = big_get_64(c->p + 1) >> (64 - 8 * size);
        c->p += 1 + size;
        return true;
    }
    // Copies, so that the caller's may stay in registers.
    struct guard_cursor slow = *c;
    uint64_t v = 0;
    bool ok = guard_uint_slow(&slow, &v);
    *c = slow;
    *out = v;
    return ok;
}
MUST_CHECK enum error guard_skip(struct guard_cursor *c); // one whole value
// The same inside `depth` lists and maps that the caller has opened.
MUST_CHECK enum error guard_skip_inside(struct guard_cursor *c, uint32_t depth);

#endif
