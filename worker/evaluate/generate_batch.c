// SPDX-License-Identifier: MIT
// generate_batch.c - the prompts of a shard through the engine, several in each
// step: those that decode with one token, those that begin with what room is left.
//
// How steps are put together changes no bit (engine.h), so it may follow time and
// memory as it likes; here it follows the prompts alone, which makes every rank
// put together the same steps without a word.
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/evaluate/generate_state.h"
#include "worker/experts/model.h"
#include "worker/group.h"

enum {
    LOGITS_BYTES = 32 << 20, // of one step: bounds how many are scored at once
    POOL_BYTES = 1 << 30,    // of keys and values, when one prompt alone needs less
};

struct batch_run {
    struct generator *g;
    struct run *r;
    struct stream *list;
    uint32_t n;
    uint32_t pages, taken;                       // of the pool; promised
    struct stream *active[GENERATE_STREAMS_MAX]; // in order of admission
    uint32_t n_active;
    struct engine_run runs[GENERATE_STREAMS_MAX];
    uint32_t n_runs;
};

uint32_t generate_moe_layers(const struct generator *g)
{
    const struct hyper *h = &g->model->h;
    return h->n_experts ? h->n_layers - h->n_dense : 0;
}

static uint32_t pages_of(const struct stream *s)
{
    return ((uint32_t)s->prompt.n + s->room + ENGINE_PAGE - 1) / ENGINE_PAGE;
}

// ---- the engine --------------------------------------------------------------------------

static uint64_t page_bytes(const struct generator *g)
{
    const struct hyper *h = &g->model->h;
    uint64_t numbers = g->model->arch->mla ? h->kv_rank + h->n_rot
                                           : (uint64_t)h->n_kv_heads * (h->key + h->value);
    return numbers * h->n_layers * ENGINE_PAGE * sizeof(float);
}

// Enough for the longest, and for several at once while that costs little.
static uint32_t pool_of(const struct generator *g, const struct stream *list, uint32_t n)
{
    uint64_t sum = 0, most = 0, cheap = POOL_BYTES / page_bytes(g);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t pages = list[i].done ? 0 : pages_of(&list[i]);
        sum += pages;
        most = pages > most ? pages : most;
    }
    cheap = cheap < most * GENERATE_STREAMS_MAX ? cheap : most * GENERATE_STREAMS_MAX;
    cheap = cheap > most ? cheap : most;
    return (uint32_t)(sum < cheap ? sum : cheap);
}

static enum error make_engine(struct generator *g, struct group *group, struct errtext *t)
{
    size_t row = g->model->h.n_vocab * sizeof(float);
    if (!g->logits) {
        size_t n = LOGITS_BYTES / row;
        n = n > GENERATE_TOKENS_MAX ? GENERATE_TOKENS_MAX : n;
        g->n_rows = n < GENERATE_STREAMS_MAX ? GENERATE_STREAMS_MAX : (uint32_t)n;
        g->logits = mem_try(g->n_rows * row, SIZE_MAX / 2);
    }
    return generate_engine(g, group, g->n_positions, GENERATE_TOKENS_MAX, t);
}

// A rank may have closed the job meanwhile, for others that it had to open: then all
// begin anew.  What the pool has beyond the pages of this run is not made use of,
// since it need not be the same on all.
static enum error ready_engine(struct batch_run *b, struct errtext *t)
{
    struct generator *g = b->g;
    b->pages = pool_of(b->g, b->list, b->n);
    bool fits =
        g->engine && g->group == b->r->group && g->n_positions >= b->pages * ENGINE_PAGE;
    if (!generate_agree(b->r->group, fits ? OK : ERR_AGAIN, b->r->arena, t)) {
        generate_prefix_agree(g, b->r->group, b->r->arena);
        return OK;
    }
    prefix_forget(g->prefix);
    engine_destroy(g->engine);
    g->engine = NULL;
    g->group = b->r->group;
    g->n_positions = b->pages * ENGINE_PAGE;
    enum error e = generate_agree(g->group, make_engine(g, g->group, t), b->r->arena, t);
    if (e) {
        engine_destroy(g->engine);
        g->engine = NULL;
    }
    return e;
}

// ---- steps -------------------------------------------------------------------------------

static void admit(struct batch_run *b, uint32_t *next)
{
    for (; *next < b->n && b->n_active < GENERATE_STREAMS_MAX; ++*next) {
        struct stream *s = &b->list[*next];
        if (s->done)
            continue;
        if (b->taken + pages_of(s) > b->pages)
            return;
        b->taken += pages_of(s);
        s->sequence = engine_open(b->g->engine);
        b->active[b->n_active++] = s;
    }
}

static void leave(struct batch_run *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_active; i++) {
        struct stream *s = b->active[i];
        if (s->done) {
            generate_prefix_end(b->g, s);
            b->taken -= pages_of(s);
        } else {
            b->active[n++] = s;
        }
    }
    b->n_active = n;
}

struct budget {
    uint32_t tokens, rows;
};

static bool decodes(const struct stream *s)
{
    return s->n_fed >= s->prompt.n;
}

static void add_run(struct batch_run *b, struct stream *s, struct budget *left)
{
    struct generator *g = b->g;
    uint32_t rest = decodes(s) ? 1 : (uint32_t)s->prompt.n - s->n_fed;
    uint32_t n = rest < left->tokens ? rest : left->tokens;
    if (s->nll && n > left->rows)
        n = left->rows;
    uint32_t n_rows = s->nll && !decodes(s) ? n : n == rest;
    if (!n || n_rows > left->rows)
        return;
    uint32_t k = b->n_runs++, layers = generate_moe_layers(g);
    b->runs[k] = (struct engine_run){
        .sequence = s->sequence,
        .tokens = decodes(s) ? &s->new.ids[s->new.n - 1] : s->prompt.ids + s->n_fed,
        .n = n,
        .n_logits = n_rows,
        .logits = g->logits + (size_t)(g->n_rows - left->rows) * g->model->h.n_vocab,
        .routing = layers ? arena_room(b->r->arena, (size_t)layers * n * g->model->h.top_k
                                                        * sizeof(uint16_t))
                          : NULL,
    };
    left->tokens -= n;
    left->rows -= n_rows;
}

// The routing of positions [n_fed, n_fed + n): counted, and kept where asked.
static void take_routing(struct generator *g, struct stream *s, const struct engine_run *run)
{
    const struct hyper *h = &g->model->h;
    size_t k = h->top_k;
    for (uint32_t l = 0; run->routing && l < generate_moe_layers(g); l++) {
        const uint16_t *from = run->routing + l * run->n * k;
        for (size_t i = 0; i < run->n * k; i++)
            s->load[(size_t)l * h->n_experts + from[i]]++;
        if (s->routing && !decodes(s))
            memcpy(s->routing + (l * s->prompt.n + s->n_fed) * k, from,
                   run->n * k * sizeof *from);
    }
}

static struct stream *stream_of(const struct batch_run *b, uint32_t sequence)
{
    for (uint32_t i = 0; i < b->n_active; i++)
        if (b->active[i]->sequence == sequence)
            return b->active[i];
    return NULL;
}

static enum error step(struct batch_run *b, double seconds[2], struct errtext *t)
{
    struct budget left = {GENERATE_TOKENS_MAX, b->g->n_rows};
    struct arena_mark mark = arena_mark(b->r->arena);
    uint32_t n_prefill = 0, n_decode = 0;
    b->n_runs = 0;
    // Those that decode first: they need little, and would wait long.
    for (int phase = 0; phase < 2; phase++)
        for (uint32_t i = 0; i < b->n_active; i++)
            if (decodes(b->active[i]) == !phase && generate_prefix_begin(b->g, b->active, i))
                add_run(b, b->active[i], &left);
    uint32_t need = 0;
    for (uint32_t i = 0; i < b->n_runs; i++)
        need += engine_need(b->g->engine, b->runs[i].sequence, b->runs[i].n);
    generate_prefix_room(b->g, need);
    int64_t start = clock_now();
    if (engine_step(b->g->engine, b->runs, b->n_runs))
        return errtext_set(t, FAULT_WORKER, "the engine has no pages left");
    for (uint32_t i = 0; i < b->n_runs; i++) {
        const struct engine_run *run = &b->runs[i];
        struct stream *s = stream_of(b, run->sequence);
        *(decodes(s) ? &n_decode : &n_prefill) += run->n;
        take_routing(b->g, s, run);
        s->n_fed += run->n;
        generate_take(b->g, b->r, s, run->logits, run->n_logits);
    }
    arena_release(b->r->arena, mark);
    double share = (double)(clock_now() - start) / 1e9 / (n_prefill + n_decode);
    seconds[0] += share * n_prefill;
    seconds[1] += share * n_decode;
    return OK;
}

enum error generate_batch(struct generator *g,
                          struct run *r,
                          struct stream *list,
                          double seconds[2],
                          struct errtext *t)
{
    struct batch_run b = {.g = g, .r = r, .list = list, .n = r->count};
    uint32_t next = 0;
    if (!pool_of(g, list, r->count))
        return OK;
    enum error e = ready_engine(&b, t);
    for (;;) {
        if (!e)
            admit(&b, &next);
        if (e || !b.n_active)
            break;
        e = step(&b, seconds, t);
        run_progress(r);
        if (!e)
            leave(&b);
        if (!e && run_cancelled(r))
            e = ERR_CANCELLED;
    }
    for (uint32_t i = 0; i < b.n_active; i++)
        engine_close(g->engine, b.active[i]->sequence);
    return e;
}
