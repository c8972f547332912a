// SPDX-License-Identifier: MIT
// test_sandbox.c - a command gets what it was promised, and its answer comes back.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sandbox_fixture.h"

// --- the ordinary ------------------------------------------------------------

START_TEST(status_and_both_streams_come_back)
{
    begin(_i);
    run_shell("echo to out; echo to err >&2; exit 7");
    ck_assert_int_eq(r.end, SANDBOX_EXITED);
    ck_assert_int_eq(r.code, 7);
    ck_assert_str_eq(r.out, "to out\n");
    ck_assert_str_eq(r.err, "to err\n");
    ck_assert_uint_eq(r.out_total, 7);
    ck_assert(r.wall_ns > 0 && r.cpu_ns > 0 && r.rss_max > 0);
}
END_TEST

START_TEST(a_signal_is_named)
{
    begin(_i);
    run_shell("kill -SEGV $$");
    ck_assert_int_eq(r.end, SANDBOX_SIGNALLED);
    ck_assert_int_eq(r.code, SIGSEGV);
    ck_assert_ptr_nonnull(strstr(r.text, "signal 11"));
}
END_TEST

START_TEST(the_environment_is_clean)
{
    setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    begin(_i);
    const char *const env[] = {"LANG=C", "MINE=1 2", NULL};
    const char *const argv[] = {"env", NULL};
    struct sandbox_command c = {
        .argv = argv, .env = env, .timeout_ms = 20000, .output_max = 4096};
    ck_assert_int_eq(run(&c), OK);
    ck_assert_str_eq(r.out,
                     arena_printf(a,
                                  "PATH=/usr/local/bin:/usr/bin:/bin\nHOME=%s\nTMPDIR=%s\n"
                                  "LANG=C\nMINE=1 2\n",
                                  r.directory, r.directory));
}
END_TEST

START_TEST(no_descriptor_of_ours_is_seen)
{
    int extra = open("/dev/null", O_RDONLY); // without close-on-exec
    begin(_i);
    run_shell("for f in /proc/$$/fd/*; do echo ${f##*/}; done");
    // The shell may have one more for itself while it expands the pattern.
    ck_assert_msg(strncmp(r.out, "0\n1\n2\n", 6) == 0 && strlen(r.out) <= 9, "%s", r.out);
    close(extra);
}
END_TEST

START_TEST(input_arrives_whole)
{
    begin(_i);
    char *input = arena_alloc(a, MIB);
    memset(input, 'x', MIB);
    struct sandbox_command c = shell("wc -c");
    c.input = input;
    c.n_input = MIB;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_str_eq(r.out, "1048576\n");
    run_shell("wc -c");
    ck_assert_str_eq(r.out, "0\n");
}
END_TEST

START_TEST(files_are_placed_and_the_source_stays_as_it_was)
{
    begin(_i);
    char source[300];
    snprintf(source, sizeof source, "%s/source", root);
    FILE *f = fopen(source, "w");
    ck_assert_int_gt(fputs("original\n", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    const struct sandbox_file files[] = {
        {.name = "a/b/copy", .path = source, .mode = 0644},
        {.name = "script", .bytes = "echo from script $1\n", .n = 20, .mode = 0755}};
    struct sandbox_command c = shell("cat a/b/copy; echo spoiled >a/b/copy; ./script now; ls");
    c.files = files;
    c.n_files = 2;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_str_eq(r.out, "original\nfrom script now\na\nscript\n");
    char back[32] = {0};
    f = fopen(source, "r");
    ck_assert_ptr_nonnull(fgets(back, sizeof back, f));
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_str_eq(back, "original\n");
    ck_assert_int_eq(unlink(source), 0);
}
END_TEST

START_TEST(a_script_without_interpreter_line_is_run_by_the_shell)
{
    begin(_i);
    const struct sandbox_file file = {
        .name = "s", .bytes = "echo $0 $1\n", .n = 11, .mode = 0755};
    const char *const argv[] = {"./s", "x", NULL};
    struct sandbox_command c = {
        .argv = argv, .files = &file, .n_files = 1, .timeout_ms = 20000, .output_max = 4096};
    ck_assert_int_eq(run(&c), OK);
    ck_assert_str_eq(r.out, "./s x\n");
}
END_TEST

START_TEST(results_stand_until_cleaned)
{
    begin(_i);
    run_shell("echo 1 >result");
    const char *path = arena_printf(a, "%s/result", r.directory);
    ck_assert_int_eq(access(path, R_OK), 0);
    sandbox_clean(s);
    ck_assert_int_eq(access(r.directory, F_OK), -1);
}
END_TEST

// --- what cannot be started --------------------------------------------------

START_TEST(a_missing_program_is_the_jobs_fault_and_named)
{
    begin(_i);
    const char *const argv[] = {"no-such-program", NULL};
    struct sandbox_command c = {.argv = argv, .timeout_ms = 20000, .output_max = 10};
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_NOT_STARTED);
    ck_assert_str_eq(r.text, "cannot start no-such-program: No such file or directory");
    run_shell("echo next");
    ck_assert_str_eq(r.out, "next\n");
}
END_TEST

START_TEST(a_program_that_may_not_be_executed)
{
    begin(_i);
    const struct sandbox_file file = {.name = "s", .bytes = "x", .n = 1, .mode = 0644};
    const char *const argv[] = {"./s", NULL};
    struct sandbox_command c = {
        .argv = argv, .files = &file, .n_files = 1, .timeout_ms = 20000, .output_max = 4096};
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_NOT_STARTED);
    ck_assert_str_eq(r.text, "cannot start ./s: Permission denied");
}
END_TEST

static const char *const bad_names[] = {"../x", "/x", "a/../b", "",  "a//b",
                                        "a/",   ".",  "a/.",    ".."};

START_TEST(a_file_name_cannot_leave_the_directory)
{
    begin(0);
    const struct sandbox_file file = {
        .name = bad_names[_i], .bytes = "x", .n = 1, .mode = 0644};
    struct sandbox_command c = shell("echo ran");
    c.files = &file;
    c.n_files = 1;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_NOT_STARTED);
    ck_assert_ptr_nonnull(strstr(r.text, "bad file name"));
    ck_assert_str_eq(r.out, "");
}
END_TEST

START_TEST(arguments_longer_than_the_packet_are_refused)
{
    begin(_i);
    char *longer = arena_alloc(a, SANDBOX_TEXT_MAX + 1);
    memset(longer, 'x', SANDBOX_TEXT_MAX);
    const char *argv[] = {"echo", longer, NULL};
    struct sandbox_command c = {.argv = argv, .timeout_ms = 20000, .output_max = 10};
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_NOT_STARTED);
    longer[SANDBOX_TEXT_MAX - 1000] = '\0'; // the longest that fits passes
    c.output_max = 2 * SANDBOX_TEXT_MAX;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_int_eq(r.end, SANDBOX_EXITED);
    ck_assert_uint_eq(r.n_out, SANDBOX_TEXT_MAX - 999);
}
END_TEST

// --- the poll ----------------------------------------------------------------

struct seen {
    int calls;
    int cancel_at;
    char text[64];
    size_t n;
};

static bool look(void *arg, const char *output, size_t n)
{
    struct seen *seen = arg;
    for (size_t i = 0; i < n && seen->n + 1 < sizeof seen->text; i++)
        seen->text[seen->n++] = output[i];
    return ++seen->calls == seen->cancel_at;
}

START_TEST(output_is_seen_while_the_command_runs)
{
    begin(_i);
    struct seen seen = {.cancel_at = 3};
    struct sandbox_command c = shell("echo early; sleep $W");
    c.poll = look;
    c.arg = &seen;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_str_eq(seen.text, "early\n");
    ck_assert_str_eq(r.text, "cancelled");
    assert_stopped(SANDBOX_CANCELLED);
}
END_TEST

START_TEST(a_short_command_shows_its_output_too)
{
    begin(_i);
    struct seen seen = {0};
    struct sandbox_command c = shell("echo one; echo two >&2");
    c.poll = look;
    c.arg = &seen;
    ck_assert_int_eq(run(&c), OK);
    ck_assert_uint_eq(seen.n, 8);
}
END_TEST

// --- the end of the rank -----------------------------------------------------

static pid_t start_owner(int mode)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    choose_mode(mode);
    if (sandbox_open(root, &s, NULL) != OK)
        _exit(1);
    struct sandbox_command c = shell(
        "trap '' TERM; sleep $W & setsid sleep $W & (setsid sleep $W &); echo >made; wait");
    (void)!run(&c);
    _exit(2);
}

static bool root_is_empty(void)
{
    return rmdir(root) == 0 && mkdir(root, 0700) == 0;
}

START_TEST(a_killed_owner_leaves_nothing)
{
    pid_t owner = start_owner(_i);
    ck_assert(wait_alive(true, 5 * CLOCK_SECOND));
    kill(owner, SIGKILL);
    int status;
    ck_assert_int_eq(waitpid(owner, &status, 0), owner);
    ck_assert(WIFSIGNALED(status));
    ck_assert(wait_alive(false, 2 * CLOCK_SECOND));
    int64_t until = clock_now() + 2 * CLOCK_SECOND;
    while (!root_is_empty() && clock_now() < until)
        clock_sleep(2 * CLOCK_MS);
}
END_TEST

START_TEST(closing_kills_what_is_left)
{
    begin(_i);
    pid_t helper_user = fork();
    if (helper_user == 0) { // its copy of the socket is closed by its end
        struct sandbox_command c = shell("sleep $W");
        (void)!run(&c);
        _exit(0);
    }
    ck_assert(wait_alive(true, 5 * CLOCK_SECOND));
    kill(helper_user, SIGKILL);
    ck_assert_int_eq(waitpid(helper_user, NULL, 0), helper_user);
    sandbox_close(s);
    s = NULL;
    ck_assert_int_eq(count_alive(), 0);
}
END_TEST

// --- what is promised --------------------------------------------------------

START_TEST(the_limits_say_how_descendants_are_found)
{
    begin(_i);
    const char *first = sandbox_limits()[0];
    ck_assert_int_eq(strncmp(first, "descendants: ", 13), 0);
    if (_i == 1)
        ck_assert_ptr_nonnull(strstr(first, "process table"));
}
END_TEST

START_TEST(a_network_is_taken_away_on_request)
{
    setenv("SHOAL_SANDBOX_NETWORK", "none", 1);
    choose_mode(_i);
    enum error e = sandbox_open(root, &s, &why);
    if (e) { // without namespaces the wish is refused, not ignored
        ck_assert_int_eq(e, ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(why.text, "SHOAL_SANDBOX_NETWORK"));
        return;
    }
    run_shell("sed -n '3,$p' /proc/net/dev");
    ck_assert_ptr_nonnull(strstr(r.out, "lo:"));
    char *second = strchr(r.out, '\n');
    ck_assert_msg(second && strchr(second, ':') == NULL, "%s", r.out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tc = tcase_create("sandbox");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 50);
    add_once(tc, status_and_both_streams_come_back);
    add_once(tc, a_signal_is_named);
    add(tc, the_environment_is_clean);
    add(tc, no_descriptor_of_ours_is_seen);
    add_once(tc, input_arrives_whole);
    add_once(tc, files_are_placed_and_the_source_stays_as_it_was);
    add_once(tc, a_script_without_interpreter_line_is_run_by_the_shell);
    add_once(tc, results_stand_until_cleaned);
    add_once(tc, a_missing_program_is_the_jobs_fault_and_named);
    add_once(tc, a_program_that_may_not_be_executed);
    add_once(tc, arguments_longer_than_the_packet_are_refused);
    add(tc, output_is_seen_while_the_command_runs);
    add_once(tc, a_short_command_shows_its_output_too);
    add(tc, a_killed_owner_leaves_nothing);
    add(tc, closing_kills_what_is_left);
    add(tc, the_limits_say_how_descendants_are_found);
    add(tc, a_network_is_taken_away_on_request);
    tcase_add_loop_test(tc, a_file_name_cannot_leave_the_directory, 0,
                        (int)(sizeof bad_names / sizeof *bad_names));
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
