// SPDX-License-Identifier: MIT
// serve_token.c - from a stream's logits to its next token, and what is told of it.
#include <string.h>

#include "worker/evaluate/serve_state.h"
#include "worker/experts/model.h"

static int32_t pick(const struct server *s, const struct serve_stream *x, const float *logits)
{
    // The sampler wants one list; few requests have a penalty.
    struct tokens seen = {0};
    bool wants_seen = x->sampling.repetition_penalty != 1;
    for (size_t i = 0; wants_seen && i < x->prompt.n; i++)
        tokens_push(&seen, x->prompt.ids[i]);
    for (size_t i = 0; wants_seen && i < x->new.n; i++)
        tokens_push(&seen, x->new.ids[i]);
    uint32_t position = (uint32_t)(x->prompt.n + x->new.n);
    struct sample_context c = {
        .seen = seen.ids, .n_seen = seen.n, .draw = sample_draw(x->seed, x->item, position)};
    int32_t id = sampler_pick(s->g->sampler, &x->sampling, logits, &c);
    tokens_fini(&seen);
    return id;
}

static struct value one(const struct server *s, const float *logits, double log_sum, int32_t id)
{
    struct tokenizer_text piece = tokenizer_piece(s->g->tokenizer, id);
    struct value v = value_map();
    (void)value_set(s->arena, &v, "token", value_bin(s->arena, piece.s, piece.n));
    (void)value_set(s->arena, &v, "logprob", value_float((double)logits[id] - log_sum));
    return v;
}

// A list, as every piece's, of this one token.
static struct value
logprobs(const struct server *s, const struct serve_stream *x, const float *logits, int32_t id)
{
    uint32_t n_vocab = s->g->model->h.n_vocab;
    uint32_t n = x->n_top < n_vocab ? x->n_top : n_vocab;
    int32_t ids[SERVE_LOGPROBS_MAX + 1];
    double log_sum = sample_log_sum(logits, n_vocab);
    struct value list = value_list(), top = value_list();
    struct value v = one(s, logits, log_sum, id);
    if (n)
        sampler_top(s->g->sampler, logits, n, ids);
    for (uint32_t i = 0; i < n; i++)
        (void)value_push(s->arena, &top, one(s, logits, log_sum, ids[i]));
    (void)value_set(s->arena, &v, "top", top);
    (void)value_push(s->arena, &list, v);
    return list;
}

void serve_token_take(struct server *s, struct serve_stream *x, const float *logits)
{
    int32_t id = pick(s, x, logits);
    struct run_piece p = {.request = x->request, .what = RUN_TOKENS, .at = (uint32_t)x->new.n};
    struct value more = value_null();
    if (!x->ignore_eos && tokenizer_is_end(s->g->tokenizer, id)) {
        p.text = "stop";
    } else {
        struct tokenizer_text piece = tokenizer_piece(s->g->tokenizer, id);
        tokens_push(&x->new, id);
        p.n = 1;
        p.bytes = piece.s;
        p.n_bytes = piece.n;
        p.text = x->new.n == x->room ? "length" : NULL;
        if (x->logprobs)
            more = logprobs(s, x, logits, id);
    }
    p.more = more.type == VALUE_LIST ? &more : NULL;
    x->done = p.text != NULL;
    run_tell(s->r, &p);
}
