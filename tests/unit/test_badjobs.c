// SPDX-License-Identifier: MIT
// test_badjobs.c - every bad job file of tests/golden/badjobs is refused with
// the one line that its first line promises:
//
//   # expect: 3:7: items is 0, expected an integer from 1 to 9007199254740992
//
// behind the file's name, checked against the workloads of this build.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "coordinator/jobcheck.h"
#include "tests/unit/harness.h"
#include "worker/catalog.h"

#define FOLDER "tests/golden/badjobs"
static const char promise[] = "# expect: ";
enum { CASES_MIN = 60, CASES_MAX = 1000, FILE_MAX = 1 << 20 };

static struct dirent **cases;
static int n_cases;

static int is_case(const struct dirent *d)
{
    return d->d_name[0] != '.' && strcmp(d->d_name, "README.md") != 0;
}

static void read_case(const char *name, struct buf *out)
{
    char path[512];
    (void)snprintf(path, sizeof path, FOLDER "/%s", name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s", path);
    for (size_t n = 1; n > 0;) {
        char chunk[4096];
        n = fread(chunk, 1, sizeof chunk, f);
        buf_put(out, chunk, n);
    }
    (void)fclose(f);
}

// The same text, where "…" stands for some of it: a table's names, which grow.
static bool is_meant(const char *text, const char *wanted)
{
    const char *gap = strstr(wanted, "…");
    if (!gap)
        return strcmp(text, wanted) == 0;
    size_t n = strlen(text), head = (size_t)(gap - wanted);
    const char *tail = gap + strlen("…");
    return n >= head + strlen(tail) && strncmp(text, wanted, head) == 0
           && strcmp(text + n - strlen(tail), tail) == 0;
}

START_TEST(a_bad_job_is_refused_with_its_line)
{
    const char *name = cases[_i]->d_name;
    struct arena *a = arena_create();
    struct value catalog = catalog_value(a);
    struct errtext t = {{0}};
    struct buf text;
    char wanted[1200];

    buf_init(&text, FILE_MAX);
    read_case(name, &text);
    const char *first = buf_cstr(&text);
    ck_assert_msg(strncmp(first, promise, sizeof promise - 1) == 0, "%s promises nothing",
                  name);
    first += sizeof promise - 1;
    (void)snprintf(wanted, sizeof wanted, "%s:%.*s", name, (int)strcspn(first, "\r\n"), first);
    enum error e = job_check(buf_cstr(&text), text.n, name, &catalog, &t);
    ck_assert_msg(e != OK, "%s was taken, expected: %s", name, wanted);
    ck_assert_msg(is_meant(t.text, wanted), "%s\n  says     %s\n  expected %s", name, t.text,
                  wanted);
    ck_assert_ptr_null(strchr(t.text, '\n'));
    buf_fini(&text);
    arena_destroy(a);
}
END_TEST

START_TEST(there_are_enough_of_them)
{
    ck_assert_int_ge(n_cases, CASES_MIN);
    ck_assert_int_le(n_cases, CASES_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("badjobs");
    TCase *c = tcase_create("badjobs");

    n_cases = scandir(FOLDER, &cases, is_case, alphasort);
    tcase_add_test(c, there_are_enough_of_them);
    if (n_cases > 0)
        tcase_add_loop_test(c, a_bad_job_is_refused_with_its_line, 0, n_cases);
    suite_add_tcase(s, c);
    return harness_run(s);
}
