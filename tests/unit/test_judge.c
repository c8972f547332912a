// SPDX-License-Identifier: MIT
// test_judge.c - programs as candidates, over a real sandbox: what they answer is
// verified, and whatever else they do is their own failure.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/yaml.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/evaluate.h"
#include "worker/sandbox.h"

static char root[256];
static struct sandbox *sandbox;
static struct arena *a;
static struct errtext why;

static void set_up(void)
{
    const char *tmp = getenv("TMPDIR");
    memset(&stub, 0, sizeof stub);
    snprintf(root, sizeof root, "%s/judge-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_msg(sandbox_open(root, &sandbox, &why) == OK, "%s", why.text);
    a = arena_create();
}

static void tear_down(void)
{
    sandbox_close(sandbox);
    arena_destroy(a);
    ck_assert_int_eq(rmdir(root), 0);
}

static struct value parsed(const char *text)
{
    struct value v;
    ck_assert_msg(yaml_parse(text, strlen(text), "test", a, &v, &why) == OK, "%s", why.text);
    return v;
}

#define PRISM                                                                                  \
    "problem: prism\ndata: {gpu_mem: 80, instances: [{gpus: 2, models: [[20, 4, 8], [20, 4, "  \
    "8], [40, 2, 8]]}, {gpus: 1, models: [[60, 5, 5]]}]}\n"
#define TXN "problem: txn\ndata: {workloads: [['w-7 *', 'w-7 *', '* r-7']]}\n"
#define EPLB                                                                                   \
    "problem: eplb\ndata: {slots: 6, gpus: 2, layers: [[[6, 2, 1, 1], [4, 4, 2, 2]]]}\n"

static enum error open_one(const char *problem, const char *script, void **state)
{
    struct value *params = arena_alloc(a, sizeof *params);
    struct workload_job job = {.seed = 3, .params = params, .sandbox = sandbox};
    *params = parsed(problem);
    value_set(a, params, "command", value_str(a, script));
    value_set(a, params, "timeout_s", value_float(strstr(script, "sleep") ? 0.5 : 50));
    return workload_judge.open(&job, state, &why);
}

// One candidate; its row is left alone when it failed.
static void run_one(const char *problem, const char *script, double *row)
{
    struct run r = {.count = 1, .arena = a, .metrics = row};
    void *state;
    ck_assert_msg(open_one(problem, script, &state) == OK, "%s", why.text);
    ck_assert_int_eq(workload_judge.run(state, &r, &why), OK);
    workload_judge.close(state);
}

START_TEST(answers_are_worth_what_the_problem_says)
{
    double row[2];
    // 0.75 over 20, and 1 over 20.
    run_one(PRISM, "echo '[[0, 2], [1]]'; echo '[[0]]'", row);
    ck_assert_uint_eq(stub.n_faults, 0);
    ck_assert_double_eq_tol(row[1], 0.04375, 1e-12);
    ck_assert_double_eq_tol(row[0], 1 / 0.04375, 1e-9);
    run_one(TXN, "echo '[2, 1, 0]'", row);
    ck_assert(row[1] == 5 && row[0] == 0.2);
    // Of the later loads 4 are on both, 2 on the first: 4 + 2 against 4 + 2.
    run_one(EPLB, "echo '[0, 1, 2, 0, 1, 3]'", row);
    ck_assert(row[1] == 1 && row[0] == 1);
    ck_assert_uint_eq(stub.n_faults, 0);
}
END_TEST

// The program sees the problem and not what it is judged on.
START_TEST(the_problem_is_on_stdin)
{
    static const struct {
        const char *problem, *text;
    } rows[] = {
        {PRISM, "80 2\n2 3\n20 4 8\n20 4 8\n40 2 8\n1 1\n60 5 5\n"},
        {TXN, "1\n3\n2 1 1 0 1\n2 1 1 0 1\n2 1 0 0 2\n"},
        {EPLB, "1 4 6 2\n6 2 1 1\n"},
    };
    double row[2];
    const char *script = arena_printf(
        a, "cat >got; printf '%s' >want; cmp got want >&2 || exit 9; exit 7", rows[_i].text);
    run_one(rows[_i].problem, script, row);
    ck_assert_uint_eq(stub.n_faults, 1);
    ck_assert_str_eq(stub.text, "exit status 7");
}
END_TEST

static const struct {
    const char *problem, *script, *message;
} cheats[] = {
    {PRISM, "echo '[[0, 2], [1]]'; exit 3", "exit status 3"},
    {PRISM, "echo '[[0, 2], [1]]'; echo '[[0]]'; kill -9 $$", "killed by signal 9"},
    {PRISM, "echo '[[0, 2], [1]]'", "it answered 1 of 2 instances"},
    {PRISM, "echo '[[0, 2], [1]]'; echo error", "instance 1: "},
    {PRISM, "echo '[[0, 2], [1]]'; echo; echo '[[0]]'", "instance 1: "},
    {PRISM, "echo '[[0], [2], [1]]'; echo '[[0]]'", "instance 0: 3 GPUs, expected at most 2"},
    {PRISM, "echo '[[0, 2], [1]]'; echo '[[0, 0]]'", "instance 1: model 0 is placed twice"},
    {PRISM, "echo '[[0, 2], [1]]'; echo '[[0]]'; echo '[[0]]'",
     "it printed more than an answer to each of 2 instances"},
    {PRISM, "echo '[[0, 2], [1]]'; echo '[[0]]'; sleep 100", "not done after 0.500 s, killed"},
    {TXN, "echo '[0, 1, 1]'", "instance 0: transaction 1 stands there twice"},
    {TXN, "echo '[0, 1, 2, 3]'", "instance 0: an order is expected to be a list of 3"},
    {EPLB, "echo '[0, 1, 2, 0, 1, 1]'", "instance 0: expert 3 is nowhere"},
    {EPLB, "echo '[0, 1, 2, 0, 1, 3, 0]'",
     "instance 0: an answer is expected to be a list of 6"},
    {EPLB, "head -c 5000000 /dev/zero", "it printed more than 4194304 bytes"},
    {PRISM, "{nobody}", "command"},
};

START_TEST(whatever_is_no_answer_is_the_candidate_s_failure)
{
    double row[2] = {-1, -1};
    run_one(cheats[_i].problem, cheats[_i].script, row);
    ck_assert_uint_eq(stub.n_faults, 1);
    ck_assert_msg(strncmp(stub.text, cheats[_i].message, strlen(cheats[_i].message)) == 0, "%s",
                  stub.text);
    ck_assert(row[0] == -1 && row[1] == -1);
    // The next one is judged all the same.
    run_one(PRISM, "echo '[[0, 2], [1]]'; echo '[[0]]'", row);
    ck_assert_uint_eq(stub.n_faults, 1);
    ck_assert(row[0] > 0);
}
END_TEST

START_TEST(a_problem_without_sense_is_refused)
{
    static const char *const bad[][2] = {
        {"problem: prism\ndata: nowhere.json", "data 'nowhere.json' is not among"},
        {"problem: prism\ndata: {gpu_mem: 80}", "instances is expected"},
        {"problem: eplb\ndata: {slots: 6, gpus: 2, layers: []}", "layers is expected"},
        {"problem: eplb\ndata: {slots: 3, gpus: 2, layers: [[[6, 2, 1, 1], [4, 4, 2, 2]]]}",
         "3 replicas, expected at least one for each of 4"},
        {"problem: eplb\ndata: {slots: 6, gpus: 2, layers: [[[6, 2, 1, 1], [4, 4, 2]]]}",
         "layer 0 is expected to be two lists of 4"},
        {"problem: txn\ndata: {}", "workloads is expected"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        void *state;
        ck_assert_int_eq(open_one(bad[i][0], "true", &state), FAULT_JOB);
        ck_assert_msg(strncmp(why.text, bad[i][1], strlen(bad[i][1])) == 0, "%s", why.text);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("judge");
    TCase *c = tcase_create("judge");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, answers_are_worth_what_the_problem_says);
    tcase_add_loop_test(c, the_problem_is_on_stdin, 0, 3);
    tcase_add_loop_test(c, whatever_is_no_answer_is_the_candidate_s_failure, 0,
                        sizeof cheats / sizeof cheats[0]);
    tcase_add_test(c, a_problem_without_sense_is_refused);
    suite_add_tcase(s, c);
    return harness_run(s);
}
