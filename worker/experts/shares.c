// SPDX-License-Identifier: MIT
// shares.c - which weights a rank reads, and the packing of them for fast numerics.
//
// The ranks of a node pack one copy together, of all that any of them reads, each a
// part of every matrix.  Where they cannot share memory, or a rank's rows would begin
// inside a packed group, each packs its own.
#include <string.h>

#include "common/mem.h"
#include "worker/experts/engine_state.h"

static struct range times(struct range r, uint32_t unit)
{
    return (struct range){r.from * unit, r.to * unit};
}

static struct weights_share
slices_of(const struct gguf_tensor *t, struct range rows, struct range slices)
{
    return (struct weights_share){t, rows, slices};
}

static struct weights_share plain_of(const struct gguf_tensor *t, struct range rows)
{
    return slices_of(t, rows, (struct range){0, 1});
}

// The rows of t that are this rank's when it is split, or all.
static struct weights_share
part_of(const struct engine *e, const struct gguf_tensor *t, bool whole)
{
    uint32_t rows = t ? (uint32_t)t->dims[1] : 0;
    return plain_of(t, engine_part(e, rows, whole));
}

static struct weights_share
experts_of(const struct engine *e, const struct gguf_tensor *t, bool whole)
{
    uint32_t rows = t ? (uint32_t)t->dims[1] : 0;
    return slices_of(t, engine_part(e, rows, whole), (struct range){0, e->m->h.n_experts});
}

enum { SHARES = 19 };

// What this rank reads of a layer: as attention.c and ffn.c do.
static void
shares_of(const struct engine *e, const struct layer *l, bool whole, struct weights_share *out)
{
    const struct hyper *h = &e->m->h;
    struct range q = times(e->heads, h->key), rank = {0, h->kv_rank}, value = {0, h->value};
    bool all = e->replicate;
    const struct weights_share list[SHARES] = {
        plain_of(l->q, q),
        plain_of(l->q_b, q),
        plain_of(l->k, times(e->kv_heads, h->key)),
        plain_of(l->v, times(e->kv_heads, h->value)),
        slices_of(l->k_b, rank, e->heads),
        slices_of(l->v_b, value, e->heads),
        part_of(e, l->q_a, all),
        part_of(e, l->kv_a, all),
        part_of(e, l->o, all),
        part_of(e, l->router, all),
        part_of(e, l->gate, all),
        part_of(e, l->up, all),
        part_of(e, l->down, all),
        part_of(e, l->gate_shared, all),
        part_of(e, l->up_shared, all),
        part_of(e, l->down_shared, false),
        experts_of(e, l->gate_exps, whole),
        experts_of(e, l->up_exps, whole),
        experts_of(e, l->down_exps, whole),
    };
    memcpy(out, list, sizeof list);
}

static void list_shares(const struct engine *e, bool whole, struct weights_share *out)
{
    uint32_t n = e->m->h.n_layers;
    for (uint32_t i = 0; i < n; i++)
        shares_of(e, &e->m->layers[i], whole, out + (size_t)i * SHARES);
    out[n * SHARES] = part_of(e, e->m->output, e->replicate);
}

static uint32_t n_shares(const struct engine *e)
{
    return e->m->h.n_layers * SHARES + 1;
}

static void widen(struct range *r, struct range by)
{
    if (!range_n(by))
        return;
    if (!range_n(*r))
        *r = by;
    r->from = by.from < r->from ? by.from : r->from;
    r->to = by.to > r->to ? by.to : r->to;
}

// All that some ranks of the gang read; `out` is zero.
static void widen_by(const struct engine *e,
                     const uint32_t *ranks,
                     uint32_t n,
                     bool whole,
                     struct weights_share *out)
{
    struct weights_share *one = mem_alloc(n_shares(e) * sizeof *one);
    for (uint32_t r = 0; r < n; r++) {
        struct engine as = *e;
        as.rank = ranks[r];
        engine_heads(&as);
        list_shares(&as, whole, one);
        for (uint32_t i = 0; i < n_shares(e); i++) {
            out[i].tensor = one[i].tensor;
            widen(&out[i].rows, one[i].rows);
            widen(&out[i].slices, one[i].slices);
        }
    }
    mem_free(one);
}

// Whether our rows begin where packed groups of the shared copy do.
static bool
are_aligned(const struct weights_share *all, const struct weights_share *mine, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (range_n(mine[i].rows) && (mine[i].rows.from - all[i].rows.from) % PACKED_ROWS != 0)
            return false;
    return true;
}

static bool has_all_experts(const struct engine *e, const struct weights_share *list)
{
    for (uint32_t i = 0; i < n_shares(e); i++) {
        const struct gguf_tensor *t = list[i].tensor;
        if (t && t->dims[2] > 1 && t->dims[2] == e->m->h.n_experts
            && (range_n(list[i].rows) != t->dims[1] || range_n(list[i].slices) != t->dims[2]))
            return false;
    }
    return true;
}

static enum error
pack_together(struct engine *e, struct group *node, bool whole, struct weights_share *list)
{
    uint32_t size = group_size(node), *ranks = mem_alloc(size * sizeof *ranks);
    struct weights_share *all = mem_alloc(n_shares(e) * sizeof *all);
    struct errtext t;
    group_allgather(node, &e->rank, sizeof e->rank, ranks);
    widen_by(e, ranks, size, whole, all);
    list_shares(e, whole, list);
    uint8_t fits = are_aligned(all, list, n_shares(e)), *fit = mem_alloc(size);
    enum error err = OK;
    group_allgather(node, &fits, 1, fit);
    for (uint32_t r = 0; r < size; r++)
        err = fit[r] ? err : ERR_AGAIN;
    if (!err)
        err = weights_create(all, n_shares(e), e->team, node, &e->weights, &t);
    if (!err)
        memcpy(list, all, n_shares(e) * sizeof *all);
    mem_free(fit);
    mem_free(all);
    mem_free(ranks);
    return err;
}

// The file's bytes of a packed tensor are not looked at again, unless it is the table of
// embeddings too.
static void rest(const struct gguf_tensor *t, void *arg)
{
    const struct model *m = arg;
    if (t != m->embed)
        gguf_tensor_rest(m->file, t);
}

enum error engine_pack(struct engine *e, bool whole, struct errtext *t)
{
    struct weights_share *list = mem_alloc(n_shares(e) * sizeof *list);
    struct group *node = group_node(e->group);
    enum error err = ERR_AGAIN;
    if (group_size(node) > 1)
        err = pack_together(e, node, whole, list);
    if (err == ERR_AGAIN) {
        list_shares(e, whole, list);
        err = weights_create(list, n_shares(e), e->team, NULL, &e->weights, t);
    }
    if (!err)
        weights_each(e->weights, rest, (void *)(uintptr_t)e->m);
    uint8_t own = has_all_experts(e, list), *has = mem_alloc(e->size);
    group_allgather(e->group, &own, 1, has);
    for (uint32_t r = 0; r < e->size; r++)
        e->has_whole = e->has_whole && has[r];
    mem_free(has);
    group_destroy(node);
    mem_free(list);
    return err;
}
