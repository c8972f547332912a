// SPDX-License-Identifier: MIT
#include "coordinator/serve_reply.h"

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

static struct value text_or_null(struct arena *a, const char *s)
{
    return s ? value_str(a, s) : value_null();
}

static struct value head(const struct serve_head *h, bool chunk, struct arena *a)
{
    struct value v = value_map();
    const char *chat = chunk ? "chat.completion.chunk" : "chat.completion";
    put(a, &v, "id", value_str(a, h->id));
    put(a, &v, "object", value_str(a, h->endpoint == SERVE_CHAT ? chat : "text_completion"));
    put(a, &v, "created", value_int(h->created));
    put(a, &v, "model", value_str(a, h->model));
    return v;
}

static struct value usage(const struct serve_usage *u, struct arena *a)
{
    struct value v = value_map();
    put(a, &v, "prompt_tokens", value_uint(u->prompt_tokens));
    put(a, &v, "completion_tokens", value_uint(u->completion_tokens));
    put(a, &v, "total_tokens", value_uint(u->prompt_tokens + u->completion_tokens));
    return v;
}

// ---- log probabilities --------------------------------------------------------------------

static struct value chat_logprob(const struct serve_logprob *l, struct arena *a)
{
    struct value v = value_map();
    struct value bytes = value_list();
    for (uint32_t i = 0; i < l->n_bytes; i++)
        (void)value_push(a, &bytes, value_uint(l->bytes[i]));
    put(a, &v, "token", value_str(a, l->token));
    put(a, &v, "logprob", value_float(l->logprob));
    put(a, &v, "bytes", bytes);
    return v;
}

static struct value chat_logprobs(const struct serve_choice *c, struct arena *a)
{
    struct value v = value_map();
    struct value list = value_list();
    for (uint32_t i = 0; i < c->n_logprobs; i++) {
        const struct serve_logprob *l = &c->logprobs[i];
        struct value row = chat_logprob(l, a);
        struct value top = value_list();
        for (uint32_t k = 0; k < l->n_top; k++)
            (void)value_push(a, &top, chat_logprob(&l->top[k], a));
        put(a, &row, "top_logprobs", top);
        (void)value_push(a, &list, row);
    }
    put(a, &v, "content", list);
    return v;
}

static struct value completion_logprobs(const struct serve_choice *c, struct arena *a)
{
    struct value v = value_map();
    struct value tokens = value_list();
    struct value values = value_list();
    struct value tops = value_list();
    struct value offsets = value_list();
    uint64_t offset = c->text_offset;
    for (uint32_t i = 0; i < c->n_logprobs; i++) {
        const struct serve_logprob *l = &c->logprobs[i];
        struct value top = value_map();
        for (uint32_t k = 0; k < l->n_top; k++)
            put(a, &top, l->top[k].token, value_float(l->top[k].logprob));
        (void)value_push(a, &tokens, value_str(a, l->token));
        (void)value_push(a, &values, value_float(l->logprob));
        (void)value_push(a, &tops, top);
        (void)value_push(a, &offsets, value_uint(offset));
        offset += l->n_bytes;
    }
    put(a, &v, "tokens", tokens);
    put(a, &v, "token_logprobs", values);
    put(a, &v, "top_logprobs", tops);
    put(a, &v, "text_offset", offsets);
    return v;
}

static struct value
logprobs(const struct serve_head *h, const struct serve_choice *c, struct arena *a)
{
    if (!c->has_logprobs)
        return value_null();
    return h->endpoint == SERVE_CHAT ? chat_logprobs(c, a) : completion_logprobs(c, a);
}

// ---- choices ------------------------------------------------------------------------------

static struct value
choice(const struct serve_head *h, const struct serve_choice *c, bool chunk, struct arena *a)
{
    struct value v = value_map();
    struct value message = value_map();
    struct value text = c->text ? value_strn(a, c->text, c->n_text) : value_str(a, "");
    put(a, &v, "index", value_uint(c->index));
    if (h->endpoint == SERVE_CHAT) {
        if (!chunk || c->first)
            put(a, &message, "role", value_str(a, "assistant"));
        if (!chunk || c->text || c->first)
            put(a, &message, "content", text);
        put(a, &v, chunk ? "delta" : "message", message);
    } else {
        put(a, &v, "text", text);
    }
    put(a, &v, "logprobs", logprobs(h, c, a));
    put(a, &v, "finish_reason", text_or_null(a, c->finish));
    return v;
}

static void event(const struct value *v, struct buf *out)
{
    buf_puts(out, "data: ");
    value_json(v, out);
    buf_puts(out, "\n\n");
}

void serve_reply_chunk(const struct serve_head *h,
                       const struct serve_choice *c,
                       struct buf *out)
{
    struct arena *a = arena_create();
    struct value v = head(h, true, a);
    struct value list = value_list();
    (void)value_push(a, &list, choice(h, c, true, a));
    put(a, &v, "choices", list);
    event(&v, out);
    arena_destroy(a);
}

void serve_reply_usage_chunk(const struct serve_head *h,
                             const struct serve_usage *u,
                             struct buf *out)
{
    struct arena *a = arena_create();
    struct value v = head(h, true, a);
    put(a, &v, "choices", value_list());
    put(a, &v, "usage", usage(u, a));
    event(&v, out);
    arena_destroy(a);
}

void serve_reply_done(struct buf *out)
{
    buf_puts(out, "data: [DONE]\n\n");
}

void serve_reply_whole(const struct serve_head *h,
                       const struct serve_choice *choices,
                       uint32_t n,
                       const struct serve_usage *u,
                       struct buf *out)
{
    struct arena *a = arena_create();
    struct value v = head(h, false, a);
    struct value list = value_list();
    for (uint32_t i = 0; i < n; i++)
        (void)value_push(a, &list, choice(h, &choices[i], false, a));
    put(a, &v, "choices", list);
    put(a, &v, "usage", usage(u, a));
    value_json(&v, out);
    buf_puts(out, "\n");
    arena_destroy(a);
}

void serve_reply_models(const char *const *models, uint32_t n, int64_t created, struct buf *out)
{
    struct arena *a = arena_create();
    struct value v = value_map();
    struct value list = value_list();
    for (uint32_t i = 0; i < n; i++) {
        struct value row = value_map();
        put(a, &row, "id", value_str(a, models[i]));
        put(a, &row, "object", value_str(a, "model"));
        put(a, &row, "created", value_int(created));
        put(a, &row, "owned_by", value_str(a, "shoal"));
        (void)value_push(a, &list, row);
    }
    put(a, &v, "object", value_str(a, "list"));
    put(a, &v, "data", list);
    value_json(&v, out);
    buf_puts(out, "\n");
    arena_destroy(a);
}

unsigned serve_reply_status(enum error e)
{
    switch (e) {
    case ERR_INVALID:
    case ERR_PARSE:
    case ERR_UNSUPPORTED:
    case ERR_LIMIT:
        return 400;
    case ERR_DENIED:
        return 401;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_BUSY:
        return 429;
    default:
        return 500;
    }
}

static const char *type_of(enum error e)
{
    switch (serve_reply_status(e)) {
    case 401:
        return "authentication_error";
    case 429:
        return "rate_limit_error";
    case 500:
        return "server_error";
    default:
        return "invalid_request_error";
    }
}

void serve_reply_error(
    enum error e, const char *text, const char *param, bool as_event, struct buf *out)
{
    struct arena *a = arena_create();
    struct value v = value_map();
    struct value what = value_map();
    put(a, &what, "message", value_str(a, text));
    put(a, &what, "type", value_str(a, type_of(e)));
    put(a, &what, "param", text_or_null(a, param));
    put(a, &what, "code", value_str(a, error_name(e)));
    put(a, &v, "error", what);
    if (as_event) {
        event(&v, out);
    } else {
        value_json(&v, out);
        buf_puts(out, "\n");
    }
    arena_destroy(a);
}
