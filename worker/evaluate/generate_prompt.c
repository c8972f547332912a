// SPDX-License-Identifier: MIT
// generate_prompt.c - from a prompt, as the driver hands it on, to tokens.
#include <inttypes.h>
#include <string.h>

#include "worker/evaluate/generate_state.h"
#include "worker/experts/chat.h"
#include "worker/experts/model.h"

static bool flag_of(const struct value *prompt, const char *key, bool fallback)
{
    const struct value *v = value_find(prompt, key);
    return v && v->type == VALUE_BOOL ? v->b : fallback;
}

static enum error encode(struct generator *g,
                         struct tokenizer_text text,
                         int flags,
                         struct tokens *out,
                         struct errtext *t)
{
    enum error e = tokenizer_encode(g->tokenizer, text.s, text.n, flags, out);
    if (e == ERR_LIMIT)
        return errtext_set(t, FAULT_JOB, "the prompt has %zu bytes, at most %d are taken",
                           text.n, TOKENIZER_TEXT_MAX);
    if (e)
        return errtext_set(t, FAULT_JOB,
                           "the model's vocabulary has no token for some byte of the prompt");
    return OK;
}

static enum error take_tokens(const struct value *list, struct tokens *out, struct errtext *t)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i].type != VALUE_INT)
            return errtext_set(t, FAULT_JOB, "tokens[%" PRIu32 "] is no integer", i);
        int64_t id = list->items[i].i;
        tokens_push(out, id >= 0 && id <= INT32_MAX ? (int32_t)id : -1);
    }
    return OK;
}

static enum error
talk_of(const struct value *list, struct arena *a, struct chat_talk *talk, struct errtext *t)
{
    struct chat_message *m = arena_alloc(a, (list->n + 1) * sizeof *m);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *role = value_find(&list->items[i], "role");
        const struct value *content = value_find(&list->items[i], "content");
        if (!role || role->type != VALUE_STR || !content || content->type != VALUE_STR)
            return errtext_set(t, FAULT_JOB, "messages[%" PRIu32 "] has no role or content", i);
        m[i] = (struct chat_message){.role = role->s, .content = {content->s, content->n}};
    }
    *talk = (struct chat_talk){.messages = m, .n = list->n, .answer = true};
    return OK;
}

// A conversation is rendered with its control tokens, and read with them.
static enum error take_messages(struct generator *g,
                                const struct value *list,
                                struct tokens *out,
                                struct errtext *t)
{
    struct arena *a = arena_create();
    struct gguf_text own = {.n = 0};
    struct chat chat;
    struct chat_talk talk;
    struct buf text;
    buf_init(&text, TOKENIZER_TEXT_MAX);
    enum error e = gguf_opt_text(g->model->file, "tokenizer.chat_template", &own, t);
    struct tokenizer_text template = {own.s, own.n};
    if (!e)
        e = chat_open(g->o.chat, own.n ? &template : NULL, &chat, t);
    if (!e)
        e = talk_of(list, a, &talk, t);
    if (!e)
        e = chat_render(&chat, g->tokenizer, &talk, &text, t);
    if (!e)
        e = encode(g, (struct tokenizer_text){buf_cstr(&text), text.n}, TOKENIZER_PARSE_SPECIAL,
                   out, t);
    buf_fini(&text);
    arena_destroy(a);
    return e ? FAULT_JOB : OK;
}

static enum error check(const struct generator *g, const struct tokens *out, struct errtext *t)
{
    const struct hyper *h = &g->model->h;
    for (size_t i = 0; i < out->n; i++)
        if (out->ids[i] < 0 || (uint32_t)out->ids[i] >= h->n_vocab)
            return errtext_set(t, FAULT_JOB,
                               "token %zu of the prompt is not among the model's %" PRIu32, i,
                               h->n_vocab);
    if (out->n > h->n_context)
        return errtext_set(t, FAULT_JOB,
                           "the prompt has %zu tokens, the model's context is %" PRIu32, out->n,
                           h->n_context);
    return OK;
}

enum error generate_encode(struct generator *g,
                           const struct value *prompt,
                           struct tokens *out,
                           struct errtext *t)
{
    const struct value *text = prompt && prompt->type == VALUE_STR ? prompt : NULL;
    const struct value *tokens = value_find(prompt, "tokens");
    const struct value *messages = value_find(prompt, "messages");
    int flags = (flag_of(prompt, "add_special", true) ? TOKENIZER_ADD_SPECIAL : 0)
                | (flag_of(prompt, "parse_special", false) ? TOKENIZER_PARSE_SPECIAL : 0);
    enum error e;
    if (!text)
        text = value_find(prompt, "text");
    if (text && text->type == VALUE_STR)
        e = encode(g, (struct tokenizer_text){text->s, text->n}, flags, out, t);
    else if (tokens && tokens->type == VALUE_LIST)
        e = take_tokens(tokens, out, t);
    else if (messages && messages->type == VALUE_LIST)
        e = take_messages(g, messages, out, t);
    else
        e = errtext_set(t, FAULT_JOB, "no prompt, expected text, tokens or messages");
    return e ? e : check(g, out, t);
}
