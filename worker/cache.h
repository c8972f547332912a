// SPDX-License-Identifier: MIT
// cache.h - the node's cache of blobs, and the way to the coordinator's.
//
// DIR/ab/cdef…: complete blobs by their SHA-256, read-only.  All ranks of the
// node share the directory; a lock file makes one of them fetch and the others
// wait.  What is used is linked away (or copied, across file systems), so the
// cache may drop the oldest when it grows beyond its bound.  The connection is
// made at the first fetch.
//
// Ownership  The opener closes.
// Threads    Main thread only.

#ifndef WORKER_CACHE_H
#define WORKER_CACHE_H

#include <stdint.h>

#include "common/error.h"
#include "common/hash.h"

struct cache;

struct cache_options {
    const char *dir; // made 0700 when missing
    const char *endpoint;
    const char *key_dir;     // NULL for ipc
    uint64_t bytes_max;      // 0: 4 GiB
    void (*idle)(void *ctx); // (optional) called ten times a second while waiting
    void *ctx;
};

MUST_CHECK enum error
cache_open(const struct cache_options *o, struct cache **out, struct errtext *t);
void cache_close(struct cache *c); // NULL is fine

// Put the blob at `path`, fetched if it is not here.  ERR_NOT_FOUND: the
// coordinator has none of that hash; ERR_CLOSED, ERR_IO.
MUST_CHECK enum error cache_get(struct cache *c,
                                const struct sha256 *hash,
                                uint64_t size,
                                const char *path,
                                struct errtext *t);
// Give a file to the coordinator; on OK it is safe there.
MUST_CHECK enum error cache_put(
    struct cache *c, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t);

#endif
