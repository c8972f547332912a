// SPDX-License-Identifier: MIT
// test_http_route.c - which verb a request means, and what is refused with which status.
#include <string.h>

#include "coordinator/http_route.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct http_request r;

static void set_up(void)
{
    a = arena_create();
    r = (struct http_request){.method = "GET"};
    buf_init(&r.body, HTTP_BODY_MAX);
}

static void tear_down(void)
{
    buf_fini(&r.body);
    arena_destroy(a);
}

static enum error route(const char *method, const char *path, struct http_route *out)
{
    struct errtext t = {{0}};
    r.method = method;
    r.path = arena_str(a, path, strlen(path));
    enum error e = http_route(&r, a, out, &t);
    ck_assert_int_eq(e != OK, out->refused != 0);
    ck_assert_int_eq(e != OK, t.text[0] != 0);
    return e;
}

static const struct {
    const char *method, *path, *verb, *job;
    bool writes;
} known[] = {
    {"GET", "/api/v1/cluster", "ping", NULL, false},
    {"HEAD", "/api/v1/workers", "workers", NULL, false},
    {"GET", "/api/v1/jobs", "jobs", NULL, false},
    {"GET", "/api/v1/jobs/k7", "job", "k7", false},
    {"GET", "/api/v1/jobs/k7/results", "results", "k7", false},
    {"GET", "/api/v1/jobs/a b/why", "why", "a b", false},
    {"POST", "/api/v1/jobs/k7/cancel", "cancel", "k7", true},
    {"POST", "/api/v1/jobs/k7/retry", "retry", "k7", true},
};

START_TEST(a_path_is_a_verb)
{
    struct http_route out;
    ck_assert_int_eq(route(known[_i].method, known[_i].path, &out), OK);
    ck_assert_int_eq(out.what, ROUTE_VERB);
    ck_assert_str_eq(out.verb, known[_i].verb);
    ck_assert_int_eq(out.writes, known[_i].writes);
    const struct value *job = value_find(&out.args, "job");
    ck_assert_int_eq(job != NULL, known[_i].job != NULL);
    if (job)
        ck_assert_str_eq(job->s, known[_i].job);
}
END_TEST

static const struct {
    const char *method, *path, *key, *value, *body;
    unsigned status;
    const char *allow;
} refused[] = {
    {"GET", "", NULL, NULL, NULL, 404, NULL},
    {"GET", "/api", NULL, NULL, NULL, 404, NULL},
    {"GET", "/api/v1/jobs/", NULL, NULL, NULL, 404, NULL},
    {"GET", "/api/v1/jobs/k7/", NULL, NULL, NULL, 404, NULL},
    {"GET", "/api/v1/jobs//why", NULL, NULL, NULL, 404, NULL},
    {"GET", "/api/v1/jobs/a/b/why", NULL, NULL, NULL, 404, NULL},
    {"GET", "/../etc/passwd", NULL, NULL, NULL, 404, NULL},
    {"POST", "/metrics", NULL, NULL, NULL, 405, "GET, HEAD"},
    {"PUT", "/api/v1/jobs", NULL, NULL, NULL, 405, "GET, HEAD, POST"},
    {"GET", "/api/v1/jobs/k7/cancel", NULL, NULL, NULL, 405, "POST"},
    {"DELETE", "/api/v1/jobs/k7", NULL, NULL, NULL, 405, "GET, HEAD"},
    {"other", "/health", NULL, NULL, NULL, 405, "GET, HEAD"},
    {"GET", "/health", "x", "1", NULL, 400, NULL},
    {"GET", "/api/v1/jobs", "all", "maybe", NULL, 400, NULL},
    {"GET", "/api/v1/jobs", "name", "x", NULL, 400, NULL},
    {"POST", "/api/v1/jobs", NULL, NULL, NULL, 400, NULL},
    {"POST", "/api/v1/jobs", "owner", "root", "kind: sweep", 400, NULL},
    {"POST", "/api/v1/jobs/k7/cancel", NULL, NULL, "x", 400, NULL},
    {"GET", "/health", NULL, NULL, "x", 400, NULL},
};

START_TEST(anything_else_is_refused)
{
    struct http_route out;
    if (refused[_i].key) {
        r.query[0] =
            (struct http_pair){arena_str(a, refused[_i].key, strlen(refused[_i].key)),
                               arena_str(a, refused[_i].value, strlen(refused[_i].value))};
        r.n_query = 1;
    }
    if (refused[_i].body)
        buf_puts(&r.body, refused[_i].body);
    ck_assert_int_ne(route(refused[_i].method, refused[_i].path, &out), OK);
    ck_assert_uint_eq(out.refused, refused[_i].status);
    ck_assert_int_eq(out.allow != NULL, refused[_i].allow != NULL);
    if (out.allow)
        ck_assert_str_eq(out.allow, refused[_i].allow);
}
END_TEST

START_TEST(a_body_is_a_job_file)
{
    struct http_route out;
    char key[] = "name";
    char value[] = "mine";
    buf_puts(&r.body, "kind: sweep\n");
    r.query[0] = (struct http_pair){key, value};
    r.n_query = 1;
    ck_assert_int_eq(route("POST", "/api/v1/jobs", &out), OK);
    ck_assert(out.writes);
    ck_assert_str_eq(value_find(&out.args, "text")->s, "kind: sweep\n");
    ck_assert_str_eq(value_find(&out.args, "name")->s, "mine");
}
END_TEST

static const struct {
    const char *host;
    bool ours;
} hosts[] = {
    {"localhost", true},
    {"LocalHost:80", true},
    {"127.0.0.1:7421", true},
    {"[::1]:7421", true},
    {"localhost.evil.org", false},
    {"evil.org:7421", false},
    {"127.0.0.1.evil.org", false},
    {"", false},
    {NULL, false},
};

START_TEST(only_names_of_this_machine_are_ours)
{
    ck_assert_int_eq(http_route_host_is_ours(hosts[_i].host), hosts[_i].ours);
}
END_TEST

START_TEST(a_token_is_the_same_or_not)
{
    ck_assert_str_eq(http_route_bearer("bearer abc"), "abc");
    ck_assert_ptr_null(http_route_bearer("Basic abc"));
    ck_assert_ptr_null(http_route_bearer(NULL));
    ck_assert(http_route_same_token("abcd", "abcd"));
    ck_assert(!http_route_same_token("abcd", "abce"));
    ck_assert(!http_route_same_token("abcdabcd", "abcd"));
    ck_assert(!http_route_same_token("ab", "abcd"));
    ck_assert(!http_route_same_token("", ""));
}
END_TEST

static const struct {
    const char *text, *host;
    uint16_t port;
} addresses[] = {
    {"0", "127.0.0.1", 0},
    {"7421", "127.0.0.1", 7421},
    {":7421", "127.0.0.1", 7421},
    {"localhost:1", "127.0.0.1", 1},
    {"0.0.0.0:65535", "0.0.0.0", 65535},
    {"[::1]:80", "::1", 80},
};
static const char *const no_addresses[] = {
    "",
    ":",
    "x",
    "65536",
    "-1",
    "1.2.3.4",
    "1.2.3.4:",
    "host:80",
    "::1:80",
    "[::1]",
    "[::1:80",
    "[]:80",
    "1.2.3:80",
    "127.0.0.1:80x",
    "[127.0.0.1]:80",
    "http://127.0.0.1:80",
};

START_TEST(addresses_are_read)
{
    char host[256];
    uint16_t port;
    ck_assert_int_eq(http_parse_address(addresses[_i].text, host, &port, NULL), OK);
    ck_assert_str_eq(host, addresses[_i].host);
    ck_assert_uint_eq(port, addresses[_i].port);
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    char host[256];
    uint16_t port;
    struct errtext t = {{0}};
    ck_assert_int_eq(http_parse_address(no_addresses[_i], host, &port, &t), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(t.text, "expected"));
}
END_TEST

#define N(table) (sizeof(table) / sizeof(table)[0])

int main(void)
{
    Suite *s = suite_create("http_route");
    TCase *c = tcase_create("http_route");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, a_path_is_a_verb, 0, N(known));
    tcase_add_loop_test(c, anything_else_is_refused, 0, N(refused));
    tcase_add_test(c, a_body_is_a_job_file);
    tcase_add_loop_test(c, only_names_of_this_machine_are_ours, 0, N(hosts));
    tcase_add_test(c, a_token_is_the_same_or_not);
    tcase_add_loop_test(c, addresses_are_read, 0, N(addresses));
    tcase_add_loop_test(c, what_is_no_address_is_refused, 0, N(no_addresses));
    suite_add_tcase(s, c);
    return harness_run(s);
}
