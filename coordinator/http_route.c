// SPDX-License-Identifier: MIT
#include "coordinator/http_route.h"

#include <string.h>
#include <strings.h>

struct row {
    const char *method; // "GET" is HEAD too
    const char *path;   // '*' is one part of it: argument `job`
    const char *verb;   // NULL: `what`
    int what;
    const char *query; // an argument that may stand behind '?', or NULL
    bool file;         // the body is a job file
    const char *help;
};

static const struct row rows[] = {
    {"GET", "/", NULL, ROUTE_INDEX, NULL, false, "this list"},
    {"GET", "/health", NULL, ROUTE_HEALTH, NULL, false, "200 while work can be done, else 503"},
    {"GET", "/metrics", NULL, ROUTE_METRICS, NULL, false, "for Prometheus"},
    {"GET", "/api/v1/cluster", "ping", ROUTE_VERB, NULL, false, "the coordinator itself"},
    {"GET", "/api/v1/workers", "workers", ROUTE_VERB, NULL, false, "every rank"},
    {"GET", "/api/v1/jobs", "jobs", ROUTE_VERB, "all", false,
     "jobs; ?all=true: each ended one"},
    {"POST", "/api/v1/jobs", "submit", ROUTE_VERB, "name", true,
     "submit: the body is a job file; ?name=NAME"},
    {"GET", "/api/v1/jobs/*", "job", ROUTE_VERB, NULL, false,
     "one job: its status and curve, or its final document"},
    {"GET", "/api/v1/jobs/*/results", "results", ROUTE_VERB, NULL, false, "its document"},
    {"GET", "/api/v1/jobs/*/why", "why", ROUTE_VERB, NULL, false, "why it does not run"},
    {"POST", "/api/v1/jobs/*/cancel", "cancel", ROUTE_VERB, NULL, false, "cancel it"},
    {"POST", "/api/v1/jobs/*/retry", "retry", ROUTE_VERB, NULL, false, "failed items again"},
    {"GET", "/v1/models", NULL, ROUTE_SERVE, NULL, false, "models that are served (OpenAI)"},
    {"POST", "/v1/completions", NULL, ROUTE_SERVE, NULL, false, "a text goes on (OpenAI)"},
    {"POST", "/v1/chat/completions", NULL, ROUTE_SERVE, NULL, false,
     "a conversation goes on (OpenAI)"},
    {"POST", "/tokenize", NULL, ROUTE_SERVE, NULL, false, "tokens of {content: …}"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

// True when they match; *part is what stands for the star.
static bool matches(const char *pattern, const char *path, const char **part, size_t *n)
{
    const char *star = strchr(pattern, '*');
    if (!star)
        return strcmp(pattern, path) == 0;
    size_t before = (size_t)(star - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    *part = path + before;
    *n = strcspn(*part, "/");
    return *n > 0 && strcmp(star + 1, *part + *n) == 0;
}

static bool same_method(const struct row *row, const char *method)
{
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    return get ? strcmp(row->method, "GET") == 0 : strcmp(row->method, method) == 0;
}

static enum error refuse(
    struct http_route *out, unsigned status, struct errtext *t, enum error e, const char *why)
{
    out->refused = status;
    return errtext_set(t, e, "%s", why);
}

static enum error find(const struct http_request *r,
                       const struct row **out,
                       struct http_route *route,
                       struct errtext *t,
                       struct http_pair *part)
{
    bool get = false;
    bool post = false;
    for (const struct row *row = rows; row < rows + N_ROWS; row++) {
        const char *from = "";
        size_t n = 0;
        if (!matches(row->path, r->path, &from, &n))
            continue;
        if (same_method(row, r->method)) {
            *part = (struct http_pair){.key = (char *)(uintptr_t)from,
                                       .value = (char *)(uintptr_t)(from + n)};
            *out = row;
            return OK;
        }
        get |= strcmp(row->method, "GET") == 0;
        post |= strcmp(row->method, "POST") == 0;
    }
    if (!get && !post)
        return refuse(route, 404, t, ERR_NOT_FOUND,
                      "there is nothing here; GET / lists what is");
    route->allow = get && post ? "GET, HEAD, POST" : get ? "GET, HEAD" : "POST";
    return refuse(route, 405, t, ERR_UNSUPPORTED, "this path knows other methods");
}

static bool read_flag(const char *s, bool *out)
{
    *out = strcmp(s, "true") == 0 || strcmp(s, "1") == 0 || !*s;
    return *out || strcmp(s, "false") == 0 || strcmp(s, "0") == 0;
}

static enum error arguments(const struct http_request *r,
                            const struct row *row,
                            struct arena *a,
                            struct http_route *out,
                            struct errtext *t)
{
    for (uint32_t i = 0; i < r->n_query; i++) {
        const struct http_pair *q = &r->query[i];
        bool flag;
        if (!row->query || strcmp(row->query, q->key) != 0) {
            out->refused = 400;
            return errtext_set(t, ERR_INVALID, "the argument '%.40s' is not known here",
                               q->key);
        }
        if (strcmp(q->key, "all") != 0) {
            (void)value_set(a, &out->args, q->key, value_str(a, q->value));
            continue;
        }
        if (!read_flag(q->value, &flag))
            return refuse(out, 400, t, ERR_INVALID, "'all' is neither true nor false");
        (void)value_set(a, &out->args, q->key, value_bool(flag));
    }
    return OK;
}

static enum error
file(const struct http_request *r, struct arena *a, struct http_route *out, struct errtext *t)
{
    if (!r->body.n)
        return refuse(out, 400, t, ERR_INVALID, "the body is empty, expected a job file");
    (void)value_set(a, &out->args, "text", value_strn(a, buf_cstr(&r->body), r->body.n));
    (void)value_set(a, &out->args, "file", value_str(a, "job.yaml"));
    (void)value_set(a, &out->args, "owner", value_str(a, "http"));
    return OK;
}

enum error http_route(const struct http_request *r,
                      struct arena *a,
                      struct http_route *out,
                      struct errtext *t)
{
    const struct row *row = NULL;
    struct http_pair part = {0};
    *out = (struct http_route){.args = value_map()};
    enum error e = find(r, &row, out, t, &part);
    if (e)
        return e;
    out->what = (enum http_what)row->what;
    out->verb = row->verb;
    if (out->what == ROUTE_SERVE)
        return OK;
    out->writes = strcmp(row->method, "POST") == 0;
    if (part.value > part.key)
        (void)value_set(a, &out->args, "job",
                        value_strn(a, part.key, (size_t)(part.value - part.key)));
    e = arguments(r, row, a, out, t);
    if (e)
        return e;
    if (row->file)
        return file(r, a, out, t);
    if (r->body.n)
        return refuse(out, 400, t, ERR_INVALID, "no body is expected here");
    return OK;
}

bool http_route_host_is_ours(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]", NULL};
    if (!host)
        return false;
    for (int i = 0; names[i]; i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(host, names[i], n) == 0 && (host[n] == ':' || !host[n]))
            return true;
    }
    return false;
}

const char *http_route_bearer(const char *authorization)
{
    static const char word[] = "Bearer ";
    if (!authorization || strncasecmp(authorization, word, sizeof word - 1) != 0)
        return NULL;
    return authorization + sizeof word - 1;
}

bool http_route_same_token(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    volatile unsigned char differ = n != m;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(a[i] ^ (m ? b[i % m] : 1));
    return !differ && n > 0;
}

unsigned http_route_status(enum error e)
{
    switch (e) {
    case ERR_NOT_FOUND:
        return 404;
    case ERR_DENIED:
        return 403;
    case ERR_PARSE:
    case ERR_INVALID:
    case ERR_PROTO:
        return 400;
    case ERR_LIMIT:
        return 413;
    case ERR_BUSY:
    case ERR_AGAIN:
        return 429;
    case ERR_EXISTS:
    case ERR_STALE:
    case ERR_UNSUPPORTED:
        return 409;
    default:
        return 500;
    }
}

struct value http_route_index(struct arena *a)
{
    struct value list = value_list();
    for (const struct row *row = rows; row < rows + N_ROWS; row++) {
        struct value m = value_map();
        (void)value_set(a, &m, "method", value_str(a, row->method));
        (void)value_set(a, &m, "path", value_str(a, row->path));
        (void)value_set(a, &m, "help", value_str(a, row->help));
        (void)value_push(a, &list, m);
    }
    struct value v = value_map();
    (void)value_set(a, &v, "paths", list);
    return v;
}
