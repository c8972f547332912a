// SPDX-License-Identifier: MIT
// ppo_model.c - what is learned, as bytes: the network's tensors by name, "adam.mean",
// "adam.square", "adam.steps", "value.scale" [mean, sd].  A file with the network's
// tensors alone is a captain too, whose training would begin anew.
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "worker/fleet/ppo.h"
#include "worker/tensor/safetensors.h"

// The step count is two exact floats: below 2^24 each.
enum { STEP_BITS = 24 };

static void shrink(void *ctx, const char *name, size_t rows, size_t cols, size_t at)
{
    float *w = ctx;
    // Destinations nearly alike and values near 0 at first.
    if (strcmp(name, "glimpse.out.weight") == 0 || strcmp(name, "value.out.weight") == 0)
        for (size_t i = 0; i < rows * cols; i++)
            w[at + i] *= 0.01F;
}

struct fill {
    const struct safetensors *from;
    float *w;
    struct errtext *t;
    enum error e;
};

static enum error
take(const struct safetensors *s, const char *name, size_t n, float *to, struct errtext *t)
{
    const struct safetensor *one = safetensors_find(s, name);
    if (!one || one->n != n)
        return errtext_set(t, FAULT_JOB, "the checkpoint has no tensor %s of %zu floats", name,
                           n);
    memcpy(to, one->x, n * sizeof *to);
    return OK;
}

static void fill_one(void *ctx, const char *name, size_t rows, size_t cols, size_t at)
{
    struct fill *f = ctx;
    if (!f->e)
        f->e = take(f->from, name, rows * cols, f->w + at, f->t);
}

static enum error fill(struct ppo_model *m, const struct safetensors *s, struct errtext *t)
{
    struct fill f = {s, m->w, t, OK};
    float steps[2] = {0}, scale[2] = {0};
    (void)captain_walk(m->shape, fill_one, &f);
    if (f.e || !safetensors_find(s, "adam.steps"))
        return f.e;
    enum error e = take(s, "adam.mean", m->n, m->m, t);
    if (!e)
        e = take(s, "adam.square", m->n, m->v, t);
    if (!e)
        e = take(s, "adam.steps", 2, steps, t);
    if (!e)
        e = take(s, "value.scale", 2, scale, t);
    for (int i = 0; i < 2 && !e; i++)
        if (!(steps[i] >= 0 && steps[i] < (float)(1 << STEP_BITS)))
            e = errtext_set(t, FAULT_JOB, "the checkpoint's adam.steps are no counts");
    if (!e && !(scale[1] >= 0))
        e = errtext_set(t, FAULT_JOB, "the checkpoint's value.scale is no scale");
    if (e)
        return e;
    m->steps = ((uint64_t)steps[0] << STEP_BITS) + (uint64_t)steps[1];
    m->mean = scale[0];
    m->sd = scale[1];
    return OK;
}

enum error ppo_model_read(struct ppo_model *out,
                          const struct captain_shape *shape,
                          uint64_t seed,
                          const struct bin *bytes,
                          struct errtext *t)
{
    size_t n = captain_walk(shape, NULL, NULL);
    *out = (struct ppo_model){.shape = shape, .n = n};
    out->w = mem_alloc(n * sizeof *out->w);
    out->m = mem_alloc(n * sizeof *out->m);
    out->v = mem_alloc(n * sizeof *out->v);
    if (!bytes->n) {
        captain_init(shape, seed, out->w);
        (void)captain_walk(shape, shrink, out->w);
        return OK;
    }
    struct arena *a = arena_create();
    struct safetensors s;
    struct errtext why = {{0}};
    enum error e = safetensors_read(bytes->p, bytes->n, a, &s, &why)
                       ? errtext_set(t, FAULT_JOB, "the checkpoint: %.400s", why.text)
                       : fill(out, &s, t);
    arena_destroy(a);
    if (e)
        ppo_model_fini(out);
    return e;
}

enum error
ppo_model_shape(const struct bin *bytes, const struct captain_shape **out, struct errtext *t)
{
    struct arena *a = arena_create();
    struct safetensors s;
    struct errtext why = {{0}};
    enum error e = OK;
    *out = NULL;
    if (safetensors_read(bytes->p, bytes->n, a, &s, &why)) {
        e = errtext_set(t, FAULT_JOB, "%.400s", why.text);
    } else {
        const struct value *name = value_find(&s.metadata, "network");
        if (name && name->type == VALUE_STR)
            *out = captain_find(name->s);
        if (!*out)
            e = errtext_set(t, FAULT_JOB, "its metadata name no network there is");
    }
    arena_destroy(a);
    return e;
}

void ppo_model_fini(struct ppo_model *m)
{
    mem_free(m->w);
    mem_free(m->m);
    mem_free(m->v);
    *m = (struct ppo_model){0};
}

struct listing {
    const struct ppo_model *m;
    struct arena *a;
    struct safetensor *list;
    uint32_t n;
};

static void list_one(void *ctx, const char *name, size_t rows, size_t cols, size_t at)
{
    struct listing *l = ctx;
    struct safetensor *one = &l->list[l->n++];
    *one = (struct safetensor){.n_dims = rows == 1 ? 1 : 2,
                               .dims = {rows == 1 ? cols : rows, rows == 1 ? 0 : cols},
                               .n = rows * cols,
                               .x = l->m->w + at};
    one->name = arena_str(l->a, name, strlen(name));
}

void ppo_model_write(const struct ppo_model *m, struct buf *out)
{
    float steps[2] = {(float)(m->steps >> STEP_BITS),
                      (float)(m->steps & ((UINT64_C(1) << STEP_BITS) - 1))};
    float scale[2] = {m->mean, m->sd};
    struct arena *a = arena_create();
    struct listing l = {m, a, arena_alloc(a, SAFETENSORS_MAX * sizeof *l.list), 0};
    (void)captain_walk(m->shape, list_one, &l);
    const struct safetensor more[] = {
        {.name = "adam.mean", .n_dims = 1, .dims = {m->n}, .n = m->n, .x = m->m},
        {.name = "adam.square", .n_dims = 1, .dims = {m->n}, .n = m->n, .x = m->v},
        {.name = "adam.steps", .n_dims = 1, .dims = {2}, .n = 2, .x = steps},
        {.name = "value.scale", .n_dims = 1, .dims = {2}, .n = 2, .x = scale},
    };
    memcpy(l.list + l.n, more, sizeof more);
    l.n += sizeof more / sizeof more[0];
    struct safetensors s = {.list = l.list, .n = l.n, .metadata = value_map()};
    value_set(a, &s.metadata, "network", value_str(a, m->shape->name));
    safetensors_write(&s, out);
    arena_destroy(a);
}
