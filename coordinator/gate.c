// SPDX-License-Identifier: MIT
#include "coordinator/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/gate_state.h"
#include "coordinator/http_route.h"
#include "coordinator/serve_desk.h"
#include "protocol/pack.h"

enum { PATH_SIZE = 4096, RETRY_S = 1, METRICS_MAX = 8 * 1024 * 1024 };

// ---- the token -------------------------------------------------------------------------

static bool is_token(const char *s, ssize_t n)
{
    return n >= TOKEN_SIZE - 1 && strspn(s, "0123456789abcdef") >= TOKEN_SIZE - 1;
}

static enum error token_make(const char *path, char out[TOKEN_SIZE], struct errtext *t)
{
    uint8_t bytes[TOKEN_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return errtext_set(t, ERR_IO, "no random bytes for the HTTP token");
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && fchmod(fd, 0600) == 0 && dprintf(fd, "%s\n", out) == TOKEN_SIZE;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    return ok ? OK : errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
}

// The one that is there, unless others could read it.
static enum error token_ensure(struct shell *s, char out[TOKEN_SIZE], struct errtext *t)
{
    char path[PATH_SIZE];
    char text[TOKEN_SIZE + 1] = "";
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/http.token", s->state_dir);
    if (n < 0 || n >= PATH_SIZE)
        return errtext_set(t, ERR_INVALID, "the path is too long");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd >= 0 ? read(fd, text, TOKEN_SIZE) : -1;
    bool private = fd >= 0 && fstat(fd, &st) == 0 && !(st.st_mode & 077);
    if (fd >= 0)
        (void)close(fd);
    if (!private || !is_token(text, got))
        return token_make(path, out, t);
    memcpy(out, text, TOKEN_SIZE - 1);
    out[TOKEN_SIZE - 1] = 0;
    return OK;
}

// ---- open and close ----------------------------------------------------------------------

enum error gate_open(struct shell *s, struct errtext *t)
{
    if (!s->o.http)
        return OK;
    struct gate *g = s->gate = mem_alloc(sizeof *g);
    g->mail = mailbox_create();
    g->due = INT64_MAX;
    const struct http_options o = {.address = s->o.http, .requests = g->mail};
    enum error e = token_ensure(s, g->token, t);
    if (!e)
        e = http_open(&o, &g->http, t);
    if (!e && !http_is_loopback(g->http))
        LOG_WARN("http.open", "url=%s why=\"other machines can read it, without encryption\"",
                 http_url(g->http));
    return e;
}

void gate_close(struct shell *s)
{
    struct gate *g = s->gate;
    if (!g)
        return;
    serve_close(s);
    http_close(g->http);
    mailbox_destroy(g->mail);
    map_fini(&g->requests);
    mem_free(g);
    s->gate = NULL;
}

const char *gate_url(const struct shell *s)
{
    return s->gate ? http_url(s->gate->http) : NULL;
}

struct mailbox *gate_mailbox(const struct shell *s)
{
    return s->gate ? s->gate->mail : NULL;
}

int gate_fd(const struct shell *s)
{
    return s->gate ? http_fd(s->gate->http) : -1;
}

void gate_accept(struct shell *s)
{
    if (gate_fd(s) >= 0)
        http_start(s->gate->http);
}

int64_t gate_due(const struct shell *s)
{
    return s->gate ? s->gate->due : INT64_MAX;
}

// ---- answers -------------------------------------------------------------------------------

void gate_forget(struct gate *g, const struct http_request *r, unsigned status)
{
    (void)map_remove(&g->requests, r->mark);
    if (status / 100 < STATUS_CLASSES)
        g->n_answers[status / 100]++;
}

void gate_answer(struct gate *g, struct http_request *r, struct http_answer *a)
{
    gate_forget(g, r, a->status);
    http_answer(r, a);
}

static void answer_value(struct gate *g,
                         struct http_request *r,
                         struct http_answer *a,
                         const struct value *v)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    value_json_pretty(v, &b);
    buf_puts(&b, "\n");
    a->content_type = "application/json";
    a->bytes = b.bytes;
    a->n = b.n;
    gate_answer(g, r, a);
    buf_fini(&b);
}

static void answer_error(struct gate *g,
                         struct http_request *r,
                         struct http_answer *a,
                         enum error e,
                         const char *text)
{
    struct arena *m = arena_create();
    struct value v = value_map();
    struct value what = value_map();
    (void)value_set(m, &what, "code", value_str(m, error_name(e)));
    (void)value_set(m, &what, "message", value_str(m, text));
    (void)value_set(m, &v, "error", what);
    a->retry_after_s = a->status == 429 || a->status == 503 ? RETRY_S : 0;
    a->ask_token = a->status == 401;
    answer_value(g, r, a, &v);
    arena_destroy(m);
}

void gate_message(struct shell *s, uint64_t peer, const struct message *m)
{
    struct gate *g = s->gate;
    uint64_t at;
    if (!g || !map_find(&g->requests, peer, &at))
        return;
    struct http_request *r = (struct http_request *)(uintptr_t)at;
    struct arena *a = arena_create();
    struct http_answer x = {.status = 200};
    struct value v;
    if (m->type == MSG_FAIL) {
        x.status = http_route_status((enum error)m->fail.code);
        answer_error(g, r, &x, (enum error)m->fail.code,
                     arena_str(a, m->fail.text.p, m->fail.text.n));
    } else if (m->type == MSG_REPLY
               && !pack_read(m->reply.value.p, m->reply.value.n, a, &v, NULL)) {
        answer_value(g, r, &x, &v);
    } else {
        x.status = 500;
        answer_error(g, r, &x, FAULT_US, "the answer could not be read");
    }
    arena_destroy(a);
}

// ---- requests ------------------------------------------------------------------------------

static void health(struct shell *s, struct http_request *r)
{
    struct http_answer x = {.status = s->disk_full ? 503 : 200};
    struct value v = value_map();
    struct arena *a = s->turn->arena;
    (void)value_set(a, &v, "status", value_str(a, s->disk_full ? "disk full" : "ok"));
    (void)value_set(a, &v, "ranks", value_uint(core_n_ranks(s->core)));
    answer_value(s->gate, r, &x, &v);
}

static void metrics(struct shell *s, struct http_request *r)
{
    struct buf b;
    buf_init(&b, METRICS_MAX);
    gate_metrics(s, s->turn->arena, &b);
    struct http_answer x = {.status = 200,
                            .content_type = "text/plain; version=0.0.4; charset=utf-8",
                            .bytes = b.bytes,
                            .n = b.n};
    gate_answer(s->gate, r, &x);
    buf_fini(&b);
}

static void call(struct shell *s, uint64_t id, enum role role, const struct http_route *route)
{
    struct arena *a = s->turn->arena;
    struct message m = {.type = MSG_CALL, .id = id};
    const struct channel_peer peer = {.id = id, .role = role};
    struct buf b;
    buf_init(&b, REPLY_MAX);
    pack_write(&route->args, &b);
    m.call.verb = str_of(route->verb);
    m.call.args = (struct bin){arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    api_call(s, &peer, &m);
}

// ROLE_NONE: refused, *why says so.
static enum role role_of(const struct gate *g, const struct http_request *r, const char **why)
{
    const char *token = http_route_bearer(r->authorization);
    if (token && http_route_same_token(token, g->token))
        return ROLE_SUBMIT;
    *why = "this is not the token of the state directory (http.token)";
    if (r->authorization)
        return ROLE_NONE;
    *why = "the request's Host is not a name of this machine's loopback address";
    if (http_is_loopback(g->http) && !http_route_host_is_ours(r->host))
        return ROLE_NONE;
    return ROLE_READ;
}

static void request(struct shell *s, struct http_request *r)
{
    struct gate *g = s->gate;
    struct errtext t = {{0}};
    struct http_route route;
    const char *why = "";
    r->mark = GATE_PEER | ++g->last_peer;
    map_set(&g->requests, r->mark, (uint64_t)(uintptr_t)r);
    if (serve_is_ours(r->path)) {
        serve_http(s, r);
        return;
    }
    enum role role = role_of(g, r, &why);
    enum error e = http_route(r, s->turn->arena, &route, &t);
    struct http_answer x = {.status = route.refused, .allow = route.allow};
    if (role == ROLE_NONE) {
        x.status = r->authorization ? 401 : 403;
        answer_error(g, r, &x, ERR_DENIED, why);
    } else if (e) {
        answer_error(g, r, &x, e, t.text);
    } else if (route.writes && role == ROLE_READ) {
        x.status = 401;
        answer_error(g, r, &x, ERR_DENIED, "this needs the token of the state directory");
    } else if (route.what == ROUTE_HEALTH) {
        health(s, r);
    } else if (route.what == ROUTE_METRICS) {
        metrics(s, r);
    } else if (route.what == ROUTE_INDEX) {
        struct value v = http_route_index(s->turn->arena);
        x.status = 200;
        answer_value(g, r, &x, &v);
    } else {
        call(s, r->mark, role, &route);
    }
}

// Whoever makes a whole answer at once makes it for nobody, that is all.
static void gone(struct shell *s, struct http_request *note)
{
    serve_gone(s, note->mark);
    http_note_free(note);
}

uint32_t gate_drain(struct shell *s)
{
    struct gate *g = s->gate;
    uint32_t n = 0;
    if (!g)
        return 0;
    for (struct http_request *r; n < HTTP_CONNECTIONS_MAX && (r = mailbox_take(g->mail)); n++) {
        if (r->knock)
            g->due = s->now;
        else if (r->gone)
            gone(s, r);
        else
            request(s, r);
    }
    if (g->due <= s->now)
        g->due = http_sweep(g->http, s->now);
    return n;
}
