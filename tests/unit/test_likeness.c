// SPDX-License-Identifier: MIT
// test_likeness.c - when two spaces are the same.
#include <string.h>

#include "cluster/client/likeness.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"

static const struct {
    const char *a, *b;
    bool is_same;
} spaces[] = {
    {"{x: {type: int, low: 1, high: 9}}", "{x: {high: 9, type: int, low: 1}}", true},
    {"{x: {low: 1}, y: {low: 2}}", "{y: {low: 2.0}, x: {low: 1e0}}", true},
    {"{x: {low: -0.0}}", "{x: {low: 0}}", true},
    {"{x: {low: 0.5}}", "{x: {low: 0.50}}", true},
    {"{x: {low: 0.5}}", "{x: {low: 0.25}}", false},
    {"{x: {low: 1}}", "{y: {low: 1}}", false},
    {"{x: {choices: [a, b]}}", "{x: {choices: [b, a]}}", false}, // order has a meaning
    {"{x: {choices: [a, b]}}", "{x: {choices: [a, b, c]}}", false},
    {"{x: {choices: ['1']}}", "{x: {choices: [1]}}", false},
    {"{x: {low: 1e300}}", "{x: {low: 1e301}}", false},
    {"{}", "{}", true},
};

static struct sha256 hash_of(const char *text)
{
    struct arena *a = arena_create();
    struct errtext t = {{0}};
    struct value v;
    ck_assert_msg(!yaml_parse(text, strlen(text), "text", a, &v, &t), "%s", t.text);
    struct sha256 hash = likeness_space_hash(&v);
    arena_destroy(a);
    return hash;
}

START_TEST(a_space_is_known_by_what_it_says)
{
    struct sha256 a = hash_of(spaces[_i].a), b = hash_of(spaces[_i].b);
    ck_assert_int_eq(memcmp(&a, &b, sizeof a) == 0, spaces[_i].is_same);
}
END_TEST

// Kept in notes and scripts: it must not change from release to release.
START_TEST(the_hash_is_that_of_the_sorted_json)
{
    static const char json[] = "{\"x\":{\"high\":2.5,\"low\":1}}";
    struct sha256 a = hash_of("{x: {low: 1.0, high: 2.5}}"), b = sha256_of(json, strlen(json));
    ck_assert_mem_eq(&a, &b, sizeof a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("likeness");
    TCase *c = tcase_create("likeness");
    tcase_add_loop_test(c, a_space_is_known_by_what_it_says, 0,
                        (int)(sizeof spaces / sizeof *spaces));
    tcase_add_test(c, the_hash_is_that_of_the_sorted_json);
    suite_add_tcase(s, c);
    return harness_run(s);
}
