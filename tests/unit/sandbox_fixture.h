// SPDX-License-Identifier: MIT
// sandbox_fixture.h - a sandbox with a root directory of its own, and shell scripts
// for it.
//
// For the programs that test worker/sandbox.h.  A test may run twice: with the
// namespaces that the machine permits, and with SHOAL_SANDBOX=plain.  `word` stands
// in the command lines of all processes of a test, so that the process table shows
// who is left.
//
// Threads    Single.

#ifndef TESTS_UNIT_SANDBOX_FIXTURE_H
#define TESTS_UNIT_SANDBOX_FIXTURE_H

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static inline void choose_mode(int i)
{
    if (i == 1)
        setenv("SHOAL_SANDBOX", "plain", 1);
    else
        unsetenv("SHOAL_SANDBOX");
}

static inline void set_up(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/sandbox-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(word, sizeof word, "98%d.%lld", (int)getpid(), (long long)clock_now() % 1000000);
    a = arena_create();
}

static inline void begin(int mode)
{
    choose_mode(mode);
    ck_assert_msg(sandbox_open(root, &s, &why) == OK, "%s", why.text);
}

static inline void tear_down(void)
{
    sandbox_close(s);
    s = NULL;
    // Not one scratch directory is left.
    ck_assert_int_eq(rmdir(root), 0);
    arena_destroy(a);
}

static inline int count_alive(void)
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

static inline bool wait_alive(bool any, int64_t ns)
{
    int64_t until = clock_now() + ns;
    while ((count_alive() > 0) != any) {
        if (clock_now() > until)
            return false;
        clock_sleep(2 * CLOCK_MS);
    }
    return true;
}

static inline struct sandbox_command shell(const char *script)
{
    const char **argv = arena_alloc(a, 4 * sizeof *argv);
    argv[0] = "sh";
    argv[1] = "-c";
    // $W in a script is the word.
    argv[2] = arena_printf(a, "W=%s\n%s", word, script);
    return (struct sandbox_command){.argv = argv, .timeout_ms = 20000, .output_max = 4096};
}

static inline enum error run(const struct sandbox_command *c)
{
    return sandbox_run(s, c, a, &r, &why);
}

static inline void run_shell(const char *script)
{
    struct sandbox_command c = shell(script);
    ck_assert_msg(run(&c) == OK, "%s", why.text);
}

static inline void assert_stopped(enum sandbox_end end)
{
    ck_assert_msg(r.end == end, "end %d: %s", (int)r.end, r.text);
    ck_assert_int_eq(count_alive(), 0);
    run_shell("echo next");
    ck_assert_str_eq(r.out, "next\n");
}

// What depends on how descendants are found runs in both modes.
static inline void add(TCase *tc, const TTest *test)
{
    tcase_add_loop_test(tc, test, 0, 2);
}

static inline void add_once(TCase *tc, const TTest *test)
{
    tcase_add_loop_test(tc, test, 0, 1);
}

#endif
