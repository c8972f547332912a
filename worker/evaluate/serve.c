// SPDX-License-Identifier: MIT
// The workload of `kind: serve`: one item, whose run lasts as long as the job.
//
// The model opens as for `generate`, whose parameters it shares.
#include <string.h>

#include "common/clock.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/model_params.h"
#include "worker/evaluate/serve_state.h"
#include "worker/experts/model.h"
#include "worker/group.h"

enum {
    STREAMS_DEFAULT = 16,
    POSITIONS_MOST = 1 << 26,
    CACHE_BYTES = 512 << 20, // where the job does not say
    NAP_MOST_MS = 20,        // of a gang; what a first request may wait longer
};
// So often it says that it is there.
#define OPEN_NS CLOCK_SECOND
// One rank alone sleeps on its mailbox.
#define IDLE_NS (500 * CLOCK_MS)

static const struct param params[] = {
    MODEL_PARAM,
    MODEL_PARAMS,
    {.name = "cache_tokens",
     .type = PARAM_INT,
     .min = ENGINE_PAGE,
     .max = POSITIONS_MOST,
     .help = "tokens that the cache of keys and values holds, of all streams together; what "
             "512 MiB hold when left out"},
    {.name = "streams",
     .type = PARAM_INT,
     .min = 1,
     .max = SERVE_STREAMS_MAX,
     .fallback = "16",
     .help = "texts that grow at once; others wait"},
    {.name = NULL},
};

static enum error open_serve(const struct workload_job *job, void **out, struct errtext *t)
{
    struct server *s = mem_alloc(sizeof *s);
    void *g = NULL;
    enum error e = workload_generate.open(job, &g, t);
    if (e) {
        mem_free(s);
        return e;
    }
    s->g = g;
    s->arena = arena_create();
    s->streams_max = (uint32_t)evaluate_int(NULL, job->params, "streams", STREAMS_DEFAULT);
    s->n_positions = (uint32_t)evaluate_int(NULL, job->params, "cache_tokens", 0);
    *out = s;
    return OK;
}

static void close_serve(void *state)
{
    struct server *s = state;
    if (!s)
        return;
    workload_generate.close(s->g);
    serve_plan_fini(&s->plan);
    arena_destroy(s->arena);
    mem_free(s);
}

// ---- the engine --------------------------------------------------------------------------

// As far as all ranks of a gang hold together; one that holds all of it needs more.
static uint32_t default_positions(const struct server *s)
{
    const struct hyper *h = &s->g->model->h;
    uint64_t row = s->g->model->arch->mla ? h->kv_rank + h->n_rot
                                          : (uint64_t)h->n_kv_heads * (h->key + h->value);
    uint64_t most = (uint64_t)h->n_context * s->streams_max;
    uint64_t n = CACHE_BYTES / (row * h->n_layers * sizeof(float) + 1);
    n = n < most ? n : most;
    return (uint32_t)(n < POSITIONS_MOST ? n : POSITIONS_MOST);
}

static enum error make_engine(struct server *s, struct group *group, struct errtext *t)
{
    struct generator *g = s->g;
    if (!s->n_positions)
        s->n_positions = default_positions(s);
    s->n_positions = (s->n_positions + ENGINE_PAGE - 1) / ENGINE_PAGE * ENGINE_PAGE;
    s->n_context =
        s->n_positions < g->model->h.n_context ? s->n_positions : g->model->h.n_context;
    prefix_forget(g->prefix);
    engine_destroy(g->engine);
    mem_free(g->logits);
    g->engine = NULL;
    g->n_rows = s->streams_max;
    g->logits = mem_try(g->n_rows * (size_t)g->model->h.n_vocab * sizeof(float), SIZE_MAX / 2);
    return generate_engine(g, group, s->n_positions, SERVE_TOKENS_MAX, t);
}

// ---- rounds ------------------------------------------------------------------------------

static struct value active(const struct server *s)
{
    struct value list = value_list();
    for (uint32_t i = 0; i < s->n_streams; i++)
        (void)value_push(s->arena, &list, value_uint(s->streams[i]->request));
    return list;
}

static void tell_open(struct server *s)
{
    int64_t now = clock_now();
    struct value v = value_map();
    if (s->told_open && now - s->told_open < OPEN_NS)
        return;
    s->told_open = now;
    (void)value_set(s->arena, &v, "positions", value_uint(s->n_positions));
    (void)value_set(s->arena, &v, "page", value_uint(ENGINE_PAGE));
    (void)value_set(s->arena, &v, "streams", value_uint(s->streams_max));
    (void)value_set(s->arena, &v, "context", value_uint(s->n_context));
    (void)value_set(s->arena, &v, "vocabulary", value_uint(s->g->model->h.n_vocab));
    (void)value_set(s->arena, &v, "seen", value_uint(s->seen));
    (void)value_set(s->arena, &v, "active", active(s));
    (void)value_set(s->arena, &v, "reused", value_uint(s->n_reused));
    run_tell(s->r, &(struct run_piece){.what = RUN_OPEN, .more = &v});
}

// While nothing is under way it waits for the first request, no longer than the
// others of its gang look away.
static void take_requests(struct server *s)
{
    struct run_request q;
    bool alone = group_size(s->r->group) == 1;
    int64_t wait = s->n_streams ? 0 : alone ? IDLE_NS : s->nap_ms * CLOCK_MS;
    while (run_take(s->r, wait, s->arena, &q)) {
        s->seen = q.request > s->seen ? q.request : s->seen;
        serve_stream_ask(s, &q);
        wait = 0;
    }
    uint32_t longer = s->nap_ms ? s->nap_ms * 2 : 1;
    s->nap_ms = s->n_streams || alone ? 0 : longer < NAP_MOST_MS ? longer : NAP_MOST_MS;
}

static enum error serve(struct server *s, struct errtext *t)
{
    bool root = group_rank(s->r->group) == 0;
    enum error e = OK;
    serve_plan_reset(&s->plan);
    while (!e && !run_cancelled(s->r)) {
        if (root) {
            tell_open(s);
            take_requests(s);
            serve_stream_step(s);
        }
        e = serve_plan_run(s, t);
        if (root && !e)
            serve_stream_take(s);
        arena_reset(s->arena);
        run_progress(s->r);
    }
    if (root && !e) { // the last counts
        s->told_open = 0;
        tell_open(s);
        arena_reset(s->arena);
    }
    return e ? e : ERR_CANCELLED;
}

static enum error run_serve(void *state, struct run *r, struct errtext *t)
{
    struct server *s = state;
    s->r = r;
    s->told_open = 0;
    s->seen = 0;
    s->nap_ms = 0;
    s->pages_taken = 0;
    s->n_reused = 0;
    enum error e = generate_agree(r->group, make_engine(s, r->group, t), r->arena, t);
    if (!e)
        e = serve(s, t);
    if (s->g->engine)
        serve_stream_fini(s);
    return e;
}

const struct workload workload_serve = {
    .name = "serve",
    .help = "Answers requests of the OpenAI interface with a language model from a GGUF file, "
            "for as long as its job lasts.",
    .params = params,
    .collective = true,
    .stall_ms = 60000,
    .open = open_serve,
    .close = close_serve,
    .run = run_serve,
};
