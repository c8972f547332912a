// SPDX-License-Identifier: MIT
#include "coordinator/drivers/serve.h"

#include <string.h>

#include "common/mem.h"
#include "coordinator/spec.h"

enum {
    MAX_TOKENS = 1 << 20,
    MAX_TOKENS_DEFAULT = 256,
    WAITING_MAX = 4096,
    WAITING_DEFAULT = 64,
    NAME_MAX_BYTES = 200,
};

struct serve {
    struct serve_job job;
    struct arena *arena;
    bool told;
};

static void destroy(void *state)
{
    struct serve *v = state;
    if (!v)
        return;
    arena_destroy(v->arena);
    mem_free(v);
}

// "models/olmoe.gguf": "olmoe".
static const char *name_of(const char *path, struct arena *a)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    return arena_str(a, base, n);
}

static enum error parse(struct serve *v, const struct driver_setup *setup, struct errtext *t)
{
    struct spec job = spec_of(setup->spec, setup->file, t);
    const char *model = "";
    int64_t max_tokens = MAX_TOKENS_DEFAULT, waiting = WAITING_DEFAULT;
    enum error e;

    if ((e = spec_str(&job, "model", NULL, &model))
        || (e = spec_str(&job, "model_name", NULL, &v->job.model))
        || (e = spec_str(&job, "api_key", NULL, &v->job.api_key))
        || (e = spec_int(&job, "max_tokens", 1, MAX_TOKENS, &max_tokens))
        || (e = spec_int(&job, "waiting", 1, WAITING_MAX, &waiting)))
        return e;
    if (!v->job.model)
        v->job.model = name_of(model, v->arena);
    if (strlen(v->job.model) > NAME_MAX_BYTES)
        return spec_expected(&job, "model_name", "at most %d bytes", NAME_MAX_BYTES);
    v->job.max_tokens = (uint32_t)max_tokens;
    v->job.waiting = (uint32_t)waiting;
    return OK;
}

static enum error create(const struct driver_setup *setup, void **state, struct errtext *t)
{
    struct serve *v = mem_alloc(sizeof *v);
    v->arena = arena_create();
    enum error e = parse(v, setup, t);
    if (e) {
        destroy(v);
        return e;
    }
    *state = v;
    return OK;
}

const struct serve_job *serve_job_of(const void *state)
{
    return &((const struct serve *)state)->job;
}

static enum driver_wants wants(const void *state)
{
    (void)state;
    return DRIVER_ROWS;
}

// It could not be served at all: else it would not have ended.
static void tell(void *state, const struct outcome *o)
{
    struct serve *v = state;
    (void)o;
    v->told = true;
}

static void step(void *state, struct driver_output *out)
{
    const struct serve *v = state;
    out->n_items = 1;
    out->finished = v->told;
    out->result = value_map();
    out->stats = value_map();
    out->why_no_digest = "what was served depends on who asked";
}

#define PARAMS                                                                                 \
    "model", "numerics", "threads", "attention", "placement", "replicas", "experts", "kv",     \
        "chat", "cache_tokens", "streams"

static const char *const param_keys[] = {PARAMS, NULL};
static const char *const keys[] = {"model_name", "api_key", "max_tokens",
                                   "waiting",    PARAMS,    NULL};

const struct driver serve_driver = {
    .name = "serve",
    .help = "A language model behind the coordinator's HTTP side, until it is cancelled.",
    .is_inline = true,
    .knows_all_items = true,
    .keys = keys,
    .workload = "serve",
    .param_keys = param_keys,
    .serves = true,
    .shard = 1,
    .wants = wants,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .step = step,
};
