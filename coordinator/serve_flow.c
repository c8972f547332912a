// SPDX-License-Identifier: MIT
// serve_flow.c - one choice: from tokens to the bytes that its client gets.
#include <string.h>

#include "coordinator/serve_state.h"
#include "protocol/pack.h"

void serve_flow_reset(struct serve_flow *f)
{
    serve_text_replay(&f->text);
    f->n_tokens = 0;
}

// ---- log-probabilities -------------------------------------------------------------------

// What is no UTF-8 reads as U+FFFD.
static const char *readable(const void *p, size_t n, struct arena *a)
{
    struct serve_text x;
    struct buf out;
    serve_text_init(&x, NULL, 0);
    buf_init(&out, SIZE_MAX / 4);
    serve_text_add(&x, p, n, &out);
    serve_text_end(&x, &out);
    const char *text = arena_str(a, buf_cstr(&out), out.n);
    buf_fini(&out);
    serve_text_fini(&x);
    return text;
}

static struct serve_logprob logprob(const struct value *v, struct arena *a)
{
    struct serve_logprob l = {.token = "", .bytes = (const uint8_t *)""};
    const struct value *token = value_find(v, "token"), *p = value_find(v, "logprob");
    if (token && token->type == VALUE_BIN) {
        l.token = readable(token->s, token->n, a);
        l.bytes = arena_copy(a, token->s, token->n);
        l.n_bytes = token->n;
    }
    l.logprob = p ? value_number(p) : 0;
    return l;
}

static struct serve_logprob *add_logprob(struct serve_flow *f)
{
    if (f->n_logprobs == f->cap_logprobs) {
        f->cap_logprobs = f->cap_logprobs ? f->cap_logprobs * 2 : 16;
        f->logprobs = mem_realloc(f->logprobs, f->cap_logprobs * sizeof *f->logprobs);
    }
    return &f->logprobs[f->n_logprobs++];
}

// Those of tokens that were told in an earlier run are known.
static void take_logprobs(struct shell *s, struct serve_flow *f, const struct rec_piece *p)
{
    struct arena *a = f->line.call->streams ? s->turn->arena : f->line.call->arena;
    struct value list = value_null();
    if (!p->more.n || pack_read(p->more.p, p->more.n, a, &list, NULL)
        || list.type != VALUE_LIST)
        return;
    for (uint32_t i = 0; i < list.n; i++) {
        const struct value *top = value_find(&list.items[i], "top");
        if (p->at + i < f->n_seen)
            continue;
        struct serve_logprob l = logprob(&list.items[i], a);
        uint32_t n = top && top->type == VALUE_LIST ? top->n : 0;
        struct serve_logprob *others = arena_alloc(a, (n + 1) * sizeof *others);
        for (uint32_t k = 0; k < n; k++)
            others[k] = logprob(&top->items[k], a);
        l.top = others;
        l.n_top = n;
        *add_logprob(f) = l;
    }
}

// ---- events ------------------------------------------------------------------------------

static void write_events(struct serve_flow *f, const struct buf *text)
{
    struct serve_call *c = f->line.call;
    struct serve_choice x = {.index = f->index,
                             .text = text->n ? buf_cstr(text) : NULL,
                             .n_text = text->n,
                             .finish = f->finish,
                             .first = !f->spoke,
                             .has_logprobs = c->ask.wants_logprobs,
                             .logprobs = f->logprobs,
                             .n_logprobs = f->n_logprobs,
                             .text_offset = f->offset};
    struct buf b;
    if (!text->n && !f->finish && !f->n_logprobs && f->spoke)
        return;
    buf_init(&b, SIZE_MAX / 4);
    serve_reply_chunk(&c->head, &x, &b);
    for (uint32_t i = 0; i < f->n_logprobs; i++)
        f->offset += f->logprobs[i].n_bytes;
    f->n_logprobs = 0;
    f->spoke = true;
    c->broken = c->broken || http_stream_write(c->http, b.bytes, b.n);
    buf_fini(&b);
}

static void begin_stream(struct shell *s, struct serve_call *c)
{
    if (!c->ask.stream || c->streams)
        return;
    c->streams = true;
    gate_forget(s->gate, c->http, 200);
    http_stream(c->http, "text/event-stream");
}

// ---- tokens ------------------------------------------------------------------------------

static void observe(struct shell *s, struct serve_flow *f, uint32_t n)
{
    struct serve_desk *d = s->desk;
    if (!n || f->n_tokens + n <= f->n_seen)
        return; // they come again
    if (!f->last)
        prometheus_observe(&d->first_token, (double)(s->now - f->line.call->came) / 1e9);
    else
        prometheus_observe(&d->between_tokens, (double)(s->now - f->last) / 1e9);
    f->last = s->now;
}

void serve_flow_again(struct shell *s, struct serve_flow *f)
{
    struct serve_model *m = serve_model_find(s->desk, f->line.call->job);
    serve_wire_cancel(s, &f->line);
    serve_flow_reset(f);
    s->desk->n_replayed++;
    serve_wire_begin(s, m, f);
}

static void finish(struct shell *s, struct serve_flow *f, bool told)
{
    struct serve_call *c = f->line.call;
    struct serve_model *m = serve_model_find(s->desk, c->job);
    if (told)
        (void)map_remove(&s->desk->lines, f->line.request);
    else
        serve_wire_cancel(s, &f->line);
    f->line.request = 0;
    f->done = true;
    (void)serve_admit_leave(&m->admit, f->id, s->now);
    (void)map_remove(&s->desk->flows, f->id);
    c->n_done++;
}

void serve_flow_take(struct shell *s, struct serve_flow *f, const struct rec_piece *p)
{
    struct serve_call *c = f->line.call;
    struct buf text;
    if (p->at != f->n_tokens) {
        serve_flow_again(s, f);
        return;
    }
    buf_init(&text, SIZE_MAX / 4);
    observe(s, f, p->n);
    if (c->ask.wants_logprobs)
        take_logprobs(s, f, p);
    f->n_tokens += p->n;
    f->n_seen = f->n_tokens > f->n_seen ? f->n_tokens : f->n_seen;
    serve_text_add(&f->text, p->bytes.p, p->bytes.n, &text);
    if (f->text.stopped || p->text.n) {
        bool length = !f->text.stopped && p->text.n == 6 && memcmp(p->text.p, "length", 6) == 0;
        f->finish = length ? "length" : "stop";
        serve_text_end(&f->text, &text);
        finish(s, f, p->text.n > 0);
    }
    begin_stream(s, c);
    if (c->streams)
        write_events(f, &text);
    else
        buf_put(&f->out, text.bytes, text.n);
    buf_fini(&text);
    if (c->broken)
        serve_call_drop(s, c);
    else if (f->done && c->n_done == c->n_flows)
        serve_call_end(s, c);
}
