// SPDX-License-Identifier: MIT
#include "common/hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct sha256_stream),
               "libsodium's state fits");
_Static_assert(_Alignof(crypto_hash_sha256_state) <= 16, "libsodium's state is aligned");

static crypto_hash_sha256_state *state_of(struct sha256_stream *s)
{
    return (crypto_hash_sha256_state *)(void *)s->state;
}

struct sha256 sha256_of(const void *p, size_t n)
{
    struct sha256 out;
    crypto_hash_sha256(out.bytes, n ? p : (const void *)"", n);
    return out;
}

void sha256_start(struct sha256_stream *s)
{
    crypto_hash_sha256_init(state_of(s));
}

void sha256_add(struct sha256_stream *s, const void *p, size_t n)
{
    if (n)
        crypto_hash_sha256_update(state_of(s), p, n);
}

struct sha256 sha256_end(struct sha256_stream *s)
{
    struct sha256 out;
    crypto_hash_sha256_final(state_of(s), out.bytes);
    return out;
}

static enum error hash_descriptor(int fd, struct sha256 *out, uint64_t *size)
{
    struct sha256_stream s;
    uint8_t block[32768];
    uint64_t total = 0;

    sha256_start(&s);
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ERR_IO;
        if (got == 0)
            break;
        sha256_add(&s, block, (size_t)got);
        total += (uint64_t)got;
    }
    *out = sha256_end(&s);
    if (size)
        *size = total;
    return OK;
}

enum error sha256_file(const char *path, struct sha256 *out, uint64_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
    enum error e = hash_descriptor(fd, out, size);
    close(fd);
    return e;
}

void sha256_hex(const struct sha256 *h, char out[65])
{
    static const char digit[] = "0123456789abcdef";

    for (int i = 0; i < 32; i++) {
        out[2 * i] = digit[h->bytes[i] >> 4];
        out[2 * i + 1] = digit[h->bytes[i] & 15];
    }
    out[64] = 0;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sha256_parse(const char *hex, struct sha256 *out)
{
    struct sha256 h;

    for (int i = 0; i < 32; i++) {
        int high = digit_value(hex[2 * i]);
        int low = high < 0 ? -1 : digit_value(hex[2 * i + 1]);
        if (low < 0)
            return false;
        h.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (hex[64])
        return false;
    *out = h;
    return true;
}

// Little-endian on every machine; compilers make one load of it.
static uint64_t load_le64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static uint64_t load_tail(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint64_t hash_mix64(uint64_t z)
{
    z += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

// Two lanes, so that two multiplications are in flight; each step is a
// bijection of its lane for a fixed word, so no input is forgotten.
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    static const uint64_t odd_a = UINT64_C(0xD6E8FEB86659FD93);
    static const uint64_t odd_b = UINT64_C(0xA0761D6478BD642F);
    const uint8_t *at = p;
    uint64_t a = hash_mix64(seed ^ n);
    uint64_t b = ~a;
    size_t left = n;

    for (; left >= 16; left -= 16, at += 16) {
        a = (a ^ load_le64(at)) * odd_a;
        b = (b ^ load_le64(at + 8)) * odd_b;
        a ^= a >> 29;
        b ^= b >> 32;
    }
    if (left >= 8) {
        a = (a ^ load_le64(at)) * odd_a;
        a ^= a >> 29;
        at += 8;
        left -= 8;
    }
    if (left)
        b = (b ^ load_tail(at, left)) * odd_b;
    return hash_mix64(a ^ hash_mix64(b));
}
