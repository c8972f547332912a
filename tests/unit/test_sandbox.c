// SPDX-License-Identifier: MIT
// test_sandbox.c - whatever a command does, it ends in time and leaves nothing.
//
// Every test runs twice: with the namespaces that the machine permits, and
// with SHOAL_SANDBOX=plain.  `word` stands in the command lines of all
// processes of a test, so that the process table shows who is left.
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/harness.h"
#include "worker/sandbox.h"

#define MIB (UINT64_C(1) << 20)

static char root[256];
static char word[64]; // a number of seconds that sleep takes and nobody else uses
static struct sandbox *s;
static struct arena *a;
static struct sandbox_result r;
static struct errtext why;

static void choose_mode(int i)
{
    if (i == 1)
        setenv("SHOAL_SANDBOX", "plain", 1);
    else
        unsetenv("SHOAL_SANDBOX");
}

static void set_up(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/sandbox-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(word, sizeof word, "98%d.%lld", (int)getpid(), (long long)clock_now() % 1000000);
    a = arena_create();
}

static void begin(int mode)
{
    choose_mode(mode);
    ck_assert_msg(sandbox_open(root, &s, &why) == OK, "%s", why.text);
}

static void tear_down(void)
{
    sandbox_close(s);
    s = NULL;
    // Not one scratch directory is left.
    ck_assert_int_eq(rmdir(root), 0);
    arena_destroy(a);
}

// --- helpers -----------------------------------------------------------------

static int count_alive(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    int found = 0;
    while ((e = readdir(proc))) {
        char path[300], text[4096];
        if (!isdigit((unsigned char)e->d_name[0]) || strtol(e->d_name, NULL, 10) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", e->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);
        found += n > 0 && memmem(text, (size_t)n, word, strlen(word)) != NULL;
        if (fd >= 0)
            close(fd);
    }
    closedir(proc);
    return found;
}

static bool wait_alive(bool any, int64_t ns)
{
    int64_t until = clock_now() + ns;
    while ((count_alive() > 0) != any) {
        if (clock_now() > until)
            return false;
        clock_sleep(2 * CLOCK_MS);
    }
    return true;
}

static struct sandbox_command shell(const char *script)
{
    const char **argv = arena_alloc(a, 4 * sizeof *argv);
    argv[0] = "sh";
    argv[1] = "-c";
    // $W in a script is the word.
    argv[2] = arena_printf(a, "W=%s\n%s", word, script);
    return (struct sandbox_command){.argv = argv, .timeout_ms = 20000, .output_max = 4096};
}

static enum error run(const struct sandbox_command *c)
{
    return sandbox_run(s, c, a, &r, &why);
}

static void run_shell(const char *script)
{
    struct sandbox_command c = shell(script);
    ck_assert_msg(run(&c) == OK, "%s", why.text);
}

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

// --- the nasty ---------------------------------------------------------------

static void assert_stopped(enum sandbox_end end)
{
    ck_assert_msg(r.end == end, "end %d: %s", (int)r.end, r.text);
    ck_assert_int_eq(count_alive(), 0);
    run_shell("echo next");
    ck_assert_str_eq(r.out, "next\n");
}

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

START_TEST(endless_output_to_both_streams)
{
    begin(_i);
    run_ms("yes $W & yes $W >&2", 300);
    ck_assert_uint_eq(r.n_out, 4096);
    ck_assert_uint_eq(r.n_err, 4096);
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

// What depends on how descendants are found runs in both modes.
static void add(TCase *tc, const TTest *test)
{
    tcase_add_loop_test(tc, test, 0, 2);
}

static void add_once(TCase *tc, const TTest *test)
{
    tcase_add_loop_test(tc, test, 0, 1);
}

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
    add_once(tc, a_command_that_fills_its_scratch);
    add_once(tc, a_quick_command_over_the_quota_is_seen_at_its_end);
    add_once(tc, what_is_attached_is_no_part_of_the_quota);
    add_once(tc, one_file_larger_than_the_quota);
    add_once(tc, a_maze_of_directories_is_removed);
    add_once(tc, memory_is_bounded);
    add_once(tc, cpu_time_is_bounded);
    add(tc, a_command_that_attacks_the_helper);
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
