// SPDX-License-Identifier: MIT
// test_api.c - what a client asks, a real shell answers: over a socket, with a
// journal, with a worker made of twenty lines.
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static void *run_shell(void *arg)
{
    struct errtext t = {{0}};
    (void)arg;
    ck_assert_msg(shell_run(shell, &t) == OK, "%s", t.text);
    return NULL;
}

static void start_shell(void)
{
    const char *endpoints[] = {endpoint, NULL};
    struct errtext t = {{0}};
    struct shell_options o = {
        .endpoints = endpoints, .state_dir = dir, .allow_exec = allow_exec, .jobs_max = 3};
    ck_assert_msg(shell_open(&o, &shell, &t) == OK, "%s", t.text);
    ck_assert_int_eq(pthread_create(&shell_thread, NULL, run_shell, NULL), 0);
    struct caller_options c = {.endpoint = endpoint};
    ck_assert_msg(caller_open(&c, &client, &t) == OK, "%s", t.text);
}

static struct value map_of(const char *key, struct value v)
{
    struct value m = value_map();
    (void)value_set(a, &m, key, v);
    return m;
}

static struct value call(const char *verb, struct value args)
{
    struct errtext t = {{0}};
    struct value v;
    enum error e = caller_call(client, verb, &args, a, &v, &t);
    ck_assert_msg(e == OK, "%s: %s", verb, t.text);
    return v;
}

static void refuse(const char *verb, struct value args, enum error want, const char *text)
{
    struct errtext t = {{0}};
    struct value v;
    ck_assert_int_eq(caller_call(client, verb, &args, a, &v, &t), want);
    ck_assert_msg(strstr(t.text, text) != NULL, "'%s' lacks '%s'", t.text, text);
}

static void stop_shell(void)
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

static void make_catalog(void)
{
    struct buf b;
    struct value v = catalog_value(a);
    buf_init(&b, 1 << 20);
    pack_write(&v, &b);
    catalog = (struct bin){arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
}

static void say_hello(void)
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

static void say_log(const struct rec_lease *l, const char *text, bool last)
{
    struct message m = {.type = MSG_LOG};
    m.log = (struct msg_log){.job = l->job,
                             .item = l->first,
                             .bytes = {(const uint8_t *)text, (uint32_t)strlen(text)},
                             .last = last};
    ck_assert_int_eq(channel_send(worker_channel, 0, &m), OK);
}

static void answer(const struct rec_lease *l)
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

static void on_message(const struct message *m)
{
    if (m->type == MSG_WHO)
        say_hello();
    for (uint32_t i = 0; m->type == MSG_GRANT && i < m->grant.n_leases; i++)
        if (!atomic_load(&holds))
            answer(&m->grant.leases[i]);
}

static void receive(struct arena *own)
{
    struct channel_peer peer;
    struct message m;
    (void)channel_wait(worker_channel, 20 * CLOCK_MS, 0, NULL, 0);
    while (channel_recv(worker_channel, own, &peer, &m, NULL) == OK)
        on_message(&m);
    channel_recv_release(worker_channel);
    arena_reset(own);
}

static void beat(void)
{
    struct message m = {.type = MSG_BEAT};
    m.beat.progress = (uint64_t)clock_now();
    m.beat.n_held = 1000;
    ck_assert_int_eq(channel_send(worker_channel, 0, &m), OK);
}

static void *run_worker(void *arg)
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

static void start_worker(void)
{
    instance++;
    seq = 0;
    atomic_store(&worker_ends, false);
    ck_assert_int_eq(
        channel_connect(endpoint, NULL, NULL, (struct bin){0}, &worker_channel, NULL), OK);
    ck_assert_int_eq(pthread_create(&worker_thread, NULL, run_worker, NULL), 0);
}

static void stop_worker(void)
{
    atomic_store(&worker_ends, true);
    ck_assert_int_eq(pthread_join(worker_thread, NULL), 0);
    channel_close(worker_channel);
}

static void set_up(void)
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

static void tear_down(void)
{
    char cmd[128];
    stop_worker();
    stop_shell();
    arena_destroy(a);
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

// ---- helpers -------------------------------------------------------------------------

static const char *str(const struct value *v, const char *key)
{
    const struct value *x = value_find(v, key);
    ck_assert_msg(x && x->type == VALUE_STR, "no text '%s'", key);
    return x->s;
}

static int64_t number(const struct value *v, const char *key)
{
    const struct value *x = value_find(v, key);
    ck_assert_msg(x && x->type == VALUE_INT, "no integer '%s'", key);
    return x->i;
}

static struct value sweep(int items, const char *more)
{
    return map_of("text",
                  value_printf(a, "kind: sweep\nworkload: noop\nitems: %d\n%s", items, more));
}

static struct value submit_and_wait(int items, const char *more)
{
    struct value args = sweep(items, more);
    (void)value_set(a, &args, "wait", value_bool(true));
    return call("submit", args);
}

static struct value job(const char *id)
{
    return map_of("job", value_str(a, id));
}

static struct value await_end(const char *id)
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

// ---- stories -----------------------------------------------------------------------------

// One row each: how the journal is asked to keep it.
static const char *const durability[] = {"durability: none\n", "durability: normal\n",
                                         "durability: full\n"};

START_TEST(a_job_runs_to_its_document_and_keeps_it)
{
    struct value v = submit_and_wait(100, durability[_i]);
    ck_assert_str_eq(str(&v, "state"), "done");
    ck_assert_str_eq(str(&v, "kind"), "sweep");
    ck_assert_int_eq(number(&v, "items"), 100);
    ck_assert_int_eq(number(&v, "failed"), 0);
    ck_assert_uint_eq(strlen(str(&v, "digest")), 64);
    ck_assert_ptr_null(value_find(&v, "why_no_digest"));
    struct value again = call("results", job(str(&v, "job")));
    ck_assert(value_equal(&v, &again));
    struct value twice = submit_and_wait(100, durability[_i]);
    ck_assert_str_eq(str(&twice, "digest"), str(&v, "digest"));
    ck_assert_str_ne(str(&twice, "job"), str(&v, "job"));
}
END_TEST

START_TEST(what_ended_is_still_there_after_a_restart)
{
    struct value v = submit_and_wait(50, "name: first\n");
    stop_worker();
    stop_shell();
    start_shell();
    start_worker();
    struct value again = call("results", job("first"));
    ck_assert(value_equal(&v, &again));
    struct value jobs = call("jobs", value_map());
    const struct value *list = value_find(&jobs, "jobs");
    ck_assert_uint_eq(list->n, 1);
    ck_assert_str_eq(str(&list->items[0], "state"), "done");
    ck_assert_int_eq(number(&list->items[0], "items"), 50);
}
END_TEST

START_TEST(an_open_job_goes_on_after_a_restart_with_the_same_digest)
{
    struct value want = submit_and_wait(200, "shard: 1\n");
    atomic_store(&holds, true);
    struct value v = call("submit", sweep(200, "shard: 1\nname: held\n"));
    ck_assert_str_eq(str(&v, "state"), "running");
    stop_worker();
    stop_shell();
    start_shell();
    atomic_store(&holds, false);
    start_worker();
    struct value end = await_end(str(&v, "job"));
    ck_assert_str_eq(str(&end, "digest"), str(&want, "digest"));
    ck_assert_str_eq(str(&end, "name"), "held");
}
END_TEST

START_TEST(failed_items_are_listed_and_tried_again)
{
    atomic_store(&n_failing, 3);
    struct value want = submit_and_wait(20, "shard: 1\nname: flaky\n");
    ck_assert_str_eq(str(&want, "state"), "done");
    ck_assert_int_eq(number(&want, "failed"), 3);
    const struct value *list = value_find(&want, "failures");
    ck_assert_ptr_nonnull(list);
    ck_assert_uint_eq(list->n, 3);
    ck_assert_str_eq(str(&list->items[0], "text"), "it did not work");
    atomic_store(&n_failing, 0);
    struct value v = call("retry", job("flaky"));
    ck_assert_int_eq(number(&v, "reopened"), 3);
    struct value end = await_end("flaky");
    ck_assert_int_eq(number(&end, "failed"), 0);
    struct value clean = submit_and_wait(20, "shard: 1\n");
    ck_assert_str_eq(str(&end, "digest"), str(&clean, "digest"));
    refuse("retry", job("flaky"), ERR_INVALID, "no item of job");
}
END_TEST

START_TEST(a_job_of_which_nothing_came_out_has_failed)
{
    atomic_store(&n_failing, 1000);
    struct value v = submit_and_wait(5, "");
    ck_assert_str_eq(str(&v, "state"), "failed");
    ck_assert_ptr_nonnull(strstr(str(&v, "why"), "it did not work"));
}
END_TEST

START_TEST(a_cancelled_job_says_so)
{
    atomic_store(&holds, true);
    struct value v = call("submit", sweep(100, "name: slow\n"));
    struct value why = call("why", job("slow"));
    ck_assert_uint_gt(strlen(str(&why, "why")), 0);
    struct value c = call("cancel", job("slow"));
    ck_assert_str_eq(str(&c, "state"), "cancelled");
    struct value end = call("results", job(str(&v, "job")));
    ck_assert_str_eq(str(&end, "state"), "cancelled");
    ck_assert_int_eq(value_find(&end, "digest")->type, VALUE_NULL);
    ck_assert_str_eq(str(&end, "why_no_digest"), "the job was cancelled");
    c = call("cancel", job("slow")); // again: no harm
    ck_assert_str_eq(str(&c, "state"), "cancelled");
}
END_TEST

START_TEST(a_watch_ends_with_the_final_document)
{
    struct value args = sweep(100, "shard: 1\n");
    struct errtext t = {{0}};
    struct value v;
    bool more = true;
    int n = 0;
    (void)value_set(a, &args, "watch", value_bool(true));
    ck_assert_int_eq(caller_start(client, "submit", &args, &t), OK);
    while (more) {
        enum error e = caller_next(client, 20 * CLOCK_SECOND, a, &v, &more, &t);
        ck_assert_msg(e == OK, "%s", t.text);
        ck_assert_uint_ge(strlen(str(&v, "job")), 4);
        n++;
    }
    ck_assert_int_ge(n, 2);
    ck_assert_str_eq(str(&v, "state"), "done");
    ck_assert_uint_eq(strlen(str(&v, "digest")), 64);
    args = job(str(&v, "job"));
    ck_assert_int_eq(caller_start(client, "watch", &args, &t), OK);
    struct value again;
    ck_assert_int_eq(caller_next(client, 20 * CLOCK_SECOND, a, &again, &more, &t), OK);
    ck_assert(!more);
    ck_assert(value_equal(&v, &again));
}
END_TEST

START_TEST(what_items_print_is_kept)
{
    struct value v = submit_and_wait(3, "shard: 1\n");
    struct value args = job(str(&v, "job"));
    (void)value_set(a, &args, "item", value_int(1));
    struct value logs = call("logs", args);
    const struct value *list = value_find(&logs, "logs");
    ck_assert_uint_eq(list->n, 1);
    ck_assert_int_eq(number(&list->items[0], "item"), 1);
    const struct value *bytes = value_find(&list->items[0], "bytes");
    ck_assert_uint_eq(bytes->n, 12);
    ck_assert_mem_eq(bytes->s, "hello world\n", 12);
    logs = call("logs", job(str(&v, "job")));
    ck_assert_uint_eq(value_find(&logs, "logs")->n, 3);
}
END_TEST

START_TEST(open_jobs_are_bounded)
{
    atomic_store(&holds, true);
    for (int i = 0; i < 3; i++)
        (void)call("submit", sweep(10, ""));
    refuse("submit", sweep(10, ""), ERR_BUSY, "open");
}
END_TEST

START_TEST(attachments_are_uploaded_first)
{
    struct sha256 h;
    struct errtext t = {{0}};
    struct value list = value_list();
    struct value file = map_of("name", value_str(a, "x.sh"));
    struct value args = sweep(10, "");
    h = sha256_of("never sent", 10);
    (void)value_set(a, &file, "hash", value_bin(a, h.bytes, sizeof h.bytes));
    (void)value_push(a, &list, file);
    (void)value_set(a, &args, "files", list);
    refuse("submit", args, ERR_NOT_FOUND, "x.sh");
    ck_assert_int_eq(caller_put_bytes(client, "never sent", 10, &h, &t), OK);
    (void)value_set(a, value_find(&args, "files")->items, "name", value_str(a, "../x.sh"));
    refuse("submit", args, ERR_INVALID, "within the job's directory");
}
END_TEST

START_TEST(who_works_and_who_is_drained)
{
    struct value v = submit_and_wait(10, "");
    v = call("workers", value_map());
    const struct value *list = value_find(&v, "workers");
    ck_assert_uint_eq(list->n, 1);
    ck_assert_str_eq(str(&list->items[0], "host"), "here");
    v = call("drain", map_of("worker", value_str(a, "here")));
    ck_assert_int_eq(number(&v, "ranks"), 1);
    v = call("ping", value_map());
    ck_assert_int_eq(number(&v, "ranks"), 1);
    v = call("catalog", value_map());
    ck_assert_uint_ge(value_find(&v, "drivers")->n, 1);
    ck_assert_uint_ge(value_find(&v, "algorithms")->n, 1);
    ck_assert_uint_ge(value_find(&v, "workloads")->n, 1);
    v = call("explain", map_of("name", value_str(a, "noop")));
    ck_assert_uint_eq(value_find(&v, "workloads")->n, 1);
    ck_assert_uint_eq(value_find(&v, "drivers")->n, 0);
}
END_TEST

// Requests that make no sense, one row each: verb, argument's name and JSON-like
// value, what is said.
static const struct {
    const char *verb;
    const char *key;
    const char *value; // NULL: null; a leading '#' is an integer
    enum error want;
    const char *text;
} bad[] = {
    {"sumbit", "x", NULL, ERR_INVALID, "did you mean 'submit'"},
    {"status", "jobb", "k", ERR_INVALID, "did you mean 'job'"},
    {"status", "job", NULL, ERR_INVALID, "'job' is missing"},
    {"status", "job", "#7", ERR_INVALID, "expected a string"},
    {"status", "job", "nosuch", ERR_NOT_FOUND, "no job 'nosuch'"},
    {"results", "job", "nosuch", ERR_NOT_FOUND, "no job"},
    {"watch", "job", "", ERR_NOT_FOUND, "no job"},
    {"cancel", "job", "nosuch", ERR_NOT_FOUND, "no job"},
    {"retry", "job", "nosuch", ERR_NOT_FOUND, "no job"},
    {"extend", "job", "nosuch", ERR_NOT_FOUND, "no job"},
    {"logs", "item", "#1", ERR_INVALID, "'job' is missing"},
    {"drain", "worker", "nosuch", ERR_NOT_FOUND, "no worker"},
    {"drain", "worker", "", ERR_NOT_FOUND, "no worker"},
    {"submit", "text", NULL, ERR_INVALID, "'text' is missing"},
    {"submit", "text", "kind: [", ERR_PARSE, "job.yaml:"},
    {"submit", "text", "kind: swep", ERR_PARSE, "job.yaml:1:"},
    {"submit", "text", "#1", ERR_INVALID, "'text' is missing"},
    {"validate", "text", "kind: nosuch", ERR_PARSE, "job.yaml:1:"},
    {"validate", "wait", "x", ERR_INVALID, "knows no argument 'wait'"},
    {"explain", "name", "nooop", ERR_NOT_FOUND, "did you mean 'noop'"},
    {"ping", "x", "y", ERR_INVALID, "knows no argument"},
};

START_TEST(requests_that_make_no_sense_get_one_clear_line)
{
    const char *text = bad[_i].value;
    struct value v = !text            ? value_null()
                     : text[0] == '#' ? value_int(text[1] - '0')
                                      : value_str(a, text);
    (void)submit_and_wait(1, "");
    refuse(bad[_i].verb, map_of(bad[_i].key, v), bad[_i].want, bad[_i].text);
}
END_TEST

START_TEST(a_second_coordinator_is_refused_by_the_pid_of_the_first)
{
    const char *endpoints[] = {endpoint, NULL};
    struct shell_options o = {.endpoints = endpoints, .state_dir = dir};
    // A lock of the same process would be granted: another one asks.
    pid_t pid = fork();
    if (pid == 0) {
        struct shell *other;
        struct errtext t = {{0}};
        char want[32];
        (void)snprintf(want, sizeof want, "pid %d", (int)getppid());
        bool ok = shell_open(&o, &other, &t) == ERR_BUSY && strstr(t.text, want);
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("api");
    TCase *c = tcase_create("api");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_job_runs_to_its_document_and_keeps_it, 0, 3);
    tcase_add_test(c, what_ended_is_still_there_after_a_restart);
    tcase_add_test(c, an_open_job_goes_on_after_a_restart_with_the_same_digest);
    tcase_add_test(c, failed_items_are_listed_and_tried_again);
    tcase_add_test(c, a_job_of_which_nothing_came_out_has_failed);
    tcase_add_test(c, a_cancelled_job_says_so);
    tcase_add_test(c, a_watch_ends_with_the_final_document);
    tcase_add_test(c, what_items_print_is_kept);
    tcase_add_test(c, open_jobs_are_bounded);
    tcase_add_test(c, attachments_are_uploaded_first);
    tcase_add_test(c, who_works_and_who_is_drained);
    tcase_add_loop_test(c, requests_that_make_no_sense_get_one_clear_line, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_test(c, a_second_coordinator_is_refused_by_the_pid_of_the_first);
    suite_add_tcase(s, c);
    return harness_run(s);
}
