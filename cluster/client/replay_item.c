// SPDX-License-Identifier: MIT
#include "cluster/client/replay_item.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/fetch.h"
#include "cluster/client/show.h"
#include "common/json.h"

static void lay_over(struct value *params, const struct value *over, struct arena *a)
{
    for (uint32_t i = 0; over && over->type == VALUE_MAP && i < over->n; i++)
        (void)value_set(a, params, over->pairs[i].key, over->pairs[i].value);
}

static struct value without(const struct value *map, const char *const *keys, struct arena *a)
{
    struct value out = value_map();
    for (uint32_t i = 0; i < map->n; i++) {
        bool goes = false;
        for (int k = 0; keys[k]; k++)
            goes = goes || strcmp(map->pairs[i].key, keys[k]) == 0;
        if (!goes)
            (void)value_set(a, &out, map->pairs[i].key, map->pairs[i].value);
    }
    return out;
}

// ---- a point of a grid -----------------------------------------------------------

static enum error lay_point(int64_t point,
                            const struct value *grid,
                            struct arena *a,
                            struct value *params,
                            struct errtext *t)
{
    uint64_t rest = (uint64_t)point, n = 1;
    for (uint32_t k = 0; k < grid->n; k++) {
        const struct value *axis = &grid->pairs[k].value;
        if (axis->type != VALUE_LIST || axis->n == 0 || n > UINT64_MAX / axis->n)
            return errtext_set(t, ERR_PROTO, "the job's grid cannot be read");
        n *= axis->n;
    }
    if (rest >= n)
        return errtext_set(t, ERR_INVALID,
                           "the grid has points 0 to %" PRIu64 ", none is %" PRId64, n - 1,
                           point);
    for (uint32_t k = grid->n; k-- > 0;) {
        const struct value *axis = &grid->pairs[k].value;
        (void)value_set(a, params, grid->pairs[k].key, axis->items[rest % axis->n]);
        rest /= axis->n;
    }
    return OK;
}

// ---- a trial of a search ---------------------------------------------------------

// Line `trial` of the history.
static enum error
read_trial(int64_t trial, FILE *f, struct arena *a, struct value *out, struct errtext *t)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = 0;
    enum error e = OK;
    for (int64_t i = 0; i <= trial && n >= 0; i++)
        n = getline(&line, &room, f);
    if (n < 0)
        e = errtext_set(t, ERR_INVALID, "the job has no trial %" PRId64, trial);
    else
        e = json_parse(line, (size_t)n, a, out, t);
    free(line);
    return e;
}

static enum error find_trial(int64_t trial,
                             struct caller *c,
                             const struct value *args,
                             struct arena *a,
                             struct value *out,
                             struct errtext *t)
{
    struct value document;
    FILE *f = NULL;
    enum error e = caller_call(c, "results", args, a, &document, t);
    if (e)
        return e;
    const struct value *history = fetch_find(&document, "history.jsonl");
    if (!history)
        return errtext_set(t, ERR_INVALID, "the search is not done: it has no history yet");
    e = fetch_open(c, history, &f, t);
    if (e)
        return e;
    e = read_trial(trial, f, a, out, t);
    (void)fclose(f);
    return e;
}

static enum error find_best(struct caller *c,
                            const struct value *args,
                            struct arena *a,
                            struct value *out,
                            struct errtext *t)
{
    struct value document;
    enum error e = caller_call(c, "job", args, a, &document, t);
    if (e)
        return e;
    const struct value *result = value_find(&document, "result");
    if (!result || result->type != VALUE_MAP)
        result = value_find(&document, "progress");
    const struct value *best = result ? value_find(result, "best") : NULL;
    const struct value *front = result ? value_find(result, "front") : NULL;
    if (!best && front && front->type == VALUE_LIST && front->n)
        best = &front->items[0];
    if (!best || best->type != VALUE_MAP)
        return errtext_set(t, ERR_INVALID, "no trial of the search is a result yet");
    *out = *best;
    return OK;
}

static enum error lay_trial(const struct replay_item *want,
                            struct caller *c,
                            struct arena *a,
                            struct value *params,
                            struct errtext *t)
{
    static const char *const days[] = {"episode", "episodes", NULL};
    struct value args = value_map(), trial;
    (void)value_set(a, &args, "job", value_str(a, want->job));
    enum error e = want->trial == REPLAY_BEST ? find_best(c, &args, a, &trial, t)
                                              : find_trial(want->trial, c, &args, a, &trial, t);
    if (e)
        return e;
    lay_over(params, value_find(&trial, "params"), a);
    *params = without(params, days, a);
    return OK;
}

enum error replay_item(const struct replay_item *want,
                       struct caller *c,
                       const struct value *spec,
                       struct arena *a,
                       struct value *params,
                       struct errtext *t)
{
    const struct value *grid = value_find(spec, "grid");
    if (strcmp(show_text(spec, "kind"), "search") == 0)
        return lay_trial(want, c, a, params, t);
    return grid && grid->type == VALUE_MAP ? lay_point(want->point, grid, a, params, t) : OK;
}
