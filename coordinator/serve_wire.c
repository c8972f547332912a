// SPDX-License-Identifier: MIT
// serve_wire.c - what the desk asks of a worker: SERVE messages.
#include "coordinator/serve_state.h"
#include "protocol/frame.h"
#include "protocol/pack.h"

static void send(struct shell *s,
                 const struct serve_model *m,
                 uint64_t request,
                 enum serve_asked what,
                 const struct value *body)
{
    struct message x = {.type = MSG_SERVE};
    struct buf b;
    buf_init(&b, FRAME_PAYLOAD_MAX);
    if (body)
        pack_write(body, &b);
    x.serve = (struct msg_serve){.lease = m->lease,
                                 .request = request,
                                 .what = (uint32_t)what,
                                 .body = {b.bytes, (uint32_t)b.n}};
    turn_send(s, m->peer, &x);
    buf_fini(&b);
}

static uint64_t number(struct shell *s, struct serve_line *l)
{
    l->request = ++s->desk->last;
    l->asked = s->now;
    map_set(&s->desk->lines, l->request, (uint64_t)(uintptr_t)l);
    return l->request;
}

void serve_wire_encode(struct shell *s, struct serve_model *m, struct serve_prompt *p)
{
    send(s, m, number(s, &p->line), SERVE_ENCODE, &p->body);
}

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

void serve_wire_begin(struct shell *s, struct serve_model *m, struct serve_flow *f)
{
    const struct serve_call *c = f->line.call;
    const struct serve_request *q = &c->ask;
    struct arena *a = s->turn->arena;
    struct value body = value_map(), sampling = value_map();
    put(a, &sampling, "temperature", value_float(q->temperature));
    put(a, &sampling, "top_k", value_uint(q->top_k));
    put(a, &sampling, "top_p", value_float(q->top_p));
    put(a, &sampling, "min_p", value_float(q->min_p));
    put(a, &sampling, "repetition_penalty", value_float(q->repetition_penalty));
    put(a, &body, "tokens", value_bin(a, f->prompt->tokens, f->prompt->n * sizeof(int32_t)));
    put(a, &body, "max_tokens", value_uint(f->room));
    put(a, &body, "seed", value_uint(c->seed));
    put(a, &body, "item", value_uint(f->index));
    put(a, &body, "sampling", sampling);
    put(a, &body, "ignore_eos", value_bool(q->ignore_eos));
    if (q->wants_logprobs)
        put(a, &body, "logprobs", value_uint(q->n_logprobs));
    send(s, m, number(s, &f->line), SERVE_BEGIN, &body);
}

void serve_wire_cancel(struct shell *s, struct serve_line *l)
{
    struct serve_model *m = serve_model_find(s->desk, l->call->job);
    if (!l->request)
        return;
    (void)map_remove(&s->desk->lines, l->request);
    if (m && m->open && !l->is_prompt)
        send(s, m, l->request, SERVE_CANCEL, NULL);
    l->request = 0;
}
