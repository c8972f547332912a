// SPDX-License-Identifier: MIT
// tokenizer_fixture.h - tokenizers and expectations from files, and the plainest
// way to decode.
//
// Threads    Single.

#ifndef TESTS_UNIT_TOKENIZER_FIXTURE_H
#define TESTS_UNIT_TOKENIZER_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "worker/experts/tokenizer_gguf.h"

static inline struct value fixture_json(struct arena *a, const char *path)
{
    struct buf b;
    struct value v;
    struct errtext t = {{0}};
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s is missing", path);
    buf_init(&b, YAML_BYTES_MAX);
    for (char part[4096];;) {
        size_t n = fread(part, 1, sizeof part, f);
        if (!n)
            break;
        buf_put(&b, part, n);
    }
    fclose(f);
    ck_assert_msg(yaml_parse(buf_cstr(&b), b.n, path, a, &v, &t) == OK, "%s", t.text);
    buf_fini(&b);
    return v;
}

static inline struct tokenizer *fixture_tokenizer(const char *path)
{
    struct gguf *g;
    struct tokenizer *k;
    struct errtext t = {{0}};
    ck_assert_msg(gguf_open(path, &g, &t) == OK, "%s", t.text);
    ck_assert_msg(tokenizer_from_gguf(g, &k, &t) == OK, "%s", t.text);
    gguf_close(g);
    return k;
}

// Length of the well-formed character at p, 0 when there is none; by decoding.
static inline size_t fixture_character(const uint8_t *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xC0 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (!length || length > n || p[0] > 0xF7)
        return 0;
    uint32_t code = length == 1 ? p[0] : p[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3F);
    }
    bool wrong = code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000);
    return wrong ? 0 : length;
}

static inline void fixture_must_be_utf8(const uint8_t *p, size_t n)
{
    for (size_t i = 0, length; i < n; i += length) {
        length = fixture_character(p + i, n - i);
        ck_assert_msg(length != 0, "byte %zu of %zu is no character", i, n);
    }
}

// Bytes from p that some completion would make a character: how many, at least 1.
static inline size_t fixture_subpart(const uint8_t *p, size_t n)
{
    size_t best = 1;
    for (size_t have = 1; have <= 3 && have <= n; have++)
        for (size_t full = have + 1; full <= 4; full++)
            for (int second = 0x80; second <= 0xBF; second++) {
                uint8_t trial[4] = {0, (uint8_t)second, 0x80, 0x80};
                memcpy(trial, p, have);
                if (fixture_character(trial, full) == full)
                    best = have;
            }
    return best;
}

// All bytes first, then every maximal part of a character replaced.
static inline void fixture_decode(
    const struct tokenizer *k, const int32_t *ids, size_t n, bool skip, struct buf *out)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    for (size_t i = 0; i < n; i++) {
        struct tokenizer_text p = tokenizer_piece(k, ids[i]);
        if (!skip || !tokenizer_is_special(k, ids[i]))
            buf_put(&b, p.s, p.n);
    }
    for (size_t i = 0; i < b.n;) {
        size_t length = fixture_character(b.bytes + i, b.n - i);
        if (length) {
            buf_put(out, b.bytes + i, length);
        } else {
            buf_puts(out, "\xEF\xBF\xBD");
            length = fixture_subpart(b.bytes + i, b.n - i);
        }
        i += length;
    }
    buf_fini(&b);
}

#endif
