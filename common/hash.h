// SPDX-License-Identifier: MIT
// hash.h - SHA-256 for names and digests, and a fast 64-bit hash for tables.
//
// SHA-256 is libsodium's; this is the header's only home.
//
// Threads    Any.

#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct sha256 {
    uint8_t bytes[32];
};

struct sha256_stream { // opaque; large enough for libsodium's state, checked in hash.c
    _Alignas(16) uint8_t state[128];
};

struct sha256 sha256_of(const void *p, size_t n);
void sha256_start(struct sha256_stream *s);
void sha256_add(struct sha256_stream *s, const void *p, size_t n);
struct sha256 sha256_end(struct sha256_stream *s);
// SHA-256 of a file's content and its size.  ERR_NOT_FOUND, ERR_IO.
MUST_CHECK enum error sha256_file(const char *path, struct sha256 *out, uint64_t *size);
void sha256_hex(const struct sha256 *h, char out[65]);
bool sha256_parse(const char *hex, struct sha256 *out); // exactly 64 lower-case digits

// Not cryptographic, stable across machines and versions (it orders nothing
// that a user sees, but simulator traces depend on it).
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);

// One splitmix64 step, the mixer of the published NK landscapes.
uint64_t hash_mix64(uint64_t z);

#endif
