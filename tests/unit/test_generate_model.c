// SPDX-License-Identifier: MIT
// test_generate_model.c - jobs share a model, and the last one stays.
//
// Skipped where the larger fixtures are not.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/harness.h"
#include "worker/evaluate/generate_model.h"

static char paths[2][512];
static struct errtext t;

static const struct generate_model *opened(const char *path)
{
    const struct generate_model *m = NULL;
    ck_assert_msg(generate_model_open(path, &m, &t) == OK, "%s", t.text);
    ck_assert(m && m->model && m->tokenizer);
    return m;
}

START_TEST(two_jobs_share_one)
{
    const struct generate_model *a = opened(paths[0]), *b = opened(paths[0]);
    const struct generate_model *other = opened(paths[1]);
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_ne(a, other);
    generate_model_close(a);
    ck_assert_ptr_eq(opened(paths[0]), b); // b is at work
    generate_model_close(b);
    generate_model_close(b);
    generate_model_close(other);
}
END_TEST

START_TEST(the_last_one_stays)
{
    const struct generate_model *a = opened(paths[0]);
    char link_path[64];
    (void)snprintf(link_path, sizeof link_path, "/tmp/model-%ld", (long)getpid());
    generate_model_close(a);
    ck_assert_ptr_eq(opened(paths[0]), a);
    char *absolute = realpath(paths[0], NULL);
    ck_assert(absolute && symlink(absolute, link_path) == 0);
    free(absolute);
    ck_assert_ptr_eq(opened(link_path), a); // the file counts, not its name
    ck_assert_int_eq(unlink(link_path), 0);
    generate_model_close(a);
    generate_model_close(a);
}
END_TEST

START_TEST(a_bad_file_leaves_nothing)
{
    const struct generate_model *m = NULL;
    ck_assert_int_eq(generate_model_open("/nowhere.gguf", &m, &t), ERR_NOT_FOUND);
    ck_assert_int_ne(generate_model_open("Makefile", &m, &t), OK);
    ck_assert_int_ne(generate_model_open("Makefile", &m, &t), OK);
    ck_assert_ptr_null(m);
    generate_model_close(NULL);
}
END_TEST

int main(void)
{
    static const char *const names[] = {"olmoe-t-f32", "mixtral-t-f32"};
    if (!harness_fixtures())
        return harness_skip("no fixtures of models");
    for (int i = 0; i < 2; i++)
        (void)snprintf(paths[i], sizeof paths[i], "%s/moe/models/%s.gguf", harness_fixtures(),
                       names[i]);
    Suite *s = suite_create("generate_model");
    TCase *c = tcase_create("generate_model");
    tcase_add_test(c, two_jobs_share_one);
    tcase_add_test(c, the_last_one_stays);
    tcase_add_test(c, a_bad_file_leaves_nothing);
    suite_add_tcase(s, c);
    return harness_run(s);
}
