// SPDX-License-Identifier: MIT
// test_exec.c - the exec workload over a real sandbox, with stand-ins for the
// runner's side.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"
#include "worker/evaluate/evaluate.h"
#include "worker/sandbox.h"

enum { ITEMS_MAX = 4 };

static char root[256];
static struct sandbox *sandbox;
static struct arena *a;
static struct errtext why;
static void *state;

static struct {
    int n_progress;
    int cancel_at; // asked so often, then true; 0: never
    int n_asked;
    int n_faults;
    struct item_fault fault;
    char log[256];
    char kept[256];  // "item name content" of every output
    enum error keep; // what run_keep_file returns
} host;

void run_progress(struct run *r)
{
    (void)r;
    host.n_progress++;
}

bool run_cancelled(struct run *r)
{
    (void)r;
    host.n_asked++;
    return host.cancel_at && host.n_asked >= host.cancel_at;
}

void run_fault(struct run *r, const struct item_fault *f)
{
    (void)r;
    host.n_faults++;
    host.fault = *f;
}

void run_output(struct run *r, const struct item_output *o)
{
    (void)r;
    (void)o;
}

void run_log(struct run *r, uint64_t item, const void *p, size_t n)
{
    (void)r;
    size_t used = strlen(host.log);
    snprintf(host.log + used, sizeof host.log - used, "%d:%.*s", (int)item, (int)n,
             (const char *)p);
}

enum error run_keep_file(
    struct run *r, uint64_t item, const char *name, const char *path, struct errtext *t)
{
    char content[64] = {0};
    FILE *f = fopen(path, "r");
    (void)r;
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(content, sizeof content, f));
    ck_assert_int_eq(fclose(f), 0);
    size_t used = strlen(host.kept);
    snprintf(host.kept + used, sizeof host.kept - used, "%d %s %s", (int)item, name, content);
    return host.keep ? errtext_set(t, host.keep, "cannot keep") : OK;
}

static void set_up(void)
{
    const char *tmp = getenv("TMPDIR");
    memset(&host, 0, sizeof host);
    snprintf(root, sizeof root, "%s/exec-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_msg(sandbox_open(root, &sandbox, &why) == OK, "%s", why.text);
    a = arena_create();
}

static void tear_down(void)
{
    workload_exec.close(state);
    state = NULL;
    sandbox_close(sandbox);
    arena_destroy(a);
    ck_assert_int_eq(rmdir(root), 0);
}

static const struct value *yaml(const char *text)
{
    struct value *v = arena_alloc(a, sizeof *v);
    ck_assert_msg(yaml_parse(text, strlen(text), "job", a, v, &why) == OK, "%s", why.text);
    return v;
}

static enum error open_with(const char *params, const struct workload_file *files, uint32_t n)
{
    struct workload_job job = {.job = 1,
                               .seed = 42,
                               .params = yaml(params),
                               .files = files,
                               .n_files = n,
                               .scratch = root,
                               .sandbox = sandbox};
    return workload_exec.open(&job, &state, &why);
}

static struct value named[ITEMS_MAX], logs[ITEMS_MAX];

static enum error run_over(uint64_t first, uint32_t n, const char *const *overrides)
{
    const struct value *over[ITEMS_MAX];
    for (uint32_t i = 0; overrides && i < n; i++)
        over[i] = yaml(overrides[i]);
    for (int i = 0; i < ITEMS_MAX; i++)
        logs[i] = value_null();
    struct run r = {.first = first,
                    .count = n,
                    .overrides = overrides ? over : NULL,
                    .arena = a,
                    .named = named,
                    .logs = logs};
    return workload_exec.run(state, &r, &why);
}

static const char *json(const struct value *v)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    value_json(v, &b);
    const char *text = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return text;
}

// Open, run item 7, give its metrics as JSON ("null" after a fault).
static const char *run_one(const char *params)
{
    ck_assert_msg(open_with(params, NULL, 0) == OK, "%s", why.text);
    ck_assert_msg(run_over(7, 1, NULL) == OK, "%s", why.text);
    return json(&named[0]);
}

static void assert_fault(const char *params, int64_t code, const char *text)
{
    ck_assert_str_eq(run_one(params), "null");
    ck_assert_int_eq(host.n_faults, 1);
    ck_assert_int_eq(host.fault.blame, FAULT_JOB);
    ck_assert_uint_eq(host.fault.item, 7);
    ck_assert_str_eq(host.fault.text, text);
    ck_assert_int_eq(host.fault.code, code);
}

// --- what goes well ----------------------------------------------------------

START_TEST(metrics_come_from_the_last_line)
{
    ck_assert_str_eq(run_one("command: [sh, -c, 'echo log; echo ''{{\"a\": 1.5}}''']\n"
                             "metrics: json"),
                     "{\"a\":1.5}");
    ck_assert_int_eq(host.n_faults, 0);
    ck_assert_str_eq(logs[0].s, "log\n{\"a\": 1.5}\n");
}
END_TEST

START_TEST(metrics_come_from_expressions)
{
    ck_assert_str_eq(run_one("command: 'echo area=12 >&2; echo delay = 3.5'\n"
                             "metrics: {area: 'area=(\\d+)', delay: 'delay = (\\S+)'}"),
                     "{\"area\":12,\"delay\":3.5}");
}
END_TEST

START_TEST(success_alone_is_a_metric)
{
    ck_assert_str_eq(run_one("command: ['true']"), "{\"exit\":0}");
}
END_TEST

START_TEST(every_item_has_its_own_values_and_directory)
{
    static const char *const over[] = {"{recipe: [1, 2], timeout_s: 3}", "{recipe: x y}",
                                       "{recipe: 5}"};
    ck_assert_int_eq(
        open_with("command: [sh, -c, 'ls; echo >left; echo \"$1 $2 $X\"; cat', sh, "
                  "'{recipe}', '{item}/{seed}']\n"
                  "env: {X: 'for {recipe}', Y: 3}\nstdin: 'in {recipe}'\n"
                  "metrics: {v: '(\\d+)/42'}",
                  NULL, 0),
        OK);
    ck_assert_int_eq(run_over(10, 3, over), OK);
    ck_assert_int_eq(host.n_faults, 0);
    ck_assert_str_eq(json(&named[0]), "{\"v\":10}");
    ck_assert_str_eq(json(&named[2]), "{\"v\":12}");
    ck_assert_str_eq(logs[0].s, "params.json\n1 2 10/42 for 1 2\nin 1 2");
    ck_assert_str_eq(logs[1].s, "params.json\nx y 11/42 for x y\nin x y");
    ck_assert_str_eq(logs[2].s, "params.json\n5 12/42 for 5\nin 5");
    ck_assert(host.n_progress >= 3);
}
END_TEST

// What one command leaves in it the next one finds; without the key there is none.
START_TEST(commands_of_a_job_share_a_cache_directory)
{
    ck_assert_int_eq(open_with("command: 'wc -c <\"$SHOAL_CACHE/x\" || echo 0; echo y "
                               ">>\"$SHOAL_CACHE/x\"'\ncache_mb: 1\nmetrics: {n: '(\\d+)'}",
                               NULL, 0),
                     OK);
    ck_assert_int_eq(run_over(0, 3, NULL), OK);
    ck_assert_str_eq(json(&named[0]), "{\"n\":0}");
    ck_assert_str_eq(json(&named[1]), "{\"n\":2}");
    ck_assert_str_eq(json(&named[2]), "{\"n\":4}");
    workload_exec.close(state);
    state = NULL;
    ck_assert_str_eq(run_one("command: 'echo \"${{SHOAL_CACHE-none}}\" >&2'\nmetrics: {n: "
                             "'no(n)e'}"),
                     "null");
    ck_assert_str_eq(host.fault.text, "bad metric n: a number was expected, not n");
}
END_TEST

START_TEST(params_json_holds_everything)
{
    static const char *const over[] = {"{x: 0.1, list: [1, {k: v}]}"};
    ck_assert_int_eq(open_with("command: cat params.json", NULL, 0), OK);
    ck_assert_int_eq(run_over(3, 1, over), OK);
    const struct value *back = yaml(logs[0].s);
    ck_assert_str_eq(json(back), "{\"command\":\"cat params.json\",\"x\":0.1,"
                                 "\"list\":[1,{\"k\":\"v\"}],\"item\":3,\"seed\":42}");
}
END_TEST

START_TEST(attached_files_lie_in_the_directory)
{
    char source[300];
    snprintf(source, sizeof source, "%s/blob", root);
    FILE *f = fopen(source, "w");
    ck_assert_int_gt(fputs("#!/bin/sh\necho from $0\n", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    const struct workload_file file = {.name = "tools/t.sh", .path = source, .mode = 0755};
    ck_assert_int_eq(open_with("command: [tools/t.sh]", &file, 1), OK);
    ck_assert_int_eq(run_over(0, 1, NULL), OK);
    ck_assert_str_eq(logs[0].s, "from tools/t.sh\n");
    ck_assert_int_eq(unlink(source), 0);
}
END_TEST

START_TEST(outputs_are_kept)
{
    run_one(
        "command: 'echo best >best.aig; mkdir d; echo more >d/x'\noutputs: [best.aig, d/x]");
    ck_assert_int_eq(host.n_faults, 0);
    ck_assert_str_eq(host.kept, "7 best.aig best\n7 d/x more\n");
}
END_TEST

START_TEST(other_exit_statuses_can_be_good)
{
    ck_assert_str_eq(run_one("command: exit 3\nok_exit: [0, 3]"), "{\"exit\":0}");
}
END_TEST

START_TEST(an_infeasible_point_is_a_result)
{
    ck_assert_str_eq(
        run_one("command: [echo, '{{\"status\": \"infeasible\"}}']\nmetrics: json"),
        "{\"status\":\"infeasible\"}");
    ck_assert_int_eq(host.n_faults, 0);
}
END_TEST

// --- what goes wrong ---------------------------------------------------------

START_TEST(an_exit_status_is_a_fault_with_what_was_said)
{
    assert_fault("command: 'echo out; printf \"why\\033\" >&2; exit 4'", 4, "exit status 4");
    ck_assert_str_eq(host.fault.detail, "why?");
    ck_assert_str_eq(logs[0].s, "out\nwhy?");
}
END_TEST

static const struct {
    const char *params;
    int64_t code;
    const char *text;
} faults[] = {
    {"command: exit 0\nok_exit: [1]", 0, "exit status 0"},
    {"command: kill -SEGV $$", 139, "killed by signal 11 (Segmentation fault)"},
    {"command: [no-such-program]", 0,
     "cannot start no-such-program: No such file or directory"},
    {"command: sleep 100\ntimeout_s: 0.2", 0, "not done after 0.200 s, killed"},
    {"command: head -c 3000000 /dev/zero >a; head -c 3000000 /dev/zero >b\nscratch_mb: 4", 0,
     "more than 4194304 bytes in the scratch directory"},
    {"command: 'for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; wait'\nprocesses: 5", 0,
     "more than 5 processes at one time"},
    {"command: echo done\nmetrics: json", 0,
     "no metrics: the last line of stdout is no JSON object: done"},
    {"command: [echo, '{{\"a\": NaN}}']\nmetrics: json", 0, "bad metric a: not finite"},
    {"command: echo\nmetrics: {a: 'x(y)'}", 0, "no metric a: its expression matches nowhere"},
    {"command: [echo, '{{\"status\": \"error\"}}']\nmetrics: json", 0,
     "the command says: error"},
    {"command: [echo, '{{\"status\": \"error\", \"message\": \"no fit\"}}']\nmetrics: json", 0,
     "the command says: no fit"},
    {"command: exit 0\noutputs: [x]", 0, "no output file x"},
    {"command: mkfifo x\noutputs: [x]", 0, "no output file x"},
    {"command: ln -s /etc/passwd x\noutputs: [x]", 0, "no output file x"},
    {"command: ln -s /etc d\noutputs: [d/passwd]", 0, "no output file d/passwd"},
    {"command: 'echo {depth}'", 0,
     "command: unknown placeholder {depth}: neither a parameter nor set by the space (write "
     "{{depth}} for the text itself)"},
    {"command: [env]\nenv: {A: '{depth}'}", 0,
     "env: unknown placeholder {depth}: neither a parameter nor set by the space (write "
     "{{depth}} for the text itself)"},
    {"command: [\"echo\", \"{x}\"]\nx: \"a\\0b\"", 0,
     "command: a value has a NUL character in it"},
};

START_TEST(a_fault_has_one_clear_line)
{
    assert_fault(faults[_i].params, faults[_i].code, faults[_i].text);
}
END_TEST

START_TEST(an_output_that_cannot_be_kept)
{
    host.keep = ERR_IO;
    ck_assert_str_eq(run_one("command: echo 1 >x\noutputs: [x]"), "null");
    ck_assert_int_eq(host.fault.blame, FAULT_WORKER);
    ck_assert_str_eq(host.fault.text, "cannot keep");
}
END_TEST

START_TEST(one_bad_item_spoils_no_other)
{
    static const char *const over[] = {"{n: 0}", "{n: 1}", "{n: 0}"};
    ck_assert_int_eq(open_with("command: 'exit {n}'", NULL, 0), OK);
    ck_assert_int_eq(run_over(5, 3, over), OK);
    ck_assert_int_eq(host.n_faults, 1);
    ck_assert_uint_eq(host.fault.item, 6);
    ck_assert_str_eq(json(&named[0]), "{\"exit\":0}");
    ck_assert_str_eq(json(&named[1]), "null");
    ck_assert_str_eq(json(&named[2]), "{\"exit\":0}");
}
END_TEST

START_TEST(a_silent_command_is_alive_and_can_be_cancelled)
{
    host.cancel_at = 5;
    ck_assert_str_eq(run_one("command: echo begun; sleep 100"), "null");
    ck_assert_int_eq(host.n_faults, 0); // what is cancelled is no failure
    ck_assert_int_ge(host.n_progress, 4);
    ck_assert_str_eq(host.log, "7:begun\n");
}
END_TEST

START_TEST(without_its_helper_the_rank_is_to_blame)
{
    setenv("SHOAL_SANDBOX", "plain", 1); // where a command can kill it
    sandbox_close(sandbox);
    ck_assert_int_eq(sandbox_open(root, &sandbox, &why), OK);
    ck_assert_int_eq(open_with("command: kill -9 $PPID; sleep 1", NULL, 0), OK);
    ck_assert_int_eq(run_over(0, 1, NULL), FAULT_WORKER);
    ck_assert_int_eq(host.n_faults, 0);
}
END_TEST

START_TEST(without_a_sandbox_nothing_opens)
{
    struct workload_job job = {.params = yaml("{command: x}")};
    ck_assert_int_eq(workload_exec.open(&job, &state, &why), FAULT_WORKER);
}
END_TEST

START_TEST(a_file_may_not_hide_params_json)
{
    const struct workload_file file = {
        .name = "params.json", .path = "/dev/null", .mode = 0644};
    ck_assert_int_eq(open_with("command: [x]", &file, 1), FAULT_JOB);
    ck_assert_str_eq(why.text, "files: params.json cannot stand in a scratch directory");
}
END_TEST

// --- check -------------------------------------------------------------------

static const struct {
    const char *params;
    const char *text;
} bad[] = {
    {"{}", "command: a list of strings with the program first, or a string for sh -c, was "
           "expected"},
    {"command: []", "1:10: command: a list of strings with the program first, or a string for "
                    "sh -c, was expected"},
    {"command: 3", "1:10: command: a list of strings with the program first, or a string for "
                   "sh -c, was expected"},
    {"command: [a, 3]", "1:14: command: a string was expected, not an integer"},
    {"command: \"a\\0b\"", "1:10: command: a string without NUL characters was expected"},
    {"command: 'awk {print}}'",
     "1:10: command: a lone } at character 12 (write }} for a brace)"},
    {"command: [x]\nstdin: '{'", "2:8: stdin: a lone { at character 1 (write {{ for a brace)"},
    {"command: [x]\nenv: [A]", "2:6: env: a map of variables to strings was expected"},
    {"command: [x]\nenv: {A=B: c}", "2:12: env: A=B is no name of a variable"},
    {"command: [x]\nenv: {'': c}", "2:11: env:  is no name of a variable"},
    {"command: [x]\nenv: {A: [1]}", "2:10: env: a string was expected, not a list"},
    {"command: [x]\nok_exit: 1",
     "2:10: ok_exit: a list of exit statuses from 0 to 255 was expected"},
    {"command: [x]\nok_exit: [256]",
     "2:10: ok_exit: a list of exit statuses from 0 to 255 was expected"},
    {"command: [x]\noutputs: [../x]",
     "2:11: outputs: a file name below the scratch directory, without \"..\", was expected"},
    {"command: [x]\noutputs: [/etc/passwd]",
     "2:11: outputs: a file name below the scratch directory, without \"..\", was expected"},
    {"command: [x]\nmetrics: xml",
     "2:10: metrics: json or a map of names to regular expressions was expected"},
    {"command: [x]\nmetrics: {a: 'a'}",
     "2:14: metrics.a: 0 capture groups, exactly one (...) around the number was expected"},
};

START_TEST(bad_parameters_are_explained)
{
    ck_assert_int_eq(workload_exec.check(yaml(bad[_i].params), &why), ERR_PARSE);
    ck_assert_str_eq(why.text, bad[_i].text);
    ck_assert_int_eq(open_with(bad[_i].params, NULL, 0), FAULT_JOB);
}
END_TEST

START_TEST(the_table_describes_the_parameters)
{
    ck_assert(workload_exec.commands && !workload_exec.metrics);
    for (const struct param *p = workload_exec.params; p->name; p++) {
        ck_assert_ptr_nonnull(p->help);
        ck_assert(p->required || p->fallback);
        if (p->fallback)
            yaml(p->fallback);
    }
}
END_TEST

#define N(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *suite = suite_create("exec");
    TCase *tc = tcase_create("exec");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, metrics_come_from_the_last_line);
    tcase_add_test(tc, metrics_come_from_expressions);
    tcase_add_test(tc, success_alone_is_a_metric);
    tcase_add_test(tc, every_item_has_its_own_values_and_directory);
    tcase_add_test(tc, commands_of_a_job_share_a_cache_directory);
    tcase_add_test(tc, params_json_holds_everything);
    tcase_add_test(tc, attached_files_lie_in_the_directory);
    tcase_add_test(tc, outputs_are_kept);
    tcase_add_test(tc, other_exit_statuses_can_be_good);
    tcase_add_test(tc, an_infeasible_point_is_a_result);
    tcase_add_test(tc, an_exit_status_is_a_fault_with_what_was_said);
    tcase_add_loop_test(tc, a_fault_has_one_clear_line, 0, N(faults));
    tcase_add_test(tc, an_output_that_cannot_be_kept);
    tcase_add_test(tc, one_bad_item_spoils_no_other);
    tcase_add_test(tc, a_silent_command_is_alive_and_can_be_cancelled);
    tcase_add_test(tc, without_its_helper_the_rank_is_to_blame);
    tcase_add_test(tc, without_a_sandbox_nothing_opens);
    tcase_add_test(tc, a_file_may_not_hide_params_json);
    tcase_add_loop_test(tc, bad_parameters_are_explained, 0, N(bad));
    tcase_add_test(tc, the_table_describes_the_parameters);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
