// SPDX-License-Identifier: MIT
// test_client.c - what the client makes of numbers, documents and command lines, without
// a coordinator.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/client/command.h"
#include "cluster/client/commands.h"
#include "cluster/client/final.h"
#include "cluster/client/local_state.h"
#include "cluster/client/show.h"
#include "cluster/client/table.h"
#include "cluster/client/target.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct buf b;
static char dir[64];

static void set_up(void)
{
    a = arena_create();
    buf_init(&b, 1 << 20);
    (void)snprintf(dir, sizeof dir, "/tmp/shoal-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(unsetenv("SHOAL_COORDINATOR"), 0);
    ck_assert_int_eq(unsetenv("SHOAL_STATE"), 0);
    ck_assert_int_eq(unsetenv("SHOAL_KEYS"), 0);
}

static void tear_down(void)
{
    char line[128];
    buf_fini(&b);
    arena_destroy(a);
    (void)snprintf(line, sizeof line, "/bin/rm -rf %s", dir);
    ck_assert_int_eq(system(line), 0);
}

static struct value value_of(const char *text)
{
    struct value v;
    struct errtext t = {{0}};
    ck_assert_msg(!yaml_parse(text, strlen(text), "text", a, &v, &t), "%s", t.text);
    return v;
}

// What is printed from here on, until `printed`.
static char *capture;
static size_t n_capture;
static FILE *real;

static void listen_to(FILE **stream)
{
    ck_assert_int_eq(fflush(*stream), 0);
    real = *stream;
    *stream = open_memstream(&capture, &n_capture);
    ck_assert_ptr_nonnull(*stream);
}

static const char *printed(FILE **stream)
{
    ck_assert_int_eq(fclose(*stream), 0);
    *stream = real;
    const char *text = arena_str(a, capture, n_capture);
    free(capture);
    return text;
}

// ---- numbers ---------------------------------------------------------------------

static const struct {
    void (*show)(double x, struct buf *out);
    double x;
    const char *text;
} numbers[] = {
    {show_seconds, 0, "0.0 ms"},
    {show_seconds, 0.0123, "12.3 ms"},
    {show_seconds, 0.1, "0.1 s"},
    {show_seconds, 59.94, "59.9 s"},
    {show_seconds, 60, "1 min 00 s"},
    {show_seconds, 3599, "59 min 59 s"},
    {show_seconds, 3600, "1 h 00 min"},
    {show_seconds, 90061, "25 h 01 min"},
    {show_seconds, 1e9, "years"},
    {show_count, 0, "0"},
    {show_count, 999, "999"},
    {show_count, 1000, "1,000"},
    {show_count, 1234567, "1,234,567"},
    {show_count, -1234, "-1,234"},
    {show_count, -123, "-123"},
    {show_rate, 0, "0/s"},
    {show_rate, 12.345, "12.3/s"},
    {show_rate, 99.9, "99.9/s"},
    {show_rate, 35000000, "35,000,000/s"},
};

START_TEST(numbers_are_written_for_people)
{
    numbers[_i].show(numbers[_i].x, &b);
    ck_assert_str_eq(buf_cstr(&b), numbers[_i].text);
}
END_TEST

START_TEST(pairs_are_written_for_people)
{
    struct value v = value_of("{area: 142.8333333, n: 3, s: text, l: [1, x], b: true}");
    show_pairs(&v, &b);
    ck_assert_str_eq(buf_cstr(&b), "area 142.833  n 3  s text  l [1,\"x\"]  b true");
}
END_TEST

START_TEST(look_ups_never_fail)
{
    struct value v = value_of("{s: text, n: 3}");
    ck_assert_str_eq(show_text(&v, "s"), "text");
    ck_assert_str_eq(show_text(&v, "n"), "");
    ck_assert_str_eq(show_text(NULL, "s"), "");
    ck_assert(show_number(&v, "n") == 3);
    ck_assert(show_number(&v, "s") == 0);
    ck_assert(show_number(NULL, "n") == 0);
}
END_TEST

// ---- tables ----------------------------------------------------------------------

START_TEST(columns_are_as_wide_as_they_must_be)
{
    static const char *const titles[] = {"name", ">count", "why", NULL};
    struct table t;
    table_init(&t, a, titles);
    t.indent = 1;
    table_put(&t, "%s", "m\xc3\xbcller");
    table_put(&t, "%d", 12);
    table_put(&t, "two\nlines");
    table_put(&t, "x");
    table_put(&t, "%d", 1234567);
    table_put(&t, "%s", "");
    listen_to(&stdout);
    table_print(&t);
    ck_assert_str_eq(printed(&stdout), " name      count  why\n"
                                       " m\xc3\xbcller       12  two lines\n"
                                       " x       1234567  \n");
}
END_TEST

START_TEST(a_long_table_keeps_its_rows)
{
    static const char *const titles[] = {">i", ">square", NULL};
    struct table t;
    table_init(&t, a, titles);
    for (int i = 0; i < 1000; i++) {
        table_put(&t, "%d", i);
        table_put(&t, "%d", i * i);
    }
    listen_to(&stdout);
    table_print(&t);
    const char *text = printed(&stdout);
    ck_assert_ptr_nonnull(strstr(text, "\n 31     961\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n999  998001\n"));
}
END_TEST

// ---- final documents -------------------------------------------------------------

// One row each: a document and what people read of it.
static const struct {
    const char *document, *says;
    int status;
} finals[] = {
    {"{job: k7f3, name: n, kind: sweep, state: done, items: 1000000, failed: 0, digest: ab, "
     "result: {metrics: {value: {count: 1000000, mean: 0.5, sd: 0.25, min: 0, p05: null, "
     "p50: 0.5, p95: 1, max: 1}}}, stats: {elapsed_s: 61, items_per_s: 16393}}",
     "n (k7f3) done: 1,000,000 items in 1 min 01 s, 16,393/s", STATUS_DONE},
    {"{job: k7f3, name: n, kind: sweep, state: done, items: 2, failed: 1, digest: ab, "
     "failures: [{item: 7, text: it did not work}], result: {metrics: {}}, stats: {}}",
     "item 7 failed: it did not work", STATUS_DONE},
    {"{job: k7f3, name: n, kind: search, state: done, items: 9, failed: 0, digest: ab, "
     "result: {best: {trial: 8, metrics: {area: 3.5}, params: {x: 1}}}, stats: {}}",
     "best: trial 8\n  area 3.5\n  x 1\n", STATUS_DONE},
    {"{job: k7f3, name: n, kind: search, state: done, items: 9, failed: 9, digest: ab, "
     "result: {best: null}, stats: {}}",
     "best: none; no trial was feasible", STATUS_DONE},
    {"{job: k7f3, name: n, kind: search, state: done, items: 9, failed: 0, digest: ab, "
     "result: {front: [{trial: 3, metrics: {a: 1}, params: {x: 2}}]}, stats: {}}",
     "front: 1 points\n", STATUS_DONE},
    {"{job: k7f3, name: n, kind: sweep, state: failed, why: too slow, items: 2, failed: 2, "
     "digest: null, why_no_digest: w, result: null, stats: {}}",
     "too slow", STATUS_FAILED},
};

START_TEST(a_final_document_is_told)
{
    struct value v = value_of(finals[_i].document);
    listen_to(&stdout);
    ck_assert(final_print(&v, false));
    const char *text = printed(&stdout);
    ck_assert_msg(strstr(text, finals[_i].says) != NULL, "%s", text);
    ck_assert_int_eq(show_status_of(&v), finals[_i].status);
}
END_TEST

// ---- command lines ---------------------------------------------------------------

enum { WORDS_MAX = 8 };

// What is wrong with it is said before anybody is called.
static const struct {
    const char *words[WORDS_MAX];
    const char *says;
} wrong[] = {
    {{"logs"}, "shoal logs: something is missing; usage: shoal logs JOB"},
    {{"logs", "k", "1", "2"}, "shoal logs: too many arguments"},
    {{"logs", "k", "first"}, "'first' is no item's number"},
    {{"logs", "k", "-1"}, "shoal logs: "},
    {{"jobs", "--jsn"}, "did you mean"},
    {{"submit"}, "shoal submit: something is missing"},
    {{"submit", "a.yaml", "b.yaml"}, "one job file, or --array A-B"},
    {{"submit", "--array", "5-1", "--", "true"}, "--array is '5-1', expected FIRST-LAST"},
    {{"submit", "--array", "1-x", "--", "true"}, "--array is '1-x'"},
    {{"submit", "--array", "1-2", "--each-line", "f", "true"}, "exclude each other"},
    {{"submit", "--each-line", "/nosuch/file", "--", "true"}, "/nosuch/file: No such file"},
    {{"submit", "--timeout-s", "0", "--array", "2", "true"}, "timeout-s"},
    {{"extend", "k"}, "trials"},
    {{"up", "-n", "2", "--pods", "3"}, "--pods 3 are more than the 2 ranks"},
    {{"up", "-n", "two"}, "shoal up: "},
    {{"drain"}, "something is missing"},
};

static int run_words(const char *const words[WORDS_MAX])
{
    char *argv[WORDS_MAX + 1] = {NULL};
    int n = 0;
    for (; n < WORDS_MAX && words[n]; n++)
        argv[n] = arena_str(a, words[n], strlen(words[n]));
    const struct command *c = command_find(words[0]);
    ck_assert_ptr_nonnull(c);
    return c->run(c, n - 1, argv + 1);
}

START_TEST(a_wrong_command_line_is_told_in_one_line)
{
    listen_to(&stderr);
    int status = run_words(wrong[_i].words);
    const char *text = printed(&stderr);
    ck_assert_msg(strstr(text, wrong[_i].says) != NULL, "%s", text);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_int_eq(status, STATUS_USAGE);
}
END_TEST

START_TEST(every_command_is_found_and_has_help)
{
    for (int i = 0; command_table[i]; i++) {
        const struct command *c = command_table[i];
        const char *words[WORDS_MAX] = {c->name, "--help"};
        ck_assert_ptr_eq(command_find(c->name), c);
        listen_to(&stdout);
        ck_assert_int_eq(run_words(words), STATUS_DONE);
        const char *text = printed(&stdout);
        ck_assert_ptr_nonnull(strstr(text, arena_printf(a, "shoal %s", c->name)));
    }
    ck_assert_ptr_null(command_find("nosuch"));
}
END_TEST

START_TEST(exit_statuses_say_whose_turn_it_is)
{
    ck_assert_int_eq(command_status(OK), STATUS_DONE);
    ck_assert_int_eq(command_status(ERR_PARSE), STATUS_USAGE);
    ck_assert_int_eq(command_status(ERR_NOT_FOUND), STATUS_USAGE);
    ck_assert_int_eq(command_status(ERR_CLOSED), STATUS_UNREACHED);
    ck_assert_int_eq(command_status(ERR_TIMEOUT), STATUS_UNREACHED);
    ck_assert_int_eq(command_status(ERR_CANCELLED), STATUS_INTERRUPTED);
    ck_assert_int_eq(command_status(ERR_IO), STATUS_FAILED);
}
END_TEST

// ---- where the coordinator is ----------------------------------------------------

static void announce(const char *text)
{
    FILE *f = fopen(arena_printf(a, "%s/coordinator.json", dir), "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(the_coordinator_is_named_or_announced)
{
    const char *endpoint, *keys;
    struct errtext t = {{0}};
    struct target g = {.state = dir};
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), ERR_CLOSED);
    ck_assert_ptr_nonnull(strstr(t.text, "no coordinator runs in"));
    announce("{\"pid\": 1}");
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), ERR_CLOSED);
    announce("{\"pid\": 1, \"endpoint\": \"tcp://h:1\", \"keys\": \"/k\"}");
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), OK);
    ck_assert_str_eq(endpoint, "tcp://h:1");
    ck_assert_str_eq(keys, "/k");
    g.keys = "/mine";
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), OK);
    ck_assert_str_eq(keys, "/mine");
    g.coordinator = "ipc:///x"; // needs no keys
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), OK);
    ck_assert_str_eq(endpoint, "ipc:///x");
    ck_assert_ptr_null(keys);
}
END_TEST

START_TEST(a_flag_goes_before_the_environment)
{
    const char *endpoint, *keys;
    struct errtext t = {{0}};
    ck_assert_int_eq(setenv("SHOAL_COORDINATOR", "ipc:///outer", 1), 0);
    announce("{\"pid\": 1, \"endpoint\": \"ipc:///inner\"}");
    // --state was given, the coordinator stands in the environment only.
    struct target g = {.state = dir, .coordinator = getenv("SHOAL_COORDINATOR")};
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), OK);
    ck_assert_str_eq(endpoint, "ipc:///inner");
    g.coordinator = "ipc:///flag";
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), OK);
    ck_assert_str_eq(endpoint, "ipc:///flag");
    g = (struct target){.coordinator = getenv("SHOAL_COORDINATOR")};
    ck_assert_int_eq(target_find(&g, a, &endpoint, &keys, &t), OK);
    ck_assert_str_eq(endpoint, "ipc:///outer");
}
END_TEST

START_TEST(a_state_directory_is_absolute)
{
    const char *path;
    struct errtext t = {{0}};
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert_int_eq(target_state("sub/dir", a, &path, &t), OK);
    ck_assert_str_eq(path, arena_printf(a, "%s/sub/dir", dir));
    ck_assert_int_eq(setenv("XDG_STATE_HOME", "/xdg", 1), 0);
    ck_assert_int_eq(target_state(NULL, a, &path, &t), OK);
    ck_assert_str_eq(path, "/xdg/shoal");
    ck_assert_int_eq(setenv("XDG_STATE_HOME", "relative", 1), 0);
    ck_assert_int_eq(setenv("HOME", "/home/me", 1), 0);
    ck_assert_int_eq(target_state("", a, &path, &t), OK);
    ck_assert_str_eq(path, "/home/me/.local/state/shoal");
}
END_TEST

// ---- the plan of a local cluster -------------------------------------------------

static const char *line_of(const struct member *m)
{
    struct buf line;
    buf_init(&line, 10000);
    for (int i = 0; m->argv[i]; i++) {
        const char *slash = i == 0 ? strrchr(m->argv[i], '/') : NULL;
        buf_printf(&line, "%s%s", i ? " " : "", slash ? slash + 1 : m->argv[i]);
    }
    const char *text = arena_str(a, buf_cstr(&line), line.n);
    buf_fini(&line);
    return text;
}

// mpirun that is only looked for.
static void put_mpirun(void)
{
    char *path = arena_printf(a, "%s/mpirun", dir);
    FILE *f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, 0700), 0);
    ck_assert_int_eq(setenv("PATH", dir, 1), 0);
}

START_TEST(ranks_are_split_evenly_over_the_pods)
{
    struct errtext t = {{0}};
    put_mpirun();
    struct local l = {.o = {.dir = dir, .n_ranks = 5, .n_pods = 3, .lonely_s = 7}, .arena = a};
    ck_assert_msg(!local_plan(&l, &t), "%s", t.text);
    ck_assert_uint_eq(l.pods[0].n_ranks, 2);
    ck_assert_uint_eq(l.pods[1].n_ranks, 2);
    ck_assert_uint_eq(l.pods[2].n_ranks, 1);
    ck_assert_str_eq(l.pods[2].name, "pod 2");
    ck_assert_str_eq(
        line_of(&l.pods[0]),
        arena_printf(a,
                     "mpirun -n 2 --oversubscribe --bind-to none %.*sshoal-worker "
                     "--connect ipc://%s/socket/c --lonely-s 7",
                     (int)(strrchr(l.coordinator.argv[0], '/') + 1 - l.coordinator.argv[0]),
                     l.coordinator.argv[0], dir));
    ck_assert_str_eq(
        line_of(&l.pods[2]), // one rank needs no launcher
        arena_printf(a, "shoal-worker --connect ipc://%s/socket/c --lonely-s 7", dir));
    ck_assert_str_eq(
        line_of(&l.coordinator),
        arena_printf(a, "shoal-coordinator --listen ipc://%s/socket/c --state %s", dir, dir));
    ck_assert_str_eq(l.coordinator.log, arena_printf(a, "%s/coordinator.log", dir));
}
END_TEST

START_TEST(options_of_a_local_cluster_reach_its_programs)
{
    struct errtext t = {{0}};
    char deep[200];
    (void)snprintf(deep, sizeof deep, "%s/%0110d", dir, 0); // too long for a socket's name
    struct local l = {.o = {.dir = deep,
                            .n_ranks = 1,
                            .n_pods = 1,
                            .listen = "tcp://*:7420",
                            .http = "off",
                            .scratch = "/scratch",
                            .allow_exec = true,
                            .loud = true},
                      .arena = a};
    ck_assert_msg(!local_plan(&l, &t), "%s", t.text);
    ck_assert_str_eq(line_of(&l.coordinator),
                     arena_printf(a,
                                  "shoal-coordinator --listen tcp://127.0.0.1:* --listen "
                                  "tcp://*:7420 --state %s --http off --allow-exec",
                                  deep));
    ck_assert_str_eq(
        line_of(&l.pods[0]),
        arena_printf(a, "shoal-worker --state %s --scratch /scratch --lonely-s 0", deep));
    ck_assert_ptr_null(l.coordinator.log);
}
END_TEST

START_TEST(pods_of_several_ranks_need_mpirun)
{
    struct errtext t = {{0}};
    struct local l = {.o = {.dir = dir, .n_ranks = 2, .n_pods = 1}, .arena = a};
    ck_assert_int_eq(setenv("PATH", dir, 1), 0);
    ck_assert_int_eq(local_plan(&l, &t), ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(t.text, "mpirun is not in PATH"));
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *s = suite_create("client");
    TCase *c = tcase_create("client");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, numbers_are_written_for_people, 0, ROWS(numbers));
    tcase_add_test(c, pairs_are_written_for_people);
    tcase_add_test(c, look_ups_never_fail);
    tcase_add_test(c, columns_are_as_wide_as_they_must_be);
    tcase_add_test(c, a_long_table_keeps_its_rows);
    tcase_add_loop_test(c, a_final_document_is_told, 0, ROWS(finals));
    tcase_add_loop_test(c, a_wrong_command_line_is_told_in_one_line, 0, ROWS(wrong));
    tcase_add_test(c, every_command_is_found_and_has_help);
    tcase_add_test(c, exit_statuses_say_whose_turn_it_is);
    tcase_add_test(c, the_coordinator_is_named_or_announced);
    tcase_add_test(c, a_flag_goes_before_the_environment);
    tcase_add_test(c, a_state_directory_is_absolute);
    tcase_add_test(c, ranks_are_split_evenly_over_the_pods);
    tcase_add_test(c, options_of_a_local_cluster_reach_its_programs);
    tcase_add_test(c, pods_of_several_ranks_need_mpirun);
    suite_add_tcase(s, c);
    return harness_run(s);
}
