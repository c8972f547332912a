// SPDX-License-Identifier: MIT
#include "coordinator/serve_request.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/options.h"

enum { KEYS_MAX = 64 };

struct parser {
    struct serve_request *out;
    const char **param;
    struct errtext *t;
};

struct key {
    const char *name;
    unsigned endpoints; // bits
    enum error (*take)(struct parser *p, const struct key *k, const struct value *v);
    size_t at; // of a number
    double low, high;
};

enum { C = 1U << SERVE_COMPLETIONS, M = 1U << SERVE_CHAT, T = 1U << SERVE_TOKENIZE };

static enum error wrong(struct parser *p, const struct key *k, const char *expected)
{
    return errtext_set(p->t, ERR_INVALID, "'%s' is not what it should be, expected %s", k->name,
                       expected);
}

// ---- plain values -------------------------------------------------------------------------

static enum error number(struct parser *p, const struct key *k, const struct value *v)
{
    double x = value_number(v);
    if (!value_is_number(v) || !(x >= k->low) || !(x <= k->high))
        return errtext_set(p->t, ERR_INVALID,
                           "'%s' is out of range, expected a number %g to %g", k->name, k->low,
                           k->high);
    memcpy((char *)p->out + k->at, &x, sizeof x);
    return OK;
}

static enum error whole(struct parser *p, const struct key *k, const struct value *v)
{
    if (v->type != VALUE_INT || (double)v->i < k->low || (double)v->i > k->high)
        return errtext_set(p->t, ERR_INVALID,
                           "'%s' is out of range, expected an integer %.0f to %.0f", k->name,
                           k->low, k->high);
    uint32_t x = (uint32_t)v->i;
    memcpy((char *)p->out + k->at, &x, sizeof x);
    return OK;
}

static enum error flag(struct parser *p, const struct key *k, const struct value *v)
{
    if (v->type != VALUE_BOOL)
        return wrong(p, k, "true or false");
    memcpy((char *)p->out + k->at, &v->b, sizeof v->b);
    return OK;
}

static enum error ignored(struct parser *p, const struct key *k, const struct value *v)
{
    (void)p;
    (void)k;
    (void)v;
    return OK;
}

static enum error seed(struct parser *p, const struct key *k, const struct value *v)
{
    if (v->type != VALUE_INT && v->type != VALUE_UINT)
        return wrong(p, k, "an integer");
    p->out->has_seed = true;
    p->out->seed = v->u; // a negative one by its bits
    return OK;
}

static enum error model(struct parser *p, const struct key *k, const struct value *v)
{
    if (v->type != VALUE_STR || strlen(v->s) != v->n)
        return wrong(p, k, "a string");
    p->out->model = v->s;
    return OK;
}

static enum error logprobs(struct parser *p, const struct key *k, const struct value *v)
{
    struct serve_request *r = p->out;
    if (r->endpoint == SERVE_CHAT) {
        if (v->type != VALUE_BOOL)
            return wrong(p, k, "true or false");
        r->wants_logprobs = v->b;
        return OK;
    }
    if (v->type != VALUE_INT || v->i < 0 || v->i > SERVE_LOGPROBS_MAX)
        return wrong(p, k, "an integer 0 to 20");
    r->wants_logprobs = true;
    r->n_logprobs = (uint32_t)v->i;
    return OK;
}

static enum error stream_options(struct parser *p, const struct key *k, const struct value *v)
{
    if (v->type != VALUE_MAP)
        return wrong(p, k, "a map");
    for (uint32_t i = 0; i < v->n; i++) {
        if (strcmp(v->pairs[i].key, "include_usage") != 0)
            return errtext_set(p->t, ERR_UNSUPPORTED, "'stream_options.%.40s' is not supported",
                               v->pairs[i].key);
        if (v->pairs[i].value.type != VALUE_BOOL)
            return wrong(p, k, "'include_usage' to be true or false");
        p->out->stream_usage = v->pairs[i].value.b;
    }
    return OK;
}

static enum error stop(struct parser *p, const struct key *k, const struct value *v)
{
    struct serve_request *r = p->out;
    uint32_t n = v->type == VALUE_LIST ? v->n : 1;
    const struct value *list = v->type == VALUE_LIST ? v->items : v;
    if (n > SERVE_STOPS_MAX)
        return wrong(p, k, "at most four strings");
    for (uint32_t i = 0; i < n; i++) {
        if (list[i].type != VALUE_STR || !list[i].n || list[i].n > SERVE_STOP_BYTES_MAX
            || strlen(list[i].s) != list[i].n)
            return wrong(p, k, "strings of 1 to 256 bytes without NUL");
        r->stops[r->n_stops++] = list[i].s;
    }
    return OK;
}

// ---- what is not there --------------------------------------------------------------------

static enum error refused(struct parser *p, const struct key *k, const struct value *v)
{
    (void)v;
    return errtext_set(p->t, ERR_UNSUPPORTED, "'%s' is not supported by this server", k->name);
}

// Fine as long as it changes nothing.
static enum error neutral(struct parser *p, const struct key *k, const struct value *v)
{
    bool idle = (value_is_number(v) && value_number(v) == k->low)
                || (v->type == VALUE_BOOL && !v->b)
                || ((v->type == VALUE_MAP || v->type == VALUE_LIST) && !v->n);
    return idle ? OK : refused(p, k, v);
}

static enum error response_format(struct parser *p, const struct key *k, const struct value *v)
{
    const struct value *type = value_find(v, "type");
    bool text = type && type->type == VALUE_STR && strcmp(type->s, "text") == 0 && v->n == 1;
    return text ? OK : refused(p, k, v);
}

// ---- prompts ------------------------------------------------------------------------------

static bool is_tokens(const struct value *v)
{
    for (uint32_t i = 0; v->type == VALUE_LIST && i < v->n; i++)
        if (v->items[i].type != VALUE_INT || v->items[i].i < 0 || v->items[i].i > INT32_MAX)
            return false;
    return v->type == VALUE_LIST && v->n > 0;
}

// A text, tokens, or a list of them; one alone is kept as a list of one.
static enum error prompt(struct parser *p, const struct key *k, const struct value *v)
{
    struct value *out = &p->out->prompts;
    *out = value_list();
    if (v->type == VALUE_STR || is_tokens(v)) {
        out->items = (struct value *)(uintptr_t)v; // read only from here on
        out->n = 1;
        return OK;
    }
    if (v->type != VALUE_LIST || !v->n || v->n > SERVE_CHOICES_MAX)
        return wrong(p, k, "a string, a list of token ids, or a list of 1 to 16 of them");
    for (uint32_t i = 0; i < v->n; i++)
        if (v->items[i].type != VALUE_STR && !is_tokens(&v->items[i]))
            return wrong(p, k, "only strings or lists of token ids in the list");
    *out = *v;
    return OK;
}

static bool is_text_part(const struct value *v)
{
    const struct value *type = value_find(v, "type");
    const struct value *text = value_find(v, "text");
    return type && type->type == VALUE_STR && strcmp(type->s, "text") == 0 && text
           && text->type == VALUE_STR;
}

static bool is_content(const struct value *v)
{
    if (!v)
        return false;
    for (uint32_t i = 0; v->type == VALUE_LIST && i < v->n; i++)
        if (!is_text_part(&v->items[i]))
            return false;
    return v->type == VALUE_STR || (v->type == VALUE_LIST && v->n > 0);
}

static enum error messages(struct parser *p, const struct key *k, const struct value *v)
{
    if (v->type != VALUE_LIST || !v->n)
        return wrong(p, k, "a list of messages");
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *m = &v->items[i];
        const struct value *role = value_find(m, "role");
        if (!role || role->type != VALUE_STR || !is_content(value_find(m, "content")))
            return errtext_set(
                p->t, ERR_INVALID,
                "'messages[%u]' needs the strings 'role' and 'content' (or parts "
                "of type text)",
                i);
        for (uint32_t j = 0; j < m->n; j++) {
            const char *name = m->pairs[j].key;
            if (strcmp(name, "role") != 0 && strcmp(name, "content") != 0
                && m->pairs[j].value.type != VALUE_NULL)
                return errtext_set(p->t, ERR_UNSUPPORTED,
                                   "'messages[%u].%.40s' is not supported", i, name);
        }
    }
    p->out->prompts = *v;
    return OK;
}

// ---- the table ----------------------------------------------------------------------------

#define AT(field) offsetof(struct serve_request, field)

static const struct key keys[] = {
    {"model", C | M | T, model, 0, 0, 0},
    {"prompt", C, prompt, 0, 0, 0},
    {"content", T, prompt, 0, 0, 0},
    {"messages", M, messages, 0, 0, 0},
    {"add_special", T, flag, AT(add_special), 0, 0},
    {"n", C | M, whole, AT(n), 1, SERVE_CHOICES_MAX},
    {"max_tokens", C | M, whole, AT(max_tokens), 1, SERVE_TOKENS_MAX},
    {"max_completion_tokens", M, whole, AT(max_tokens), 1, SERVE_TOKENS_MAX},
    {"temperature", C | M, number, AT(temperature), 0, 2},
    {"top_p", C | M, number, AT(top_p), 0, 1},
    {"min_p", C | M, number, AT(min_p), 0, 1},
    {"top_k", C | M, whole, AT(top_k), 0, SERVE_TOKENS_MAX},
    {"repetition_penalty", C | M, number, AT(repetition_penalty), 0.01, 10},
    {"seed", C | M, seed, 0, 0, 0},
    {"stop", C | M, stop, 0, 0, 0},
    {"ignore_eos", C | M, flag, AT(ignore_eos), 0, 0},
    {"logprobs", C | M, logprobs, 0, 0, 0},
    {"top_logprobs", M, whole, AT(n_logprobs), 0, SERVE_LOGPROBS_MAX},
    {"stream", C | M, flag, AT(stream), 0, 0},
    {"stream_options", C | M, stream_options, 0, 0, 0},
    {"user", C | M, ignored, 0, 0, 0},
    {"metadata", C | M, ignored, 0, 0, 0},
    {"store", M, neutral, 0, 0, 0},
    {"best_of", C, neutral, 0, 1, 0},
    {"echo", C, neutral, 0, 0, 0},
    {"frequency_penalty", C | M, neutral, 0, 0, 0},
    {"presence_penalty", C | M, neutral, 0, 0, 0},
    {"logit_bias", C | M, neutral, 0, 0, 0},
    {"tools", M, neutral, 0, 0, 0},
    {"functions", M, neutral, 0, 0, 0},
    {"response_format", C | M, response_format, 0, 0, 0},
    {"suffix", C, refused, 0, 0, 0},
    {"grammar", C | M, refused, 0, 0, 0},
    {"json_schema", C | M, refused, 0, 0, 0},
    {"tool_choice", M, refused, 0, 0, 0},
    {"function_call", M, refused, 0, 0, 0},
    {"parallel_tool_calls", M, refused, 0, 0, 0},
    {"modalities", M, refused, 0, 0, 0},
    {"audio", M, refused, 0, 0, 0},
    {"prediction", M, refused, 0, 0, 0},
    {"reasoning_effort", M, refused, 0, 0, 0},
    {0},
};

static const struct key *find(enum serve_endpoint endpoint, const char *name)
{
    for (const struct key *k = keys; k->name; k++)
        if (k->endpoints >> endpoint & 1 && strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

static enum error unknown(const struct parser *p, const char *name)
{
    const char *names[KEYS_MAX];
    uint32_t n = 0;
    for (const struct key *k = keys; k->name && n < KEYS_MAX - 1; k++)
        if (k->endpoints >> p->out->endpoint & 1)
            names[n++] = k->name;
    names[n] = NULL;
    const char *near = options_nearest(name, names);
    return errtext_set(p->t, ERR_UNSUPPORTED, "'%.60s' is not known here%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum error check(const struct parser *p)
{
    static const char *const needed[] = {"prompt", "messages", "content"};
    struct serve_request *r = p->out;
    *p->param = needed[r->endpoint];
    if (!r->prompts.n)
        return errtext_set(p->t, ERR_INVALID, "'%s' is missing", needed[r->endpoint]);
    *p->param = "n";
    uint32_t n_prompts = r->endpoint == SERVE_CHAT ? 1 : r->prompts.n;
    if (r->endpoint != SERVE_TOKENIZE && n_prompts * r->n > SERVE_CHOICES_MAX)
        return errtext_set(p->t, ERR_INVALID, "prompts times 'n' is more than %d",
                           SERVE_CHOICES_MAX);
    *p->param = "top_logprobs";
    if (r->endpoint == SERVE_CHAT && r->n_logprobs && !r->wants_logprobs)
        return errtext_set(p->t, ERR_INVALID, "'top_logprobs' needs 'logprobs' to be true");
    *p->param = "stream_options";
    if (r->stream_usage && !r->stream)
        return errtext_set(p->t, ERR_INVALID, "'stream_options' needs 'stream' to be true");
    *p->param = NULL;
    return OK;
}

enum error serve_request_parse(enum serve_endpoint endpoint,
                               const struct value *body,
                               struct serve_request *out,
                               const char **param,
                               struct errtext *t)
{
    struct parser p = {out, param, t};
    *out = (struct serve_request){
        .endpoint = endpoint, .n = 1, .temperature = 1, .top_p = 1, .repetition_penalty = 1};
    *param = NULL;
    if (body->type != VALUE_MAP)
        return errtext_set(t, ERR_INVALID, "the body is not a JSON object");
    for (uint32_t i = 0; i < body->n; i++) {
        const char *name = body->pairs[i].key;
        const struct key *k = find(endpoint, name);
        *param = name;
        if (!k)
            return unknown(&p, name);
        if (body->pairs[i].value.type == VALUE_NULL)
            continue;
        enum error e = k->take(&p, k, &body->pairs[i].value);
        if (e)
            return e;
    }
    return check(&p);
}
