// SPDX-License-Identifier: MIT
// generate_parse.c - the keys of a generate job, and its prompts as one list.
#include <inttypes.h>
#include <string.h>

#include "common/json.h"
#include "common/prompt_row.h"
#include "coordinator/drivers/generate_state.h"
#include "protocol/inline.h"

enum { STOPS_MAX = 64, TOP_K_MAX = 1 << 24 };

// What is wrong with one prompt is said without a place: lines of a file have another than
// nodes.

// A text alone stands for {text: …}; a prompt without an id gets its number.
static enum error take_prompt(struct generate *g, const struct value *v, struct errtext *t)
{
    struct value row = value_map();
    enum error e = prompt_row_check(v, t);
    if (e)
        return e;
    if (v->type == VALUE_STR)
        value_set(g->arena, &row, "text", *v);
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
        bool blank = prompt_line_is_blank(at, n);
        if (!blank)
            e = json_parse(at, n, g->arena, &v, &why);
        if (!e && !blank)
            e = take_prompt(g, &v, &why);
        if (e)
            return errtext_set(job->t, ERR_PARSE, "%s:%" PRIu32 ": %s", file, number, why.text);
        number++;
    }
    return OK;
}

// Workers read the lines themselves.
static enum error take_attached(struct generate *g,
                                const struct spec *job,
                                const struct spec *at,
                                const char *file)
{
    int64_t n = 0;
    enum error e = spec_int(at, "count", 1, PROMPT_ROWS_MAX, &n);
    if (e)
        return e;
    const struct value name = value_str(g->arena, file);
    if (!inline_is_attached(job->map, &name))
        return spec_fail(at, NULL, "prompts.file '%.200s' is not among the job's files", file);
    g->attached = arena_str(g->arena, file, strlen(file));
    g->n = (uint32_t)n;
    return OK;
}

static enum error take_file(struct generate *g, const struct spec *job, const struct value *map)
{
    static const char *const keys[] = {"file", "jsonl", "count", NULL};
    struct spec at = spec_at(job, map, "prompts");
    const char *file = "prompts";
    const struct value *text = value_find(map, "jsonl");
    enum error e = spec_keys(&at, keys, NULL);
    if (!e)
        e = spec_str(&at, "file", NULL, &file);
    if (e)
        return e;
    if (value_find(map, "count") && !text)
        return take_attached(g, job, &at, file);
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
    if (e || g->attached)
        return e;
    g->n = g->prompts.n;
    if (!g->n || g->n > PROMPT_ROWS_MAX)
        return spec_fail(job, v, "prompts has %" PRIu32 " prompts, expected 1 to %d", g->n,
                         PROMPT_ROWS_MAX);
    return OK;
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
        || (e = spec_int(&job, "shard", 1, PROMPT_ROWS_MAX, &shard)))
        return e;
    return spec_bool(&job, "score", &g->score);
}
