// SPDX-License-Identifier: MIT
// test_generate.c - the driver of generate: what items are given, and one answer
// however and in whatever order theirs come.
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/outcome.h"
#include "common/yaml.h"
#include "coordinator/drivers/generate.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct arena *out_arena;
static struct value spec;
static struct errtext t;
static void *state;
static struct driver_output out;

static void setup(void)
{
    a = arena_create();
    out_arena = arena_create();
    state = NULL;
}

static void teardown(void)
{
    generate_driver.destroy(state);
    arena_destroy(a);
    arena_destroy(out_arena);
}

static enum error create(const char *job)
{
    struct driver_setup s = {.spec = &spec, .file = "f", .workload = {.name = "generate"}};
    generate_driver.destroy(state);
    state = NULL;
    out = (struct driver_output){.arena = out_arena};
    ck_assert_msg(yaml_parse(job, strlen(job), "f", a, &spec, &t) == OK, "%s", t.text);
    return generate_driver.create(&s, &state, &t);
}

static void start(const char *job)
{
    ck_assert_msg(create(job) == OK, "%s", t.text);
}

static void step(void)
{
    struct driver_output next = {
        .arena = out_arena, .n_items = out.n_items, .progress = value_null()};
    arena_reset(out_arena);
    generate_driver.step(state, &next);
    out = next;
}

// What an item's worker answers: 2 layers of 3 experts, the first of them layer 1.
static struct value metrics_of(uint64_t item)
{
    const uint8_t load[] = {1, 2, 3, (uint8_t)item, 1, 2, 0x80, 1, 0, (uint8_t)(item + 1)};
    double seconds[2] = {1, 0.5};
    struct value m = value_map();
    char row[100];
    int n = snprintf(row, sizeof row, "{\"id\":%u,\"text\":\"t%u\",\"finish\":\"stop\"}",
                     (unsigned)item, (unsigned)item);
    value_set(a, &m, "prompt_tokens", value_uint(10 + item));
    value_set(a, &m, "new_tokens", value_uint(item));
    value_set(a, &m, "nll", value_float(0.5 * (double)item));
    value_set(a, &m, "scored", value_uint(item));
    value_set(a, &m, "row", value_bin(a, row, (size_t)n));
    value_set(a, &m, "load", value_bin(a, load, sizeof load));
    value_set(a, &m, "seconds", value_bin(a, seconds, sizeof seconds));
    return m;
}

static struct sha256 part_of(uint64_t item, const char *name)
{
    char text[40];
    int n = snprintf(text, sizeof text, "%s %u", name, (unsigned)item);
    return sha256_of(text, (size_t)n);
}

static struct value outputs_of(uint64_t first, uint32_t count)
{
    static const char *const names[] = {"nll.f32", "logits.f32"};
    struct value list = value_list();
    for (uint64_t i = first; i < first + count; i++)
        for (int k = 0; k < 2; k++) {
            struct value v = value_map();
            struct sha256 hash = part_of(i, names[k]);
            value_set(a, &v, "item", value_uint(i));
            value_set(a, &v, "name", value_str(a, names[k]));
            value_set(a, &v, "hash", value_bin(a, hash.bytes, sizeof hash.bytes));
            value_push(a, &list, v);
        }
    return list;
}

// Items [first, first + count), of which `failed` (or none: UINT64_MAX) failed.
static void tell(uint64_t first, uint32_t count, uint64_t failed, bool again)
{
    struct outcome_fault fault = {failed, "too long"};
    struct value outputs = outputs_of(first, count), list = value_list();
    struct outcome o = {.first = first, .count = count, .again = again, .outputs = &outputs};
    const uint8_t form = OUTCOME_NAMED;
    struct buf b;
    for (uint64_t i = first; i < first + count; i++)
        value_push(a, &list, i == failed ? value_null() : metrics_of(i));
    buf_init(&b, SIZE_MAX / 4);
    buf_put(&b, &form, 1);
    pack_write(&list, &b);
    o.data = b.bytes;
    o.n_data = b.n;
    o.faults = &fault;
    o.n_faults = failed - first < count;
    generate_driver.tell(state, &o);
    buf_fini(&b);
}

static const char *digest(void)
{
    struct sha256 d = pack_digest(&out.result);
    char hex[65];
    sha256_hex(&d, hex);
    return arena_str(a, hex, 64);
}

static const struct driver_blob *blob(const char *name)
{
    for (uint32_t i = 0; i < out.n_blobs; i++)
        if (strcmp(out.blobs[i].name, name) == 0)
            return &out.blobs[i];
    ck_abort_msg("no blob %s", name);
    return NULL;
}

#define FOUR "model: m\nscore: true\nprompts: [a, {id: x, text: b}, {tokens: [1, 2]}, d]"

START_TEST(items_are_given_their_prompts)
{
    struct buf b;
    start(FOUR);
    step();
    ck_assert_uint_eq(out.n_items, 4);
    ck_assert(!out.finished);
    buf_init(&b, 4096);
    for (int i = 0; i < 4; i++)
        value_json(&out.params[i], &b);
    ck_assert_str_eq(buf_cstr(&b), "{\"prompt\":{\"text\":\"a\",\"id\":0}}"
                                   "{\"prompt\":{\"id\":\"x\",\"text\":\"b\"}}"
                                   "{\"prompt\":{\"id\":2,\"tokens\":[1,2]}}"
                                   "{\"prompt\":{\"text\":\"d\",\"id\":3}}");
    buf_fini(&b);
    step();
    ck_assert_ptr_null(out.params);
}
END_TEST

START_TEST(lines_of_a_file_are_prompts)
{
    start("prompts: {file: p.jsonl, jsonl: \"\\n\\\"a\\\"\\r\\n{\\\"text\\\": "
          "\\\"b\\\"}\\n\\n\"}");
    step();
    ck_assert_uint_eq(out.n_items, 2);
    ck_assert_str_eq(value_find(value_find(&out.params[1], "prompt"), "text")->s, "b");
}
END_TEST

START_TEST(prompts_of_an_attachment_are_named_by_their_place)
{
    start("{kind: generate, files: [p.jsonl], prompts: {file: p.jsonl, count: 3}}");
    step();
    ck_assert_uint_eq(out.n_items, 3);
    ck_assert_ptr_null(out.params);
    struct value params = generate_driver.params_of(state, 2, a);
    const struct value *prompt = value_find(&params, "prompt");
    ck_assert_str_eq(value_find(prompt, "file")->s, "p.jsonl");
    ck_assert_int_eq(value_find(prompt, "index")->i, 2);
    tell(0, 3, 1, false);
    step();
    ck_assert(out.finished);
    ck_assert_ptr_nonnull(
        strstr(out.blobs[0].bytes, "{\"id\":1,\"error\":\"too long\"}\n{\"id\":2,"));
    ck_assert_int_eq(create("{kind: generate, prompts: {file: p.jsonl, count: 3}}"), ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(t.text, "'p.jsonl' is not among the job's files"));
    ck_assert_int_eq(
        create("{kind: generate, files: [p.jsonl], prompts: {file: p.jsonl, count: 0}}"),
        ERR_PARSE);
    start("{kind: generate, prompts: [a]}");
    ck_assert_int_ne(generate_driver.params_of(state, 0, a).type, VALUE_MAP);
}
END_TEST

START_TEST(the_order_of_answers_does_not_show)
{
    start(FOUR);
    step();
    tell(0, 4, UINT64_MAX, false);
    step();
    ck_assert(out.finished);
    const char *whole = digest();
    start(FOUR);
    step();
    for (uint64_t i = 4; i-- > 0;) {
        step();
        ck_assert(!out.finished);
        tell(i, 1, UINT64_MAX, false);
    }
    step();
    ck_assert(out.finished);
    ck_assert_str_eq(digest(), whole);
}
END_TEST

START_TEST(the_result_adds_up)
{
    start(FOUR);
    step();
    tell(0, 4, UINT64_MAX, false);
    step();
    const struct value *r = &out.result, *nll = value_find(r, "nll");
    ck_assert_int_eq(value_find(r, "prompts")->i, 4);
    ck_assert_int_eq(value_find(r, "prompt_tokens")->i, 46);
    ck_assert_int_eq(value_find(r, "new_tokens")->i, 6);
    ck_assert_double_eq(value_find(nll, "sum")->f, 3);
    ck_assert_double_eq_tol(value_find(nll, "perplexity")->f, 1.6487212707001282, 1e-12);
    const struct value *load = value_find(r, "load");
    struct buf b;
    buf_init(&b, 4096);
    value_json(load, &b);
    ck_assert_str_eq(buf_cstr(&b),
                     "[{\"layer\":1,\"hottest\":2,\"balance\":0.75,\"experts\":[6,4,8]},"
                     "{\"layer\":2,\"hottest\":0,\"balance\":0.33984375,"
                     "\"experts\":[512,0,10]}]");
    buf_fini(&b);
    ck_assert_double_eq(value_find(&out.stats, "decode_tokens_per_s")->f, 3);
    ck_assert_str_eq(blob("results.jsonl")->bytes,
                     "{\"id\":0,\"text\":\"t0\",\"finish\":\"stop\"}\n"
                     "{\"id\":1,\"text\":\"t1\",\"finish\":\"stop\"}\n"
                     "{\"id\":2,\"text\":\"t2\",\"finish\":\"stop\"}\n"
                     "{\"id\":3,\"text\":\"t3\",\"finish\":\"stop\"}\n");
}
END_TEST

START_TEST(parts_are_listed_in_the_prompts_order)
{
    static const char *const names[] = {"nll.f32", "logits.f32"};
    start(FOUR);
    step();
    tell(2, 2, UINT64_MAX, false);
    tell(0, 2, UINT64_MAX, false);
    step();
    for (int k = 0; k < 2; k++) {
        const struct driver_blob *list = blob(names[k]);
        ck_assert(list->is_list);
        ck_assert_uint_eq(list->n, 4 * 65);
        for (uint64_t i = 0; i < 4; i++) {
            struct sha256 hash = part_of(i, names[k]);
            char hex[65];
            sha256_hex(&hash, hex);
            ck_assert_mem_eq((const char *)list->bytes + 65 * i, hex, 64);
            ck_assert_int_eq(((const char *)list->bytes)[65 * i + 64], '\n');
        }
    }
}
END_TEST

START_TEST(what_failed_has_its_row_and_can_be_tried_again)
{
    start(FOUR);
    step();
    tell(0, 4, UINT64_MAX, false);
    step();
    const char *whole = digest();
    start(FOUR);
    step();
    tell(0, 4, 1, false);
    step();
    ck_assert(out.finished);
    ck_assert_int_eq(value_find(&out.result, "failed")->i, 1);
    ck_assert_ptr_nonnull(
        strstr(blob("results.jsonl")->bytes, "\n{\"id\":\"x\",\"error\":\"too long\"}\n"));
    ck_assert_uint_eq(blob("logits.f32")->n, 3 * 65);
    ck_assert_str_ne(digest(), whole);
    tell(1, 1, UINT64_MAX, true);
    step();
    ck_assert_str_eq(digest(), whole);
}
END_TEST

START_TEST(nonsense_counts_as_failed)
{
    static const uint8_t bytes[] = {OUTCOME_NAMED, 0xc1};
    struct outcome o = {.count = 4, .data = bytes, .n_data = sizeof bytes};
    start(FOUR);
    step();
    generate_driver.tell(state, &o);
    step();
    ck_assert(out.finished);
    ck_assert_int_eq(value_find(&out.result, "failed")->i, 4);
    o.count = 5; // more than there are: not looked at
    generate_driver.tell(state, &o);
}
END_TEST

START_TEST(bad_lines_are_named_by_file_and_line)
{
    static const char *const bad[][2] = {
        {"{file: p.jsonl, jsonl: '{\"text\": 3}'}",
         "p.jsonl:1: text is an integer, expected a string"},
        {"{file: p.jsonl, jsonl: \"\\\"a\\\"\\n{\\\"txet\\\": 3}\"}",
         "p.jsonl:2: unknown key 'txet', did you mean 'text'?"},
        {"{file: p.jsonl, jsonl: '[1]'}",
         "p.jsonl:1: a prompt is a list, expected a text or a map"},
        {"{file: p.jsonl, jsonl: '{\"tokens\": [1, -1]}'}",
         "p.jsonl:1: tokens[1] is no token id"},
        {"{file: p.jsonl, jsonl: '{\"messages\": [{\"role\": \"user\"}]}'}",
         "p.jsonl:1: messages[0] is no map of the texts role and content"},
        {"{file: p.jsonl, jsonl: '{\"text\": \"a\", \"add_special\": 1}'}",
         "p.jsonl:1: add_special is an integer, expected true or false"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(create(arena_printf(a, "prompts: %s", bad[i][0])), ERR_PARSE);
        ck_assert_str_eq(t.text, bad[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("generate");
    TCase *c = tcase_create("generate");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, items_are_given_their_prompts);
    tcase_add_test(c, lines_of_a_file_are_prompts);
    tcase_add_test(c, prompts_of_an_attachment_are_named_by_their_place);
    tcase_add_test(c, the_order_of_answers_does_not_show);
    tcase_add_test(c, the_result_adds_up);
    tcase_add_test(c, parts_are_listed_in_the_prompts_order);
    tcase_add_test(c, what_failed_has_its_row_and_can_be_tried_again);
    tcase_add_test(c, nonsense_counts_as_failed);
    tcase_add_test(c, bad_lines_are_named_by_file_and_line);
    suite_add_tcase(s, c);
    return harness_run(s);
}
