// SPDX-License-Identifier: MIT
#include "worker/experts/engine.h"

#include <assert.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/experts/engine_state.h"
#include "worker/experts/norm.h"
#include "worker/experts/whole.h"
#include "worker/memory.h"
#include "worker/tensor/team_cpus.h"

_Static_assert((int)ENGINE_PAGE == (int)KV_PAGE, "one page");

enum { TOKENS_DEFAULT = 512 };

// ---- products and gathers ----------------------------------------------------------

float *engine_matrix(struct engine *e, size_t rows, size_t columns)
{
    return arena_room(e->step, (rows * columns + 1) * sizeof(float));
}

const float *engine_floats(struct engine *e, const struct gguf_tensor *t)
{
    if (!t)
        return NULL;
    if (t->format->type == FORMAT_F32)
        return (const float *)(const void *)t->data;
    size_t n = (size_t)(t->n_rows * t->dims[0]);
    float *x = engine_matrix(e, 1, n);
    format_unpack(t->format, t->data, x, n);
    return x;
}

// Where rank r's part of `columns` units begins.
static uint32_t part_first(const struct engine *e, uint32_t r, uint32_t columns, uint32_t unit)
{
    return engine_first(r, e->size, columns, unit == 1 ? PACKED_ROWS : 1);
}

// Bytes of each rank's part of a row, of numbers of `number` bytes.
static size_t *widths(struct engine *e, uint32_t columns, uint32_t unit, size_t number)
{
    size_t *bytes = arena_room(e->step, e->size * sizeof *bytes);
    for (uint32_t r = 0; r < e->size; r++)
        bytes[r] =
            (size_t)(part_first(e, r + 1, columns, unit) - part_first(e, r, columns, unit))
            * unit * number;
    return bytes;
}

static void
gather(struct engine *e, const void *part, uint32_t n, const size_t *bytes, void *out)
{
    int64_t start = clock_now(), waited = -group_waited(e->group);
    group_gather_rows(e->group, part, n, bytes, out);
    waited += group_waited(e->group);
    e->waiting_ns += waited;
    e->exchange_ns += clock_now() - start - waited;
}

float *engine_gather(struct engine *e, float *part, uint32_t n, uint32_t columns, uint32_t unit)
{
    if (e->size == 1)
        return part;
    float *out = engine_matrix(e, n, (size_t)columns * unit);
    gather(e, part, n, widths(e, columns, unit, sizeof *part), out);
    return out;
}

bool engine_codes_travel(const struct engine *e,
                         const struct gguf_tensor *w,
                         uint32_t columns,
                         uint32_t unit)
{
    if (!weights_find(e->weights, w))
        return false;
    for (uint32_t r = 0; r <= e->size; r++)
        if ((uint64_t)part_first(e, r, columns, unit) * unit % PACKED_BLOCK != 0)
            return false;
    return true;
}

struct packed_x **engine_gather_codes(
    struct engine *e, struct packed_x *const *part, uint32_t n, uint32_t columns, uint32_t unit)
{
    struct packed_x **out = engine_codes(e, (size_t)columns * unit, n);
    const size_t *bytes = widths(e, columns, unit, sizeof(struct packed_x) / PACKED_BLOCK);
    gather(e, n ? part[0] : NULL, n, bytes, n ? out[0] : NULL);
    return out;
}

struct normed {
    const struct engine *e;
    const float *h, *w;
    float *x;
};

static void norm_tokens(void *arg, uint32_t from, uint32_t to)
{
    const struct normed *a = arg;
    size_t d = a->e->m->h.d;
    for (uint32_t t = from; t < to; t++)
        norm_rms(a->h + t * d, a->w, d, a->e->m->h.eps, a->x + t * d);
}

float *engine_normed(struct engine *e, const struct batch *b, const struct gguf_tensor *norm)
{
    struct normed a = {
        .e = e, .h = b->h, .w = engine_floats(e, norm), .x = engine_matrix(e, b->n, e->m->h.d)};
    engine_share(e, b->n, 8, norm_tokens, &a);
    return a.x;
}

// ---- life ----------------------------------------------------------------------------

static const struct format *kv_format(const struct engine_options *o)
{
    enum engine_kv kv = o->kv;
    if (kv == ENGINE_KV_DEFAULT && o->numerics == ENGINE_FAST)
        kv = ENGINE_KV_F16;
    return format_find(kv == ENGINE_KV_F16    ? FORMAT_F16
                       : kv == ENGINE_KV_Q8_0 ? FORMAT_Q8_0
                                              : FORMAT_F32);
}

static struct kv_shape kv_shape_of(const struct engine *e, const struct engine_options *o)
{
    const struct hyper *h = &e->m->h;
    bool mla = e->m->arch->mla;
    return (struct kv_shape){
        .format = kv_format(o),
        .n_layers = h->n_layers,
        .n_heads = mla ? 1 : (uint32_t)range_n(e->kv_heads),
        .key = mla ? h->kv_rank + h->n_rot : h->key,
        .value = mla ? 0 : h->value,
        .n_pages = o->n_positions / KV_PAGE + (o->n_positions % KV_PAGE != 0),
    };
}

void engine_heads(struct engine *e)
{
    uint32_t per = e->m->h.n_heads / e->m->h.n_kv_heads;
    e->heads = engine_share_of(e, e->m->h.n_heads, 1, e->replicate);
    e->kv_heads = (struct range){0, 0};
    if (range_n(e->heads))
        e->kv_heads = (struct range){e->heads.from / per, (e->heads.to - 1) / per + 1};
}

// One rank without memory must not leave the others waiting: its error is everybody's.
static enum error agree(struct engine *e, enum error mine, struct errtext *t)
{
    uint8_t own = (uint8_t)mine, *all = mem_alloc(e->size);
    group_allgather(e->group, &own, 1, all);
    for (uint32_t r = 0; r < e->size; r++)
        if (!mine && all[r])
            mine = errtext_set(t, (enum error)all[r], "rank %u of the gang could not begin", r);
    mem_free(all);
    return mine;
}

// The ranks of a node hold the weights together, those of all nodes at least once.
static enum error check_memory(const struct engine *e, struct errtext *t)
{
    struct group *node = group_node(e->group);
    uint64_t bytes = gguf_bytes(e->m->file) / e->size * group_size(node);
    size_t memory = memory_limit();
    group_destroy(node);
    if (bytes <= memory)
        return OK;
    return errtext_set(t, ERR_LIMIT,
                       "%s: %llu MB of weights on this machine, which has %zu MB of memory",
                       gguf_path(e->m->file), (unsigned long long)bytes >> 20, memory >> 20);
}

static uint32_t threads_of(const struct engine_options *o, uint32_t n_ranks)
{
    uint32_t n = o->n_threads ? o->n_threads : team_cpus_share(n_ranks);
    return n < TEAM_MAX ? n : TEAM_MAX;
}

enum error engine_create(const struct model *m,
                         const struct engine_options *o,
                         struct group *g,
                         struct engine **out,
                         struct errtext *t)
{
    const struct hyper *h = &m->h;
    struct engine *e = mem_alloc(sizeof *e);
    e->m = m;
    e->group = g;
    e->rank = group_rank(g);
    e->size = group_size(g);
    e->replicate = o->replicate || e->size == 1;
    e->n_tokens = o->n_tokens ? o->n_tokens : TOKENS_DEFAULT;
    e->score_scale = rope_score_scale(m);
    engine_heads(e);
    struct kv_shape shape = kv_shape_of(e, o);
    enum error err = check_memory(e, t);
    if (!err)
        err = kv_create(&shape, &e->kv, t);
    err = agree(e, err, t);
    if (err) {
        kv_destroy(e->kv);
        mem_free(e);
        return err;
    }
    e->team = team_create(threads_of(o, e->size));
    team_pin(e->team);
    e->step = arena_create();
    rope_init(&e->rope, m, engine_floats(e, m->rope_freqs));
    e->load = mem_alloc(((size_t)h->n_layers * h->n_experts + 1) * sizeof *e->load);
    e->has_whole = true;
    if (o->numerics == ENGINE_FAST)
        err = agree(e, engine_pack(e, o->experts == ENGINE_EXPERTS_WHOLE, t), t);
    if (!err && e->has_whole)
        err = whole_create(e, o, &e->whole, t);
    if (err) {
        engine_destroy(e);
        return err;
    }
    *out = e;
    return OK;
}

void engine_destroy(struct engine *e)
{
    if (!e)
        return;
    whole_destroy(e->whole);
    weights_destroy(e->weights);
    team_destroy(e->team);
    mem_free(e->load);
    arena_destroy(e->step);
    rope_fini(&e->rope);
    kv_destroy(e->kv);
    mem_free(e);
}

uint32_t engine_open(struct engine *e)
{
    return kv_open(e->kv);
}

void engine_close(struct engine *e, uint32_t sequence)
{
    kv_close(e->kv, sequence);
}

uint32_t engine_length(const struct engine *e, uint32_t sequence)
{
    return kv_length(e->kv, sequence);
}

uint32_t engine_reuse(struct engine *e, uint32_t sequence, uint32_t from, uint32_t n)
{
    return kv_reuse(e->kv, sequence, from, n);
}

uint32_t engine_free(const struct engine *e)
{
    return kv_free_pages(e->kv) * KV_PAGE;
}

uint32_t engine_need(const struct engine *e, uint32_t sequence, uint32_t n)
{
    return kv_need_pages(e->kv, sequence, n) * KV_PAGE;
}

// ---- a step --------------------------------------------------------------------------

static enum error take_pages(struct engine *e, const struct engine_run *runs, uint32_t n)
{
    uint64_t pages = 0, tokens = 0;
    for (uint32_t i = 0; i < n; i++) {
        pages += kv_need_pages(e->kv, runs[i].sequence, runs[i].n);
        tokens += runs[i].n;
    }
    assert(tokens <= e->n_tokens);
    return pages > kv_free_pages(e->kv) ? ERR_LIMIT : OK;
}

static void embed(struct engine *e, struct batch *b, uint32_t at, const struct engine_run *run)
{
    const struct gguf_tensor *w = e->m->embed;
    size_t d = e->m->h.d;
    for (uint32_t i = 0; i < run->n; i++) {
        assert(run->tokens[i] >= 0 && (uint32_t)run->tokens[i] < e->m->h.n_vocab);
        format_unpack(w->format, w->data + (size_t)run->tokens[i] * w->row_bytes,
                      b->h + (at + i) * d, d);
    }
}

static struct batch begin(struct engine *e, const struct engine_run *runs, uint32_t n_runs)
{
    struct batch b = {.runs = runs, .n_runs = n_runs};
    uint32_t reach = 0;
    arena_reset(e->step);
    for (uint32_t i = 0; i < n_runs; i++)
        b.n += runs[i].n;
    b.position = arena_room(e->step, b.n * sizeof *b.position + 1);
    b.first = arena_room(e->step, n_runs * sizeof *b.first + 1);
    b.h = engine_matrix(e, b.n, e->m->h.d);
    for (uint32_t i = 0, at = 0; i < n_runs; at += runs[i++].n) {
        uint32_t from = kv_length(e->kv, runs[i].sequence);
        b.first[i] = at;
        for (uint32_t j = 0; j < runs[i].n; j++)
            b.position[at + j] = from + j;
        embed(e, &b, at, &runs[i]);
        kv_grow(e->kv, runs[i].sequence, runs[i].n);
        reach = from + runs[i].n > reach ? from + runs[i].n : reach;
    }
    rope_reach(&e->rope, reach);
    return b;
}

// Of the last tokens of each run that wants them.
static void logits(struct engine *e, const struct batch *b)
{
    const struct hyper *h = &e->m->h;
    const float *w = engine_floats(e, e->m->output_norm);
    float *x = engine_matrix(e, b->n, h->d);
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_runs; i++)
        for (uint32_t j = b->runs[i].n - b->runs[i].n_logits; j < b->runs[i].n; j++)
            norm_rms(b->h + (size_t)(b->first[i] + j) * h->d, w, h->d, h->eps,
                     x + (size_t)n++ * h->d);
    if (!n)
        return;
    struct operand o = engine_operand(e, x, h->d, n);
    const float *y = engine_product(e, e->m->output, &o);
    for (uint32_t i = 0; i < b->n_runs; i++) {
        size_t size = (size_t)b->runs[i].n_logits * h->n_vocab;
        if (size)
            memcpy(b->runs[i].logits, y, size * sizeof *y);
        y += size;
    }
}

enum error engine_step(struct engine *e, const struct engine_run *runs, uint32_t n)
{
    int64_t start = clock_now();
    enum error err = take_pages(e, runs, n);
    if (err)
        return err;
    struct batch b = begin(e, runs, n);
    whole_begin(e, b.n);
    for (uint32_t i = 0; i < e->m->h.n_layers && b.n; i++) {
        struct arena_mark mark = arena_mark(e->step);
        engine_attention(e, &b, i);
        arena_release(e->step, mark);
        engine_ffn(e, &b, i);
        arena_release(e->step, mark);
    }
    logits(e, &b);
    whole_end(e, b.n);
    e->tokens_done += b.n;
    e->steps_done++;
    e->total_ns += clock_now() - start;
    return OK;
}

void engine_stats(const struct engine *e, struct engine_stats *out)
{
    *out = (struct engine_stats){.load = e->load,
                                 .n_tokens = e->tokens_done,
                                 .n_steps = e->steps_done,
                                 .total_ns = e->total_ns,
                                 .exchange_ns = e->exchange_ns,
                                 .waiting_ns = e->waiting_ns,
                                 .whole_steps = whole_steps(e->whole),
                                 .whole_pairs = whole_pairs(e->whole)};
}
