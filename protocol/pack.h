// SPDX-License-Identifier: MIT
// pack.h - struct value and canonical MessagePack, and the digest over it.
//
// Canonical: map keys sorted bytewise and unique, shortest integer forms,
// every float as float64 with one NaN (7ff8000000000000), strings as str,
// binaries as bin.  The digest of a result is SHA-256 over these bytes; test
// vectors stand in SPEC.md.
//
// Threads    Any; pure.

#ifndef PROTOCOL_PACK_H
#define PROTOCOL_PACK_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/value.h"

void pack_write(const struct value *v, struct buf *out);
void pack_write_list(uint32_t n, struct buf *out); // its n elements come next
void pack_write_map(uint32_t n, struct buf *out);  // n keys, in order, each before its value
// Any well-formed MessagePack (guarded first), canonical or not.  Strings are
// copied with a NUL behind, into `a`.
MUST_CHECK enum error
pack_read(const uint8_t *p, size_t n, struct arena *a, struct value *out, struct errtext *t);
struct sha256 pack_digest(const struct value *v);

#endif
