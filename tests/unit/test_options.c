// SPDX-License-Identifier: MIT
// test_options.c - a command line and an environment against one table; the log's
// lines.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/options.h"
#include "tests/unit/harness.h"

struct target {
    bool json;
    bool quiet;
    const char *state;
    const char *url;
    int64_t ranks;
};

static const struct option_row rows[] = {
    {"json", 0, OPTION_FLAG, NULL, NULL, "print JSON", 0, 0, offsetof(struct target, json)},
    {"quiet", 'q', OPTION_FLAG, NULL, "TEST_QUIET", "say little", 0, 0,
     offsetof(struct target, quiet)},
    {"state", 0, OPTION_STR, "DIR", "TEST_STATE", "where the state lies", 0, 0,
     offsetof(struct target, state)},
    {"connect", 'c', OPTION_STR, "URL", NULL, "whom to call", 0, 0,
     offsetof(struct target, url)},
    {"ranks", 'n', OPTION_INT, "N", "TEST_RANKS", "how many", 1, 64,
     offsetof(struct target, ranks)},
    {0},
};

static struct options o;
static struct target got;
static struct errtext t;
static char *args[16];
static int n_args;

static void setup(void)
{
    o = (struct options){"shoal test", "[options] FILE…", "Tries things.", rows, false};
    got = (struct target){.state = "default", .ranks = 2};
    (void)unsetenv("TEST_QUIET");
    (void)unsetenv("TEST_STATE");
    (void)unsetenv("TEST_RANKS");
}

// The words of a line, split at spaces.
static enum error parse(const char *line)
{
    static char words[512];
    int n = 0;

    (void)snprintf(words, sizeof words, "%s", line);
    for (char *at = strtok(words, " "); at && n < 16; at = strtok(NULL, " "))
        args[n++] = at;
    return options_parse(&o, n, args, &got, &n_args, &t);
}

START_TEST(options_and_arguments_mix)
{
    ck_assert_int_eq(parse("a.yaml --json -n 4 --state=/tmp/x b.yaml -cipc://y -q -"), OK);
    ck_assert(got.json && got.quiet);
    ck_assert_int_eq(got.ranks, 4);
    ck_assert_str_eq(got.state, "/tmp/x");
    ck_assert_str_eq(got.url, "ipc://y");
    ck_assert_int_eq(n_args, 3);
    ck_assert_str_eq(args[0], "a.yaml");
    ck_assert_str_eq(args[1], "b.yaml");
    ck_assert_str_eq(args[2], "-");
}
END_TEST

START_TEST(what_is_not_said_keeps_its_default)
{
    ck_assert_int_eq(parse(""), OK);
    ck_assert(!got.json);
    ck_assert_str_eq(got.state, "default");
    ck_assert_int_eq(got.ranks, 2);
    ck_assert_int_eq(n_args, 0);
}
END_TEST

START_TEST(a_flag_beats_the_environment_beats_the_default)
{
    (void)setenv("TEST_STATE", "/env", 1);
    (void)setenv("TEST_RANKS", "8", 1);
    (void)setenv("TEST_QUIET", "yes", 1);
    ck_assert_int_eq(parse("--ranks 16"), OK);
    ck_assert_str_eq(got.state, "/env");
    ck_assert_int_eq(got.ranks, 16);
    ck_assert(got.quiet);
    ck_assert_int_eq(parse("--quiet=false"), OK);
    ck_assert(!got.quiet);
    (void)setenv("TEST_STATE", "", 1); // empty is as good as unset
    got.state = "default";
    ck_assert_int_eq(parse(""), OK);
    ck_assert_str_eq(got.state, "default");
}
END_TEST

START_TEST(two_dashes_end_the_options)
{
    ck_assert_int_eq(parse("--json -- --ranks -n"), OK);
    ck_assert_int_eq(n_args, 2);
    ck_assert_str_eq(args[0], "--ranks");
    ck_assert_str_eq(args[1], "-n");
}
END_TEST

START_TEST(a_command_keeps_its_own_options)
{
    o.stop_at_argument = true;
    ck_assert_int_eq(parse("--json sh -c --quiet"), OK);
    ck_assert_int_eq(n_args, 3);
    ck_assert_str_eq(args[2], "--quiet");
    ck_assert(!got.quiet);
}
END_TEST

static const struct {
    const char *line;
    const char *says;
} wrong[] = {
    {"--jsn", "unknown option '--jsn', did you mean '--json'?"},
    {"--frobnicate=3", "unknown option '--frobnicate', 'shoal test --help' lists them"},
    {"-x", "unknown option '-x', 'shoal test --help' lists them"},
    {"-qx", "unknown option '-qx', 'shoal test --help' lists them"},
    {"--ranks", "--ranks needs N behind it"},
    {"-n", "-n needs N behind it"},
    {"--ranks=many", "--ranks is 'many', expected an integer from 1 to 64"},
    {"-n 65", "-n is '65', expected an integer from 1 to 64"},
    {"-n 0", "-n is '0', expected an integer from 1 to 64"},
    {"--json=perhaps", "--json is 'perhaps', expected true or false"},
    {"--hepl", "unknown option '--hepl', did you mean '--help'?"},
};

START_TEST(a_wrong_option_is_named)
{
    ck_assert_int_eq(parse(wrong[_i].line), ERR_INVALID);
    ck_assert_str_eq(t.text, wrong[_i].says);
}
END_TEST

START_TEST(a_wrong_variable_is_named)
{
    (void)setenv("TEST_RANKS", "x", 1);
    ck_assert_int_eq(parse("--ranks 3"), ERR_INVALID);
    ck_assert_str_eq(t.text, "TEST_RANKS is 'x', expected an integer from 1 to 64");
}
END_TEST

// What a call writes to a descriptor; the caller's buffer.
static void capture(int fd, char *out, size_t size, void (*call)(void))
{
    char path[] = "/tmp/shoal-test-XXXXXX";
    int file = mkstemp(path);
    int kept = dup(fd);
    ck_assert_int_ge(file, 0);
    (void)unlink(path);
    (void)fflush(stdout);
    (void)dup2(file, fd);
    call();
    (void)fflush(stdout);
    (void)dup2(kept, fd);
    (void)close(kept);
    ssize_t n = pread(file, out, size - 1, 0);
    out[n > 0 ? n : 0] = 0;
    (void)close(file);
}

static void ask_help(void)
{
    ck_assert_int_eq(parse("--json --help --nonsense"), ERR_CANCELLED);
}

START_TEST(help_shows_every_row)
{
    char text[4096];
    capture(STDOUT_FILENO, text, sizeof text, ask_help);
    ck_assert_ptr_nonnull(strstr(text, "usage: shoal test [options] FILE…\n"));
    ck_assert_ptr_nonnull(strstr(text, "  -n, --ranks N           how many "
                                       "(environment: TEST_RANKS)\n"));
    ck_assert_ptr_nonnull(strstr(text, "      --state DIR         where the state lies"));
    ck_assert_ptr_nonnull(strstr(text, "  -h, --help "));
}
END_TEST

static const struct {
    const char *word;
    const char *nearest;
} near[] = {
    {"trails", "trials"}, {"windwo", "window"}, {"win", NULL},    {"x", NULL},
    {"seed", "seed"},     {"sed", "seed"},      {"object", NULL}, {"objectivs", "objectives"},
    {"", NULL},           {"zzzzzz", NULL},
};

START_TEST(the_nearest_name_is_within_a_third)
{
    static const char *const names[] = {"trials", "window", "seed", "objectives", NULL};
    const char *got_name = options_nearest(near[_i].word, names);
    if (near[_i].nearest)
        ck_assert_str_eq(got_name, near[_i].nearest);
    else
        ck_assert_ptr_null(got_name);
}
END_TEST

// ---- the log ----------------------------------------------------------------

static void log_some(void)
{
    log_init("worker", 3, LOG_LEVEL_INFO);
    LOG_DEBUG("never.shown", "x=%d", 1);
    LOG_WARN("peer.odd", "why=\"%s\"", "two\nlines\x1b[31m");
    LOG_INFO("alone", "%s", "");
}

START_TEST(a_log_line_is_one_line)
{
    char text[2048];
    capture(STDERR_FILENO, text, sizeof text, log_some);
    ck_assert_ptr_nonnull(strstr(text, "Z warn  worker.3 peer.odd why=\"two lines [31m\"\n"));
    ck_assert_ptr_nonnull(strstr(text, "Z info  worker.3 alone "));
    ck_assert_ptr_null(strstr(text, "never.shown"));
    ck_assert_int_eq(text[10], 'T');
}
END_TEST

static void log_much(void)
{
    log_init("x", -1, LOG_LEVEL_INFO);
    for (int i = 0; i < 1000; i++)
        LOG_WARN("again", "i=%d", i);
    LOG_WARN("other", "i=%d", 1);
}

START_TEST(an_event_that_repeats_is_held_back)
{
    static char text[100000];
    capture(STDERR_FILENO, text, sizeof text, log_much);
    int lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    // A second may pass between two of them on a busy machine.
    ck_assert_int_ge(lines, LOG_REPEAT_MAX + 1);
    ck_assert_int_lt(lines, 500);
    ck_assert_ptr_nonnull(strstr(text, " x other i=1\n"));
}
END_TEST

static void log_long(void)
{
    static char big[10000];
    memset(big, 'a', sizeof big - 1);
    LOG_ERROR("big", "%s", big);
}

START_TEST(a_long_line_is_cut)
{
    static char text[20000];
    capture(STDERR_FILENO, text, sizeof text, log_long);
    ck_assert_uint_le(strlen(text), 4096);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
}
END_TEST

int main(void)
{
    Suite *s = suite_create("options");
    TCase *c = tcase_create("options");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, options_and_arguments_mix);
    tcase_add_test(c, what_is_not_said_keeps_its_default);
    tcase_add_test(c, a_flag_beats_the_environment_beats_the_default);
    tcase_add_test(c, two_dashes_end_the_options);
    tcase_add_test(c, a_command_keeps_its_own_options);
    tcase_add_loop_test(c, a_wrong_option_is_named, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(c, a_wrong_variable_is_named);
    tcase_add_test(c, help_shows_every_row);
    tcase_add_loop_test(c, the_nearest_name_is_within_a_third, 0, sizeof near / sizeof *near);
    tcase_add_test(c, a_log_line_is_one_line);
    tcase_add_test(c, an_event_that_repeats_is_held_back);
    tcase_add_test(c, a_long_line_is_cut);
    suite_add_tcase(s, c);
    return harness_run(s);
}
