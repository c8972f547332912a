// SPDX-License-Identifier: MIT
// desk_fixture.h - the desk of serve_desk.h whole, and around it the few functions of
// HTTP, the core and the wire that it calls, which write down what they are told; hands
// for a worker and clients that a test plays.
//
// For the program that tests the desk: it stands in for gate.c, http.c, turn.c and more.
//
// Threads    Single.

#ifndef TESTS_UNIT_DESK_FIXTURE_H
#define TESTS_UNIT_DESK_FIXTURE_H

#include <string.h>

#include "common/json.h"
#include "common/yaml.h"
#include "coordinator/serve_state.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

enum { JOB = 5, CLIENTS = 16, PEER = 70, LEASE = 900 };

// ---- around the desk -----------------------------------------------------------------

struct client {
    struct http_request r;
    unsigned status; // 0: no answer yet
    uint32_t retry_after_s;
    bool streams, ended, is_slow;
    struct buf got;
};

static struct client clients[CLIENTS]; // by mark
static struct rec_lease leases[1];     // the one that serves now
static uint64_t lease_peer;            // 0: it is lost

struct asked {
    uint64_t request, lease, seed, item;
    uint32_t what;
    int32_t first; // token of the prompt
};
static struct asked asked[64];
static uint32_t n_asked;

static struct shell shell;
static struct arena *arena;

static inline struct client *client_of(const struct http_request *r)
{
    return &clients[r->mark];
}

void gate_answer(struct gate *g, struct http_request *r, struct http_answer *a)
{
    struct client *c = client_of(r);
    (void)g;
    ck_assert_uint_eq(c->status, 0);
    c->status = a->status;
    c->retry_after_s = a->retry_after_s;
    c->ended = true;
    buf_put(&c->got, a->bytes, a->n);
}

void gate_forget(struct gate *g, const struct http_request *r, unsigned status)
{
    (void)g;
    ck_assert_uint_eq(client_of(r)->status, 0);
    client_of(r)->status = status;
}

void http_stream(struct http_request *r, const char *content_type)
{
    ck_assert_str_eq(content_type, "text/event-stream");
    client_of(r)->streams = true;
}

enum error http_stream_write(struct http_request *r, const void *p, size_t n)
{
    struct client *c = client_of(r);
    ck_assert(c->streams && !c->ended);
    if (c->is_slow)
        return ERR_CLOSED;
    buf_put(&c->got, p, n);
    return OK;
}

void http_stream_end(struct http_request *r)
{
    ck_assert(!client_of(r)->ended);
    client_of(r)->ended = true;
}

bool http_is_loopback(const struct http *h)
{
    (void)h;
    return true;
}

bool core_lease_peer(const struct core *c, uint64_t lease, uint64_t job, uint64_t *peer)
{
    (void)c;
    *peer = lease_peer;
    return lease_peer && lease == leases[0].lease && job == JOB;
}

struct docket *docket_get(const struct shell *s, uint64_t number)
{
    return number == JOB && s->n_dockets ? s->dockets[0] : NULL;
}

void turn_send(struct shell *s, uint64_t peer, const struct message *m)
{
    struct value body = value_null();
    (void)s;
    ck_assert_uint_eq(peer, lease_peer);
    ck_assert_uint_lt(n_asked, sizeof asked / sizeof asked[0]);
    struct asked *q = &asked[n_asked++];
    *q = (struct asked){m->serve.request, m->serve.lease, 0, 0, m->serve.what, -1};
    if (m->serve.what != SERVE_BEGIN)
        return;
    ck_assert(!pack_read(m->serve.body.p, m->serve.body.n, arena, &body, NULL));
    q->seed = value_find(&body, "seed")->u;
    q->item = value_find(&body, "item")->u;
    memcpy(&q->first, value_find(&body, "tokens")->s, sizeof q->first);
}

// ---- the test's hands ----------------------------------------------------------------

static struct docket docket;
static struct docket *dockets[1] = {&docket};
static struct live live;
static struct plan plan;
static struct turn turn;
static struct gate gate;
static struct value spec;

// So much room as a worker says that opens.
struct room {
    uint64_t positions, streams;
};

static inline void setup(void)
{
    static const char job[] = "{model: m.gguf, api_key: none, waiting: 2}";
    struct errtext t;
    struct driver_setup d = {.spec = &spec, .file = "f", .workload = {.name = "serve"}};
    arena = arena_create();
    ck_assert(!yaml_parse(job, strlen(job), "f", arena, &spec, &t));
    ck_assert(!serve_driver.create(&d, &plan.state, &t));
    plan.driver = &serve_driver;
    live.plan = &plan;
    docket = (struct docket){.number = JOB, .state = JOB_RUNNING, .live = &live};
    turn.arena = arena;
    shell = (struct shell){
        .now = CLOCK_SECOND, .turn = &turn, .gate = &gate, .dockets = dockets, .n_dockets = 1};
    for (int i = 0; i < CLIENTS; i++) {
        buf_init(&clients[i].got, 1 << 20);
        buf_init(&clients[i].r.body, 1 << 20);
    }
}

static inline void teardown(void)
{
    serve_close(&shell);
    for (int i = 0; i < CLIENTS; i++) {
        buf_fini(&clients[i].got);
        buf_fini(&clients[i].r.body);
    }
    serve_driver.destroy(plan.state);
    arena_destroy(arena);
}

static inline void hear(struct rec_piece p)
{
    struct msg_served m = {.lease = leases[0].lease, .pieces = &p, .n_pieces = 1};
    serve_message(&shell, lease_peer, &m);
    serve_turn(&shell);
}

static inline void say_room(struct value room)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    pack_write(&room, &b);
    hear((struct rec_piece){.what = SERVE_OPEN, .more = {b.bytes, (uint32_t)b.n}});
    buf_fini(&b);
}

static inline struct value room_of(struct room r)
{
    struct value v = value_map();
    (void)value_set(arena, &v, "page", value_uint(4));
    (void)value_set(arena, &v, "positions", value_uint(r.positions));
    (void)value_set(arena, &v, "streams", value_uint(r.streams));
    (void)value_set(arena, &v, "context", value_uint(64));
    (void)value_set(arena, &v, "vocabulary", value_uint(100));
    return v;
}

// A worker, another one each time, begins to serve.
static inline void open_worker(struct room r)
{
    lease_peer = PEER + ++leases[0].lease;
    leases[0].lease = LEASE + lease_peer;
    say_room(room_of(r));
}

static inline void lose_worker(void)
{
    lease_peer = 0;
    serve_turn(&shell);
}

static inline struct client *post(uint32_t mark, const char *body)
{
    static char path[] = "/v1/completions", host[] = "localhost";
    struct client *c = &clients[mark];
    c->r.method = "POST";
    c->r.path = path;
    c->r.host = host;
    c->r.mark = mark;
    buf_puts(&c->r.body, body);
    serve_http(&shell, &c->r);
    return c;
}

// The request by which the worker knows the prompt that begins with `token`; 0: not begun.
static inline uint64_t begun(int32_t token)
{
    uint64_t request = 0;
    for (uint32_t i = 0; i < n_asked; i++)
        if (asked[i].what == SERVE_BEGIN && asked[i].first == token
            && asked[i].lease == leases[0].lease)
            request = asked[i].request;
    return request;
}

static inline bool cancelled(uint64_t request)
{
    for (uint32_t i = 0; i < n_asked; i++)
        if (asked[i].what == SERVE_CANCEL && asked[i].request == request)
            return true;
    return false;
}

static inline struct rec_piece
piece(uint64_t request, uint32_t at, uint32_t n, const char *bytes)
{
    return (struct rec_piece){.request = request,
                              .what = SERVE_TOKENS,
                              .at = at,
                              .n = n,
                              .bytes = {(const uint8_t *)bytes, (uint32_t)strlen(bytes)}};
}

static inline void last(uint64_t request, uint32_t at, const char *bytes)
{
    struct rec_piece p = piece(request, at, 1, bytes);
    p.text = str_of("stop");
    hear(p);
}

// What a stream's events, or an answer, say.
static inline const char *text_of(struct client *c)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    const char *line = buf_cstr(&c->got);
    for (const char *next; *line; line = next) {
        const char *end = strchr(line, '\n');
        struct value v;
        next = end ? end + 1 : line + strlen(line);
        if (c->streams && strncmp(line, "data: ", 6) != 0)
            continue;
        line += c->streams ? 6 : 0;
        if (json_parse(line, (size_t)(next - line), arena, &v, NULL))
            continue;
        const struct value *list = value_find(&v, "choices");
        for (uint32_t i = 0; list && i < list->n; i++) {
            const struct value *text = value_find(&list->items[i], "text");
            buf_put(&out, text->s, text->n);
        }
    }
    const char *text = arena_str(arena, buf_cstr(&out), out.n);
    buf_fini(&out);
    return text;
}

static inline void expect_error(const struct client *c, unsigned status, const char *word)
{
    struct value v;
    ck_assert_uint_eq(c->status, status);
    ck_assert(c->ended);
    ck_assert(!json_parse(buf_cstr((struct buf *)&c->got), c->got.n, arena, &v, NULL));
    const struct value *message = value_find(value_find(&v, "error"), "message");
    ck_assert_ptr_nonnull(message);
    ck_assert_msg(strstr(message->s, word) != NULL, "'%s' lacks '%s'", message->s, word);
}

#define STREAM(token)                                                                          \
    "{\"prompt\": [" #token "], \"max_tokens\": 8, \"stream\": true, \"seed\": 3}"
#define WHOLE(token) "{\"prompt\": [" #token "], \"max_tokens\": 8}"

static const struct room large = {1000, 8}, one_stream = {1000, 1}, little = {12, 8};

#endif
