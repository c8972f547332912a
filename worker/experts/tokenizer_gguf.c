// SPDX-License-Identifier: MIT
#include "worker/experts/tokenizer_gguf.h"

#include "common/arena.h"
#include "common/mem.h"

#define KEY(name) "tokenizer.ggml." name

struct reader {
    const struct gguf *g;
    struct arena *arena;
    struct tokenizer_source s;
    struct errtext *t;
    enum error e; // the first that failed
};

static const char *read_text(struct reader *r, const char *key, bool must)
{
    struct gguf_text v = {0};
    if (!r->e)
        r->e = must ? gguf_get_text(r->g, key, &v, r->t) : gguf_opt_text(r->g, key, &v, r->t);
    return r->e || !v.s ? NULL : arena_str(r->arena, v.s, v.n);
}

static int64_t read_id(struct reader *r, const char *key)
{
    uint64_t id = UINT64_MAX;
    if (!r->e)
        r->e = gguf_opt_u64(r->g, key, &id, r->t);
    if (r->e || id == UINT64_MAX)
        return TOKENIZER_UNSET;
    return id > INT32_MAX ? INT32_MAX : (int64_t)id; // too large is told by its creation
}

static int read_flag(struct reader *r, const char *key)
{
    bool v = false;
    if (r->e || !gguf_find(r->g, key))
        return TOKENIZER_UNSET;
    r->e = gguf_get_bool(r->g, key, &v, r->t);
    return v;
}

static bool read_array(
    struct reader *r, const char *key, enum gguf_kind kind, uint64_t max, struct gguf_array *a)
{
    if (!r->e)
        r->e = gguf_get_array(r->g, key, kind, a, r->t);
    if (!r->e && a->n > max)
        r->e =
            errtext_set(r->t, ERR_LIMIT, "%s: %s: %llu elements, at most %llu", gguf_path(r->g),
                        key, (unsigned long long)a->n, (unsigned long long)max);
    return !r->e;
}

static const struct tokenizer_text *
read_texts(struct reader *r, const char *key, uint64_t max, uint32_t *n)
{
    struct gguf_array a;
    if (!read_array(r, key, GGUF_STR, max, &a))
        return NULL;
    struct tokenizer_text *list = arena_room(r->arena, (a.n + 1) * sizeof *list);
    for (uint64_t i = 0; i < a.n; i++) {
        struct gguf_text v = gguf_array_text(&a, i);
        list[i] = (struct tokenizer_text){v.s, v.n};
    }
    *n = (uint32_t)a.n;
    return list;
}

// An array that goes with the pieces, one element each.
static bool
read_beside(struct reader *r, const char *key, enum gguf_kind kind, struct gguf_array *a)
{
    if (r->e || !gguf_find(r->g, key) || !read_array(r, key, kind, TOKENIZER_VOCAB_MAX, a))
        return false;
    if (a->n < r->s.n)
        r->e = errtext_set(r->t, ERR_INVALID, "%s: %s: %llu elements for %u tokens",
                           gguf_path(r->g), key, (unsigned long long)a->n, r->s.n);
    return !r->e;
}

static void read_vocabulary(struct reader *r)
{
    struct gguf_array a;

    r->s.pieces = read_texts(r, KEY("tokens"), TOKENIZER_VOCAB_MAX, &r->s.n);
    if (read_beside(r, KEY("scores"), GGUF_F64, &a)) {
        float *scores = arena_room(r->arena, (r->s.n + 1) * sizeof *scores);
        for (uint32_t i = 0; i < r->s.n; i++)
            scores[i] = (float)gguf_array_f64(&a, i);
        r->s.scores = scores;
    }
    if (read_beside(r, KEY("token_type"), GGUF_I64, &a)) {
        int32_t *types = arena_room(r->arena, (r->s.n + 1) * sizeof *types);
        for (uint32_t i = 0; i < r->s.n; i++) {
            int64_t type = gguf_array_i64(&a, i);
            types[i] = type < 0 || type > INT32_MAX ? 0 : (int32_t)type;
        }
        r->s.types = types;
    }
    if (gguf_find(r->g, KEY("merges")))
        r->s.merges = read_texts(r, KEY("merges"), TOKENIZER_MERGES_MAX, &r->s.n_merges);
}

enum error tokenizer_from_gguf(const struct gguf *g, struct tokenizer **out, struct errtext *t)
{
    struct reader r = {.g = g, .arena = arena_create(), .t = t};

    r.s.model = read_text(&r, KEY("model"), true);
    r.s.pre = read_text(&r, KEY("pre"), false);
    r.s.name = read_text(&r, "general.name", false);
    r.s.bos = read_id(&r, KEY("bos_token_id"));
    r.s.eos = read_id(&r, KEY("eos_token_id"));
    r.s.eot = read_id(&r, KEY("eot_token_id"));
    r.s.unk = read_id(&r, KEY("unknown_token_id"));
    r.s.add_bos = read_flag(&r, KEY("add_bos_token"));
    r.s.add_eos = read_flag(&r, KEY("add_eos_token"));
    r.s.add_space_prefix = read_flag(&r, KEY("add_space_prefix"));
    if (!r.e)
        read_vocabulary(&r);
    if (!r.e) {
        r.e = tokenizer_create(&r.s, out, t);
        if (r.e)
            errtext_prefix(t, r.e, "%s", gguf_path(g));
    }
    arena_destroy(r.arena);
    return r.e;
}
