// SPDX-License-Identifier: MIT
// test_inline.c - a job file that stands by itself afterwards, and nothing else of
// it changed.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "protocol/inline.h"
#include "tests/unit/harness.h"

static char dir[] = "/tmp/inline-XXXXXX";
static struct arena *a;
static struct errtext t;
static const char *out;

static void write_file(const char *name, const char *bytes, size_t n)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    (void)fclose(f);
}

static void setup(void)
{
    a = arena_create();
    t.text[0] = 0;
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    static const char *const names[] = {"p.jsonl", "m.gguf", "ü b.jsonl", "t.csv"};
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(dir), 0);
    arena_destroy(a);
}

static enum error inline_job(const char *job)
{
    struct inline_source s = {.text = job, .n = strlen(job), .file = "f", .base = dir};
    return inline_files(&s, a, &out, &t);
}

static struct value parsed(void)
{
    struct value v;
    ck_assert_msg(yaml_parse(out, strlen(out), "f", a, &v, &t) == OK, "%s in %s", t.text, out);
    return v;
}

static void same_text(const struct value *v, const char *want, size_t n)
{
    ck_assert(v && v->type == VALUE_STR);
    ck_assert_uint_eq(v->n, n);
    ck_assert_mem_eq(v->s, want, n);
}

// Line breaks of any alphabet, a NUL, quotes, a character beyond 16 bits, a tab.
#define ODD                                                                                    \
    "{\"text\": \"a\\n\\u2028\"}\r\n\xe2\x80\xa8\xc2\x85\t'\"\\ \xf0\x9f\x9a\x80"              \
    "\xef\xbb\xbf\x7f\0 #: "

START_TEST(prompts_are_taken_in_as_they_are)
{
    static const char *const jobs[] = {
        "kind: generate\nprompts: p.jsonl # mine\nseed: 1\n",
        "seed: 1\nprompts: \"p.jsonl\"\nkind: generate",
        "kind: generate\n\nprompts: 'p.jsonl'   \nseed: 1",
        "{\"kind\": \"generate\", \"prompts\": \"p.jsonl\", \"seed\": 1}",
        "{kind: generate, prompts: p.jsonl, seed: 1}",
        "{name: grüße, kind: generate, prompts: p.jsonl, seed: 1}",
        "kind: generate\nprompts:\n  p.jsonl\nseed: 1\n",
    };
    write_file("p.jsonl", ODD, sizeof ODD - 1);
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        ck_assert_msg(inline_job(jobs[i]) == OK, "%s: %s", jobs[i], t.text);
        struct value v = parsed();
        const struct value *p = value_find(&v, "prompts");
        same_text(value_find(p, "file"), "p.jsonl", 7);
        same_text(value_find(p, "jsonl"), ODD, sizeof ODD - 1);
        ck_assert_int_eq(value_find(&v, "seed")->i, 1);
    }
}
END_TEST

START_TEST(lines_stay_where_they_are)
{
    struct value before, after;
    const char *job = "kind: generate\nprompts: p.jsonl\nmodel: m.gguf\nseed: 1\n";
    write_file("p.jsonl", "\"a\"\n\"b\"\n", 8);
    write_file("m.gguf", "", 0);
    ck_assert_int_eq(inline_job(job), OK);
    after = parsed();
    out = job;
    before = parsed();
    for (uint32_t i = 0; i < before.n; i++) {
        ck_assert_str_eq(before.pairs[i].key, after.pairs[i].key);
        ck_assert_uint_eq(before.pairs[i].line, after.pairs[i].line);
        ck_assert_uint_eq(before.pairs[i].column, after.pairs[i].column);
    }
}
END_TEST

START_TEST(a_model_beside_the_job_becomes_absolute)
{
    char real[PATH_MAX], want[PATH_MAX + 16];
    write_file("m.gguf", "", 0);
    ck_assert_int_eq(inline_job("kind: generate\nmodel: m.gguf\nprompts: [a]\n"), OK);
    struct value v = parsed();
    ck_assert_ptr_nonnull(realpath(dir, real));
    (void)snprintf(want, sizeof want, "%s/m.gguf", real);
    same_text(value_find(&v, "model"), want, strlen(want));
    // In the order in which they stand, whichever is first.
    write_file("p.jsonl", "\"a\"", 3);
    ck_assert_int_eq(inline_job("kind: generate\nprompts: p.jsonl\nmodel: m.gguf\n"), OK);
    v = parsed();
    same_text(value_find(&v, "model"), want, strlen(want));
    ck_assert_int_eq(inline_job("kind: generate\nmodel: m.gguf\nprompts: p.jsonl\n"), OK);
    v = parsed();
    same_text(value_find(value_find(&v, "prompts"), "jsonl"), "\"a\"", 3);
}
END_TEST

START_TEST(other_jobs_stay)
{
    static const char *const jobs[] = {
        "kind: sweep\nprompts: p.jsonl\nmodel: m.gguf\n", // another kind
        "kind: generate\nprompts: [p.jsonl]\nmodel: /m.gguf\n",
        "kind: generate\nprompts: [a]\nmodel: elsewhere.gguf\n", // as the workers see it
        "kind: generate\nmodel: m.gguf\nfiles: [m.gguf]\n",      // attached
        "kind: [generate\n",                                     // no YAML
        "",
    };
    write_file("m.gguf", "", 0);
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        ck_assert_int_eq(inline_job(jobs[i]), OK);
        ck_assert_ptr_eq(out, jobs[i]);
    }
}
END_TEST

START_TEST(a_table_becomes_the_trials_of_a_warm_start)
{
    static const char table[] = "x,y\n0.5,1\n\n0.25,2\n";
    write_file("t.csv", table, sizeof table - 1);
    ck_assert_int_eq(inline_job("kind: search\nwarm_start: t.csv # known\n"
                                "space: {x: {type: float}}\n"),
                     OK);
    ck_assert_str_eq(out, "kind: search\n"
                          "warm_start: [{\"params\":{\"x\":0.5},\"metrics\":{\"y\":1}},"
                          "{\"params\":{\"x\":0.25},\"metrics\":{\"y\":2}}] # known\n"
                          "space: {x: {type: float}}\n");
    // A list is one already; other kinds have no such key.
    ck_assert_int_eq(inline_job("kind: search\nwarm_start: []\n"), OK);
    ck_assert_str_eq(out, "kind: search\nwarm_start: []\n");
    ck_assert_int_eq(inline_job("kind: sweep\nwarm_start: t.csv\n"), OK);
    ck_assert_str_eq(out, "kind: sweep\nwarm_start: t.csv\n");
    ck_assert_int_eq(inline_job("kind: search\nwarm_start: none.csv\n"), ERR_PARSE);
    ck_assert_msg(strstr(t.text, "f:2:13: warm_start: ") == t.text, "%s", t.text);
}
END_TEST

// A gate of two inputs.
static const char circuit[] = "aig 3 2 0 1 1\n6\n\x02\x02";

START_TEST(a_prior_takes_circuits_and_tables)
{
    static const char table[] = "x,y\n0.5,1\n";
    write_file("t.csv", table, sizeof table - 1);
    write_file("m.gguf", circuit, sizeof circuit - 1);
    ck_assert_msg(inline_job("kind: search\nspace: {x: {type: float}}\nwarm_start: t.csv\n"
                             "prior: {features: m.gguf, earlier: [{features: [1], trials: "
                             "t.csv}, {trials: t.csv, features: 'm.gguf'}]} # both\n")
                      == OK,
                  "%s", t.text);
    struct value v = parsed();
    const struct value *prior = value_find(&v, "prior");
    const struct value *earlier = value_find(prior, "earlier");
    ck_assert_uint_eq(value_find(prior, "features")->n, 24);
    ck_assert(
        value_equal(value_find(&earlier->items[1], "features"), value_find(prior, "features")));
    ck_assert_uint_eq(value_find(&earlier->items[0], "features")->n, 1);
    for (int i = 0; i < 2; i++)
        ck_assert(value_equal(value_find(&earlier->items[i], "trials"),
                              value_find(&v, "warm_start")));
    ck_assert_ptr_nonnull(strstr(out, "]} # both\n"));
    ck_assert_int_eq(inline_job("kind: search\nprior: {features: t.csv}\n"), ERR_PARSE);
    ck_assert_msg(strstr(t.text, "f:2:19: prior.features: ") == t.text
                      && strstr(t.text, "t.csv: byte 0: no binary AIGER file"),
                  "%s", t.text);
    ck_assert_int_eq(inline_job("kind: search\nprior: {earlier: [{}, {trials: none.csv}]}\n"),
                     ERR_PARSE);
    ck_assert_msg(strstr(t.text, "f:2:32: prior.earlier[1].trials: ") == t.text, "%s", t.text);
}
END_TEST

START_TEST(what_cannot_be_read_is_named)
{
    char want[256];
    ck_assert_int_eq(inline_job("kind: generate\nprompts: p.jsonl\n"), ERR_PARSE);
    (void)snprintf(want, sizeof want, "f:2:10: prompts: %s/p.jsonl: No such file or directory",
                   dir);
    ck_assert_str_eq(t.text, want);
    write_file("p.jsonl", "\"a\"\n\"\xff\"\n", 8);
    ck_assert_int_eq(inline_job("kind: generate\nprompts: p.jsonl\n"), ERR_PARSE);
    (void)snprintf(want, sizeof want, "%s/p.jsonl:2: not UTF-8, expected lines of JSON", dir);
    ck_assert_str_eq(t.text, want);
    write_file("p.jsonl", "\"a\"\n", 4);
    ck_assert_int_eq(inline_job("kind: generate\nprompts: >-\n  p.jsonl\n"), ERR_PARSE);
    ck_assert_str_eq(t.text, "f:3:1: a file's name must stand on one line, plain or in quotes");
}
END_TEST

#define BESIDE "kind: generate\nfiles: [p.jsonl]\nprompts: p.jsonl\n"

START_TEST(prompts_that_are_attached_are_counted_and_stay_where_they_are)
{
    static const char lines[] = "\"a\"\n\n{\"text\": \"b\"}\r\n \n{\"tokens\": [1]}";
    write_file("p.jsonl", lines, sizeof lines - 1);
    ck_assert_msg(inline_job(BESIDE) == OK, "%s", t.text);
    struct value v = parsed();
    const struct value *prompts = value_find(&v, "prompts");
    ck_assert_uint_eq(prompts->n, 2);
    ck_assert_str_eq(value_find(prompts, "file")->s, "p.jsonl");
    ck_assert_int_eq(value_find(prompts, "count")->i, 3);
}
END_TEST

static const struct {
    const char *lines, *why;
} wrong_lines[] = {
    {"\"a\"\n{\"txt\": 1}\n", "p.jsonl:2: unknown key 'txt', did you mean 'text'?"},
    {"\"a\"\n\n{\n", "p.jsonl:3: "},
    {"7\n", "p.jsonl:1: a prompt is an integer, expected a text or a map"},
    {"\n \n", "p.jsonl: no prompt in it"},
};

START_TEST(a_mistake_in_attached_prompts_is_known_at_once)
{
    write_file("p.jsonl", wrong_lines[_i].lines, strlen(wrong_lines[_i].lines));
    ck_assert_int_eq(inline_job(BESIDE), ERR_PARSE);
    ck_assert_msg(strstr(t.text, wrong_lines[_i].why) != NULL, "%d: %s", _i, t.text);
}
END_TEST

START_TEST(more_than_a_job_file_carries_is_refused)
{
    size_t n = YAML_BYTES_MAX - 4;
    char *big = mem_alloc(n);
    memset(big, 'x', n);
    write_file("p.jsonl", big, n);
    ck_assert_int_eq(inline_job("kind: generate\nprompts: p.jsonl\n"), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(t.text, "attach it: files: [p.jsonl]"));
    mem_free(big);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("inline");
    TCase *c = tcase_create("inline");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, prompts_are_taken_in_as_they_are);
    tcase_add_test(c, lines_stay_where_they_are);
    tcase_add_test(c, a_model_beside_the_job_becomes_absolute);
    tcase_add_test(c, other_jobs_stay);
    tcase_add_test(c, a_table_becomes_the_trials_of_a_warm_start);
    tcase_add_test(c, a_prior_takes_circuits_and_tables);
    tcase_add_test(c, what_cannot_be_read_is_named);
    tcase_add_test(c, more_than_a_job_file_carries_is_refused);
    tcase_add_test(c, prompts_that_are_attached_are_counted_and_stay_where_they_are);
    tcase_add_loop_test(c, a_mistake_in_attached_prompts_is_known_at_once, 0,
                        sizeof wrong_lines / sizeof wrong_lines[0]);
    suite_add_tcase(s, c);
    return harness_run(s);
}
