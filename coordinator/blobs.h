// SPDX-License-Identifier: MIT
// blobs.h - immutable bytes in files named by their SHA-256.
//
// DIR/ab/cdef…: written under a temporary name, synced, renamed, the folder
// synced.  Uploads come in chunks, in order, from any peer: whoever asks learns
// how much is there and goes on from there, also after a restart.  The content is
// checked against its name before it gets it.
//
// Ownership  The opener closes.  Names and bytes are borrowed for the call.
// Threads    find, get, put: any.  put_chunk and forget_peer: one at a time.

#ifndef COORDINATOR_BLOBS_H
#define COORDINATOR_BLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/hash.h"

enum { BLOB_CHUNK_MAX = 1024 * 1024 };

struct blobs;

struct blobs_options {
    const char *dir;
    uint64_t size_max;       // of one blob, 0: 64 GiB
    uint32_t uploads_max;    // open at a time, 0: 64
    uint32_t uploads_a_peer; // 0: 8
};

MUST_CHECK enum error
blobs_open(const struct blobs_options *o, struct blobs **out, struct errtext *t);
void blobs_close(struct blobs *b); // NULL is fine; parts of uploads stay

// The blob is complete; *size may be NULL.
bool blobs_find(const struct blobs *b, const struct sha256 *hash, uint64_t *size);

// A whole blob.  ERR_LIMIT: the disk is full; ERR_IO.  `sync`: it is on the disk on return.
MUST_CHECK enum error blobs_put(struct blobs *b,
                                const void *p,
                                size_t n,
                                bool sync,
                                struct sha256 *hash,
                                struct errtext *t);
// The same, where the hash of the bytes is known.
MUST_CHECK enum error blobs_put_hashed(struct blobs *b,
                                       const void *p,
                                       size_t n,
                                       bool sync,
                                       const struct sha256 *hash,
                                       struct errtext *t);

struct blob_chunk {
    uint64_t peer;
    struct sha256 hash; // of the whole
    uint64_t size;
    uint64_t offset;
    const void *p; // n == 0 asks only
    size_t n;
};
// *have: bytes that are there now: `size` when complete.  A chunk that does not start
// there is passed over.  ERR_LIMIT: larger than allowed, or the disk is full; ERR_BUSY:
// too many uploads; ERR_PROTO: not what its name says (what came is dropped); ERR_IO.
MUST_CHECK enum error
blobs_put_chunk(struct blobs *b, const struct blob_chunk *c, uint64_t *have, struct errtext *t);
void blobs_forget_peer(struct blobs *b, uint64_t peer); // its uploads are closed

// At most BLOB_CHUNK_MAX bytes from `offset` to p.  ERR_NOT_FOUND, ERR_INVALID (behind
// the end), ERR_IO.
MUST_CHECK enum error blobs_get(const struct blobs *b,
                                const struct sha256 *hash,
                                uint64_t offset,
                                uint8_t *p,
                                size_t *n,
                                uint64_t *size);

#endif
