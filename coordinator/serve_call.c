// SPDX-License-Identifier: MIT
// serve_call.c - one request, from its text to its last byte.
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "coordinator/serve_state.h"

enum { OUT_MAX = 64 << 20 };

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

// ---- prompts -----------------------------------------------------------------------------

static struct value joined(const struct value *content, struct arena *a)
{
    struct buf b;
    if (content->type == VALUE_STR)
        return *content;
    buf_init(&b, HTTP_BODY_MAX);
    for (uint32_t i = 0; i < content->n; i++) {
        const struct value *text = value_find(&content->items[i], "text");
        buf_put(&b, text->s, text->n);
    }
    struct value v = value_strn(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return v;
}

static struct value messages_of(const struct value *list, struct arena *a)
{
    struct value out = value_list();
    for (uint32_t i = 0; i < list->n; i++) {
        struct value m = value_map();
        put(a, &m, "role", *value_find(&list->items[i], "role"));
        put(a, &m, "content", joined(value_find(&list->items[i], "content"), a));
        (void)value_push(a, &out, m);
    }
    return out;
}

static enum error take_ids(struct serve_call *c,
                           const struct serve_model *m,
                           const struct value *list,
                           struct serve_prompt *p,
                           struct errtext *t)
{
    int32_t *ids = arena_alloc(c->arena, list->n * sizeof *ids);
    for (uint32_t i = 0; i < list->n; i++) {
        ids[i] = (int32_t)list->items[i].i;
        if ((uint32_t)ids[i] >= m->n_vocab)
            return errtext_set(t, ERR_INVALID,
                               "token %" PRIu32 " of the prompt is not among the model's %u", i,
                               m->n_vocab);
    }
    p->tokens = (const uint8_t *)ids;
    p->n = list->n;
    c->n_encoded++;
    return OK;
}

static enum error
take_prompts(struct serve_call *c, const struct serve_model *m, struct errtext *t)
{
    const struct serve_request *q = &c->ask;
    struct arena *a = c->arena;
    enum error e = OK;
    c->n_prompts = q->endpoint == SERVE_CHAT ? 1 : q->prompts.n;
    c->prompts = arena_alloc(a, c->n_prompts * sizeof *c->prompts);
    for (uint32_t i = 0; i < c->n_prompts && !e; i++) {
        struct serve_prompt *p = &c->prompts[i];
        p->line = (struct serve_line){.call = c, .is_prompt = true};
        p->body = value_map();
        if (q->endpoint == SERVE_CHAT) {
            put(a, &p->body, "messages", messages_of(&q->prompts, a));
        } else if (q->prompts.items[i].type == VALUE_STR) {
            put(a, &p->body, "text", q->prompts.items[i]);
            put(a, &p->body, "add_special",
                value_bool(q->endpoint == SERVE_TOKENIZE ? q->add_special : true));
        } else {
            e = take_ids(c, m, &q->prompts.items[i], p, t);
        }
    }
    return e;
}

static void make_flows(struct shell *s, struct serve_call *c)
{
    const struct serve_request *q = &c->ask;
    c->n_flows = q->endpoint == SERVE_TOKENIZE ? 0 : c->n_prompts * q->n;
    c->flows = arena_alloc(c->arena, (c->n_flows + 1) * sizeof *c->flows);
    for (uint32_t i = 0; i < c->n_flows; i++) {
        struct serve_flow *f = &c->flows[i];
        f->line.call = c;
        f->id = ++s->desk->last;
        f->index = i;
        f->prompt = &c->prompts[i / q->n];
        serve_text_init(&f->text, q->stops, q->n_stops);
        buf_init(&f->out, OUT_MAX);
        map_set(&s->desk->flows, f->id, (uint64_t)(uintptr_t)f);
    }
}

enum error serve_call_begin(struct shell *s,
                            struct http_request *r,
                            struct serve_call *c,
                            struct serve_model *m,
                            struct errtext *t)
{
    struct serve_desk *d = s->desk;
    enum error e = take_prompts(c, m, t);
    if (e)
        return e;
    c->seed = c->ask.seed;
    if (!c->ask.has_seed && getrandom(&c->seed, sizeof c->seed, 0) != sizeof c->seed)
        c->seed = r->mark;
    c->http = r;
    c->mark = r->mark;
    c->came = s->now;
    c->head.id = arena_printf(c->arena, "%s-%016" PRIx64,
                              c->ask.endpoint == SERVE_CHAT ? "chatcmpl" : "cmpl",
                              c->seed ^ (r->mark << 16));
    c->head.created = clock_wall_now() / CLOCK_SECOND;
    make_flows(s, c);
    c->prev = d->calls_tail;
    *(d->calls_tail ? &d->calls_tail->next : &d->calls) = c;
    d->calls_tail = c;
    for (uint32_t i = 0; i < c->n_prompts; i++)
        if (!c->prompts[i].tokens)
            serve_wire_encode(s, m, &c->prompts[i]);
    if (c->n_encoded == c->n_prompts)
        serve_call_encoded(s, c);
    return OK;
}

// ---- the queue ---------------------------------------------------------------------------

static void answer_tokens(struct shell *s, struct serve_call *c)
{
    struct arena *a = c->arena;
    struct value v = value_map(), lists = value_list();
    struct buf b;
    for (uint32_t i = 0; i < c->n_prompts; i++) {
        struct value list = value_list_of(a, c->prompts[i].n);
        for (uint32_t k = 0; k < c->prompts[i].n; k++) {
            int32_t id;
            memcpy(&id, c->prompts[i].tokens + k * sizeof id, sizeof id);
            list.items[k] = value_int(id);
        }
        (void)value_push(a, &lists, list);
    }
    put(a, &v, "tokens", c->n_prompts == 1 ? lists.items[0] : lists);
    buf_init(&b, SIZE_MAX / 4);
    value_json(&v, &b);
    buf_puts(&b, "\n");
    gate_answer(
        s->gate, c->http,
        &(struct http_answer){
            .status = 200, .content_type = "application/json", .bytes = b.bytes, .n = b.n});
    buf_fini(&b);
    c->http = NULL;
    serve_call_free(s, c);
}

static enum error
choose_room(struct serve_call *c, const struct serve_model *m, struct errtext *t)
{
    for (uint32_t i = 0; i < c->n_flows; i++) {
        struct serve_flow *f = &c->flows[i];
        if (!f->prompt->n)
            return errtext_set(t, ERR_INVALID, "the prompt is empty");
        if (f->prompt->n >= m->n_context)
            return errtext_set(t, ERR_LIMIT,
                               "the prompt has %" PRIu32 " tokens, of which this server takes "
                               "less than %" PRIu32 "; it shifts no context",
                               f->prompt->n, m->n_context);
        uint32_t left = m->n_context - f->prompt->n;
        f->room = c->max_tokens < left ? c->max_tokens : left;
    }
    return OK;
}

void serve_call_encoded(struct shell *s, struct serve_call *c)
{
    struct serve_model *m = serve_model_find(s->desk, c->job);
    struct errtext t;
    if (c->ask.endpoint == SERVE_TOKENIZE) {
        answer_tokens(s, c);
        return;
    }
    enum error e = choose_room(c, m, &t);
    if (e) {
        serve_call_fail(s, c, e, t.text);
        return;
    }
    for (uint32_t i = 0; i < c->n_flows && !e; i++) {
        e = serve_admit_ask(&m->admit, c->flows[i].id, c->flows[i].prompt->n + c->flows[i].room,
                            s->now);
        serve_admit_all(s, m); // so that what fits takes no place in the queue
    }
    c->queued = true;
    if (e)
        serve_call_fail(s, c, e == ERR_LIMIT ? ERR_LIMIT : ERR_BUSY,
                        e == ERR_LIMIT ? "the cache is too small for this request"
                                       : "too many requests are waiting; try again");
}

// ---- the end -----------------------------------------------------------------------------

void serve_call_free(struct shell *s, struct serve_call *c)
{
    struct serve_desk *d = s->desk;
    struct serve_model *m = serve_model_find(d, c->job);
    for (uint32_t i = 0; i < c->n_prompts; i++)
        serve_wire_cancel(s, &c->prompts[i].line);
    for (uint32_t i = 0; i < c->n_flows; i++) {
        struct serve_flow *f = &c->flows[i];
        serve_wire_cancel(s, &f->line);
        if (m && m->open)
            (void)serve_admit_leave(&m->admit, f->id, s->now);
        (void)map_remove(&d->flows, f->id);
        serve_text_fini(&f->text);
        buf_fini(&f->out);
        mem_free(f->logprobs);
    }
    *(c->prev ? &c->prev->next : &d->calls) = c->next;
    *(c->next ? &c->next->prev : &d->calls_tail) = c->prev;
    arena_destroy(c->arena);
}

void serve_call_fail(struct shell *s, struct serve_call *c, enum error e, const char *text)
{
    const struct serve_model *m = serve_model_find(s->desk, c->job);
    struct buf b;
    s->desk->n_refused++;
    if (c->streams) {
        buf_init(&b, SIZE_MAX / 4);
        serve_reply_error(e, text, NULL, true, &b);
        (void)!http_stream_write(c->http, b.bytes, b.n);
        http_stream_end(c->http);
        buf_fini(&b);
    } else if (e == ERR_BUSY || e == ERR_CLOSED) {
        uint32_t retry = m && m->open ? serve_admit_retry_s(&m->admit) : 1;
        serve_refuse_busy(s, c->http, e == ERR_BUSY ? 429 : 503, retry, text);
    } else {
        serve_refuse(s, c->http, e, text, NULL);
    }
    serve_call_free(s, c);
}

void serve_call_drop(struct shell *s, struct serve_call *c)
{
    s->desk->n_gone++;
    if (c->streams)
        http_stream_end(c->http);
    else
        serve_refuse(s, c->http, ERR_CLOSED, "nobody reads this", NULL);
    serve_call_free(s, c);
}

static struct serve_usage usage_of(const struct serve_call *c)
{
    struct serve_usage u = {0};
    for (uint32_t i = 0; i < c->n_prompts; i++)
        u.prompt_tokens += c->prompts[i].n;
    for (uint32_t i = 0; i < c->n_flows; i++)
        u.completion_tokens += c->flows[i].n_tokens;
    return u;
}

static void end_whole(struct shell *s, struct serve_call *c, const struct serve_usage *u)
{
    struct serve_choice *list = arena_alloc(c->arena, c->n_flows * sizeof *list);
    struct buf b;
    for (uint32_t i = 0; i < c->n_flows; i++) {
        const struct serve_flow *f = &c->flows[i];
        list[i] = (struct serve_choice){.index = f->index,
                                        .text = buf_cstr(&f->out),
                                        .n_text = f->out.n,
                                        .finish = f->finish,
                                        .has_logprobs = c->ask.wants_logprobs,
                                        .logprobs = f->logprobs,
                                        .n_logprobs = f->n_logprobs};
    }
    buf_init(&b, SIZE_MAX / 4);
    serve_reply_whole(&c->head, list, c->n_flows, u, &b);
    gate_answer(
        s->gate, c->http,
        &(struct http_answer){
            .status = 200, .content_type = "application/json", .bytes = b.bytes, .n = b.n});
    buf_fini(&b);
}

static void end_stream(struct serve_call *c, const struct serve_usage *u)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    if (c->ask.stream_usage)
        serve_reply_usage_chunk(&c->head, u, &b);
    serve_reply_done(&b);
    (void)!http_stream_write(c->http, b.bytes, b.n);
    http_stream_end(c->http);
    buf_fini(&b);
}

void serve_call_end(struct shell *s, struct serve_call *c)
{
    struct serve_usage u = usage_of(c);
    s->desk->n_answered++;
    s->desk->n_prompt_tokens += u.prompt_tokens;
    s->desk->n_tokens += u.completion_tokens;
    if (c->streams)
        end_stream(c, &u);
    else
        end_whole(s, c, &u);
    serve_call_free(s, c);
}
