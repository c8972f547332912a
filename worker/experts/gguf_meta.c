// SPDX-License-Identifier: MIT
// gguf_meta.c - from a file's bytes to keys and values; every length is checked
// before it is believed, and memory grows only with bytes that are there.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker/experts/gguf_state.h"

// The shortest key: a length, one byte, a kind, one byte of value.  The shortest
// tensor: a length, one byte, a count, one dimension, a type, an offset.
enum { KEY_BYTES_MIN = 8 + 1 + 4 + 1, TENSOR_BYTES_MIN = 8 + 1 + 4 + 8 + 4 + 8 };
enum { ARRAY_DEPTH_MAX = 4, NAME_MAX_BYTES = 65535, ENTRIES_MAX = 1 << 20 };

const char *gguf_shown(const char *s, size_t n, char out[GGUF_SHOWN_MAX + 4])
{
    size_t k = n < GGUF_SHOWN_MAX ? n : GGUF_SHOWN_MAX;
    for (size_t i = 0; i < k; i++)
        out[i] = s[i] < ' ' || s[i] > '~' ? '?' : s[i];
    (void)snprintf(out + k, 4, "%s", n > k ? "..." : "");
    return out;
}

enum error gguf_broken(const struct gguf_reader *r, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return errtext_set(r->t, ERR_PARSE, "%s: byte %zu: %s %s", r->path, r->at, r->what, text);
}

static size_t left(const struct gguf_reader *r)
{
    return r->n - r->at;
}

// The next n bytes, or NULL with the line set.
static const uint8_t *take(struct gguf_reader *r, uint64_t n)
{
    if (n > left(r)) {
        (void)gguf_broken(r, "needs %" PRIu64 " bytes, %zu are left in the file", n, left(r));
        return NULL;
    }
    const uint8_t *p = r->bytes + r->at;
    r->at += (size_t)n;
    return p;
}

enum error gguf_read_u32(struct gguf_reader *r, uint32_t *out)
{
    const uint8_t *p = take(r, sizeof *out);
    if (!p)
        return ERR_PARSE;
    memcpy(out, p, sizeof *out);
    return OK;
}

enum error gguf_read_u64(struct gguf_reader *r, uint64_t *out)
{
    const uint8_t *p = take(r, sizeof *out);
    if (!p)
        return ERR_PARSE;
    memcpy(out, p, sizeof *out);
    return OK;
}

enum error gguf_read_text(struct gguf_reader *r, struct gguf_text *out)
{
    uint64_t n;
    enum error e = gguf_read_u64(r, &n);
    if (e)
        return e;
    const uint8_t *p = take(r, n);
    if (!p)
        return ERR_PARSE;
    *out = (struct gguf_text){(const char *)p, (size_t)n};
    return OK;
}

enum error gguf_read_header(struct gguf_reader *r, struct gguf_header *out)
{
    uint32_t version;
    enum error e;

    r->what = "header";
    if (r->n < 4 || memcmp(r->bytes, "GGUF", 4) != 0)
        return errtext_set(r->t, ERR_PARSE, "%s: not a GGUF file (it does not begin with GGUF)",
                           r->path);
    r->at = 4;
    if ((e = gguf_read_u32(r, &version)))
        return e;
    if (version == 2u << 24 || version == 3u << 24)
        return errtext_set(r->t, ERR_UNSUPPORTED, "%s: a big-endian GGUF file", r->path);
    if (version != 2 && version != 3)
        return errtext_set(r->t, ERR_UNSUPPORTED,
                           "%s: GGUF version %" PRIu32 ", this build reads 2 and 3", r->path,
                           version);
    if ((e = gguf_read_u64(r, &out->n_tensors)) || (e = gguf_read_u64(r, &out->n_keys)))
        return e;
    if (out->n_keys > left(r) / KEY_BYTES_MIN || out->n_keys > ENTRIES_MAX)
        return gguf_broken(r, "claims %" PRIu64 " metadata keys in a file of %zu bytes",
                           out->n_keys, r->n);
    if (out->n_tensors > left(r) / TENSOR_BYTES_MIN || out->n_tensors > ENTRIES_MAX)
        return gguf_broken(r, "claims %" PRIu64 " tensors in a file of %zu bytes",
                           out->n_tensors, r->n);
    return OK;
}

// ---- values -----------------------------------------------------------------

static const struct {
    const char *name;
    size_t bytes; // 0: not of one size
} kinds[] = {
    [GGUF_U8] = {"u8", 1},       [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},     [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},     [GGUF_BOOL] = {"bool", 1}, [GGUF_STR] = {"string", 0},
    [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

const char *gguf_kind_name(enum gguf_kind k)
{
    return (unsigned)k < N_KINDS ? kinds[k].name : "?";
}

int64_t gguf_array_i64(const struct gguf_array *a, uint64_t i)
{
    const uint8_t *p = a->bytes + i * kinds[a->kind].bytes;
    uint64_t u = 0;
    memcpy(&u, p, kinds[a->kind].bytes);
    switch (a->kind) {
    case GGUF_I8:
        return (int8_t)u;
    case GGUF_I16:
        return (int16_t)u;
    case GGUF_I32:
        return (int32_t)u;
    default:
        return (int64_t)u;
    }
}

double gguf_array_f64(const struct gguf_array *a, uint64_t i)
{
    const uint8_t *p = a->bytes + i * kinds[a->kind].bytes;
    float f;
    double d;
    switch (a->kind) {
    case GGUF_F32:
        memcpy(&f, p, sizeof f);
        return (double)f;
    case GGUF_F64:
        memcpy(&d, p, sizeof d);
        return d;
    case GGUF_U64:
        return (double)(uint64_t)gguf_array_i64(a, i);
    default:
        return (double)gguf_array_i64(a, i);
    }
}

bool gguf_array_bool(const struct gguf_array *a, uint64_t i)
{
    return a->bytes[i] != 0;
}

struct gguf_text gguf_array_text(const struct gguf_array *a, uint64_t i)
{
    uint64_t start = (i ? a->ends[i - 1] : 0) + sizeof(uint64_t); // behind its length
    return (struct gguf_text){(const char *)a->bytes + start, (size_t)(a->ends[i] - start)};
}

static enum error read_value(
    struct gguf_reader *r, struct arena *a, uint32_t kind, int depth, struct gguf_value *out);

static enum error read_texts(struct gguf_reader *r, struct arena *a, struct gguf_array *array)
{
    if (array->n > left(r) / sizeof(uint64_t))
        return gguf_broken(r, "claims %" PRIu64 " strings, %zu bytes are left in the file",
                           array->n, left(r));
    size_t start = r->at;
    uint64_t *ends = arena_room(a, (size_t)array->n * sizeof *ends + 1);
    for (uint64_t i = 0; i < array->n; i++) {
        struct gguf_text text;
        enum error e = gguf_read_text(r, &text);
        if (e)
            return e;
        ends[i] = r->at - start;
    }
    array->ends = ends;
    return OK;
}

// Nested arrays are walked for their end only.
static enum error read_nested(struct gguf_reader *r, struct arena *a, uint64_t n, int depth)
{
    if (depth >= ARRAY_DEPTH_MAX)
        return gguf_broken(r, "nests arrays more than %d deep", ARRAY_DEPTH_MAX);
    if (n > left(r) / (4 + 8))
        return gguf_broken(r, "claims %" PRIu64 " arrays, %zu bytes are left in the file", n,
                           left(r));
    for (uint64_t i = 0; i < n; i++) {
        struct gguf_value inner;
        enum error e = read_value(r, a, GGUF_ARRAY, depth + 1, &inner);
        if (e)
            return e;
    }
    return OK;
}

static enum error check_bools(struct gguf_reader *r, const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i] > 1)
            return gguf_broken(r, "has a bool that is %d, expected 0 or 1", p[i]);
    return OK;
}

static enum error
read_array(struct gguf_reader *r, struct arena *a, int depth, struct gguf_array *out)
{
    uint32_t kind;
    enum error e;
    if ((e = gguf_read_u32(r, &kind)) || (e = gguf_read_u64(r, &out->n)))
        return e;
    if (kind >= N_KINDS)
        return gguf_broken(r, "is an array of type %" PRIu32 ", which is none", kind);
    out->kind = kind;
    out->ends = NULL;
    out->bytes = r->bytes + r->at;
    if (kind == GGUF_STR)
        return read_texts(r, a, out);
    if (kind == GGUF_ARRAY)
        return read_nested(r, a, out->n, depth);
    if (out->n > left(r) / kinds[kind].bytes)
        return gguf_broken(r,
                           "claims %" PRIu64 " elements of %zu bytes, %zu are left in the file",
                           out->n, kinds[kind].bytes, left(r));
    r->at += (size_t)out->n * kinds[kind].bytes;
    return kind == GGUF_BOOL ? check_bools(r, out->bytes, out->n) : OK;
}

static enum error read_value(
    struct gguf_reader *r, struct arena *a, uint32_t kind, int depth, struct gguf_value *out)
{
    if (kind >= N_KINDS)
        return gguf_broken(r, "is of type %" PRIu32 ", which is none", kind);
    out->kind = kind;
    if (kind == GGUF_STR)
        return gguf_read_text(r, &out->text);
    if (kind == GGUF_ARRAY)
        return read_array(r, a, depth, &out->array);
    const uint8_t *p = take(r, kinds[kind].bytes);
    if (!p)
        return ERR_PARSE;
    struct gguf_array one = {.kind = kind, .n = 1, .bytes = p};
    if (kind == GGUF_F32 || kind == GGUF_F64)
        out->f = gguf_array_f64(&one, 0);
    else if (kind == GGUF_BOOL)
        out->b = gguf_array_bool(&one, 0);
    else
        out->i = gguf_array_i64(&one, 0);
    return kind == GGUF_BOOL ? check_bools(r, p, 1) : OK;
}

static enum error check_key(const struct gguf_reader *r, const struct gguf_text *name)
{
    if (name->n == 0 || name->n > NAME_MAX_BYTES)
        return gguf_broken(r, "has a name of %zu bytes, expected 1 to %d", name->n,
                           NAME_MAX_BYTES);
    for (size_t i = 0; i < name->n; i++)
        if (name->s[i] < ' ' || name->s[i] > '~')
            return gguf_broken(r, "has byte 0x%02x in its name, expected printable ASCII",
                               (unsigned char)name->s[i]);
    return OK;
}

enum error
gguf_read_keys(struct gguf_reader *r, struct arena *a, uint64_t n, struct gguf_key **out)
{
    struct gguf_key *keys = arena_alloc(a, (size_t)n * sizeof *keys + 1);
    for (uint64_t i = 0; i < n; i++) {
        char what[GGUF_SHOWN_MAX + 32], shown[GGUF_SHOWN_MAX + 4];
        struct gguf_text name;
        uint32_t kind;
        enum error e;

        (void)snprintf(what, sizeof what, "metadata key %" PRIu64, i);
        r->what = what;
        if ((e = gguf_read_text(r, &name)) || (e = check_key(r, &name)))
            return e;
        (void)snprintf(what, sizeof what, "metadata key %s", gguf_shown(name.s, name.n, shown));
        if ((e = gguf_read_u32(r, &kind)) || (e = read_value(r, a, kind, 0, &keys[i].value)))
            return e;
        keys[i].name = arena_str(a, name.s, name.n);
    }
    r->what = "file";
    *out = keys;
    return OK;
}
