// SPDX-License-Identifier: MIT
// api_fixture.h - a real shell with its journal, a client of it, and a worker made of
// twenty lines; each in its thread, over one socket.
//
// For the program that tests what clients ask.  The worker answers as the atomics say.
//
// Threads    As said; the test's own thread is the client.

#ifndef TESTS_UNIT_API_FIXTURE_H
#define TESTS_UNIT_API_FIXTURE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "coordinator/shell.h"
#include "protocol/caller.h"
#include "protocol/channel.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"
#include "worker/catalog.h"

static char dir[64];
static char endpoint[128];
static struct arena *a;
static struct caller *client;

// ---- the coordinator -------------------------------------------------------------

static pthread_t shell_thread;
static struct shell *shell;
static bool allow_exec;

static inline void *run_shell(void *arg)
{
    struct errtext t = {{0}};
    (void)arg;
    ck_assert_msg(shell_run(shell, &t) == OK, "%s", t.text);
    return NULL;
}

static inline void start_shell(void)
{
    static const char *endpoints[] = {endpoint, NULL}; // the shell borrows it while it runs
    struct errtext t = {{0}};
    struct shell_options o = {
        .endpoints = endpoints, .state_dir = dir, .allow_exec = allow_exec, .jobs_max = 3};
    ck_assert_msg(shell_open(&o, &shell, &t) == OK, "%s", t.text);
    ck_assert_int_eq(pthread_create(&shell_thread, NULL, run_shell, NULL), 0);
    struct caller_options c = {.endpoint = endpoint};
    ck_assert_msg(caller_open(&c, &client, &t) == OK, "%s", t.text);
}

static inline struct value map_of(const char *key, struct value v)
{
    struct value m = value_map();
    (void)value_set(a, &m, key, v);
    return m;
}

static inline struct value call(const char *verb, struct value args)
{
    struct errtext t = {{0}};
    struct value v;
    enum error e = caller_call(client, verb, &args, a, &v, &t);
    ck_assert_msg(e == OK, "%s: %s", verb, t.text);
    return v;
}

static inline void
refuse(const char *verb, struct value args, enum error want, const char *text)
{
    struct errtext t = {{0}};
    struct value v;
    ck_assert_int_eq(caller_call(client, verb, &args, a, &v, &t), want);
    ck_assert_msg(strstr(t.text, text) != NULL, "'%s' lacks '%s'", t.text, text);
}

static inline void stop_shell(void)
{
    (void)call("shutdown", map_of("workers", value_bool(false)));
    ck_assert_int_eq(pthread_join(shell_thread, NULL), 0);
    shell_close(shell);
    caller_close(client);
}

// ---- the worker --------------------------------------------------------------------

static pthread_t worker_thread;
static struct channel *worker_channel;
static atomic_bool worker_ends;
static atomic_bool holds;       // grants are not answered
static atomic_ullong n_failing; // items below it fail
static uint64_t instance;
static uint64_t seq;

static struct bin catalog;

static inline void make_catalog(void)
{
    struct buf b;
    struct value v = catalog_value(a);
    buf_init(&b, 1 << 20);
    pack_write(&v, &b);
    catalog = (struct bin){arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
}

static inline void say_hello(void)
{
    struct message m = {.type = MSG_HELLO};
    m.hello = (struct msg_hello){.instance = instance,
                                 .n_ranks = 1,
                                 .host = str_of("here"),
                                 .version = str_of("test"),
                                 .next_seq = seq + 1,
                                 .catalog = catalog};
    ck_assert_int_eq(channel_send(worker_channel, 0, &m), OK);
}

static inline void say_log(const struct rec_lease *l, const char *text, bool last)
{
    struct message m = {.type = MSG_LOG};
    m.log = (struct msg_log){.job = l->job,
                             .item = l->first,
                             .bytes = {(const uint8_t *)text, (uint32_t)strlen(text)},
                             .last = last};
    ck_assert_int_eq(channel_send(worker_channel, 0, &m), OK);
}

static inline void answer(const struct rec_lease *l)
{
    struct message m = {.type = MSG_RESULT};
    struct rec_result r = {.lease = l->lease,
                           .job = l->job,
                           .first = l->first,
                           .count = l->count,
                           .elapsed_ns = 1000};
    struct buf b;
    struct rec_fault *faults = mem_alloc(l->count * sizeof *faults);
    double *rows = mem_alloc(l->count * sizeof *rows);
    buf_init(&b, 1 << 20);
    for (uint32_t i = 0; i < l->count; i++) {
        rows[i] = (double)(l->first + i);
        if (l->first + i < atomic_load(&n_failing))
            faults[r.n_faults++] = (struct rec_fault){
                .item = l->first + i, .blame = 1, .text = str_of("it did not work")};
    }
    outcome_put_rows(&b, rows, l->count, 1);
    r.data = (struct bin){b.bytes, (uint32_t)b.n};
    r.faults = faults;
    m.result_batch.seq = ++seq;
    m.result_batch.results = &r;
    m.result_batch.n_results = 1;
    say_log(l, "hello ", false);
    say_log(l, "world\n", true);
    ck_assert_int_eq(channel_send(worker_channel, 0, &m), OK);
    buf_fini(&b);
    mem_free(rows);
    mem_free(faults);
}

static inline void on_message(const struct message *m)
{
    if (m->type == MSG_WHO)
        say_hello();
    for (uint32_t i = 0; m->type == MSG_GRANT && i < m->grant.n_leases; i++)
        if (!atomic_load(&holds))
            answer(&m->grant.leases[i]);
}

static inline void receive(struct arena *own)
{
    struct channel_peer peer;
    struct message m;
    (void)channel_wait(worker_channel, 20 * CLOCK_MS, 0, NULL, 0);
    while (channel_recv(worker_channel, own, &peer, &m, NULL) == OK)
        on_message(&m);
    channel_recv_release(worker_channel);
    arena_reset(own);
}

static inline void beat(void)
{
    struct message m = {.type = MSG_BEAT};
    m.beat.progress = (uint64_t)clock_now();
    m.beat.n_held = 1000;
    ck_assert_int_eq(channel_send(worker_channel, 0, &m), OK);
}

static inline void *run_worker(void *arg)
{
    struct arena *own = arena_create();
    int64_t next = clock_now();
    (void)arg;
    say_hello();
    while (!atomic_load(&worker_ends)) {
        receive(own);
        if (clock_now() < next)
            continue;
        beat();
        next = clock_now() + 50 * CLOCK_MS;
    }
    arena_destroy(own);
    return NULL;
}

static inline void start_worker(void)
{
    instance++;
    seq = 0;
    atomic_store(&worker_ends, false);
    ck_assert_int_eq(
        channel_connect(endpoint, NULL, NULL, (struct bin){0}, &worker_channel, NULL), OK);
    ck_assert_int_eq(pthread_create(&worker_thread, NULL, run_worker, NULL), 0);
}

static inline void stop_worker(void)
{
    atomic_store(&worker_ends, true);
    ck_assert_int_eq(pthread_join(worker_thread, NULL), 0);
    channel_close(worker_channel);
}

static inline void set_up(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)snprintf(dir, sizeof dir, "/tmp/shoal-api-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/sock", dir);
    a = arena_create();
    make_catalog();
    instance = 0x1234;
    allow_exec = false;
    atomic_store(&holds, false);
    atomic_store(&n_failing, 0);
    start_shell();
    start_worker();
}

static inline void tear_down(void)
{
    char cmd[128];
    stop_worker();
    stop_shell();
    arena_destroy(a);
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

// ---- helpers -------------------------------------------------------------------------

static inline const char *str(const struct value *v, const char *key)
{
    const struct value *x = value_find(v, key);
    ck_assert_msg(x && x->type == VALUE_STR, "no text '%s'", key);
    return x->s;
}

static inline int64_t number(const struct value *v, const char *key)
{
    const struct value *x = value_find(v, key);
    ck_assert_msg(x && x->type == VALUE_INT, "no integer '%s'", key);
    return x->i;
}

static inline struct value sweep(int items, const char *more)
{
    return map_of("text",
                  value_printf(a, "kind: sweep\nworkload: noop\nitems: %d\n%s", items, more));
}

static inline struct value submit_and_wait(int items, const char *more)
{
    struct value args = sweep(items, more);
    (void)value_set(a, &args, "wait", value_bool(true));
    return call("submit", args);
}

static inline struct value job(const char *id)
{
    return map_of("job", value_str(a, id));
}

static inline struct value await_end(const char *id)
{
    int64_t until = clock_now() + 20 * CLOCK_SECOND;
    while (clock_now() < until) {
        struct value v = call("results", job(id));
        if (strcmp(str(&v, "state"), "running") != 0)
            return v;
        clock_sleep(5 * CLOCK_MS);
    }
    ck_abort_msg("job %s does not end", id);
    return value_null();
}

#endif
