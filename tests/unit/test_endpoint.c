// SPDX-License-Identifier: MIT
// test_endpoint.c - what an endpoint answers becomes a trial or a counted reason, in any
// order of arrival and after any restart the same.
#include <stdio.h>

#include "common/rng.h"
#include "coordinator/search/endpoint.h"
#include "protocol/propose.h"
#include "tests/unit/search_run.h"

static const char job[] =
    "space: {f: {type: program, inputs: [x, y], size: 9, constants: []},\n"
    "        b: {type: float, low: 0, high: 1}}\n"
    "where: ['b < 0.9']\n"
    "objectives: [{metric: y}]\n"
    "algorithm: {name: evolve, startup: 5, endpoint: {url: 'http://127.0.0.1:1/v1', model: m, "
    "share: 0.7, prompt: Think.}}\n"
    "trials: 80\nwindow: 3\n";

static uint32_t hash_of(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h ^ h >> 15;
}

// An answer, or why there is none, as a function of the request.
static void answer(const struct value *request, struct arena *a, struct value *metrics)
{
    static const char *const good[] = {
        "x * %u + y",
        " {\"f\": \"(x - y) * %u\"} ",
        "Sure:\n```json\n{\"f\": \"y / %u\", \"b\": 0.25}\n```\n",
        "```\nmin(x, y + %u)\n```",
    };
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "z",
        "x +",
        "{\"f\": 3}",
        "{\"f\": \"x\", \"c\": 1}",
        "{\"f\": \"x\", \"b\": 0.95}",
        "x + x + x + x + x + x",
        "[1]",
        "```",
    };
    uint32_t h = hash_of(value_find(request, "user")->s);
    char text[100];

    if (h % 8 == 0) {
        value_set(a, metrics, PROPOSE_FAILED, value_str(a, "HTTP status 500"));
        return;
    }
    if (h % 8 == 1) {
        (void)snprintf(text, sizeof text, "%s", bad[h / 8 % 11]);
    } else {
        char f[100];
        (void)snprintf(f, sizeof f, "%s", good[h / 8 % 4]);
        char *at = strstr(f, "%u"); // no constants: a sum of ones of its own instead
        memcpy(at, h / 32 % 2 ? " x" : " y", 2);
        (void)snprintf(text, sizeof text, "%s", f);
    }
    value_set(a, metrics, PROPOSE_ANSWER, value_str(a, text));
}

static void tell_trial(struct run *r, uint64_t i)
{
    struct outcome o = {.first = i, .count = 1};
    struct arena *a = arena_create();
    struct value list = value_list(), m = value_map();
    const struct value *request = value_find(&r->params[i], PROPOSE_KEY);
    struct buf b;

    value_set(a, &m, "y",
              value_float(hash_of(value_find(&r->params[i], "f")->s) % 1000
                          + number_of(&r->params[i], "b")));
    if (request)
        answer(request, a, &m);
    value_push(a, &list, i % 13 == 12 ? value_null() : m);
    buf_init(&b, SIZE_MAX / 4);
    buf_put(&b, (uint8_t[]){OUTCOME_NAMED}, 1);
    pack_write(&list, &b);
    o.data = b.bytes;
    o.n_data = b.n;
    search_driver.tell(r->state, &o);
    buf_fini(&b);
    arena_destroy(a);
}

static void run_in_order(struct run *r)
{
    uint64_t told = 0;

    run_open(r, job);
    while (!run_step(r))
        for (; told < r->n_items; told++)
            tell_trial(r, told);
}

static uint64_t count(const struct run *r, const char *name)
{
    const struct value *v = value_find(value_find(&r->result, "endpoint"), name);
    return v ? (uint64_t)value_number(v) : 0;
}

START_TEST(answers_become_trials_and_the_others_are_counted)
{
    static struct run r;
    uint32_t n_requests = 0;
    uint64_t n_ended = 0;

    run_in_order(&r);
    for (uint64_t i = 0; i < r.n_items; i++) {
        const struct value *request = value_find(&r.params[i], PROPOSE_KEY);
        n_requests += request != NULL;
        if (!request)
            continue;
        const char *about = value_find(request, "system")->s;
        ck_assert_ptr_nonnull(strstr(about, "Think."));
        ck_assert_ptr_nonnull(strstr(about, "\"inputs\":[\"x\",\"y\"]"));
        ck_assert_ptr_nonnull(strstr(about, "b < 0.9"));
        ck_assert_str_eq(value_find(request, "url")->s, "http://127.0.0.1:1/v1");
        ck_assert_ptr_nonnull(strstr(value_find(request, "user")->s, "{\"params\":{\"f\":"));
    }
    ck_assert_uint_ge(n_requests, 40);
    ck_assert_uint_eq(count(&r, "requests"), n_requests);
    for (int i = 0; i < ENDPOINT_ENDS; i++)
        n_ended += count(&r, endpoint_end_names[i]);
    ck_assert_uint_eq(n_ended + count(&r, "too late"), n_requests);
    ck_assert_uint_ge(count(&r, "taken"), 3);
    ck_assert_uint_ge(count(&r, PROPOSE_STATUS), 1);
    ck_assert_uint_ge(count(&r, "not of the space"), 1);
    ck_assert_uint_ge(count(&r, "known already"), 1);
    ck_assert_uint_ge(count(&r, "trial failed"), 1);
    // What was said is in the history; it is no metric.
    ck_assert_ptr_nonnull(strstr(r.history, "\"proposal\":\"x * "));
    ck_assert_ptr_nonnull(strstr(r.history, "\"proposal_failed\":\"HTTP status 500\""));
    ck_assert_ptr_null(
        value_find(value_find(value_find(&r.result, "best"), "metrics"), PROPOSE_ANSWER));
    run_close(&r);
}
END_TEST

static bool was_tried(const struct run *r, const char *f, double b)
{
    for (uint64_t i = 0; i < r->n_items; i++)
        if (strcmp(value_find(&r->params[i], "f")->s, f) == 0
            && (b < 0 || number_of(&r->params[i], "b") == b))
            return true;
    return false;
}

// As the space writes them; a constant is the answer's own, what is left out the parent's.
START_TEST(what_is_taken_is_tried)
{
    static struct run r;

    run_in_order(&r);
    ck_assert(was_tried(&r, "y / x", 0.25) || was_tried(&r, "y / y", 0.25));
    ck_assert(was_tried(&r, "(x * x) + y", -1) || was_tried(&r, "(x * y) + y", -1));
    run_close(&r);
}
END_TEST

START_TEST(neither_order_nor_restarts_show)
{
    static struct run plain, broken;
    bool is_told[TRIALS_MAX] = {false};
    struct rng rng = rng_at(5, 0, 0, (uint32_t)_i);
    uint32_t n_restarts = 0;

    run_in_order(&plain);
    run_open(&broken, job);
    while (!run_step(&broken)) {
        for (uint64_t i = 0; i < broken.n_items; i++)
            if (!is_told[i] && rng_below(&rng, 3) > 0) {
                is_told[i] = true;
                tell_trial(&broken, i);
            }
        if (rng_below(&rng, 4) == 0) {
            run_restart(&broken, job, is_told, tell_trial);
            n_restarts++;
        }
    }
    ck_assert_uint_gt(n_restarts, 2);
    same_result(&plain, &broken);
    run_close(&plain);
    run_close(&broken);
}
END_TEST

START_TEST(a_bad_endpoint_is_refused_by_name)
{
    static const struct {
        const char *endpoint, *says;
    } cases[] = {
        {"{model: m}", "url"},
        {"{url: 'ftp://x', model: m}", "http://"},
        {"{url: 'http://a:b@x', model: m}", "no user name"},
        {"{url: \"http://x/\\\"\\nheader\", model: m}", "printable"},
        {"{url: 'http://x'}", "model"},
        {"{url: 'http://x', model: m, api_key_env: PATH}", "_API_KEY"},
        {"{url: 'http://x', model: m, share: 2}", "share"},
        {"{url: 'http://x', model: m, timeout_s: 0}", "timeout_s"},
        {"{url: 'http://x', model: m, sharing: 1}", "sharing"},
        {"{url: 'http://x', model: m}\ngang: 2", "gang"},
    };
    char text[600];
    struct run r;

    (void)snprintf(text, sizeof text,
                   "space: {f: {type: program, inputs: [x]}}\nobjectives: [{metric: y}]\n"
                   "trials: 9\nalgorithm:\n  name: evolve\n  endpoint: %s\n",
                   cases[_i].endpoint);
    ck_assert_int_eq(try_open(&r, text, 1), ERR_PARSE);
    ck_assert_msg(strstr(t.text, cases[_i].says) != NULL, "%s", t.text);
    arena_destroy(r.arena);
    arena_destroy(r.turn);
}
END_TEST

START_TEST(who_does_not_breed_takes_none)
{
    struct run r;

    ck_assert_int_eq(try_open(&r,
                              "space: {a: {type: float, low: 0, high: 1}}\ntrials: 3\n"
                              "objectives: [{metric: y}]\n"
                              "algorithm: {name: tpe, endpoint: {url: 'http://x', model: m}}\n",
                              1),
                     ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(t.text, "endpoint"));
    arena_destroy(r.arena);
    arena_destroy(r.turn);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("endpoint");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, answers_become_trials_and_the_others_are_counted);
    tcase_add_test(c, what_is_taken_is_tried);
    tcase_add_loop_test(c, neither_order_nor_restarts_show, 0, 12);
    tcase_add_loop_test(c, a_bad_endpoint_is_refused_by_name, 0, 10);
    tcase_add_test(c, who_does_not_breed_takes_none);
    suite_add_tcase(s, c);
    return harness_run(s);
}
