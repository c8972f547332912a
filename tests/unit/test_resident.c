// SPDX-License-Identifier: MIT
// test_resident.c - code may be dropped at any time: it is there when it is called.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/resident.h"
#include "common/yaml.h"
#include "coordinator/driver.h"
#include "tests/unit/harness.h"

enum { DROPS = 20 };

static long resident_of_files(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "RssFile:", 8) == 0)
            kib = strtol(line + 8, NULL, 10);
    (void)fclose(f);
    return kib;
}

// Code and constants of ours and of two libraries, and pointers that were relocated
// before they were protected.
static void work(void)
{
    static const char text[] = "kind: [sweep, 1e3]\n";
    struct arena *a = arena_create();
    struct value v;
    struct errtext t;

    ck_assert_int_eq(yaml_parse(text, sizeof text - 1, "f", a, &v, &t), OK);
    const struct value *list = value_find(&v, "kind");
    const struct driver *d = driver_find(list->items[0].s);
    ck_assert_ptr_nonnull(d);
    ck_assert_str_eq(d->name, "sweep");
    ck_assert(d->create && d->step && d->destroy);
    ck_assert_double_eq(list->items[1].f, 1000);
    arena_destroy(a);
}

START_TEST(what_only_the_start_needed_is_resident_no_more)
{
    work();
    long before = resident_of_files();
    resident_drop_code();
    long after = resident_of_files();
    ck_assert_msg(after < before, "%ld of %ld KiB stayed", after, before);
    work();
}
END_TEST

static atomic_bool stop;

static void *run(void *differ)
{
    const struct sha256 known = sha256_of("abc", 3);

    for (unsigned *n = differ; !atomic_load(&stop);) {
        struct sha256 h = sha256_of("abc", 3);
        *n += memcmp(h.bytes, known.bytes, sizeof h.bytes) != 0;
    }
    return NULL;
}

START_TEST(other_threads_go_on_running_what_is_dropped)
{
    pthread_t thread;
    unsigned differ = 0;

    atomic_store(&stop, false);
    ck_assert(!pthread_create(&thread, NULL, run, &differ));
    for (int i = 0; i < DROPS; i++) {
        resident_drop_code();
        work();
    }
    atomic_store(&stop, true);
    ck_assert(!pthread_join(thread, NULL));
    ck_assert_uint_eq(differ, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("resident");
    TCase *tc = tcase_create("resident");

    tcase_add_test(tc, what_only_the_start_needed_is_resident_no_more);
    tcase_add_test(tc, other_threads_go_on_running_what_is_dropped);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
