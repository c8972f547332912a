// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "worker/experts/tokenizer_state.h"

#define BLANK "\xE2\x96\x81" // U+2581, a blank in the pieces of "llama"

// Tokens that end a turn or a text, whatever type a model's file gives them.
static const char *const ends[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<\xEF\xBD\x9C"
    "end" BLANK "of" BLANK "sentence\xEF\xBD\x9C>",
};
// Tokens for filling in the middle: control tokens too, but no ends.
static const char *const fills[] = {
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<PRE>",
    BLANK "<PRE>",
    "<|code_prefix|>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<SUF>",
    BLANK "<SUF>",
    "<|code_suffix|>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<MID>",
    BLANK "<MID>",
    "<|code_middle|>",
    "<\xEF\xBD\x9C"
    "fim" BLANK "begin\xEF\xBD\x9C>",
    "<\xEF\xBD\x9C"
    "fim" BLANK "hole\xEF\xBD\x9C>",
    "<\xEF\xBD\x9C"
    "fim" BLANK "end\xEF\xBD\x9C>",
};
// The same, but a text ends where one of them stands.
static const char *const fill_ends[] = {
    "<|fim_pad|>",   "<fim-pad>",  "<fim_pad>", "<PAD>",      "[PAD]",        "<|fim_repo|>",
    "<|repo_name|>", "<fim-repo>", "<REPO>",    "<reponame>", "<|file_sep|>",
};
// Shown and found as any other text.
static const char *const shown[] = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};

#define N_OF(list) (sizeof(list) / sizeof *(list))

static void
mark(struct tokenizer *k, const char *const *names, size_t n, uint8_t clear, uint8_t set)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t id = texts_find(&k->texts, names[i], strlen(names[i]));
        if (id < k->n)
            k->kinds[id] = (uint8_t)((k->kinds[id] & ~clear) | set);
    }
}

static uint8_t kind_of(int32_t type)
{
    switch (type) {
    case TOKENIZER_NORMAL:
        return KIND_NORMAL;
    case TOKENIZER_UNKNOWN:
        return KIND_UNKNOWN;
    case TOKENIZER_CONTROL:
        return KIND_CONTROL;
    case TOKENIZER_USER_DEFINED:
        return KIND_USER;
    case TOKENIZER_BYTE:
        return KIND_BYTE;
    default:
        return KIND_UNUSED;
    }
}

static enum error
add_pieces(struct tokenizer *k, const struct tokenizer_source *s, struct errtext *t)
{
    if (!s->n || s->n > TOKENIZER_VOCAB_MAX)
        return errtext_set(t, ERR_LIMIT,
                           "tokenizer.ggml.tokens: %u pieces, 1 to %d are possible", s->n,
                           TOKENIZER_VOCAB_MAX);
    k->n = s->n;
    k->kinds = mem_alloc(k->n);
    for (uint32_t i = 0; i < k->n; i++) {
        struct tokenizer_text p = s->pieces[i];
        if (p.n > TOKENIZER_PIECE_MAX)
            return errtext_set(t, ERR_LIMIT, "tokenizer.ggml.tokens[%u]: %zu bytes, at most %d",
                               i, p.n, TOKENIZER_PIECE_MAX);
        if (p.n > k->piece_max)
            k->piece_max = p.n;
        if (!texts_append(&k->texts, p.s, p.n) && p.n)
            return errtext_set(t, ERR_PARSE,
                               "tokenizer.ggml.tokens[%u]: the same piece as [%u]", i,
                               texts_find(&k->texts, p.s, p.n));
        k->kinds[i] = s->types ? kind_of(s->types[i]) : KIND_NORMAL;
    }
    return OK;
}

// Phi-3's tokenizer drops the blanks behind most of its special tokens, which
// no key of its file says.
static void mark_strips(struct tokenizer *k, const char *name)
{
    static const char *const keep[] = {"<unk>", "<s>", "<|endoftext|>"};

    if (!name || (!strcasestr(name, "phi-3") && !strcasestr(name, "phi3")))
        return;
    for (uint32_t i = 0; i < k->n; i++)
        if (k->kinds[i] & (KIND_CONTROL | KIND_USER | KIND_UNKNOWN))
            k->kinds[i] |= KIND_RSTRIP;
    mark(k, keep, N_OF(keep), KIND_RSTRIP, 0);
}

static void mark_kinds(struct tokenizer *k, const struct tokenizer_source *s)
{
    mark(k, ends, N_OF(ends), 0, KIND_CONTROL | KIND_END);
    mark(k, fills, N_OF(fills), 0, KIND_CONTROL);
    mark(k, fill_ends, N_OF(fill_ends), 0, KIND_CONTROL | KIND_END);
    mark(k, shown, N_OF(shown), 0xFF, KIND_USER);
    if (k->eos >= 0)
        k->kinds[k->eos] |= KIND_END;
    if (s->eot >= 0 && s->eot < k->n)
        k->kinds[s->eot] |= KIND_END;
    mark_strips(k, s->name);
}

// --- what a token stands for -------------------------------------------------

static size_t with_blanks(const char *p, size_t n, char *out)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n;) {
        bool blank = n - i >= 3 && memcmp(p + i, BLANK, 3) == 0;
        out[n_out++] = blank ? ' ' : p[i];
        i += blank ? 3 : 1;
    }
    return n_out;
}

static int hex_of(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

// "<0x1F>", or -1.
static int byte_of_piece(struct tokenizer_text p)
{
    if (p.n != 6 || memcmp(p.s, "<0x", 3) != 0 || p.s[5] != '>')
        return -1;
    int high = hex_of(p.s[3]), low = hex_of(p.s[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static size_t bytes_of(const struct tokenizer *k, uint32_t id, char *out)
{
    struct tokenizer_text p = k->texts.items[id];
    uint8_t kind = k->kinds[id];

    if (kind & (KIND_CONTROL | KIND_UNKNOWN | KIND_USER)) {
        memcpy(out, p.s, p.n);
        return p.n;
    }
    if (kind & KIND_NORMAL)
        return k->bpe ? tokenizer_byte_decode(p.s, p.n, out) : with_blanks(p.s, p.n, out);
    if (!(kind & KIND_BYTE) || k->bpe)
        return 0;
    *out = (char)byte_of_piece(p);
    return 1;
}

static void render(struct tokenizer *k)
{
    size_t room = 1, at = 0;
    for (uint32_t i = 0; i < k->n; i++)
        room += k->texts.items[i].n;
    k->out_bytes = mem_alloc(room);
    k->out = mem_alloc(k->n * sizeof *k->out);
    for (uint32_t i = 0; i < k->n; i++) {
        size_t n = bytes_of(k, i, k->out_bytes + at);
        k->out[i] = (struct tokenizer_text){k->out_bytes + at, n};
        at += n;
    }
}

// --- llama -------------------------------------------------------------------

// Floats in an order that integers have, the highest first; NaN last.
static uint32_t order_of(float score)
{
    uint32_t bits;
    if (isnan(score))
        return UINT32_MAX;
    score += 0.0f; // one zero
    memcpy(&bits, &score, sizeof bits);
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~bits;
}

static bool has_inner_blank(struct tokenizer_text p)
{
    for (size_t i = 3; i + 3 <= p.n; i++)
        if (memcmp(p.s + i, BLANK, 3) == 0 && memcmp(p.s + i - 3, BLANK, 3) != 0)
            return true;
    // One or two bytes before the first blank.
    for (size_t i = 1; i < 3 && i + 3 <= p.n; i++)
        if (memcmp(p.s + i, BLANK, 3) == 0)
            return true;
    return false;
}

static enum error
prepare_llama(struct tokenizer *k, const struct tokenizer_source *s, struct errtext *t)
{
    if (!s->scores)
        return errtext_set(t, ERR_PARSE, "tokenizer.ggml.scores: missing, 'llama' needs them");
    k->order = mem_alloc(k->n * sizeof *k->order);
    k->blanks_start = true;
    memset(k->of_byte, 0xFF, sizeof k->of_byte);
    for (uint32_t i = 0; i < k->n; i++) {
        struct tokenizer_text p = k->texts.items[i];
        int byte = byte_of_piece(p);
        k->order[i] = order_of(s->scores[i]);
        k->blanks_start = k->blanks_start && !has_inner_blank(p);
        if (k->kinds[i] & KIND_BYTE && byte < 0)
            return errtext_set(t, ERR_PARSE,
                               "tokenizer.ggml.tokens[%u]: a byte, but not <0xHH>", i);
        if (byte >= 0)
            k->of_byte[byte] = i;
    }
    for (int b = 0; b < 256; b++) {
        char c = (char)b;
        if (k->of_byte[b] == TEXTS_NONE)
            k->of_byte[b] = texts_find(&k->texts, &c, 1);
    }
    return OK;
}

// --- gpt2 --------------------------------------------------------------------

static enum error
add_merge(struct tokenizer *k, uint32_t rank, struct tokenizer_text m, struct errtext *t)
{
    const char *blank = m.n > 2 ? memchr(m.s + 1, ' ', m.n - 2) : NULL;
    if (!blank || m.n > TOKENIZER_PIECE_MAX)
        return errtext_set(
            t, ERR_PARSE,
            "tokenizer.ggml.merges[%u]: two pieces with a blank between them and "
            "at most %d bytes were expected",
            rank, TOKENIZER_PIECE_MAX);
    size_t n_left = (size_t)(blank - m.s);
    uint64_t left = texts_intern(&k->texts, m.s, n_left);
    uint64_t right = texts_intern(&k->texts, blank + 1, m.n - n_left - 1);
    buf_reset(&k->scratch);
    buf_put(&k->scratch, m.s, n_left);
    buf_put(&k->scratch, blank + 1, m.n - n_left - 1);
    uint64_t both = texts_intern(&k->texts, buf_cstr(&k->scratch), k->scratch.n);
    uint64_t pair = left << 32 | right;
    if (!map_find(&k->merges, pair, NULL))
        map_set(&k->merges, pair, (uint64_t)rank << 32 | both);
    return OK;
}

static enum error prepare_bpe(struct tokenizer *k,
                              const struct tokenizer_source *s,
                              const struct tokenizer_pre *pre,
                              struct errtext *t)
{
    if (s->n_merges > TOKENIZER_MERGES_MAX)
        return errtext_set(t, ERR_LIMIT, "tokenizer.ggml.merges: %u, at most %d", s->n_merges,
                           TOKENIZER_MERGES_MAX);
    for (uint32_t i = 0; i < s->n_merges; i++) {
        enum error e = add_merge(k, i, s->merges[i], t);
        if (e)
            return e;
    }
    for (int b = 0; b < 256; b++) {
        char text[2], c = (char)b;
        size_t n = tokenizer_byte_text((uint8_t)b, text);
        k->of_byte[b] = texts_intern(&k->texts, text, n);
        k->of_single[b] = texts_find(&k->texts, &c, 1);
    }
    k->whole_words = pre->whole_words;
    k->split = tokenizer_split_create(pre);
    return OK;
}

// --- all ---------------------------------------------------------------------

static bool answer(int given, bool otherwise)
{
    return given == TOKENIZER_UNSET ? otherwise : given != 0;
}

static enum error
check_id(const struct tokenizer_source *s, const char *what, int64_t id, struct errtext *t)
{
    if (id != TOKENIZER_UNSET && (id < 0 || id >= s->n))
        return errtext_set(t, ERR_PARSE, "tokenizer.ggml.%s: %lld, but there are %u tokens",
                           what, (long long)id, s->n);
    return OK;
}

static enum error
set_ids(struct tokenizer *k, const struct tokenizer_source *s, struct errtext *t)
{
    enum error e = check_id(s, "bos_token_id", s->bos, t);
    if (!e)
        e = check_id(s, "eos_token_id", s->eos, t);
    if (!e)
        e = check_id(s, "eot_token_id", s->eot, t);
    if (!e)
        e = check_id(s, "unknown_token_id", s->unk, t);
    if (e)
        return e;
    k->bos = s->bos;
    k->eos = s->eos;
    k->unk = s->unk;
    if (!k->bpe) { // as SentencePiece numbers them when a file says nothing
        k->unk = k->unk == TOKENIZER_UNSET ? 0 : k->unk;
        k->bos = k->bos == TOKENIZER_UNSET && s->n > 1 ? 1 : k->bos;
        k->eos = k->eos == TOKENIZER_UNSET && s->n > 2 ? 2 : k->eos;
    }
    return OK;
}

static enum error fill(struct tokenizer *k, const struct tokenizer_source *s, struct errtext *t)
{
    const char *name = s->pre && *s->pre ? s->pre : "default";
    const struct tokenizer_pre *pre = k->bpe ? tokenizer_pre_find(name) : NULL;

    if (k->bpe && !pre)
        return errtext_set(t, ERR_UNSUPPORTED,
                           "tokenizer.ggml.pre: no pre-tokenizer '%.64s' here", name);
    enum error e = set_ids(k, s, t);
    if (!e)
        e = add_pieces(k, s, t);
    if (!e)
        e = k->bpe ? prepare_bpe(k, s, pre, t) : prepare_llama(k, s, t);
    if (e)
        return e;
    k->add_bos = answer(s->add_bos, !pre || pre->add_bos) && k->bos >= 0;
    k->add_eos = answer(s->add_eos, false) && k->eos >= 0;
    k->add_space_prefix = answer(s->add_space_prefix, true) && !k->bpe;
    mark_kinds(k, s);
    render(k);
    tokenizer_index_special(k);
    return OK;
}

enum error
tokenizer_create(const struct tokenizer_source *s, struct tokenizer **out, struct errtext *t)
{
    bool bpe = s->model && strcmp(s->model, "gpt2") == 0;
    if (!bpe && (!s->model || strcmp(s->model, "llama") != 0))
        return errtext_set(t, ERR_UNSUPPORTED,
                           "tokenizer.ggml.model: '%.64s', only 'llama' and 'gpt2' are known",
                           s->model ? s->model : "");
    struct tokenizer *k = mem_alloc(sizeof *k);
    k->bpe = bpe;
    texts_init(&k->texts);
    map_init(&k->merges);
    merge_init(&k->merge);
    buf_init(&k->scratch, 4ull * TOKENIZER_TEXT_MAX);
    enum error e = fill(k, s, t);
    if (e) {
        tokenizer_destroy(k);
        return e;
    }
    *out = k;
    return OK;
}

void tokenizer_destroy(struct tokenizer *k)
{
    if (!k)
        return;
    tokenizer_split_destroy(k->split);
    texts_fini(&k->texts);
    map_fini(&k->merges);
    merge_fini(&k->merge);
    buf_fini(&k->scratch);
    mem_free(k->kinds);
    mem_free(k->order);
    mem_free(k->out);
    mem_free(k->out_bytes);
    mem_free(k->specials);
    mem_free(k->found);
    mem_free(k);
}
