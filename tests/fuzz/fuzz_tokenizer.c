// SPDX-License-Identifier: MIT
// fuzz_tokenizer.c - any text through every family, and any vocabulary.
//
// Two oracles.  Round trip: with a token for every byte, the tokens of any text
// read back as that text.  Both ways of decoding: a stream, token by token,
// gives what decoding at once gives, in whole characters.  A third of the inputs
// is a vocabulary made of the input's lines, which opens or is explained.
//
// Threads    Single.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "worker/experts/tokenizer_state.h"
#include "worker/experts/tokenizer_stream.h"

enum { N_EXTRA = 7, N_PIECES = 256 + N_EXTRA, LINES_MAX = 64 };

static const char *const extra[N_EXTRA] = {"th",        "the", "<s>",         "<user>",
                                           "<user><s>", "1",   "\xE2\x96\x81"};
static const char *const merges[] = {"t h", "th e", "h e", "e e", "1 2"};

struct vocabulary {
    char bytes[N_PIECES][8];
    struct tokenizer_text pieces[N_PIECES];
    int32_t types[N_PIECES];
    float scores[N_PIECES];
    struct tokenizer_text merges[5];
};

// All bytes, then a few words and special tokens; "llama" has bytes as <0xHH>.
static struct tokenizer *family(const char *model, const char *pre)
{
    static struct vocabulary v;
    struct tokenizer *k;
    struct errtext t;
    bool bpe = strcmp(model, "gpt2") == 0;
    uint32_t n = 0;

    for (; n < 256; n++) {
        size_t length = bpe ? tokenizer_byte_text((uint8_t)n, v.bytes[n])
                            : (size_t)snprintf(v.bytes[n], 8, "<0x%02X>", n);
        v.pieces[n] = (struct tokenizer_text){v.bytes[n], length};
        v.types[n] = bpe ? TOKENIZER_NORMAL : TOKENIZER_BYTE;
    }
    for (size_t i = 0; i < N_EXTRA; i++) {
        if (bpe && strlen(extra[i]) == 1)
            continue; // has its byte's token
        v.pieces[n] = (struct tokenizer_text){extra[i], strlen(extra[i])};
        v.types[n] = i < 2 || i >= 5 ? TOKENIZER_NORMAL
                     : i == 3        ? TOKENIZER_USER_DEFINED
                                     : TOKENIZER_CONTROL;
        v.scores[n] = -(float)n;
        n++;
    }
    for (size_t i = 0; i < 5; i++)
        v.merges[i] = (struct tokenizer_text){merges[i], strlen(merges[i])};
    struct tokenizer_source s = {.model = model,
                                 .pre = pre,
                                 .n = n,
                                 .pieces = v.pieces,
                                 .types = v.types,
                                 .scores = v.scores,
                                 .n_merges = 5,
                                 .merges = v.merges,
                                 .bos = TOKENIZER_UNSET,
                                 .eos = TOKENIZER_UNSET,
                                 .eot = TOKENIZER_UNSET,
                                 .unk = TOKENIZER_UNSET,
                                 .add_bos = 0,
                                 .add_eos = 0,
                                 .add_space_prefix = 0};
    demand(tokenizer_create(&s, &k, &t) == OK, "a good vocabulary opens");
    return k;
}

static void check_streams(const struct tokenizer *k, const int32_t *ids, size_t n)
{
    struct tokenizer_stream s;
    struct buf parts, whole;
    buf_init(&parts, SIZE_MAX);
    buf_init(&whole, SIZE_MAX);
    tokenizer_stream_init(&s, k, TOKENIZER_REPLACE);
    for (size_t i = 0; i < n; i++) {
        size_t at = parts.n, length;
        tokenizer_stream_put(&s, ids[i], &parts);
        for (; at < parts.n; at += length)
            demand(utf8_look((char *)parts.bytes + at, parts.n - at, &length) == UTF8_WHOLE,
                   "a stream gives whole characters");
    }
    tokenizer_stream_end(&s, &parts);
    tokenizer_decode(k, ids, n, TOKENIZER_REPLACE, &whole);
    demand(parts.n == whole.n && (!whole.n || memcmp(parts.bytes, whole.bytes, whole.n) == 0),
           "a stream gives the whole text");
    buf_fini(&parts);
    buf_fini(&whole);
}

static void check_text(struct tokenizer *k, const char *p, size_t n, int flags, bool exact)
{
    struct tokens ids = {0};
    struct buf back;
    buf_init(&back, SIZE_MAX);
    demand(tokenizer_encode(k, p, n, flags, &ids) == OK, "every text has tokens");
    tokenizer_decode(k, ids.ids, ids.n, 0, &back);
    demand(!exact || (back.n == n && (!n || memcmp(back.bytes, p, n) == 0)),
           "tokens read back as the text");
    check_streams(k, ids.ids, ids.n);
    tokens_fini(&ids);
    buf_fini(&back);
}

// Tokens straight from the input, also such as there are none.
static void check_tokens(const struct tokenizer *k, const uint8_t *p, size_t n)
{
    struct tokens ids = {0};
    for (size_t i = 0; i < n; i++)
        tokens_push(&ids, (int32_t)(hash_mix64(p[i]) % (N_PIECES + 4)) - 2);
    check_streams(k, ids.ids, ids.n);
    tokens_fini(&ids);
}

// Each line a piece, the first byte of it the type; the merges are the pieces.
static void check_vocabulary(const char *p, size_t n, bool bpe)
{
    struct tokenizer_text lines[LINES_MAX];
    int32_t types[LINES_MAX];
    float scores[LINES_MAX];
    uint32_t count = 0;
    struct tokenizer *k;
    struct errtext t = {{0}};

    for (const char *end = p + n; p < end && count < LINES_MAX; count++) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        line = line ? line : end;
        bool any = line > p;
        types[count] = any ? *p % 8 : 1;
        scores[count] = any ? (float)(*p * *p % 7) : 0;
        lines[count] = (struct tokenizer_text){p + any, (size_t)(line - p) - any};
        p = line + (line < end);
    }
    struct tokenizer_source s = {.model = bpe ? "gpt2" : "llama",
                                 .pre = "default",
                                 .name = "phi-3",
                                 .n = count,
                                 .pieces = lines,
                                 .types = types,
                                 .scores = scores,
                                 .n_merges = bpe && count && types[0] == 7 ? count : 0,
                                 .merges = lines,
                                 .bos = 0,
                                 .eos = (int64_t)count - 1,
                                 .eot = TOKENIZER_UNSET,
                                 .unk = TOKENIZER_UNSET,
                                 .add_bos = TOKENIZER_UNSET,
                                 .add_eos = 1,
                                 .add_space_prefix = TOKENIZER_UNSET};
    enum error e = tokenizer_create(&s, &k, &t);
    demand(!e || (*t.text && !strchr(t.text, '\n')), "one line says why");
    if (e)
        return;
    struct tokens ids = {0};
    demand(tokenizer_encode(k, lines[0].s, lines[0].n + 1 < n ? n / 2 : lines[0].n, 3, &ids)
               == OK,
           "there is always the unknown token, or nothing");
    for (size_t i = 0; i < ids.n; i++)
        demand(ids.ids[i] >= 0 && (uint32_t)ids.ids[i] < count, "tokens are in the vocabulary");
    check_streams(k, ids.ids, ids.n);
    tokens_fini(&ids);
    tokenizer_destroy(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const pre[] = {"gpt-2",       "qwen2",  "llama-bpe", "deepseek-llm",
                                      "deepseek-v3", "falcon", "tekken",    "deepseek-coder"};
    static struct tokenizer *families[9]; // 0: llama
    enum { BPE_MASK = 7 };

    if (size == 0)
        return 0;
    const char *p = (const char *)data + 1;
    size_t n = size - 1;
    unsigned kind = data[0] >> 6, which = data[0] & BPE_MASK;
    if (kind == 3) {
        check_vocabulary(p, n, data[0] & 1);
        return 0;
    }
    unsigned i = kind == 2 ? 0 : which + 1;
    if (!families[i])
        families[i] = kind == 2 ? family("llama", NULL) : family("gpt2", pre[which]);
    // A blank is U+2581 to llama, and comes back as one.
    bool exact = i || !memmem(p, n, "\xE2\x96\x81", 3);
    check_text(families[i], p, n, 0, exact);
    check_text(families[i], p, n, TOKENIZER_PARSE_SPECIAL, exact);
    check_tokens(families[i], data, size);
    return 0;
}
