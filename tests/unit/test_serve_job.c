// SPDX-License-Identifier: MIT
// test_serve_job.c - the driver of serve: its keys, its one item, its end.
#include <string.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "coordinator/drivers/serve.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct value spec;
static struct errtext t;
static void *state;

static void setup(void)
{
    a = arena_create();
    state = NULL;
}

static void teardown(void)
{
    serve_driver.destroy(state);
    arena_destroy(a);
}

static enum error create(const char *job)
{
    struct driver_setup s = {.spec = &spec, .file = "f", .workload = {.name = "serve"}};
    ck_assert_msg(yaml_parse(job, strlen(job), "f", a, &spec, &t) == OK, "%s", t.text);
    return serve_driver.create(&s, &state, &t);
}

START_TEST(a_model_has_its_files_name_unless_the_job_says)
{
    ck_assert(!create("model: models/olmoe.v2.gguf"));
    const struct serve_job *job = serve_job_of(state);
    ck_assert_str_eq(job->model, "olmoe.v2");
    ck_assert_ptr_null(job->api_key);
    ck_assert_uint_eq(job->max_tokens, 256);
    serve_driver.destroy(state);
    ck_assert(
        !create("{model: .gguf, model_name: mine, api_key: k, max_tokens: 9, waiting: 1}"));
    job = serve_job_of(state);
    ck_assert_str_eq(job->model, "mine");
    ck_assert_str_eq(job->api_key, "k");
    ck_assert_uint_eq(job->max_tokens, 9);
    ck_assert_uint_eq(job->waiting, 1);
}
END_TEST

static const struct {
    const char *job, *says;
} wrong[] = {
    {"{model: m, max_tokens: 0}", "f:1:24: max_tokens is 0"},
    {"{model: m, waiting: 0}", "f:1:21: waiting is 0"},
    {"{model: m, api_key: 7}", "api_key"},
    {"{model: m, model_name: ''}", "model_name"},
};

START_TEST(what_is_wrong_has_its_place)
{
    ck_assert_int_eq(create(wrong[_i].job), ERR_PARSE);
    ck_assert_msg(strstr(t.text, wrong[_i].says) != NULL, "%s", t.text);
}
END_TEST

START_TEST(it_ends_when_its_item_does_and_has_no_digest)
{
    struct driver_output out = {.arena = a, .progress = value_null()};
    ck_assert(!create("model: m"));
    serve_driver.step(state, &out);
    ck_assert_uint_eq(out.n_items, 1);
    ck_assert(!out.finished);
    serve_driver.tell(state, &(struct outcome){.count = 1});
    serve_driver.step(state, &out);
    ck_assert(out.finished && out.why_no_digest);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve_job");
    TCase *c = tcase_create("serve_job");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_model_has_its_files_name_unless_the_job_says);
    tcase_add_loop_test(c, what_is_wrong_has_its_place, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(c, it_ends_when_its_item_does_and_has_no_digest);
    suite_add_tcase(s, c);
    return harness_run(s);
}
