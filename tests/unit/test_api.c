// SPDX-License-Identifier: MIT
// test_api.c - what a client asks, a real shell answers: over a socket, with a
// journal, with a worker made of twenty lines.
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/api_fixture.h"

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

// A job's output and a request to follow it, sent so that they arrive in one turn.
static void follow_in_the_turn_of(struct channel *c, const char *id, const char *text)
{
    struct buf b;
    struct value args = job(id);
    struct message m = {.type = MSG_CALL, .id = 7};
    (void)value_set(a, &args, "item", value_int(0));
    (void)value_set(a, &args, "follow", value_bool(true));
    buf_init(&b, 4096);
    pack_write(&args, &b);
    m.call.verb = str_of("logs");
    m.call.args = (struct bin){b.bytes, (uint32_t)b.n};
    ck_assert_int_eq(channel_send(c, 0, &m), OK);
    m = (struct message){.type = MSG_LOG};
    m.log =
        (struct msg_log){.job = 1, .bytes = {(const uint8_t *)text, (uint32_t)strlen(text)}};
    ck_assert_int_eq(channel_send(c, 0, &m), OK);
    buf_fini(&b);
}

static void say_last(struct channel *c)
{
    struct message m = {.type = MSG_LOG};
    m.log = (struct msg_log){.job = 1, .bytes = {(const uint8_t *)"last", 4}, .last = true};
    ck_assert_int_eq(channel_send(c, 0, &m), OK);
}

// What a REPLY of `logs` says is put behind what is there; false: it is the last one.
static bool heard(const struct message *m, char *text, size_t size)
{
    struct value v;
    ck_assert_int_eq(m->type, MSG_REPLY);
    ck_assert_int_eq(pack_read(m->reply.value.p, m->reply.value.n, a, &v, NULL), OK);
    const struct value *list = value_find(&v, "logs");
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *bytes = value_find(&list->items[i], "bytes");
        size_t n = strlen(text);
        (void)snprintf(text + n, size - n, "%.*s", (int)bytes->n, bytes->s);
    }
    return m->reply.more;
}

START_TEST(a_follower_sees_once_what_came_in_its_own_turn)
{
    char text[100] = "";
    struct channel *c;
    struct channel_peer peer;
    struct message m;
    bool more = true, ended = false;
    int64_t until = clock_now() + 20 * CLOCK_SECOND;
    atomic_store(&holds, true);
    struct value v = call("submit", sweep(1, ""));
    ck_assert_int_eq(channel_connect(endpoint, NULL, NULL, (struct bin){0}, &c, NULL), OK);
    follow_in_the_turn_of(c, str(&v, "job"), "first ");
    while (more) {
        ck_assert_int_lt(clock_now(), until);
        (void)channel_wait(c, 100 * CLOCK_MS, 0, NULL, 0);
        while (more && channel_recv(c, a, &peer, &m, NULL) == OK)
            more = heard(&m, text, sizeof text);
        channel_recv_release(c);
        if (ended || !text[0])
            continue;
        say_last(c);
        ended = true;
    }
    ck_assert_str_eq(text, "first last");
    (void)call("cancel", job(str(&v, "job")));
    channel_close(c);
}
END_TEST

static uint32_t n_logs(const char *id, int64_t item)
{
    struct value args = job(id);
    (void)value_set(a, &args, "item", value_int(item));
    struct value logs = call("logs", args);
    const struct value *list = value_find(&logs, "logs");
    for (uint32_t i = 0; i < list->n; i++)
        ck_assert_int_eq(number(&list->items[i], "item"), item);
    return list->n;
}

START_TEST(logs_and_failures_count_from_the_job_s_first_item)
{
    atomic_store(&n_failing, 1);
    struct value v = submit_and_wait(3, "shard: 1\nfirst: 1\nname: one\n");
    const struct value *failures = value_find(&v, "failures");
    ck_assert_ptr_nonnull(failures);
    ck_assert_int_eq(number(&failures->items[0], "item"), 1);
    for (int restarts = 0; restarts < 2; restarts++) {
        ck_assert_uint_eq(n_logs("one", 0), 0);
        for (int64_t item = 1; item <= 3; item++)
            ck_assert_uint_eq(n_logs("one", item), 1);
        stop_worker();
        stop_shell();
        start_shell();
        start_worker();
    }
}
END_TEST

START_TEST(a_search_counts_the_trials_that_are_not_asked_yet)
{
    static const char text[] =
        "kind: search\nworkload: function\nparams: {function: rastrigin}\nname: s\n"
        "space: {x: {type: sequence, length: 2, of: {type: float, low: -5, high: 5}}}\n"
        "objectives: [{metric: value}]\ntrials: 50\nwindow: 4\n";
    int64_t until = clock_now() + 20 * CLOCK_SECOND, items = 0;
    atomic_store(&holds, true);
    (void)call("submit", map_of("text", value_str(a, text)));
    while (items == 0 && clock_now() < until) {
        struct value v = call("status", job("s"));
        items = number(&v, "items");
        ck_assert_int_eq(number(&v, "done"), 0);
    }
    ck_assert_int_eq(items, 50);
}
END_TEST

START_TEST(a_retry_of_what_did_not_fail_is_refused)
{
    atomic_store(&n_failing, 1);
    (void)submit_and_wait(3, "shard: 1\nname: flaky\n");
    struct value args = job("flaky");
    (void)value_set(a, &args, "failed", value_bool(false));
    refuse("retry", args, ERR_INVALID, "only failed items");
    (void)value_set(a, &args, "failed", value_bool(true));
    struct value v = call("retry", args);
    ck_assert_int_eq(number(&v, "reopened"), 1);
}
END_TEST

START_TEST(who_submits_owns_the_job)
{
    struct caller_submission s = {.text = "kind: sweep\nworkload: noop\nitems: 1\n"};
    struct errtext t = {{0}};
    struct value v;
    const struct passwd *me = getpwuid(geteuid());
    ck_assert_int_eq(caller_submit(client, &s, a, &v, &t), OK);
    v = call("status", job(str(&v, "job")));
    if (me)
        ck_assert_str_eq(str(&v, "owner"), me->pw_name);
    s.owner = "somebody else";
    ck_assert_int_eq(caller_submit(client, &s, a, &v, &t), OK);
    v = call("status", job(str(&v, "job")));
    ck_assert_str_eq(str(&v, "owner"), "somebody else");
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
    tcase_add_test(c, a_follower_sees_once_what_came_in_its_own_turn);
    tcase_add_test(c, logs_and_failures_count_from_the_job_s_first_item);
    tcase_add_test(c, a_search_counts_the_trials_that_are_not_asked_yet);
    tcase_add_test(c, a_retry_of_what_did_not_fail_is_refused);
    tcase_add_test(c, who_submits_owns_the_job);
    tcase_add_test(c, open_jobs_are_bounded);
    tcase_add_test(c, attachments_are_uploaded_first);
    tcase_add_test(c, who_works_and_who_is_drained);
    tcase_add_loop_test(c, requests_that_make_no_sense_get_one_clear_line, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_test(c, a_second_coordinator_is_refused_by_the_pid_of_the_first);
    suite_add_tcase(s, c);
    return harness_run(s);
}
