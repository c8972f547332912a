// SPDX-License-Identifier: MIT
// test_commons.c - a directory that ranks share lasts as long as one of them has it open,
// and stays within its bound.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/harness.h"
#include "worker/commons.h"
#include "worker/scratch.h"

enum { LOOKS = 64 }; // more than it takes until it looks

static char base[] = "/tmp/shoal-commons-XXXXXX";
static struct errtext t;

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(base));
}

static void teardown(void)
{
    ck_assert(scratch_remove(base));
    memset(base + sizeof base - 7, 'X', 6);
}

static struct commons *open_one(const char *key, uint64_t max)
{
    struct sha256 name = sha256_of(key, strlen(key));
    struct commons *c = NULL;
    ck_assert_msg(commons_open(base, &name, max, &c, &t) == OK, "%s", t.text);
    return c;
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static void put(const struct commons *c, int i, size_t n, int64_t written)
{
    char path[600];
    const struct timespec at[2] = {{.tv_sec = written}, {.tv_sec = written}};
    (void)snprintf(path, sizeof path, "%s/%d", commons_path(c), i);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(posix_fallocate(fd, 0, (off_t)n), 0);
    ck_assert_int_eq(futimens(fd, at), 0);
    close(fd);
}

static bool has(const struct commons *c, int i)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%d", commons_path(c), i);
    return is_there(path);
}

START_TEST(the_last_one_that_leaves_removes_it)
{
    struct commons *a = open_one("job", 1 << 20), *b = open_one("job", 1 << 20);
    char path[600];

    ck_assert_str_eq(commons_path(a), commons_path(b));
    (void)snprintf(path, sizeof path, "%s", commons_path(a));
    put(a, 1, 100, 1000);
    ck_assert(has(b, 1));
    commons_close(a);
    ck_assert(has(b, 1));
    commons_close(b);
    ck_assert(!is_there(path));
}
END_TEST

START_TEST(another_job_has_another_one)
{
    struct commons *a = open_one("job", 1 << 20), *b = open_one("other", 1 << 20);
    ck_assert_str_ne(commons_path(a), commons_path(b));
    // What is open is not taken for left behind.
    ck_assert(is_there(commons_path(a)));
    commons_close(a);
    commons_close(b);
}
END_TEST

START_TEST(what_killed_ranks_left_goes_when_the_next_one_opens)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/commons-0123", base);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    struct commons *c = open_one("job", 1 << 20);
    ck_assert(!is_there(path));
    commons_close(c);
}
END_TEST

START_TEST(above_its_bound_the_oldest_files_go)
{
    struct commons *c = open_one("job", 10 * 65536);

    for (int i = 0; i < 20; i++)
        put(c, i, 65536, 1000 + (i * 7) % 20); // 0 is the oldest, then 3, 6, …
    for (int i = 0; i < LOOKS; i++)
        commons_used(c);
    int n = 0;
    for (int i = 0; i < 20; i++) {
        n += has(c, i);
        ck_assert(has(c, i) == ((i * 7) % 20 >= 13));
    }
    ck_assert_int_eq(n, 7);
    // Within it nothing goes.
    for (int i = 0; i < LOOKS; i++)
        commons_used(c);
    ck_assert(has(c, 17));
    commons_close(c);
}
END_TEST

START_TEST(what_is_no_file_goes_and_what_is_gone_is_no_harm)
{
    char path[600];
    struct commons *c = open_one("job", 1 << 20);

    (void)snprintf(path, sizeof path, "%s/folder", commons_path(c));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    for (int i = 0; i < LOOKS; i++)
        commons_used(c);
    ck_assert(!is_there(path));
    ck_assert(scratch_remove(commons_path(c)));
    for (int i = 0; i < LOOKS; i++)
        commons_used(c);
    commons_close(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("commons");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_last_one_that_leaves_removes_it);
    tcase_add_test(tc, another_job_has_another_one);
    tcase_add_test(tc, what_killed_ranks_left_goes_when_the_next_one_opens);
    tcase_add_test(tc, above_its_bound_the_oldest_files_go);
    tcase_add_test(tc, what_is_no_file_goes_and_what_is_gone_is_no_harm);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
