// SPDX-License-Identifier: MIT
#include "coordinator/drivers/generate.h"

#include <string.h>

#include "common/mem.h"
#include "coordinator/drivers/generate_state.h"
#include "coordinator/drivers/told.h"

const char *const generate_part_names[N_PARTS] = {
    [PART_LOGITS] = "logits.f32",
    [PART_NLL] = "nll.f32",
};

static void destroy(void *state)
{
    struct generate *g = state;

    if (!g)
        return;
    mem_free(g->rows);
    buf_fini(&g->results);
    for (int i = 0; i < N_PARTS; i++)
        buf_fini(&g->parts[i]);
    arena_destroy(g->arena);
    arena_destroy(g->scratch);
    mem_free(g);
}

static enum error create(const struct driver_setup *setup, void **state, struct errtext *t)
{
    struct generate *g = mem_alloc(sizeof *g);

    g->arena = arena_create();
    g->scratch = arena_create();
    enum error e = generate_parse(g, setup, t);
    if (e) {
        destroy(g);
        return e;
    }
    g->rows = mem_alloc(g->n * sizeof *g->rows);
    *state = g;
    return OK;
}

static enum driver_wants wants(const void *state)
{
    (void)state;
    return DRIVER_ROWS;
}

// ---- what items said ---------------------------------------------------------------------

static uint64_t count_of(const struct value *metrics, const char *key)
{
    const struct value *v = value_find(metrics, key);
    return v && v->type == VALUE_INT && v->i > 0 ? (uint64_t)v->i : 0;
}

static struct value bytes_of(struct generate *g, const struct value *metrics, const char *key)
{
    const struct value *v = value_find(metrics, key);
    return v && v->type == VALUE_BIN ? value_copy(g->arena, v) : value_null();
}

static void take_row(struct generate *g, struct generate_row *r, const struct value *metrics)
{
    const struct value *nll = value_find(metrics, "nll");
    const struct value *seconds = value_find(metrics, "seconds");

    r->row = bytes_of(g, metrics, "row");
    r->load = bytes_of(g, metrics, "load");
    r->prompt_tokens = count_of(metrics, "prompt_tokens");
    r->new_tokens = count_of(metrics, "new_tokens");
    r->scored = count_of(metrics, "scored");
    r->reused = count_of(metrics, "reused");
    r->nll = nll ? value_number(nll) : 0;
    if (seconds && seconds->type == VALUE_BIN && seconds->n == 2 * sizeof(double)) {
        memcpy(&r->prefill_s, seconds->s, sizeof r->prefill_s);
        memcpy(&r->decode_s, seconds->s + sizeof r->prefill_s, sizeof r->decode_s);
    }
    if (r->row.type != VALUE_BIN) {
        r->failed = true;
        r->why = "its result could not be read";
    }
}

static void take_outputs(struct generate *g, const struct outcome *o)
{
    struct told_blob b;
    for (uint32_t i = 0; i < told_n_blobs(o); i++)
        for (int k = 0; told_blob(o, i, &b) && k < N_PARTS; k++)
            if (strcmp(b.name, generate_part_names[k]) == 0) {
                g->rows[b.item].part[k] = b.hash;
                g->rows[b.item].has[k] = true;
            }
}

static void tell(void *state, const struct outcome *o)
{
    struct generate *g = state;

    if (!o->count || o->first >= g->n || o->count > g->n - o->first)
        return;
    arena_reset(g->scratch);
    struct value list = told_list(o, g->scratch);
    for (uint32_t i = 0; i < o->count; i++) {
        struct generate_row *r = &g->rows[o->first + i];
        g->n_told += !r->told;
        g->n_failed -= r->failed;
        *r = (struct generate_row){.told = true, .row = value_null(), .load = value_null()};
        const char *why = told_fault(o, o->first + i);
        struct value metrics = told_map(&list, i);
        r->why = why ? arena_str(g->arena, why, strlen(why)) : NULL;
        r->failed = why != NULL;
        if (!why)
            take_row(g, r, &metrics);
        g->n_failed += r->failed;
    }
    take_outputs(g, o);
}

// ---- items -------------------------------------------------------------------------------

static const struct value *item_params(const struct generate *g, struct arena *a)
{
    struct value *params = arena_alloc(a, g->n * sizeof *params);

    for (uint32_t i = 0; i < g->n; i++) {
        params[i] = value_map();
        value_set(a, &params[i], "prompt", g->prompts.items[i]);
    }
    return params;
}

// Of a file that workers read: which of its prompts.
static struct value params_of(const void *state, uint64_t item, struct arena *a)
{
    const struct generate *g = state;
    struct value params = value_map(), prompt = value_map();

    if (!g->attached)
        return value_null();
    value_set(a, &prompt, "file", value_str(a, g->attached));
    value_set(a, &prompt, "index", value_uint(item));
    value_set(a, &params, "prompt", prompt);
    return params;
}

static void step(void *state, struct driver_output *out)
{
    struct generate *g = state;

    out->n_items = g->n;
    out->params = g->is_asked || g->attached ? NULL : item_params(g, out->arena);
    g->is_asked = true;
    if (g->n_told == g->n)
        generate_finish(g, out);
}

// The prompts follow from the job alone.
static void restore(void *state, uint64_t item, const struct value *params)
{
    struct generate *g = state;

    (void)item;
    (void)params;
    g->is_asked = true;
}

#define PARAMS                                                                                 \
    "model", "numerics", "threads", "attention", "placement", "replicas", "experts", "kv",     \
        "chat", "max_tokens", "ignore_eos", "sampling", "stop", "logits", "top_logprobs",      \
        "score", "routing", "stream"

static const char *const param_keys[] = {PARAMS, NULL};
static const char *const keys[] = {"prompts", "shard", PARAMS, NULL};

const struct driver generate_driver = {
    .name = "generate",
    .help = "Texts, token ids, logits or perplexities of prompts by a language model.",
    .is_inline = true,
    .knows_all_items = true,
    .keys = keys,
    .workload = "generate",
    .param_keys = param_keys,
    .shard = 8, // one batch of the engine, and little to do twice after a crash
    .wants = wants,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .step = step,
    .restore = restore,
    .params_of = params_of,
};
