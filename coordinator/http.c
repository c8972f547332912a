// SPDX-License-Identifier: MIT
#include "coordinator/http.h"

#include <link.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/library.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/http_state.h"

enum {
    STACK_BYTES = 128 * 1024,
    IDLE_S = 15, // a connection on which nothing moves
    CHUNK = 4096,
    NUMBER_SIZE = 24,
};
// To send a whole request, whatever the rhythm of its bytes; to take a whole answer.
#define REQUEST_NS (20 * CLOCK_SECOND)
#define ANSWER_NS  (60 * CLOCK_SECOND)
#define SWEEP_NS   (1 * CLOCK_SECOND)

// ---- the library ---------------------------------------------------------------------
//
// It brings a TLS library along, which we do not use: linking to it would cost every
// start of every coordinator some milliseconds and two megabytes.

#define FUNCTIONS(F)                                                                           \
    F(start_daemon)                                                                            \
    F(stop_daemon)                                                                             \
    F(suspend_connection)                                                                      \
    F(resume_connection)                                                                       \
    F(lookup_connection_value)                                                                 \
    F(get_connection_values)                                                                   \
    F(get_connection_info)                                                                     \
    F(create_response_from_buffer)                                                             \
    F(create_response_from_callback)                                                           \
    F(add_response_header)                                                                     \
    F(queue_response)                                                                          \
    F(destroy_response)

static struct {
#define F(name) __typeof__(&MHD_##name) name; // NOLINT(bugprone-macro-parentheses)
    FUNCTIONS(F)
#undef F
} mhd;

// Read-only parts of the libraries that the loader touched: whoever needs a page again
// finds it in the page cache.
static int drop_pages(struct dl_phdr_info *o, size_t size, void *arg)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)size;
    (void)arg;
    for (int i = 0; o->dlpi_name && *o->dlpi_name && i < o->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &o->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || p->p_flags & PF_W)
            continue;
        uintptr_t from = (o->dlpi_addr + p->p_vaddr) & ~(page - 1);
        uintptr_t to = (o->dlpi_addr + p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1);
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

static bool load(void)
{
    static const struct library_function functions[] = {
#define F(name) {"MHD_" #name, &mhd.name},
        FUNCTIONS(F)
#undef F
    };
    static struct library library = {"libmicrohttpd.so.12", functions,
                                     sizeof functions / sizeof functions[0], false};
    bool was_loaded = library.loaded;
    if (!library_load(&library))
        return false;
    if (!was_loaded)
        (void)dl_iterate_phdr(drop_pages, NULL);
    return true;
}

// ---- requests come in (all of this on the library's thread) -------------------------------

static char *dup_or_null(const char *s)
{
    return s ? mem_dup(s) : NULL;
}

static void inside_free(struct http_inside *in)
{
    struct http_request *r = &in->pub;
    mem_free(r->path);
    mem_free(r->authorization);
    mem_free(r->host);
    mem_free(r->content_type);
    for (uint32_t i = 0; i < r->n_query; i++) {
        mem_free(r->query[i].key);
        mem_free(r->query[i].value);
    }
    buf_fini(&r->body);
    buf_fini(&in->out);
    mem_free(in);
}

// With the lock.
static void inside_unlink(struct http_inside *in)
{
    if (in->prev)
        in->prev->next = in->next;
    else
        in->h->all = in->next;
    if (in->next)
        in->next->prev = in->prev;
    in->h->body_bytes -= in->counted;
}

static enum MHD_Result
take_argument(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct http_request *r = arg;
    (void)kind;
    if (r->n_query == HTTP_QUERY_MAX)
        return MHD_NO;
    r->query[r->n_query++] =
        (struct http_pair){.key = mem_dup(key), .value = mem_dup(value ? value : "")};
    return MHD_YES;
}

static const char *header(struct MHD_Connection *c, const char *name)
{
    return mhd.lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static struct http_inside *
begin(struct http *h, struct MHD_Connection *c, const char *url, const char *method)
{
    // Of what the request says of itself only names that we know are kept for ever.
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", NULL};
    struct http_inside *in = mem_alloc(sizeof *in);
    const union MHD_ConnectionInfo *i =
        mhd.get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    in->pub.method = "other";
    for (int k = 0; methods[k]; k++)
        if (strcmp(methods[k], method) == 0)
            in->pub.method = methods[k];
    in->pub.inside = in;
    in->pub.path = mem_dup(url);
    in->pub.authorization = dup_or_null(header(c, "Authorization"));
    in->pub.host = dup_or_null(header(c, "Host"));
    in->pub.content_type = dup_or_null(header(c, "Content-Type"));
    (void)mhd.get_connection_values(c, MHD_GET_ARGUMENT_KIND, take_argument, &in->pub);
    buf_init(&in->pub.body, HTTP_BODY_MAX);
    buf_init(&in->out, SIZE_MAX);
    in->h = h;
    in->mhd = c;
    in->connection = i ? i->socket_context : NULL;
    (void)pthread_mutex_lock(&h->lock);
    in->next = h->all;
    if (h->all)
        h->all->prev = in;
    h->all = in;
    (void)pthread_mutex_unlock(&h->lock);
    return in;
}

static void answer_head(struct MHD_Response *m, const struct http_answer *a)
{
    char seconds[NUMBER_SIZE];
    (void)mhd.add_response_header(m, "Content-Type", a->content_type);
    (void)mhd.add_response_header(m, "Cache-Control", "no-store");
    (void)mhd.add_response_header(m, "X-Content-Type-Options", "nosniff");
    if (a->allow)
        (void)mhd.add_response_header(m, "Allow", a->allow);
    if (a->ask_token)
        (void)mhd.add_response_header(m, "WWW-Authenticate", "Bearer");
    if (a->retry_after_s) {
        (void)snprintf(seconds, sizeof seconds, "%u", a->retry_after_s);
        (void)mhd.add_response_header(m, "Retry-After", seconds);
    }
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *text)
{
    struct MHD_Response *m = mhd.create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    const struct http_answer a = {.content_type = "application/json"};
    answer_head(m, &a);
    enum MHD_Result done = mhd.queue_response(c, status, m);
    mhd.destroy_response(m);
    return done;
}

// What the client says of its body's length is refused before it is sent.
static enum MHD_Result first_look(struct http_inside *in)
{
    const char *length = header(in->mhd, "Content-Length");
    if (length && strtoull(length, NULL, 10) > HTTP_BODY_MAX)
        return refuse(in->mhd, 413,
                      "{\"error\":{\"code\":\"limit\",\"message\":\"the body is larger than "
                      "4 MiB\"}}\n");
    if (in->pub.n_query == HTTP_QUERY_MAX)
        return refuse(in->mhd, 400,
                      "{\"error\":{\"code\":\"limit\",\"message\":\"too many arguments\"}}\n");
    return MHD_YES;
}

static enum MHD_Result take_body(struct http_inside *in, const char *data, size_t *n)
{
    struct http *h = in->h;
    (void)pthread_mutex_lock(&h->lock);
    bool room = h->body_bytes + *n <= HTTP_BODIES_MAX;
    if (room) {
        h->body_bytes += *n;
        in->counted += *n;
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (room)
        buf_put(&in->pub.body, data, *n);
    *n = 0;
    return room && !in->pub.body.full ? MHD_YES : MHD_NO;
}

static enum MHD_Result ask(struct http_inside *in)
{
    struct http *h = in->h;
    (void)pthread_mutex_lock(&h->lock);
    bool closing = h->closing;
    if (!closing) {
        in->asked = in->held = in->suspended = true;
        if (in->connection)
            in->connection->deadline = INT64_MAX;
        mhd.suspend_connection(in->mhd);
        mailbox_send(h->requests, &in->pub);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return closing ? MHD_NO : MHD_YES;
}

// ---- answers go out ------------------------------------------------------------------------

static ssize_t read_stream(void *arg, uint64_t at, char *to, size_t max)
{
    struct http_inside *in = arg;
    ssize_t got = 0;
    (void)at;
    (void)pthread_mutex_lock(&in->h->lock);
    size_t n = in->out.n - in->taken;
    if (n > max)
        n = max;
    if (n) {
        memcpy(to, in->out.bytes + in->taken, n);
        in->taken += n;
        got = (ssize_t)n;
        if (in->taken == in->out.n) {
            buf_reset(&in->out);
            in->taken = 0;
        }
    } else if (in->ended) {
        got = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        in->suspended = true;
        mhd.suspend_connection(in->mhd);
    }
    (void)pthread_mutex_unlock(&in->h->lock);
    return got;
}

static enum MHD_Result reply(struct http_inside *in)
{
    struct MHD_Response *m;
    (void)pthread_mutex_lock(&in->h->lock);
    bool streams = in->streams;
    if (in->connection)
        in->connection->deadline = streams ? INT64_MAX : clock_now() + ANSWER_NS;
    (void)pthread_mutex_unlock(&in->h->lock);
    if (streams)
        m = mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, CHUNK, read_stream, in, NULL);
    else
        m = mhd.create_response_from_buffer(in->out.n, in->out.bytes, MHD_RESPMEM_PERSISTENT);
    if (!m)
        return MHD_NO;
    answer_head(m, &in->answer);
    enum MHD_Result done = mhd.queue_response(in->mhd, in->answer.status, m);
    mhd.destroy_response(m);
    return done;
}

// The library's signature.
// NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result on_request(void *arg,
                                  struct MHD_Connection *c,
                                  const char *url,
                                  const char *method,
                                  const char *version,
                                  const char *data,
                                  size_t *n, // NOLINT(readability-non-const-parameter)
                                  void **state)
{
    struct http_inside *in = *state;
    (void)version;
    if (!in) {
        *state = in = begin(arg, c, url, method);
        return first_look(in);
    }
    if (*n)
        return take_body(in, data, n);
    return in->asked ? reply(in) : ask(in);
}

// With the lock.
static void tell_gone(struct http_inside *in)
{
    if (in->gone_told || in->h->closing)
        return;
    // A note of its own: the request may have died when it is read.
    struct http_request *note = mem_alloc(sizeof *note);
    note->gone = in->gone_told = true;
    note->mark = in->pub.mark;
    mailbox_send(in->h->requests, note);
}

static void on_completed(void *arg,
                         struct MHD_Connection *c,
                         void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct http *h = arg;
    struct http_inside *in = *state;
    (void)c;
    (void)why;
    if (!in)
        return;
    *state = NULL;
    (void)pthread_mutex_lock(&h->lock);
    bool held = in->held;
    in->completed = true;
    in->suspended = false;
    if (in->connection)
        in->connection->deadline = clock_now() + REQUEST_NS;
    in->connection = NULL;
    if (held)
        tell_gone(in);
    else
        inside_unlink(in);
    (void)pthread_mutex_unlock(&h->lock);
    if (!held)
        inside_free(in);
}

static void on_connection(void *arg,
                          struct MHD_Connection *c,
                          void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http *h = arg;
    struct connection *x = *context;
    (void)pthread_mutex_lock(&h->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *i =
            mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        x = mem_alloc(sizeof *x);
        x->fd = i ? i->connect_fd : -1;
        x->deadline = clock_now() + REQUEST_NS;
        x->next = h->connections;
        h->connections = x;
        if (h->n_connections++ == 0 && !h->closing)
            mailbox_send(h->requests, &h->knock);
        *context = x;
    } else if (x) {
        struct connection **at = &h->connections;
        while (*at != x)
            at = &(*at)->next;
        *at = x->next;
        h->n_connections--;
        mem_free(x);
        *context = NULL;
    }
    (void)pthread_mutex_unlock(&h->lock);
}

// ---- open, start, close --------------------------------------------------------------------

enum error http_open(const struct http_options *o, struct http **out, struct errtext *t)
{
    struct http *h = mem_alloc(sizeof *h);
    h->fd = -1;
    h->requests = o->requests;
    h->knock.knock = true;
    (void)pthread_mutex_init(&h->lock, NULL);
    enum error e = http_listen(h, o->address, t);
    if (e) {
        http_close(h);
        return e;
    }
    *out = h;
    return OK;
}

const char *http_url(const struct http *h)
{
    return h->url;
}

bool http_is_loopback(const struct http *h)
{
    return h->loopback;
}

int http_fd(const struct http *h)
{
    return h->started ? -1 : h->fd;
}

void http_start(struct http *h)
{
    h->started = true;
    if (load())
        h->daemon = mhd.start_daemon(
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
            NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, h->fd, MHD_OPTION_THREAD_STACK_SIZE,
            (size_t)STACK_BYTES, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADER_MAX,
            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_NOTIFY_COMPLETED,
            on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    if (h->daemon)
        return;
    LOG_ERROR("http.failed", "why=\"libmicrohttpd did not start\"");
    (void)close(h->fd);
    h->fd = -1;
}

// With the lock.
static void wake(struct http_inside *in)
{
    if (!in->suspended)
        return;
    in->suspended = false;
    mhd.resume_connection(in->mhd);
}

void http_close(struct http *h)
{
    if (!h)
        return;
    (void)pthread_mutex_lock(&h->lock);
    h->closing = true; // what is in the mailbox dies here; nothing else goes there
    for (struct http_request *r; (r = mailbox_take(h->requests));)
        http_note_free(r);
    for (struct http_inside *in = h->all, *next; in; in = next) {
        next = in->next;
        if (in->completed) { // only its receiver held it
            inside_unlink(in);
            inside_free(in);
            continue;
        }
        in->held = false;
        in->ended = true;
        if (!in->answered)
            in->answer = (struct http_answer){.status = 503, .content_type = "text/plain"};
        wake(in);
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (h->daemon)
        mhd.stop_daemon(h->daemon); // closes the socket and completes what is open
    else if (h->fd >= 0)
        (void)close(h->fd);
    (void)pthread_mutex_destroy(&h->lock);
    mem_free(h);
}

// ---- the receiver's side -------------------------------------------------------------------

void http_note_free(struct http_request *note)
{
    if (note->gone)
        mem_free(note);
}

void http_answer(struct http_request *r, const struct http_answer *a)
{
    struct http_inside *in = r->inside;
    (void)pthread_mutex_lock(&in->h->lock);
    in->answer = *a;
    in->answered = true;
    in->held = false;
    buf_put(&in->out, a->bytes, a->n);
    wake(in);
    (void)pthread_mutex_unlock(&in->h->lock);
}

void http_stream(struct http_request *r, const char *content_type)
{
    struct http_inside *in = r->inside;
    (void)pthread_mutex_lock(&in->h->lock);
    in->answer = (struct http_answer){.status = 200, .content_type = content_type};
    in->answered = in->streams = true;
    wake(in);
    (void)pthread_mutex_unlock(&in->h->lock);
}

enum error http_stream_write(struct http_request *r, const void *p, size_t n)
{
    struct http_inside *in = r->inside;
    (void)pthread_mutex_lock(&in->h->lock);
    bool open = !in->completed && in->out.n - in->taken + n <= HTTP_STREAM_MAX;
    if (open) {
        buf_put(&in->out, p, n);
        wake(in);
    }
    (void)pthread_mutex_unlock(&in->h->lock);
    return open ? OK : ERR_CLOSED;
}

void http_stream_end(struct http_request *r)
{
    struct http_inside *in = r->inside;
    struct http *h = in->h;
    (void)pthread_mutex_lock(&h->lock);
    bool completed = in->completed;
    in->held = false;
    in->ended = true;
    in->gone_told = true;
    if (completed)
        inside_unlink(in);
    else
        wake(in);
    (void)pthread_mutex_unlock(&h->lock);
    if (completed)
        inside_free(in);
}

uint32_t http_n_connections(const struct http *h)
{
    struct http *x = (struct http *)(uintptr_t)h;
    (void)pthread_mutex_lock(&x->lock);
    uint32_t n = x->n_connections;
    (void)pthread_mutex_unlock(&x->lock);
    return n;
}

// The library does not look at a connection that sleeps.
static bool hung_up(const struct http_inside *in)
{
    char byte;
    return in->held && in->suspended && in->connection
           && recv(in->connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

int64_t http_sweep(struct http *h, int64_t now)
{
    (void)pthread_mutex_lock(&h->lock);
    for (struct connection *c = h->connections; c; c = c->next)
        if (c->deadline <= now) {
            c->deadline = INT64_MAX;
            (void)shutdown(c->fd, SHUT_RDWR);
        }
    for (struct http_inside *in = h->all; in; in = in->next)
        if (hung_up(in))
            tell_gone(in);
    int64_t due = h->connections ? now + SWEEP_NS : INT64_MAX;
    (void)pthread_mutex_unlock(&h->lock);
    return due;
}
