// SPDX-License-Identifier: MIT
// gguf_tensors.c - the list of tensors: each lies inside the file, on its
// alignment, and none overlaps another.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/experts/gguf_state.h"
#include "worker/tensor/format.h"

// ggml itself keeps 63.
enum { TENSOR_NAME_MAX = 255 };
static const uint64_t elements_max = UINT64_C(1) << 48;

static enum error check_name(const struct gguf_reader *r, const struct gguf_text *name)
{
    if (name->n == 0 || name->n > TENSOR_NAME_MAX)
        return gguf_broken(r, "has a name of %zu bytes, expected 1 to %d", name->n,
                           TENSOR_NAME_MAX);
    for (size_t i = 0; i < name->n; i++)
        if (name->s[i] < ' ' || name->s[i] > '~')
            return gguf_broken(r, "has byte 0x%02x in its name, expected printable ASCII",
                               (unsigned char)name->s[i]);
    return OK;
}

static enum error read_dims(struct gguf_reader *r, struct gguf_tensor *x)
{
    enum error e = gguf_read_u32(r, &x->n_dims);
    if (e)
        return e;
    if (x->n_dims < 1 || x->n_dims > GGUF_DIMS_MAX)
        return gguf_broken(r, "has %" PRIu32 " dimensions, expected 1 to %d", x->n_dims,
                           GGUF_DIMS_MAX);
    uint64_t elements = 1;
    for (uint32_t i = 0; i < GGUF_DIMS_MAX; i++) {
        x->dims[i] = 1;
        if (i < x->n_dims && (e = gguf_read_u64(r, &x->dims[i])))
            return e;
        if (x->dims[i] == 0)
            return gguf_broken(r, "has a dimension of 0");
        if (x->dims[i] > elements_max / elements)
            return gguf_broken(r, "has more than 2^48 elements");
        elements *= x->dims[i];
    }
    return OK;
}

static enum error read_format(struct gguf_reader *r, struct gguf_tensor *x)
{
    uint32_t type;
    enum error e = gguf_read_u32(r, &type);
    if (e)
        return e;
    x->format = format_find(type);
    if (!x->format) {
        (void)gguf_broken(r, "is of type %" PRIu32 " (%s), which this build does not have",
                          type, format_type_name(type));
        return ERR_UNSUPPORTED;
    }
    if (x->dims[0] % x->format->block != 0)
        return gguf_broken(r,
                           "has rows of %" PRIu64 " elements, %s wants a multiple of %" PRIu32,
                           x->dims[0], x->format->name, x->format->block);
    x->row_bytes = x->dims[0] / x->format->block * x->format->bytes;
    x->n_rows = x->dims[1] * x->dims[2] * x->dims[3];
    x->size = x->row_bytes * x->n_rows;
    return OK;
}

// `data` becomes bytes + offset, to be moved once the data's start is known.
static enum error read_one(struct gguf_reader *r,
                           struct arena *a,
                           uint64_t alignment,
                           struct gguf_tensor *x,
                           uint64_t *offset)
{
    char what[GGUF_SHOWN_MAX + 32], shown[GGUF_SHOWN_MAX + 4];
    struct gguf_text name;
    enum error e;

    if ((e = gguf_read_text(r, &name)) || (e = check_name(r, &name)))
        return e;
    (void)snprintf(what, sizeof what, "tensor %s", gguf_shown(name.s, name.n, shown));
    r->what = what;
    if ((e = read_dims(r, x)) || (e = read_format(r, x)) || (e = gguf_read_u64(r, offset)))
        return e;
    if (*offset % alignment != 0)
        return gguf_broken(r, "begins at %" PRIu64 " of the data, not a multiple of %" PRIu64,
                           *offset, alignment);
    x->name = arena_str(a, name.s, name.n);
    return OK;
}

static int by_data(const void *a, const void *b)
{
    const struct gguf_tensor *const *x = a, *const *y = b;
    return ((*x)->data > (*y)->data) - ((*x)->data < (*y)->data);
}

static enum error check_overlaps(const struct gguf_reader *r,
                                 struct arena *a,
                                 const struct gguf_tensor *tensors,
                                 uint64_t n)
{
    struct arena_mark m = arena_mark(a);
    const struct gguf_tensor **sorted = arena_room(a, (size_t)n * sizeof *sorted + 1);
    enum error e = OK;

    for (uint64_t i = 0; i < n; i++)
        sorted[i] = &tensors[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_data);
    for (uint64_t i = 1; i < n && !e; i++) {
        const struct gguf_tensor *x = sorted[i - 1], *y = sorted[i];
        if (x->data + x->size > y->data)
            e = errtext_set(r->t, ERR_PARSE, "%s: tensors %s and %s overlap", r->path, x->name,
                            y->name);
    }
    arena_release(a, m);
    return e;
}

enum error gguf_read_tensors(struct gguf_reader *r,
                             struct arena *a,
                             uint64_t n,
                             uint64_t alignment,
                             struct gguf_tensor *out)
{
    uint64_t *offsets = arena_room(a, (size_t)n * sizeof *offsets + 1);
    for (uint64_t i = 0; i < n; i++) {
        char what[32];
        (void)snprintf(what, sizeof what, "tensor %" PRIu64, i);
        r->what = what;
        enum error e = read_one(r, a, alignment, &out[i], &offsets[i]);
        r->what = "file";
        if (e)
            return e;
    }
    uint64_t start = (r->at + alignment - 1) / alignment * alignment;
    uint64_t room = start < r->n ? r->n - start : 0;
    for (uint64_t i = 0; i < n; i++) {
        if (offsets[i] > room || out[i].size > room - offsets[i])
            return errtext_set(r->t, ERR_PARSE,
                               "%s: tensor %s needs %" PRIu64 " bytes at %" PRIu64
                               " of the data, the file has %" PRIu64 " there (cut short?)",
                               r->path, out[i].name, out[i].size, offsets[i], room);
        out[i].data = r->bytes + start + offsets[i];
    }
    return check_overlaps(r, a, out, n);
}
