// SPDX-License-Identifier: MIT
// gguf_get.c - metadata and tensors by name, with the kind that is wanted.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "worker/experts/gguf_state.h"
#include "worker/tensor/format.h"

enum { KEY_MAX = 512 };

bool gguf_name_find(
    const struct gguf *g, const struct map *m, gguf_name_fn name_of, const char *s, uint64_t *i)
{
    for (uint64_t seed = 0; map_find(m, hash_bytes(s, strlen(s), seed), i); seed++)
        if (strcmp(name_of(g, *i), s) == 0)
            return true;
    return false;
}

bool gguf_name_add(
    const struct gguf *g, struct map *m, gguf_name_fn name_of, const char *s, uint64_t i)
{
    uint64_t seed = 0, other;
    for (; map_find(m, hash_bytes(s, strlen(s), seed), &other); seed++)
        if (strcmp(name_of(g, other), s) == 0)
            return false;
    map_set(m, hash_bytes(s, strlen(s), seed), i);
    return true;
}

const char *gguf_key_name(const struct gguf *g, uint64_t i)
{
    return g->keys[i].name;
}

const char *gguf_tensor_name(const struct gguf *g, uint64_t i)
{
    return g->tensors[i].name;
}

// The key's full name.
static const char *full(const struct gguf *g, const char *key, char out[KEY_MAX])
{
    if (key[0] != '.')
        return key;
    (void)snprintf(out, KEY_MAX, "%s%s", g->arch, key);
    return out;
}

const struct gguf_value *gguf_find(const struct gguf *g, const char *key)
{
    char name[KEY_MAX];
    uint64_t i;
    return gguf_name_find(g, &g->by_key, gguf_key_name, full(g, key, name), &i)
               ? &g->keys[i].value
               : NULL;
}

static enum error is_missing(const struct gguf *g, const char *key, struct errtext *t)
{
    char name[KEY_MAX];
    return errtext_set(t, ERR_NOT_FOUND, "%s: no metadata key %s", gguf_path(g),
                       full(g, key, name));
}

static enum error
is_wrong(const struct gguf *g, const char *key, const char *wanted, struct errtext *t)
{
    char name[KEY_MAX];
    const struct gguf_value *v = gguf_find(g, key);
    bool array = v->kind == GGUF_ARRAY;
    return errtext_set(t, ERR_INVALID, "%s: metadata key %s is %s%s, expected %s", gguf_path(g),
                       full(g, key, name), array ? "an array of " : "of type ",
                       gguf_kind_name(array ? v->array.kind : v->kind), wanted);
}

static bool is_unsigned(enum gguf_kind k)
{
    return k == GGUF_U8 || k == GGUF_U16 || k == GGUF_U32 || k == GGUF_U64;
}

static bool is_signed(enum gguf_kind k)
{
    return k == GGUF_I8 || k == GGUF_I16 || k == GGUF_I32 || k == GGUF_I64;
}

static bool is_float(enum gguf_kind k)
{
    return k == GGUF_F32 || k == GGUF_F64;
}

enum error gguf_opt_u64(const struct gguf *g, const char *key, uint64_t *out, struct errtext *t)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (!v)
        return OK;
    if (!is_unsigned(v->kind) && !(is_signed(v->kind) && v->i >= 0))
        return is_wrong(g, key, "an integer of at least 0", t);
    *out = v->u;
    return OK;
}

enum error gguf_opt_f64(const struct gguf *g, const char *key, double *out, struct errtext *t)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (!v)
        return OK;
    if (is_float(v->kind))
        *out = v->f;
    else if (is_unsigned(v->kind))
        *out = (double)v->u;
    else if (is_signed(v->kind))
        *out = (double)v->i;
    else
        return is_wrong(g, key, "a number", t);
    return OK;
}

enum error gguf_opt_bool(const struct gguf *g, const char *key, bool *out, struct errtext *t)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (!v)
        return OK;
    if (v->kind != GGUF_BOOL)
        return is_wrong(g, key, "a bool", t);
    *out = v->b;
    return OK;
}

enum error
gguf_opt_text(const struct gguf *g, const char *key, struct gguf_text *out, struct errtext *t)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (!v)
        return OK;
    if (v->kind != GGUF_STR)
        return is_wrong(g, key, "a string", t);
    if (memchr(v->text.s, 0, v->text.n))
        return is_wrong(g, key, "one without a zero byte", t);
    *out = v->text;
    return OK;
}

enum error gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out, struct errtext *t)
{
    return gguf_find(g, key) ? gguf_opt_u64(g, key, out, t) : is_missing(g, key, t);
}

enum error gguf_get_f64(const struct gguf *g, const char *key, double *out, struct errtext *t)
{
    return gguf_find(g, key) ? gguf_opt_f64(g, key, out, t) : is_missing(g, key, t);
}

enum error gguf_get_bool(const struct gguf *g, const char *key, bool *out, struct errtext *t)
{
    return gguf_find(g, key) ? gguf_opt_bool(g, key, out, t) : is_missing(g, key, t);
}

enum error
gguf_get_text(const struct gguf *g, const char *key, struct gguf_text *out, struct errtext *t)
{
    return gguf_find(g, key) ? gguf_opt_text(g, key, out, t) : is_missing(g, key, t);
}

enum error gguf_get_array(const struct gguf *g,
                          const char *key,
                          enum gguf_kind kind,
                          struct gguf_array *out,
                          struct errtext *t)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (!v)
        return is_missing(g, key, t);
    if (v->kind != GGUF_ARRAY)
        return is_wrong(g, key, "an array", t);
    enum gguf_kind k = v->array.kind;
    bool integer = is_unsigned(k) || is_signed(k);
    if (kind == GGUF_F64 && !integer && !is_float(k))
        return is_wrong(g, key, "an array of numbers", t);
    if (kind == GGUF_I64 && !integer)
        return is_wrong(g, key, "an array of integers", t);
    if (kind == GGUF_STR && k != GGUF_STR)
        return is_wrong(g, key, "an array of strings", t);
    if (kind == GGUF_BOOL && k != GGUF_BOOL)
        return is_wrong(g, key, "an array of bools", t);
    *out = v->array;
    return OK;
}

const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name)
{
    uint64_t i;
    return gguf_name_find(g, &g->by_tensor, gguf_tensor_name, name, &i) ? &g->tensors[i] : NULL;
}

enum error gguf_tensor_get(const struct gguf *g,
                           const char *name,
                           const uint64_t dims[GGUF_DIMS_MAX],
                           const struct gguf_tensor **out,
                           struct errtext *t)
{
    const struct gguf_tensor *x = gguf_tensor_find(g, name);
    if (!x)
        return errtext_set(t, ERR_NOT_FOUND, "%s: no tensor %s", gguf_path(g), name);
    for (int i = 0; i < GGUF_DIMS_MAX; i++)
        if (x->dims[i] != (dims[i] ? dims[i] : 1))
            return errtext_set(t, ERR_INVALID,
                               "%s: tensor %s is %" PRIu64 " x %" PRIu64 " x %" PRIu64
                               " x %" PRIu64 ", dimension %d is expected to be %" PRIu64,
                               gguf_path(g), name, x->dims[0], x->dims[1], x->dims[2],
                               x->dims[3], i, dims[i]);
    *out = x;
    return OK;
}
