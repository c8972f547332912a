// SPDX-License-Identifier: MIT
// serve_http.c - requests of the OpenAI interface: whose they are, what they ask for,
// which model they mean.
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "coordinator/http_route.h"
#include "coordinator/serve_state.h"

enum { RETRY_LOADING_S = 2 };

static const struct {
    const char *path;
    enum serve_endpoint endpoint;
} endpoints[] = {
    {"/v1/completions", SERVE_COMPLETIONS},
    {"/v1/chat/completions", SERVE_CHAT},
    {"/tokenize", SERVE_TOKENIZE},
    {"/v1/tokenize", SERVE_TOKENIZE},
};
enum { N_ENDPOINTS = sizeof endpoints / sizeof endpoints[0] };

bool serve_is_ours(const char *path)
{
    return strncmp(path, "/v1/", 4) == 0 || strcmp(path, "/tokenize") == 0;
}

// ---- refusals ----------------------------------------------------------------------------

static void
answer(struct shell *s, struct http_request *r, struct http_answer *a, const struct buf *b)
{
    a->content_type = "application/json";
    a->bytes = b->bytes;
    a->n = b->n;
    gate_answer(s->gate, r, a);
}

void serve_refuse(
    struct shell *s, struct http_request *r, enum error e, const char *text, const char *param)
{
    struct http_answer a = {.status = serve_reply_status(e), .ask_token = e == ERR_DENIED};
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    serve_reply_error(e, text, param, false, &b);
    answer(s, r, &a, &b);
    buf_fini(&b);
}

void serve_refuse_busy(struct shell *s,
                       struct http_request *r,
                       unsigned status,
                       uint32_t retry_s,
                       const char *text)
{
    struct http_answer a = {.status = status, .retry_after_s = retry_s};
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    serve_reply_error(status == 429 ? ERR_BUSY : ERR_CLOSED, text, NULL, false, &b);
    answer(s, r, &a, &b);
    buf_fini(&b);
}

static void refuse_path(struct shell *s, struct http_request *r, bool known)
{
    struct http_answer a = {.status = known ? 405 : 404, .allow = known ? "POST" : NULL};
    struct buf b;
    char text[200];
    (void)snprintf(text, sizeof text, "%s '%.100s' is not supported by this server", r->method,
                   r->path);
    if (strcmp(r->path, "/v1/models") == 0)
        a = (struct http_answer){.status = 405, .allow = "GET, HEAD"};
    buf_init(&b, SIZE_MAX / 4);
    serve_reply_error(ERR_UNSUPPORTED, text, NULL, false, &b);
    answer(s, r, &a, &b);
    buf_fini(&b);
}

// ---- models and keys ---------------------------------------------------------------------

static const struct serve_job *job_of(const struct docket *r)
{
    bool serves = r->live && r->state == JOB_RUNNING && r->live->plan->driver == &serve_driver;
    return serves ? serve_job_of(r->live->plan->state) : NULL;
}

static bool may_use(const struct shell *s, const struct serve_job *job, struct http_request *r)
{
    const char *token = http_route_bearer(r->authorization);
    if (job->api_key && strcmp(job->api_key, "none") == 0)
        return !http_is_loopback(s->gate->http) || http_route_host_is_ours(r->host);
    if (token && http_route_same_token(token, s->gate->token))
        return true;
    return token && job->api_key && http_route_same_token(token, job->api_key);
}

// The newest that the caller may use and that goes by the name (NULL: any).  *any: there
// are models, whoever may use them; *usable: there are some for the caller.
static struct docket *find_model(
    const struct shell *s, struct http_request *r, const char *name, bool *any, bool *usable)
{
    *any = *usable = false;
    for (uint32_t i = s->n_dockets; i-- > 0;) {
        struct docket *x = s->dockets[i];
        const struct serve_job *job = job_of(x);
        if (!job)
            continue;
        *any = true;
        if (!may_use(s, job, r))
            continue;
        *usable = true;
        if (!name || strcmp(name, job->model) == 0)
            return x;
    }
    return NULL;
}

static void list_models(struct shell *s, struct http_request *r)
{
    struct http_answer a = {.status = 200};
    const char *names[64];
    uint32_t n = 0;
    bool any = false;
    struct buf b;
    for (uint32_t i = s->n_dockets; i-- > 0 && n < 64;) {
        const struct serve_job *job = job_of(s->dockets[i]);
        any = any || job;
        if (job && may_use(s, job, r))
            names[n++] = job->model;
    }
    if (any && !n) {
        serve_refuse(s, r, ERR_DENIED, "this is not the key of a model here", NULL);
        return;
    }
    buf_init(&b, SIZE_MAX / 4);
    serve_reply_models(names, n, clock_wall_now() / CLOCK_SECOND, &b);
    answer(s, r, &a, &b);
    buf_fini(&b);
}

// ---- requests ----------------------------------------------------------------------------

static void
refuse_model(struct shell *s, struct http_request *r, const char *name, bool any, bool usable)
{
    char text[200];
    if (any && !usable) {
        serve_refuse(s, r, ERR_DENIED, "this is not the key of a model here", NULL);
        return;
    }
    (void)snprintf(text, sizeof text,
                   name ? "no model '%.100s' is served here" : "no model is served here", name);
    serve_refuse(s, r, ERR_NOT_FOUND, text, "model");
}

static void begin(struct shell *s, struct http_request *r, struct serve_call *c)
{
    bool any, usable;
    struct errtext t;
    const struct docket *x = find_model(s, r, c->ask.model, &any, &usable);
    struct serve_model *m = x ? serve_model_find(s->desk, x->number) : NULL;
    if (!x) {
        refuse_model(s, r, c->ask.model, any, usable);
    } else if (!m || !m->open) {
        serve_refuse_busy(s, r, 503, RETRY_LOADING_S, "no worker serves the model yet");
    } else {
        c->job = x->number;
        const struct serve_job *job = serve_job_of(x->live->plan->state);
        c->max_tokens = c->ask.max_tokens ? c->ask.max_tokens : job->max_tokens;
        c->head.endpoint = c->ask.endpoint;
        c->head.model = arena_str(c->arena, job->model, strlen(job->model));
        enum error e = serve_call_begin(s, r, c, m, &t);
        if (!e)
            return;
        serve_refuse(s, r, e, t.text, "prompt");
    }
    arena_destroy(c->arena);
}

// Keys first: who may not use a model learns nothing of what is wrong with a request.
static void post(struct shell *s, struct http_request *r, enum serve_endpoint endpoint)
{
    struct arena *a = arena_create();
    struct serve_call *c = arena_alloc(a, sizeof *c);
    struct value *body = arena_alloc(a, sizeof *body);
    const char *param = NULL;
    struct errtext t;
    bool any, usable;
    (void)find_model(s, r, NULL, &any, &usable);
    c->arena = a;
    enum error e = json_parse(buf_cstr(&r->body), r->body.n, a, body, &t);
    if (!any || !usable) {
        refuse_model(s, r, NULL, any, usable);
    } else if (e || (e = serve_request_parse(endpoint, body, &c->ask, &param, &t))) {
        serve_refuse(s, r, e, t.text, param);
    } else {
        begin(s, r, c);
        return;
    }
    arena_destroy(a);
}

void serve_http(struct shell *s, struct http_request *r)
{
    bool get = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    (void)serve_desk_of(s);
    if (get && strcmp(r->path, "/v1/models") == 0) {
        list_models(s, r);
        return;
    }
    for (int i = 0; i < N_ENDPOINTS; i++) {
        if (strcmp(endpoints[i].path, r->path) != 0)
            continue;
        if (strcmp(r->method, "POST") == 0)
            post(s, r, endpoints[i].endpoint);
        else
            refuse_path(s, r, true);
        return;
    }
    refuse_path(s, r, false);
}
