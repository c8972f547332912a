// SPDX-License-Identifier: MIT
// test_client_view.c - the live view, drawn on a terminal of our own.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cluster/client/view.h"
#include "common/arena.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"

enum { WIDTH = 100, SCREEN = 1 << 16 };

static struct arena *a;
static int terminal; // the side of who looks

// Standard error becomes the terminal: each test is a process of its own.
static void set_up(void)
{
    struct winsize size = {.ws_col = WIDTH, .ws_row = 25};
    a = arena_create();
    terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(grantpt(terminal), 0);
    ck_assert_int_eq(unlockpt(terminal), 0);
    int other = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(other, 0);
    ck_assert_int_eq(ioctl(other, TIOCSWINSZ, &size), 0);
    ck_assert_int_eq(dup2(other, STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(close(other), 0);
    ck_assert_int_eq(fcntl(terminal, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(setenv("TERM", "xterm", 1), 0);
    ck_assert_int_eq(setenv("LC_ALL", "C", 1), 0);
}

static void tear_down(void)
{
    ck_assert_int_eq(close(terminal), 0);
    arena_destroy(a);
}

static struct value status_of(const char *text)
{
    struct value v;
    ck_assert_int_eq(yaml_parse(text, strlen(text), "status", a, &v, NULL), OK);
    return v;
}

static const char *screen(void)
{
    char *text = arena_alloc(a, SCREEN);
    size_t n = 0;
    for (ssize_t got; n < SCREEN - 1; n += (size_t)got)
        if ((got = read(terminal, text + n, SCREEN - 1 - n)) <= 0)
            break;
    return text;
}

#define HEAD "job: k7f3, name: demo, state: running, ranks: 4, elapsed_s: 12.3, "

// A status, and what stands on the screen.
static const struct {
    const char *status;
    const char *shown[3];
} rows[] = {
    {"{" HEAD "items: 2000, done: 500, leased: 8, rate: 50}",
     {"demo (k7f3)  running, 4 ranks, 12.", "#######..................... ",
      " 25 %  500/2,000  50/s  left 30.0 s"}},
    {"{" HEAD "items: 2000, done: 0, leased: 0, rate: 0, why: No worker is connected.}",
     {"  0 %  0/2,000  0/s", "No worker is connected.", "............................"}},
    {"{" HEAD "items: 10, done: 10, leased: 1, rate: 5, failed: 2, lost: 3}",
     {"100 %  10/10  5/s  2 failed  3 lost", "############################ ", "rate "}},
    // A search: of all its trials, not of those asked so far.
    {"{" HEAD "items: 20, done: 16, leased: 4, rate: 2, progress: {trials: 100, told: 15, "
     "goals: [area], best: {trial: 7, metrics: {area: 3.25}}}}",
     {" 15 %  15/100  2/s  left 42.5 s", "best area 3.25 (trial 7)", "demo"}},
    {"{" HEAD "items: 20, done: 16, leased: 4, rate: 2, progress: {trials: 100, told: 15, "
     "front_size: 6}}",
     {"front of 6 points", "15/100", "demo"}},
};

START_TEST(a_status_is_drawn)
{
    struct view *v = view_open();
    struct value s = status_of(rows[_i].status);
    view_update(v, &s);
    const char *text = screen();
    for (int i = 0; i < 3; i++)
        ck_assert_msg(strstr(text, rows[_i].shown[i]) != NULL, "no '%s' in\n%s",
                      rows[_i].shown[i], text);
    view_close(v);
    ck_assert_ptr_nonnull(strstr(screen(), "\x1b[3A\x1b[J")); // nothing is left
}
END_TEST

START_TEST(a_line_is_never_wider_than_the_screen)
{
    char *name = arena_alloc(a, 401);
    memset(name, 'n', 400);
    struct value s = status_of("{state: running}");
    (void)value_set(a, &s, "name", value_str(a, name));
    (void)value_set(a, &s, "job", value_str(a, "\x1b[2Jevil"));
    struct view *v = view_open();
    view_update(v, &s);
    const char *text = screen();
    ck_assert_uint_eq(strspn(text, "n"), WIDTH - 1);
    ck_assert_ptr_null(strstr(text, "[2J")); // cut off, and no control character passes
    view_close(v);
}
END_TEST

START_TEST(control_characters_are_not_drawn)
{
    struct value s = status_of("{state: running, name: short}");
    (void)value_set(a, &s, "job", value_str(a, "\x1b[2Jevil"));
    struct view *v = view_open();
    view_update(v, &s);
    ck_assert_ptr_nonnull(strstr(screen(), "short ( [2Jevil)"));
    view_close(v);
}
END_TEST

START_TEST(a_note_stands_where_the_view_was)
{
    struct value s = status_of("{state: running, name: demo, job: k}");
    struct view *v = view_open();
    view_update(v, &s);
    (void)screen();
    view_note(v, "the coordinator is away");
    const char *text = screen();
    ck_assert_ptr_eq(strstr(text, "\x1b[3A\x1b[J"), text);
    ck_assert_ptr_nonnull(strstr(text, "shoal: the coordinator is away"));
    view_close(v);
    ck_assert_str_eq(screen(), "");
}
END_TEST

START_TEST(where_nobody_draws_nothing_is_drawn)
{
    int ends[2];
    char text[100];
    struct value s = status_of("{state: running, name: demo, job: k}");
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    struct view *v = view_open();
    view_update(v, &s); // a line comes after ten seconds only
    view_close(v);
    ck_assert_int_eq(read(ends[0], text, sizeof text), -1);
    ck_assert_int_eq(close(ends[0]), 0);
    ck_assert_int_eq(close(ends[1]), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("client_view");
    TCase *c = tcase_create("client_view");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, a_status_is_drawn, 0, sizeof rows / sizeof *rows);
    tcase_add_test(c, a_line_is_never_wider_than_the_screen);
    tcase_add_test(c, control_characters_are_not_drawn);
    tcase_add_test(c, a_note_stands_where_the_view_was);
    tcase_add_test(c, where_nobody_draws_nothing_is_drawn);
    suite_add_tcase(s, c);
    return harness_run(s);
}
