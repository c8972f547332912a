// SPDX-License-Identifier: MIT
#include "worker/experts/tokenizer.h"

#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "worker/experts/tokenizer_state.h"

#define BLANK "\xE2\x96\x81" // U+2581, a blank in the pieces of "llama"

// Kept from one text to the next; a longer one's scratch is given back.
enum { SCRATCH_KEPT = 1 << 20 };

void tokens_push(struct tokens *list, int32_t id)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 64;
        list->ids = mem_realloc(list->ids, list->cap * sizeof *list->ids);
    }
    list->ids[list->n++] = id;
}

void tokens_fini(struct tokens *list)
{
    mem_free(list->ids);
    *list = (struct tokens){0};
}

uint32_t tokenizer_n(const struct tokenizer *k)
{
    return k->n;
}

int64_t tokenizer_bos(const struct tokenizer *k)
{
    return k->bos;
}

int64_t tokenizer_eos(const struct tokenizer *k)
{
    return k->eos;
}

bool tokenizer_adds_bos(const struct tokenizer *k)
{
    return k->add_bos;
}

static uint8_t kinds_of(const struct tokenizer *k, int32_t id)
{
    return id >= 0 && (uint32_t)id < k->n ? k->kinds[id] : 0;
}

bool tokenizer_is_special(const struct tokenizer *k, int32_t id)
{
    return kinds_of(k, id) & (KIND_CONTROL | KIND_UNKNOWN);
}

bool tokenizer_is_end(const struct tokenizer *k, int32_t id)
{
    return kinds_of(k, id) & KIND_END;
}

int64_t tokenizer_find(const struct tokenizer *k, const char *piece, size_t n)
{
    uint32_t id = texts_find(&k->texts, piece, n);
    return id < k->n ? (int64_t)id : TOKENIZER_UNSET;
}

struct tokenizer_text tokenizer_piece(const struct tokenizer *k, int32_t id)
{
    if (id < 0 || (uint32_t)id >= k->n)
        return (struct tokenizer_text){"", 0};
    return k->out[id];
}

// --- llama -------------------------------------------------------------------

struct llama_pairs {
    const struct tokenizer *k;
    const char *text;
};

static bool llama_pair(const void *arg,
                       const struct merge_symbol *left,
                       const struct merge_symbol *right,
                       uint32_t *order,
                       uint32_t *id)
{
    const struct llama_pairs *p = arg;
    size_t n = (size_t)left->n + right->n;

    if (n > p->k->piece_max)
        return false;
    *id = texts_find(&p->k->texts, p->text + left->start, n);
    if (*id == TEXTS_NONE)
        return false;
    *order = p->k->order[*id];
    return true;
}

// As the lead byte says, right or wrong: what is no character has no piece.
static size_t character_length(uint8_t lead)
{
    return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

static enum error
put_bytes(const struct tokenizer *k, const char *p, size_t n, struct tokens *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t id = k->of_byte[(uint8_t)p[i]];
        if (id == TEXTS_NONE && k->unk < 0)
            return FAULT_JOB;
        tokens_push(out, id == TEXTS_NONE ? (int32_t)k->unk : (int32_t)id);
    }
    return OK;
}

static enum error llama_word(struct tokenizer *k, const char *p, size_t n, struct tokens *out)
{
    struct llama_pairs pairs = {k, p};
    merge_reset(&k->merge);
    for (size_t at = 0, length; at < n; at += length) {
        length = character_length((uint8_t)p[at]);
        if (length > n - at)
            length = n - at;
        merge_add(&k->merge, (uint32_t)at, (uint32_t)length,
                  texts_find(&k->texts, p + at, length));
    }
    merge_run(&k->merge, llama_pair, &pairs);
    for (uint32_t i = 0; i != MERGE_END; i = k->merge.symbols[i].next) {
        const struct merge_symbol *s = &k->merge.symbols[i];
        if (s->id != TEXTS_NONE) {
            tokens_push(out, (int32_t)s->id);
            continue;
        }
        enum error e = put_bytes(k, p + s->start, s->n, out);
        if (e)
            return e;
    }
    return OK;
}

// Where a word ends that starts at `from`: before the next run of blanks, when
// no piece reaches over that place; else with the text.
static size_t llama_word_end(const struct tokenizer *k, const char *p, size_t n, size_t from)
{
    if (!k->blanks_start)
        return n;
    size_t at = from;
    while (n - at >= 3 && memcmp(p + at, BLANK, 3) == 0)
        at += 3;
    const char *next = at < n ? memmem(p + at, n - at, BLANK, 3) : NULL;
    return next ? (size_t)(next - p) : n;
}

// Each stretch starts anew: behind a special token as at the text's start.
static enum error llama_text(struct tokenizer *k, const char *p, size_t n, struct tokens *out)
{
    struct buf *b = &k->scratch;
    buf_reset(b);
    if (k->add_space_prefix)
        buf_put(b, BLANK, 3);
    for (size_t at = 0; at < n;) {
        const char *blank = memchr(p + at, ' ', n - at);
        size_t plain = blank ? (size_t)(blank - p) - at : n - at;
        buf_put(b, p + at, plain);
        if (blank)
            buf_put(b, BLANK, 3);
        at += plain + (blank != NULL);
    }
    if (b->full)
        return ERR_LIMIT;
    const char *text = buf_cstr(b);
    for (size_t from = 0; from < b->n;) {
        size_t to = llama_word_end(k, text, b->n, from);
        enum error e = llama_word(k, text + from, to - from, out);
        if (e)
            return e;
        from = to;
    }
    return OK;
}

// --- gpt2 --------------------------------------------------------------------

static bool bpe_pair(const void *arg,
                     const struct merge_symbol *left,
                     const struct merge_symbol *right,
                     uint32_t *order,
                     uint32_t *id)
{
    const struct map *merges = arg;
    uint64_t value;

    if (!map_find(merges, (uint64_t)left->id << 32 | right->id, &value))
        return false;
    *order = (uint32_t)(value >> 32);
    *id = (uint32_t)value;
    return true;
}

// A text without a token: whatever of its bytes is a piece.
static void put_singles(const struct tokenizer *k, uint32_t text, struct tokens *out)
{
    struct tokenizer_text p = k->texts.items[text];
    for (size_t i = 0; i < p.n; i++) {
        uint32_t id = k->of_single[(uint8_t)p.s[i]];
        if (id < k->n)
            tokens_push(out, (int32_t)id);
    }
}

static uint32_t whole_word(struct tokenizer *k, const char *p, size_t n)
{
    if (n > k->piece_max)
        return TEXTS_NONE;
    buf_reset(&k->scratch);
    for (size_t i = 0; i < n; i++) {
        char text[2];
        size_t length = tokenizer_byte_text((uint8_t)p[i], text);
        buf_put(&k->scratch, text, length);
    }
    return texts_find(&k->texts, buf_cstr(&k->scratch), k->scratch.n);
}

static void bpe_word(struct tokenizer *k, const char *p, size_t n, struct tokens *out)
{
    uint32_t whole = k->whole_words ? whole_word(k, p, n) : TEXTS_NONE;
    if (whole < k->n) {
        tokens_push(out, (int32_t)whole);
        return;
    }
    merge_reset(&k->merge);
    for (size_t i = 0; i < n; i++)
        merge_add(&k->merge, (uint32_t)i, 1, k->of_byte[(uint8_t)p[i]]);
    merge_run(&k->merge, bpe_pair, &k->merges);
    for (uint32_t i = 0; i != MERGE_END; i = k->merge.symbols[i].next) {
        uint32_t id = k->merge.symbols[i].id;
        if (id < k->n)
            tokens_push(out, (int32_t)id);
        else
            put_singles(k, id, out);
    }
}

static enum error bpe_text(struct tokenizer *k, const char *p, size_t n, struct tokens *out)
{
    const uint32_t *ends;
    size_t n_ends;
    enum error e = tokenizer_split_run(k->split, p, n, &ends, &n_ends);

    if (e)
        return e;
    for (size_t i = 0, from = 0; i < n_ends; from = ends[i++])
        bpe_word(k, p + from, ends[i] - from, out);
    return OK;
}

// --- both --------------------------------------------------------------------

static enum error plain_text(struct tokenizer *k, const char *p, size_t n, struct tokens *out)
{
    if (!n)
        return OK;
    return k->bpe ? bpe_text(k, p, n, out) : llama_text(k, p, n, out);
}

static enum error
between_special(struct tokenizer *k, const char *text, size_t n, struct tokens *out)
{
    size_t at = 0;
    enum error e = OK;

    for (size_t i = 0; !e && i < k->n_found; i++) {
        const struct special_match *m = &k->found[i];
        // Blanks dropped behind one may reach up to the next, never into it.
        e = plain_text(k, text + at, m->at - at, out);
        if (e)
            break;
        tokens_push(out, (int32_t)m->id);
        at = m->at + m->n;
        size_t stop = i + 1 < k->n_found ? k->found[i + 1].at : n;
        while (k->kinds[m->id] & KIND_RSTRIP && at < stop && strchr(" \t\n\v\f\r", text[at])
               && text[at])
            at++;
    }
    return e ? e : plain_text(k, text + at, n - at, out);
}

enum error
tokenizer_encode(struct tokenizer *k, const char *text, size_t n, int flags, struct tokens *out)
{
    size_t before = out->n;

    if (n > TOKENIZER_TEXT_MAX)
        return ERR_LIMIT;
    if (flags & TOKENIZER_ADD_SPECIAL && k->add_bos)
        tokens_push(out, (int32_t)k->bos);
    tokenizer_find_special(k, text, n, flags);
    enum error e = between_special(k, text, n, out);
    if (e) {
        out->n = before; // a failed call changes nothing
        return e;
    }
    if (flags & TOKENIZER_ADD_SPECIAL && k->add_eos)
        tokens_push(out, (int32_t)k->eos);
    if (k->scratch.cap > SCRATCH_KEPT) {
        size_t limit = k->scratch.limit;
        buf_fini(&k->scratch);
        buf_init(&k->scratch, limit);
    }
    return OK;
}
