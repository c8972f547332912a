// SPDX-License-Identifier: MIT
// test_sandbox_unruly.c - whatever a command does, it ends in time and leaves nothing.
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/sandbox_fixture.h"

// --- the nasty ---------------------------------------------------------------

static void run_ms(const char *script, int64_t timeout_ms)
{
    struct sandbox_command c = shell(script);
    c.timeout_ms = timeout_ms;
    int64_t before = clock_now();
    ck_assert_msg(run(&c) == OK, "%s", why.text);
    ck_assert_int_lt(clock_now() - before, (timeout_ms + 3000) * CLOCK_MS);
}

START_TEST(a_command_that_hangs)
{
    begin(_i);
    run_ms("echo begun; sleep $W", 300);
    ck_assert_str_eq(r.out, "begun\n");
    ck_assert_str_eq(r.text, "not done after 0.300 s, killed");
    assert_stopped(SANDBOX_TIMED_OUT);
}
END_TEST

START_TEST(a_command_is_asked_before_it_is_killed)
{
    begin(_i);
    run_ms("trap 'echo asked; exit 0' TERM; sleep $W & wait", 300);
    ck_assert_str_eq(r.out, "asked\n");
    assert_stopped(SANDBOX_TIMED_OUT);
}
END_TEST

START_TEST(a_command_that_ignores_sigterm)
{
    begin(_i);
    run_ms("trap '' TERM INT HUP; while :; do sleep $W; done", 300);
    assert_stopped(SANDBOX_TIMED_OUT);
}
END_TEST

START_TEST(a_command_that_is_stopped)
{
    begin(_i);
    run_ms("sleep $W & kill -STOP $! $$", 300);
    assert_stopped(SANDBOX_TIMED_OUT);
}
END_TEST

START_TEST(children_that_hold_stdout)
{
    begin(_i);
    run_ms("sleep $W & setsid sleep $W & (setsid setsid sleep $W &) & echo done", 15000);
    ck_assert_str_eq(r.out, "done\n");
    assert_stopped(SANDBOX_EXITED);
}
END_TEST

START_TEST(a_daemon_that_ignores_everything)
{
    begin(_i);
    run_ms("(trap '' TERM HUP INT; setsid sh -c \"trap '' TERM; while :; do sleep $W; done\" "
           ">/dev/null 2>&1 </dev/null &) ; sleep $W",
           300);
    assert_stopped(SANDBOX_TIMED_OUT);
}
END_TEST

// Bombs in tests are bounded, so that a broken sandbox costs a red test and not
// the machine: this one ends at 2^9 shells, each a sleep.
START_TEST(a_fork_bomb)
{
    begin(_i);
    struct sandbox_command c = shell("bomb() { if [ $1 = 0 ]; then exec sleep $W; fi\n"
                                     "bomb $(($1 - 1)) & bomb $(($1 - 1)) & wait; }\nbomb 9");
    c.processes_max = 40;
    ck_assert_msg(run(&c) == OK, "%s", why.text);
    ck_assert_str_eq(r.text, "more than 40 processes at one time");
    assert_stopped(SANDBOX_OVER_PROCESSES);
}
END_TEST

START_TEST(a_chain_of_processes_that_replace_each_other)
{
    begin(_i);
    // Each starts the next and ends: nobody lives long enough to be found by name.
    run_ms("cat >f <<'E'\ntrap '' TERM\n[ $1 = 0 ] || sh ./f $(($1 - 1)) $2 &\nE\n"
           "sh ./f 2000 $W & sleep $W",
           300);
    assert_stopped(SANDBOX_TIMED_OUT);
}
END_TEST

START_TEST(gigabytes_of_output)
{
    begin(_i);
    struct sandbox_command c = shell("head -c 1000000000 /dev/zero; echo end");
    c.output_max = 1000;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_uint_eq(r.out_total, 1000000004);
    ck_assert_uint_eq(r.n_out, 1000);
    ck_assert_str_eq(r.out + 996, "end\n");
    assert_stopped(SANDBOX_EXITED);
}
END_TEST

// Each stream has its last 4096 bytes before the command ends: 300 ms, which this test gave
// them once, are too short for a shell to begin on a machine that does much else.
START_TEST(endless_output_to_both_streams)
{
    begin(_i);
    run_ms("{ yes $W | head -c 5000; echo >out; exec yes $W; } &\n"
           "{ yes $W | head -c 5000; echo >err; exec yes $W; } >&2 &\n"
           "until [ -e out ] && [ -e err ]; do sleep 0.01; done",
           40000);
    ck_assert_uint_eq(r.n_out, 4096);
    ck_assert_uint_eq(r.n_err, 4096);
    assert_stopped(SANDBOX_EXITED);
}
END_TEST

START_TEST(endless_output_past_the_time_limit)
{
    begin(_i);
    run_ms("yes $W & yes $W >&2", 300);
    ck_assert_uint_le(r.n_out, 4096);
    ck_assert_uint_le(r.n_err, 4096);
    assert_stopped(SANDBOX_TIMED_OUT);
}
END_TEST

START_TEST(a_command_that_fills_its_scratch)
{
    begin(_i);
    struct sandbox_command c =
        shell("i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero >f$i; done");
    c.scratch_max = 8 * MIB;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_str_eq(r.text, "more than 8388608 bytes in the scratch directory");
    assert_stopped(SANDBOX_OVER_SCRATCH);
}
END_TEST

START_TEST(a_quick_command_over_the_quota_is_seen_at_its_end)
{
    begin(_i);
    struct sandbox_command c =
        shell("head -c 900000 /dev/zero >a; head -c 900000 /dev/zero >b");
    c.scratch_max = MIB;
    ck_assert_int_eq(run(&c), OK);
    assert_stopped(SANDBOX_OVER_SCRATCH);
    c.scratch_max = 4 * MIB;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_EXITED);
}
END_TEST

START_TEST(what_is_attached_is_no_part_of_the_quota)
{
    begin(_i);
    char *bytes = arena_alloc(a, 4 * MIB);
    const struct sandbox_file file = {
        .name = "big", .bytes = bytes, .n = 4 * MIB, .mode = 0644};
    struct sandbox_command c = shell("echo >small");
    c.files = &file;
    c.n_files = 1;
    c.scratch_max = MIB;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_EXITED);
}
END_TEST

START_TEST(one_file_larger_than_the_quota)
{
    begin(_i);
    struct sandbox_command c = shell("exec head -c 1000000000 /dev/zero >big");
    c.scratch_max = MIB;
    ck_assert_int_eq(run(&c), OK);
    ck_assert(r.end == SANDBOX_OVER_SCRATCH
              || (r.end == SANDBOX_SIGNALLED && r.code == SIGXFSZ));
}
END_TEST

START_TEST(a_maze_of_directories_is_removed)
{
    begin(_i);
    struct sandbox_command c = shell(
        "p=$(seq -s / 1 300); for i in 1 2 3 4 5; do mkdir -p $p && cd $p; done; echo >x\n"
        "cd $HOME; mkdir shut; echo >shut/x; ln -s / shut/link; mkfifo shut/fifo; "
        "chmod 0 shut");
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_EXITED);
    sandbox_clean(s);
    ck_assert_int_eq(access(r.directory, F_OK), -1);
    c.scratch_max = MIB;
    ck_assert_int_eq(run(&c), OK);
    assert_stopped(SANDBOX_OVER_SCRATCH);
}
END_TEST

START_TEST(memory_is_bounded)
{
    begin(_i);
    struct sandbox_command c = shell("head -c 60000000 /dev/zero | tail -c 60000000 | wc -c");
    c.memory_max = 30 * MIB;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_str_ne(r.out, "60000000\n");
}
END_TEST

START_TEST(cpu_time_is_bounded)
{
    begin(_i);
    struct sandbox_command c = shell("while :; do :; done");
    c.cpu_s_max = 1;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_SIGNALLED);
    ck_assert_int_eq(r.code, SIGXCPU);
}
END_TEST

START_TEST(a_command_that_attacks_the_helper)
{
    begin(_i);
    struct sandbox_command c = shell("kill -TERM $PPID; kill -9 $PPID; sleep 0.05; echo lives");
    enum error e = run(&c);
    if (e == OK) { // the first process of a namespace cannot be killed from inside
        ck_assert_str_eq(r.out, "lives\n");
        return;
    }
    ck_assert_int_eq(e, FAULT_WORKER);
    ck_assert_str_eq(why.text, "the sandbox helper died while a command ran");
    ck_assert_int_eq(run(&c), FAULT_WORKER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sandbox_unruly");
    TCase *tc = tcase_create("sandbox_unruly");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 50);
    add(tc, a_command_that_hangs);
    add(tc, a_command_is_asked_before_it_is_killed);
    add(tc, a_command_that_ignores_sigterm);
    add(tc, a_command_that_is_stopped);
    add(tc, children_that_hold_stdout);
    add(tc, a_daemon_that_ignores_everything);
    add(tc, a_fork_bomb);
    add(tc, a_chain_of_processes_that_replace_each_other);
    add_once(tc, gigabytes_of_output);
    add_once(tc, endless_output_to_both_streams);
    add_once(tc, endless_output_past_the_time_limit);
    add_once(tc, a_command_that_fills_its_scratch);
    add_once(tc, a_quick_command_over_the_quota_is_seen_at_its_end);
    add_once(tc, what_is_attached_is_no_part_of_the_quota);
    add_once(tc, one_file_larger_than_the_quota);
    add_once(tc, a_maze_of_directories_is_removed);
    add_once(tc, memory_is_bounded);
    add_once(tc, cpu_time_is_bounded);
    add(tc, a_command_that_attacks_the_helper);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
