// SPDX-License-Identifier: MIT
#include "worker/tensor/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are copied as they lie");

enum { PREFIX = 8, NAME_SHOWN = 40 };

struct place {
    struct safetensor tensor;
    uint64_t begin, end;
};

static bool whole(const struct value *v, uint64_t *out)
{
    if (!v || v->type != VALUE_INT || v->i < 0)
        return false;
    *out = (uint64_t)v->i;
    return true;
}

static enum error bad(struct errtext *t, const char *name, const char *what)
{
    return errtext_set(t, ERR_PARSE, "safetensors: '%.*s': %s", NAME_SHOWN, name, what);
}

static enum error read_shape(const struct value *v, uint64_t n_max, struct safetensor *s)
{
    s->n = 1;
    if (!v || v->type != VALUE_LIST || v->n > SAFETENSORS_DIMS_MAX)
        return ERR_PARSE;
    s->n_dims = v->n;
    for (uint32_t i = 0; i < v->n; i++) {
        uint64_t d;
        if (!whole(&v->items[i], &d) || (d && s->n > n_max / d))
            return ERR_PARSE;
        s->dims[i] = d;
        s->n *= (size_t)d;
    }
    return OK;
}

static enum error
read_one(const struct value_pair *p, uint64_t n_data, struct place *out, struct errtext *t)
{
    const struct value *type = value_find(&p->value, "dtype");
    const struct value *at = value_find(&p->value, "data_offsets");
    out->tensor.name = p->key;
    if (p->value.type != VALUE_MAP)
        return bad(t, p->key, "expected a map {dtype, shape, data_offsets}");
    if (!type || type->type != VALUE_STR || strcmp(type->s, "F32") != 0)
        return bad(t, p->key, "dtype: expected F32");
    if (read_shape(value_find(&p->value, "shape"), n_data / sizeof(float), &out->tensor))
        return bad(t, p->key, "shape: expected up to 4 sizes within the file");
    if (!at || at->type != VALUE_LIST || at->n != 2 || !whole(&at->items[0], &out->begin)
        || !whole(&at->items[1], &out->end) || out->begin > out->end || out->end > n_data)
        return bad(t, p->key, "data_offsets: expected [begin, end] within the file");
    if (out->end - out->begin != out->tensor.n * sizeof(float))
        return bad(t, p->key, "data_offsets: not as long as its shape");
    return OK;
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

static enum error read_places(const struct value *header,
                              uint64_t n_data,
                              struct place *places,
                              struct safetensors *out,
                              struct errtext *t)
{
    out->metadata = value_map();
    for (uint32_t i = 0; i < header->n; i++) {
        const struct value_pair *p = &header->pairs[i];
        if (strcmp(p->key, "__metadata__") == 0) {
            if (p->value.type != VALUE_MAP)
                return bad(t, p->key, "expected a map of texts");
            for (uint32_t k = 0; k < p->value.n; k++)
                if (p->value.pairs[k].value.type != VALUE_STR)
                    return bad(t, p->value.pairs[k].key, "metadata: expected a text");
            out->metadata = p->value;
            continue;
        }
        enum error e = read_one(p, n_data, &places[out->n], t);
        if (e)
            return e;
        out->n++;
    }
    return OK;
}

static enum error take_data(const uint8_t *data,
                            uint64_t n_data,
                            struct place *places,
                            struct arena *a,
                            struct safetensors *out,
                            struct errtext *t)
{
    uint64_t at = 0;
    qsort(places, out->n, sizeof *places, by_place);
    out->list = arena_alloc(a, (out->n + 1) * sizeof *out->list);
    for (uint32_t i = 0; i < out->n; i++) {
        if (places[i].begin != at)
            return bad(t, places[i].tensor.name,
                       "data_offsets: a hole or an overlap before it");
        at = places[i].end;
    }
    if (at != n_data)
        return errtext_set(t, ERR_PARSE,
                           "safetensors: %" PRIu64 " bytes of data, the tensors have %" PRIu64,
                           n_data, at);
    float *all = arena_copy(a, data, (size_t)n_data);
    for (uint32_t i = 0; i < out->n; i++) {
        out->list[i] = places[i].tensor;
        out->list[i].x = all + places[i].begin / sizeof(float);
    }
    return OK;
}

enum error safetensors_read(
    const void *bytes, size_t n, struct arena *a, struct safetensors *out, struct errtext *t)
{
    const uint8_t *p = bytes;
    uint64_t n_header;
    struct value header;
    struct errtext why = {{0}};

    *out = (struct safetensors){.n = 0};
    if (n < PREFIX)
        return errtext_set(t, ERR_PARSE, "safetensors: %zu bytes, expected 8 at least", n);
    memcpy(&n_header, p, sizeof n_header);
    if (n_header > SAFETENSORS_HEADER_MAX || n_header > n - PREFIX)
        return errtext_set(t, ERR_PARSE,
                           "safetensors: a header of %" PRIu64
                           " bytes, expected at most 1 MiB and within the file",
                           n_header);
    if (json_parse((const char *)p + PREFIX, (size_t)n_header, a, &header, &why))
        return errtext_set(t, ERR_PARSE, "safetensors: header: %s", why.text);
    if (header.type != VALUE_MAP || header.n > SAFETENSORS_MAX)
        return errtext_set(t, ERR_PARSE, "safetensors: header: expected a map of tensors");
    struct place *places = arena_alloc(a, (header.n + 1) * sizeof *places);
    uint64_t n_data = n - PREFIX - n_header;
    enum error e = read_places(&header, n_data, places, out, t);
    return e ? e : take_data(p + PREFIX + n_header, n_data, places, a, out, t);
}

static struct value entry(const struct safetensor *s, uint64_t at, struct arena *a)
{
    struct value v = value_map(), shape = value_list(), offsets = value_list();
    for (uint32_t i = 0; i < s->n_dims; i++)
        (void)value_push(a, &shape, value_uint(s->dims[i]));
    (void)value_push(a, &offsets, value_uint(at));
    (void)value_push(a, &offsets, value_uint(at + s->n * sizeof *s->x));
    (void)value_set(a, &v, "dtype", value_str(a, "F32"));
    (void)value_set(a, &v, "shape", shape);
    (void)value_set(a, &v, "data_offsets", offsets);
    return v;
}

void safetensors_write(const struct safetensors *s, struct buf *out)
{
    struct arena *a = arena_create();
    struct value header = value_map();
    struct buf text;
    uint64_t at = 0;

    if (s->metadata.type == VALUE_MAP && s->metadata.n)
        (void)value_set(a, &header, "__metadata__", s->metadata);
    for (uint32_t i = 0; i < s->n; i++) {
        (void)value_set(a, &header, s->list[i].name, entry(&s->list[i], at, a));
        at += s->list[i].n * sizeof(float);
    }
    buf_init(&text, SAFETENSORS_HEADER_MAX);
    value_json(&header, &text);
    while (text.n % PREFIX)
        buf_puts(&text, " "); // so that the data is aligned
    assert(!text.full);
    uint64_t n_header = text.n;
    buf_put(out, &n_header, sizeof n_header);
    buf_put(out, text.bytes, text.n);
    for (uint32_t i = 0; i < s->n; i++)
        buf_put(out, s->list[i].x, s->list[i].n * sizeof(float));
    buf_fini(&text);
    arena_destroy(a);
}

const struct safetensor *safetensors_find(const struct safetensors *s, const char *name)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (strcmp(s->list[i].name, name) == 0)
            return &s->list[i];
    return NULL;
}
