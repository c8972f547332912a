// SPDX-License-Identifier: MIT
// generate_parse.c - the keys of a generate job, and its prompts as one list.
#include <inttypes.h>
#include <string.h>

#include "common/json.h"
#include "common/options.h"
#include "coordinator/drivers/generate_state.h"

enum { STOPS_MAX = 64, MESSAGES_MAX = 10000, TOP_K_MAX = 1 << 24 };

// ---- one prompt --------------------------------------------------------------------------
// What is wrong is said without a place: lines of a file have another than nodes.

static const char *const row_keys[] = {"id",          "text",          "tokens", "messages",
                                       "add_special", "parse_special", NULL};

static enum error check_names(const struct value *row, struct errtext *t)
{
    for (uint32_t i = 0; i < row->n; i++) {
        const char *key = row->pairs[i].key;
        int k = 0;
        while (row_keys[k] && strcmp(row_keys[k], key) != 0)
            k++;
        const char *near = options_nearest(key, row_keys);
        if (!row_keys[k] && near)
            return errtext_set(t, ERR_PARSE, "unknown key '%.60s', did you mean '%s'?", key,
                               near);
        if (!row_keys[k])
            return errtext_set(t, ERR_PARSE,
                               "unknown key '%.60s', expected one of: id, text, tokens, "
                               "messages, add_special, parse_special",
                               key);
    }
    return OK;
}

static enum error check_tokens(const struct value *list, struct errtext *t)
{
    if (list->type != VALUE_LIST)
        return errtext_set(t, ERR_PARSE, "tokens is %s, expected a list of token ids",
                           value_type_name(list->type));
    for (uint32_t i = 0; i < list->n; i++)
        if (list->items[i].type != VALUE_INT || list->items[i].i < 0
            || list->items[i].i > INT32_MAX)
            return errtext_set(t, ERR_PARSE, "tokens[%" PRIu32 "] is no token id", i);
    return OK;
}

static enum error check_messages(const struct value *list, struct errtext *t)
{
    if (list->type != VALUE_LIST || !list->n || list->n > MESSAGES_MAX)
        return errtext_set(t, ERR_PARSE, "messages is no list of 1 to %d messages",
                           MESSAGES_MAX);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *role = value_find(&list->items[i], "role");
        const struct value *content = value_find(&list->items[i], "content");
        if (!role || role->type != VALUE_STR || !content || content->type != VALUE_STR)
            return errtext_set(t, ERR_PARSE,
                               "messages[%" PRIu32 "] is no map of the texts role and content",
                               i);
    }
    return OK;
}

static enum error check_flag(const struct value *row, const char *key, struct errtext *t)
{
    const struct value *v = value_find(row, key);
    if (!v || v->type == VALUE_BOOL)
        return OK;
    return errtext_set(t, ERR_PARSE, "%s is %s, expected true or false", key,
                       value_type_name(v->type));
}

static enum error check_row(const struct value *row, struct errtext *t)
{
    const struct value *id = value_find(row, "id"), *text = value_find(row, "text");
    const struct value *tokens = value_find(row, "tokens");
    const struct value *messages = value_find(row, "messages");
    enum error e = check_names(row, t);
    if (!e && !text + !tokens + !messages != 2)
        e = errtext_set(t, ERR_PARSE, "a prompt has one of text, tokens and messages");
    if (!e && id && id->type != VALUE_STR && id->type != VALUE_INT)
        e = errtext_set(t, ERR_PARSE, "id is %s, expected a string or an integer",
                        value_type_name(id->type));
    if (!e && text && text->type != VALUE_STR)
        e = errtext_set(t, ERR_PARSE, "text is %s, expected a string",
                        value_type_name(text->type));
    if (!e && tokens)
        e = check_tokens(tokens, t);
    if (!e && messages)
        e = check_messages(messages, t);
    if (!e)
        e = check_flag(row, "add_special", t);
    return e ? e : check_flag(row, "parse_special", t);
}

// A text alone stands for {text: …}; a prompt without an id gets its number.
static enum error take_prompt(struct generate *g, const struct value *v, struct errtext *t)
{
    struct value row = value_map();
    enum error e = OK;
    if (v->type == VALUE_STR)
        value_set(g->arena, &row, "text", *v);
    else if (v->type == VALUE_MAP)
        e = check_row(v, t);
    else
        e = errtext_set(t, ERR_PARSE, "a prompt is %s, expected a text or a map",
                        value_type_name(v->type));
    if (e)
        return e;
    if (!value_find(v, "id"))
        value_set(g->arena, &row, "id", value_uint(g->prompts.n));
    for (uint32_t i = 0; v->type == VALUE_MAP && i < v->n; i++)
        value_set(g->arena, &row, v->pairs[i].key, v->pairs[i].value);
    value_push(g->arena, &g->prompts, row);
    return OK;
}

// ---- all of them -------------------------------------------------------------------------

static enum error
take_list(struct generate *g, const struct spec *job, const struct value *list)
{
    struct errtext why;
    for (uint32_t i = 0; i < list->n; i++)
        if (take_prompt(g, &list->items[i], &why))
            return spec_fail(job, &list->items[i], "prompts[%" PRIu32 "]: %s", i, why.text);
    return OK;
}

static bool is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r')
            return false;
    return true;
}

// Lines of JSON: what is wrong has the place in their own file.
static enum error take_lines(struct generate *g,
                             const struct spec *job,
                             const char *file,
                             const struct value *text)
{
    struct errtext why;
    uint32_t number = 1;
    for (const char *at = text->s, *end = text->s + text->n, *next; at < end; at = next) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        struct value v;
        next = stop ? stop + 1 : end;
        enum error e = OK;
        if (!is_blank(at, n))
            e = json_parse(at, n, g->arena, &v, &why);
        if (!e && !is_blank(at, n))
            e = take_prompt(g, &v, &why);
        if (e)
            return errtext_set(job->t, ERR_PARSE, "%s:%" PRIu32 ": %s", file, number, why.text);
        number++;
    }
    return OK;
}

static enum error take_file(struct generate *g, const struct spec *job, const struct value *map)
{
    static const char *const keys[] = {"file", "jsonl", NULL};
    struct spec at = spec_at(job, map, "prompts");
    const char *file = "prompts";
    const struct value *text = value_find(map, "jsonl");
    enum error e = spec_keys(&at, keys, NULL);
    if (!e)
        e = spec_str(&at, "file", NULL, &file);
    if (e)
        return e;
    if (!text || text->type != VALUE_STR)
        return spec_fail(&at, NULL, "prompts.jsonl is missing, expected lines of JSON");
    return take_lines(g, job, file, text);
}

static enum error parse_prompts(struct generate *g, const struct spec *job)
{
    const struct value *v = spec_find(job, "prompts");
    enum error e = spec_require(job, "prompts", "a list of texts, or the name of a JSONL file");
    if (e)
        return e;
    g->prompts = value_list();
    if (v->type == VALUE_LIST)
        e = take_list(g, job, v);
    else if (v->type == VALUE_MAP)
        e = take_file(g, job, v);
    else if (v->type == VALUE_STR)
        e = spec_fail(job, v,
                      "prompts names the file '%.200s', which shoal submit and shoal run read; "
                      "expected a list here",
                      v->s);
    else
        e = spec_expected(job, "prompts", "a list of texts, or the name of a JSONL file");
    if (!e && (!g->prompts.n || g->prompts.n > GENERATE_PROMPTS_MAX))
        e = spec_fail(job, v, "prompts has %" PRIu32 " prompts, expected 1 to %d", g->prompts.n,
                      GENERATE_PROMPTS_MAX);
    g->n = g->prompts.n;
    return e;
}

// The worker checks the same, but knows no line and column.
static enum error check_sampling(const struct spec *job)
{
    static const char *const keys[] = {"temperature",        "top_k", "top_p", "min_p",
                                       "repetition_penalty", NULL};
    const struct value *map = NULL;
    int64_t top_k;
    double x;
    enum error e = spec_map(job, "sampling", &map);
    if (e || !map)
        return e;
    struct spec at = spec_at(job, map, "sampling");
    if ((e = spec_keys(&at, keys, NULL)) || (e = spec_float(&at, "temperature", 0, 1000, &x))
        || (e = spec_int(&at, "top_k", 0, TOP_K_MAX, &top_k))
        || (e = spec_float(&at, "top_p", 0, 1, &x)) || (e = spec_float(&at, "min_p", 0, 1, &x)))
        return e;
    return spec_float(&at, "repetition_penalty", 1e-3, 1000, &x);
}

enum error
generate_parse(struct generate *g, const struct driver_setup *setup, struct errtext *t)
{
    struct spec job = spec_of(setup->spec, setup->file, t);
    const struct value *stops = NULL;
    int64_t shard;
    enum error e;

    if ((e = parse_prompts(g, &job)) || (e = check_sampling(&job))
        || (e = spec_strs(&job, "stop", 0, STOPS_MAX, &stops))
        || (e = spec_int(&job, "shard", 1, GENERATE_PROMPTS_MAX, &shard)))
        return e;
    return spec_bool(&job, "score", &g->score);
}
