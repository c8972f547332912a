// SPDX-License-Identifier: MIT
// The workload of `kind: generate`: each item is a prompt, its answer a row of
// tokens and text.  The model is opened once and stays for the job's leases.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/generate_file.h"
#include "worker/evaluate/generate_state.h"
#include "worker/evaluate/model_params.h"
#include "worker/experts/chat.h"
#include "worker/experts/model.h"

enum { TOKENS_DEFAULT = 64, TOKENS_MOST = 1 << 24, LOGPROBS_MAX = 64 };

static const char *const logits[] = {"none", "last", NULL};

static const struct param params[] = {
    MODEL_PARAM,
    {.name = "prompt",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "a text, or a map of id, text or tokens or messages, add_special, parse_special"},
    MODEL_PARAMS,
    {.name = "max_tokens",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = TOKENS_MOST,
     .help = "new tokens a prompt, as far as the context reaches; 64, or 0 when score is true"},
    {.name = "ignore_eos",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "go on behind a token that ends the text"},
    {.name = "sampling",
     .type = PARAM_ANY,
     .fallback = "{}",
     .searchable = true,
     .help = "temperature (0: greedy), top_k, top_p, min_p, repetition_penalty"},
    {.name = "stop",
     .type = PARAM_STRS,
     .fallback = "[]",
     .help = "texts that end an answer, and do not stand in it"},
    {.name = "logits",
     .type = PARAM_STR,
     .choices = logits,
     .fallback = "none",
     .help = "last: those at each prompt's last token, as logits.f32"},
    {.name = "top_logprobs",
     .type = PARAM_INT,
     .min = 0,
     .max = LOGPROBS_MAX,
     .fallback = "0",
     .help = "log-probabilities of so many of the likeliest tokens beside each new one"},
    {.name = "score",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "the negative log-likelihood of each token of the prompts, as nll.f32, and their "
             "perplexity"},
    {.name = "routing",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "the experts of each token of the prompts, in the rows"},
    {.name = "stream",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "texts also as live logs, as they grow"},
    {.name = NULL},
};

// ---- opening -----------------------------------------------------------------------------

static const char *text_of(const struct value *map, const char *key, const char *fallback)
{
    const struct value *v = value_find(map, key);
    return v && v->type == VALUE_STR ? v->s : fallback;
}

static bool flag_of(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    return v && v->type == VALUE_BOOL && v->b;
}

static enum error
take_sampling(const struct value *map, struct sample_options *out, struct errtext *t)
{
    return sample_read(value_find(map, "sampling"), out, t) ? FAULT_JOB : OK;
}

static void take_stops(struct generator *g, const struct value *list)
{
    uint32_t n = list && list->type == VALUE_LIST ? list->n : 0;
    g->o.stops = arena_alloc(g->arena, (n + 1) * sizeof *g->o.stops);
    for (uint32_t i = 0; i < n; i++)
        if (list->items[i].type == VALUE_STR)
            g->o.stops[g->o.n_stops++] =
                (struct tokenizer_text){list->items[i].s, list->items[i].n};
}

static struct engine_options engine_of(const struct value *p)
{
    const char *store = text_of(p, "kv", "");
    struct engine_options o = {
        .numerics =
            strcmp(text_of(p, "numerics", "exact"), "fast") == 0 ? ENGINE_FAST : ENGINE_EXACT,
        .n_threads = (uint32_t)evaluate_int(NULL, p, "threads", 0),
        .replicate = strcmp(text_of(p, "attention", "split"), "replicate") == 0,
    };
    const char *experts = text_of(p, "experts", "measured");
    o.placement = text_of(p, "placement", NULL);
    o.n_spare = (uint32_t)evaluate_int(NULL, p, "replicas", -1);
    for (uint32_t i = 0; model_experts[i]; i++)
        if (strcmp(experts, model_experts[i]) == 0)
            o.experts = ENGINE_EXPERTS_MEASURED + i;
    for (uint32_t i = 0; model_kv[i]; i++)
        if (strcmp(store, model_kv[i]) == 0)
            o.kv = ENGINE_KV_F32 + i;
    return o;
}

static enum error read_options(struct generator *g, const struct value *p, struct errtext *t)
{
    struct stop_filter *filter = NULL;
    g->o = (struct generate_options){
        .ignore_eos = flag_of(p, "ignore_eos"),
        .last_logits = strcmp(text_of(p, "logits", "none"), "last") == 0,
        .score = flag_of(p, "score"),
        .routing = flag_of(p, "routing"),
        .stream = flag_of(p, "stream"),
        .engine = engine_of(p),
        .chat = text_of(p, "chat", NULL),
        .top_logprobs = (uint32_t)evaluate_int(NULL, p, "top_logprobs", 0),
    };
    g->o.max_tokens =
        (uint32_t)evaluate_int(NULL, p, "max_tokens", g->o.score ? 0 : TOKENS_DEFAULT);
    take_stops(g, value_find(p, "stop"));
    if (stop_filter_create(g->o.stops, g->o.n_stops, &filter, t))
        return errtext_prefix(t, FAULT_JOB, "stop");
    stop_filter_destroy(filter);
    return take_sampling(p, &g->o.sampling, t);
}

// An attachment, else the path itself.  The parts of a split model know each other by
// their names, so links with these stand together in our directory.
static const char *find_model(const struct workload_job *job, struct arena *a)
{
    const char *name = text_of(job->params, "model", "");
    bool split = strstr(name, "-of-") != NULL && job->scratch;
    const char *found = name;
    for (uint32_t i = 0; i < job->n_files; i++) {
        const char *file = job->files[i].name, *base = strrchr(file, '/');
        char path[4096];
        if (strcmp(file, name) == 0)
            found = job->files[i].path;
        if (!split || !strstr(file, "-of-"))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", job->scratch, base ? base + 1 : file);
        (void)unlink(path);
        if (symlink(job->files[i].path, path) == 0 && strcmp(file, name) == 0)
            found = arena_str(a, path, strlen(path));
    }
    return found;
}

// Another rank, or another node, may see the file or have the memory.
static enum error blame_of(enum error e)
{
    return e == ERR_IO || e == ERR_LIMIT ? FAULT_WORKER : FAULT_JOB;
}

static enum error open_model(struct generator *g, const char *path, struct errtext *t)
{
    enum error e = generate_model_open(path, &g->opened, t);
    if (e)
        return e;
    g->model = g->opened->model;
    g->tokenizer = g->opened->tokenizer;
    g->sampler = sampler_create(g->model->h.n_vocab);
    return OK;
}

static void close_generate(void *state)
{
    struct generator *g = state;
    if (!g)
        return;
    generate_file_close(g->prompts);
    prefix_destroy(g->prefix);
    engine_destroy(g->engine);
    sampler_destroy(g->sampler);
    generate_model_close(g->opened);
    mem_free(g->logits);
    arena_destroy(g->arena);
    mem_free(g);
}

static enum error open_generate(const struct workload_job *job, void **out, struct errtext *t)
{
    struct generator *g = mem_alloc(sizeof *g);
    g->arena = arena_create();
    g->prefix = prefix_create();
    g->params = job->params;
    g->seed = job->seed;
    g->scratch = job->scratch;
    g->job = *job;
    enum error e = read_options(g, job->params, t);
    if (!e && (e = open_model(g, find_model(job, g->arena), t)))
        e = blame_of(e);
    if (e) {
        close_generate(g);
        return e;
    }
    *out = g;
    return OK;
}

// ---- a run -------------------------------------------------------------------------------

static void fail_item(struct run *r, struct stream *s, const struct errtext *t)
{
    s->failed = s->done = true;
    run_fault(r, &(struct item_fault){.item = s->item,
                                      .blame = FAULT_JOB,
                                      .text = arena_str(r->arena, t->text, strlen(t->text))});
}

// What a prompt needs room for, once its length is known.
static void make_room(struct generator *g, struct stream *s, const struct value *over)
{
    const struct hyper *h = &g->model->h;
    size_t n = s->prompt.n, layers = generate_moe_layers(g);
    uint32_t left = h->n_context - (uint32_t)n;
    uint32_t most = (uint32_t)evaluate_int(over, NULL, "max_tokens", g->o.max_tokens);
    s->room = most < left ? most : left;
    if (!n) {
        s->finish = "empty";
        s->done = true;
    }
    if (layers)
        s->load = mem_alloc(layers * h->n_experts * sizeof *s->load);
    if (layers)
        s->routing = mem_alloc((layers * n * h->top_k + 1) * sizeof *s->routing);
    if (g->o.last_logits)
        s->last = mem_alloc(h->n_vocab * sizeof *s->last);
    if (g->o.score)
        s->nll = mem_alloc((n + 1) * sizeof *s->nll);
}

// Of the item, else of the job.
static enum error read_item(struct generator *g,
                            const struct value *over,
                            const struct value *prompt,
                            struct stream *s,
                            struct errtext *t)
{
    enum error e = generate_encode(g, prompt, &s->prompt, t);
    s->sampling = g->o.sampling;
    if (!e && over && value_find(over, "sampling"))
        e = take_sampling(over, &s->sampling, t);
    if (!e && g->o.n_stops)
        e = stop_filter_create(g->o.stops, g->o.n_stops, &s->stop, t);
    return e;
}

// The prompt itself, or, of one that stands in a file, what stands there.
static enum error find_prompt(struct generator *g,
                              const struct value **prompt,
                              struct arena *a,
                              struct errtext *t)
{
    const struct value *file = value_find(*prompt, "file"), *at = value_find(*prompt, "index");
    struct value *row = arena_alloc(a, sizeof *row);
    if (!file || file->type != VALUE_STR || !at || at->type != VALUE_INT)
        return OK;
    enum error e = OK;
    if (!g->prompts)
        e = generate_file_open(&g->job, file->s, &g->prompts, t);
    if (!e)
        e = generate_file_row(g->prompts, at->u, a, row, t);
    *prompt = row;
    return e;
}

static void begin(struct generator *g, struct run *r, struct stream *s, uint32_t i)
{
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    const struct value *prompt = evaluate_find(over, g->params, "prompt");
    struct errtext t;
    enum error e = find_prompt(g, &prompt, r->arena, &t);
    const struct value *id = e ? NULL : value_find(prompt, "id");
    struct value *number = arena_alloc(r->arena, sizeof *number);
    *number = value_uint(r->first + i);
    *s = (struct stream){.i = i, .item = r->first + i, .id = id ? id : number, .finish = ""};
    buf_init(&s->text, SIZE_MAX / 4);
    buf_init(&s->piece, SIZE_MAX / 4);
    buf_init(&s->logprobs, SIZE_MAX / 4);
    tokenizer_stream_init(&s->bytes, g->tokenizer, TOKENIZER_REPLACE);
    r->named[i] = value_null();
    if (e || read_item(g, over, prompt, s, &t))
        fail_item(r, s, &t);
    else
        make_room(g, s, over);
}

static void finish(struct stream *s)
{
    tokens_fini(&s->prompt);
    tokens_fini(&s->new);
    stop_filter_destroy(s->stop);
    buf_fini(&s->text);
    buf_fini(&s->piece);
    buf_fini(&s->logprobs);
    mem_free(s->routing);
    mem_free(s->load);
    mem_free(s->last);
    mem_free(s->nll);
}

static enum error run_generate(void *state, struct run *r, struct errtext *t)
{
    struct generator *g = state;
    struct stream *list = mem_alloc((r->count + 1) * sizeof *list);
    double seconds[2] = {0, 0};
    for (uint32_t i = 0; i < r->count; i++)
        begin(g, r, &list[i], i);
    enum error e = generate_batch(g, r, list, seconds, t);
    for (uint32_t i = 0; i < r->count && !e; i++) {
        if (list[i].failed)
            continue;
        run_progress(r);
        e = generate_row(g, r, &list[i], seconds, t);
        seconds[0] = seconds[1] = 0; // the time of all stands with the first
    }
    for (uint32_t i = 0; i < r->count; i++)
        finish(&list[i]);
    mem_free(list);
    return e == ERR_CANCELLED ? OK : e;
}

const struct workload workload_generate = {
    .name = "generate",
    .help = "Continues or scores prompts with a language model from a GGUF file.",
    .params = params,
    .collective = true,
    .stall_ms = 60000,
    .open = open_generate,
    .close = close_generate,
    .run = run_generate,
};
