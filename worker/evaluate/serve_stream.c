// SPDX-License-Identifier: MIT
// serve_stream.c - requests on rank 0: begun, fed to the engine in steps, ended.
//
// A step takes one token of each stream that decodes, then pieces of the prompts of
// those that begin, until it is full.  What else is in a step changes no stream's
// tokens (engine.h).
#include <inttypes.h>
#include <string.h>

#include "common/mem.h"
#include "worker/evaluate/serve_state.h"
#include "worker/experts/model.h"

static uint32_t pages_of(const struct serve_stream *x)
{
    return ((uint32_t)x->prompt.n + x->room + ENGINE_PAGE - 1) / ENGINE_PAGE;
}

static void stream_destroy(struct serve_stream *x)
{
    tokens_fini(&x->prompt);
    tokens_fini(&x->new);
    mem_free(x);
}

static void refuse(struct server *s, uint64_t request, const char *why)
{
    run_tell(s->r, &(struct run_piece){.request = request, .what = RUN_REFUSED, .text = why});
}

// ---- what is asked -----------------------------------------------------------------------

static void encode(struct server *s, const struct run_request *q)
{
    struct tokens list = {0};
    struct errtext t;
    if (generate_encode(s->g, &q->body, &list, &t))
        refuse(s, q->request, t.text);
    else
        run_tell(s->r, &(struct run_piece){.request = q->request,
                                           .what = RUN_ENCODED,
                                           .n = (uint32_t)list.n,
                                           .bytes = list.ids,
                                           .n_bytes = list.n * sizeof *list.ids});
    tokens_fini(&list);
}

static uint64_t number_of(const struct value *body, const char *key)
{
    const struct value *v = value_find(body, key);
    return v && (v->type == VALUE_INT || v->type == VALUE_UINT) ? v->u : 0;
}

static bool take_prompt(const struct server *s, const struct value *body, struct tokens *out)
{
    const struct value *v = value_find(body, "tokens");
    uint32_t n = v && v->type == VALUE_BIN ? v->n / (uint32_t)sizeof(int32_t) : 0;
    for (uint32_t i = 0; i < n; i++) {
        int32_t id;
        memcpy(&id, v->s + i * sizeof id, sizeof id);
        if (id < 0 || (uint32_t)id >= s->g->model->h.n_vocab)
            return false;
        tokens_push(out, id);
    }
    return n > 0 && n < s->n_context;
}

static const char *read_body(const struct server *s,
                             const struct value *body,
                             struct serve_stream *x,
                             struct errtext *t)
{
    const struct value *eos = value_find(body, "ignore_eos");
    const struct value *top = value_find(body, "logprobs");
    uint64_t room = number_of(body, "max_tokens");
    if (!take_prompt(s, body, &x->prompt))
        return "the prompt is empty, too long, or has unknown tokens";
    if (sample_read(value_find(body, "sampling"), &x->sampling, t))
        return t->text;
    uint32_t left = s->n_context - (uint32_t)x->prompt.n;
    x->room = room && room < left ? (uint32_t)room : left;
    x->seed = number_of(body, "seed");
    x->item = number_of(body, "item");
    x->ignore_eos = eos && eos->type == VALUE_BOOL && eos->b;
    x->logprobs = top && top->type == VALUE_INT && top->i >= 0 && top->i <= SERVE_LOGPROBS_MAX;
    x->n_top = x->logprobs ? (uint32_t)top->i : 0;
    return NULL;
}

// The coordinator lets nobody in for whom there is no room; one that does is told.
static void begin(struct server *s, const struct run_request *q)
{
    struct serve_stream *x = mem_alloc(sizeof *x);
    struct errtext t;
    x->request = q->request;
    const char *why = read_body(s, &q->body, x, &t);
    if (!why
        && (s->n_streams == s->streams_max
            || s->pages_taken + pages_of(x) > s->n_positions / ENGINE_PAGE))
        why = "the server is full";
    if (why) {
        refuse(s, q->request, why);
        stream_destroy(x);
        return;
    }
    s->pages_taken += pages_of(x);
    x->sequence = serve_plan_open(s);
    s->streams[s->n_streams++] = x;
}

static void remove_done(struct server *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_streams; i++) {
        struct serve_stream *x = s->streams[i];
        if (!x->done) {
            s->streams[n++] = x;
            continue;
        }
        serve_prefix_end(s, x);
        s->pages_taken -= pages_of(x);
        stream_destroy(x);
    }
    s->n_streams = n;
}

void serve_stream_ask(struct server *s, const struct run_request *q)
{
    if (q->what == RUN_ENCODE)
        encode(s, q);
    else if (q->what == RUN_BEGIN)
        begin(s, q);
    else if (q->what != RUN_CANCEL)
        refuse(s, q->request, "this worker does not know what is asked of it");
    for (uint32_t i = 0; q->what == RUN_CANCEL && i < s->n_streams; i++)
        s->streams[i]->done = s->streams[i]->done || s->streams[i]->request == q->request;
    if (q->what == RUN_CANCEL)
        remove_done(s);
}

void serve_stream_fini(struct server *s)
{
    for (uint32_t i = 0; i < s->n_streams; i++) {
        engine_close(s->g->engine, s->streams[i]->sequence);
        stream_destroy(s->streams[i]);
    }
    s->n_streams = 0;
}

// ---- steps -------------------------------------------------------------------------------

static bool decodes(const struct serve_stream *x)
{
    return x->n_fed >= x->prompt.n;
}

static uint32_t add_run(struct server *s, const struct serve_stream *x, uint32_t left)
{
    struct serve_plan *p = &s->plan;
    uint32_t rest = decodes(x) ? 1 : (uint32_t)x->prompt.n - x->n_fed;
    uint32_t n = rest < left ? rest : left;
    if (!n)
        return 0;
    uint32_t row = 0;
    for (uint32_t i = 0; i < p->n_runs; i++)
        row += p->runs[i].n_logits;
    p->runs[p->n_runs++] = (struct engine_run){
        .sequence = x->sequence,
        .tokens = decodes(x) ? &x->new.ids[x->new.n - 1] : x->prompt.ids + x->n_fed,
        .n = n,
        .n_logits = n == rest,
        .logits = s->g->logits + (size_t)row * s->g->model->h.n_vocab,
    };
    return n;
}

void serve_stream_step(struct server *s)
{
    uint32_t left = SERVE_TOKENS_MAX;
    for (int phase = 0; phase < 2; phase++)
        for (uint32_t i = 0; i < s->n_streams; i++)
            if (decodes(s->streams[i]) == !phase && serve_prefix_begin(s, i))
                left -= add_run(s, s->streams[i], left);
    uint32_t need = 0;
    for (uint32_t i = 0; i < s->plan.n_runs; i++)
        need += engine_need(s->g->engine, s->plan.runs[i].sequence, s->plan.runs[i].n);
    serve_prefix_room(s, need);
}

static struct serve_stream *stream_of(const struct server *s, uint32_t sequence)
{
    for (uint32_t i = 0; i < s->n_streams; i++)
        if (s->streams[i]->sequence == sequence)
            return s->streams[i];
    return NULL;
}

void serve_stream_take(struct server *s)
{
    for (uint32_t i = 0; i < s->plan.n_runs; i++) {
        const struct engine_run *run = &s->plan.runs[i];
        struct serve_stream *x = stream_of(s, run->sequence);
        x->n_fed += run->n;
        if (run->n_logits)
            serve_token_take(s, x, run->logits);
    }
    serve_plan_reset(&s->plan);
    remove_done(s);
}
