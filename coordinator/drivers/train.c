// SPDX-License-Identifier: MIT
#include "coordinator/drivers/train.h"

#include <string.h>

#include "common/mem.h"
#include "coordinator/drivers/told.h"
#include "coordinator/drivers/train_state.h"

static void destroy(void *state)
{
    struct train *s = state;

    if (!s)
        return;
    mem_free(s->items);
    mem_free(s->curve);
    mem_free(s->tests);
    buf_fini(&s->lines);
    arena_destroy(s->arena);
    arena_destroy(s->scratch);
    mem_free(s);
}

static enum error create(const struct driver_setup *setup, void **state, struct errtext *t)
{
    struct train *s = mem_alloc(sizeof *s);

    s->arena = arena_create();
    s->scratch = arena_create();
    enum error e = train_parse(s, setup, t);
    if (e) {
        destroy(s);
        return e;
    }
    s->items = mem_alloc(s->n_items * sizeof *s->items);
    s->curve = mem_alloc(s->n_iterations * sizeof *s->curve);
    s->tests = mem_alloc((s->n_evaluation + 1) * sizeof *s->tests);
    *state = s;
    return OK;
}

static enum driver_wants wants(const void *state)
{
    (void)state;
    return DRIVER_ROWS;
}

static bool is_solo(const void *state, uint64_t item)
{
    return !train_is_update(state, item);
}

// ---- what items said ---------------------------------------------------------------------

static void take_blobs(struct train *s, const struct outcome *o)
{
    struct told_blob b;
    for (uint32_t i = 0; i < told_n_blobs(o); i++) {
        if (!told_blob(o, i, &b)
            || strcmp(b.name, train_is_update(s, b.item) ? "checkpoint" : "rollout") != 0)
            continue;
        struct train_item *it = &s->items[b.item];
        it->has_blob = true;
        it->size = b.size;
        it->blob = b.hash;
    }
}

// What stops the training: the first item's fault in order, whichever came first.
static void note_fault(struct train *s, uint64_t item, const char *text)
{
    if (s->failed && s->failed_item <= item)
        return;
    s->failed = arena_str(s->arena, text, strlen(text));
    s->failed_item = item;
}

static const char *fault_of(const struct train *s, const struct outcome *o, uint64_t item)
{
    const char *fault = told_fault(o, item);
    bool wants_blob = item < s->n_iterations * train_round(s);
    return !fault && wants_blob && !s->items[item].has_blob ? "it returned no blob" : fault;
}

// Of what an update or a test said, the numbers.
static void take_numbers(struct train *s, uint64_t item, const struct value *map)
{
    uint64_t rounds = s->n_iterations * train_round(s);
    struct value *to = item >= rounds             ? &s->tests[item - rounds]
                       : train_is_update(s, item) ? &s->curve[item / train_round(s)]
                                                  : NULL;
    if (!to || map->type != VALUE_MAP)
        return;
    *to = value_map();
    for (uint32_t i = 0; i < map->n; i++) {
        const struct value *x = &map->pairs[i].value;
        if (x->type == VALUE_INT || x->type == VALUE_FLOAT)
            value_set(s->arena, to, map->pairs[i].key, *x);
    }
}

static void tell(void *state, const struct outcome *o)
{
    struct train *s = state;

    if (!o->count || o->first >= s->n_items || o->count > s->n_items - o->first)
        return;
    arena_reset(s->scratch);
    struct value list = told_list(o, s->scratch);
    take_blobs(s, o);
    for (uint32_t i = 0; i < o->count; i++) {
        uint64_t item = o->first + i;
        const char *fault = fault_of(s, o, item);
        s->items[item].told = true;
        if (fault)
            note_fault(s, item, fault);
        else if (s->failed && s->failed_item == item)
            s->failed = NULL; // tried again, and well now
        struct value numbers = told_map(&list, i);
        take_numbers(s, item, &numbers);
    }
    while (s->n_whole < s->n_items && s->items[s->n_whole].told)
        s->n_whole++;
}

// ---- items -------------------------------------------------------------------------------

static struct value item_params(const struct train *s, uint64_t item, struct arena *a)
{
    uint64_t rounds = s->n_iterations * train_round(s), part = item % train_round(s);
    struct value map = value_map();
    value_set(a, &map, "checkpoint", train_blob(a, train_checkpoint(s, item)));
    if (item >= rounds) {
        value_set(a, &map, "phase", value_str(a, "evaluate"));
        value_set(a, &map, "part", value_uint(item - rounds));
        value_set(a, &map, "of", value_uint(s->n_evaluation));
        value_set(a, &map, "seed", value_int((int64_t)s->evaluation_seed));
        return map;
    }
    value_set(a, &map, "iteration", value_uint(item / train_round(s)));
    if (!train_is_update(s, item)) {
        value_set(a, &map, "phase", value_str(a, "rollout"));
        value_set(a, &map, "part", value_uint(part));
        value_set(a, &map, "of", value_uint(s->n_rollouts));
        return map;
    }
    struct value list = value_list();
    for (uint64_t i = item - part; i < item; i++)
        value_push(a, &list, train_blob(a, &s->items[i]));
    value_set(a, &map, "phase", value_str(a, "update"));
    value_set(a, &map, "rollouts", list);
    return map;
}

static void ask(struct train *s, uint64_t upto, struct driver_output *out)
{
    struct value *params = arena_alloc(out->arena, (upto - s->n_asked) * sizeof *params);
    for (uint64_t i = s->n_asked; i < upto; i++)
        params[i - s->n_asked] = item_params(s, i, out->arena);
    out->params = params;
    s->n_asked = upto;
}

static void step(void *state, struct driver_output *out)
{
    struct train *s = state;
    bool idle = s->n_whole == s->n_asked;

    out->progress = train_progress(s, out->arena);
    if (idle && !s->failed && s->n_asked < s->n_items) {
        uint64_t rounds = s->n_iterations * train_round(s);
        uint64_t left = s->n_rollouts - s->n_asked % train_round(s);
        uint64_t more = s->n_asked >= rounds ? s->n_evaluation : left ? left : 1;
        ask(s, s->n_asked + more, out);
    } else if (idle) {
        train_finish(s, out);
    }
    out->n_items = s->n_asked;
    out->n_expected = s->failed ? s->n_asked : s->n_items;
}

static void restore(void *state, uint64_t item, const struct value *params)
{
    struct train *s = state;

    (void)params; // they follow from what will be told
    if (item < s->n_items && item >= s->n_asked)
        s->n_asked = item + 1;
}

static const char *const keys[] = {"iterations", "rollouts", "evaluate", NULL};

const struct driver train_driver = {
    .name = "train",
    .help = "Rounds of rollouts and an update each by a workload that learns; then an "
            "evaluation.",
    .is_inline = true,
    .keys = keys,
    .shard = 1,
    .wants = wants,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .step = step,
    .restore = restore,
    .is_solo = is_solo,
};
