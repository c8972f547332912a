// SPDX-License-Identifier: MIT
// test_train.c - the driver of train: when a round's items are asked, with what, and one
// answer in whatever order theirs come, and after a restart.
#include <stdio.h>
#include <string.h>

#include "common/outcome.h"
#include "common/yaml.h"
#include "coordinator/drivers/train.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct arena *out_arena;
static struct value spec;
static void *state;
static struct driver_output out;

static void start(void)
{
    static const char job[] =
        "kind: train\niterations: 2\nrollouts: 3\nevaluate: {items: 2, seed: 9}\n";
    struct driver_setup s = {.spec = &spec, .file = "f", .workload = {.name = "train.line"}};
    struct errtext t;
    train_driver.destroy(state);
    state = NULL;
    out = (struct driver_output){.arena = out_arena};
    ck_assert_msg(yaml_parse(job, sizeof job - 1, "f", a, &spec, &t) == OK, "%s", t.text);
    ck_assert_msg(train_driver.create(&s, &state, &t) == OK, "%s", t.text);
}

static void setup(void)
{
    a = arena_create();
    out_arena = arena_create();
    state = NULL;
    start();
}

static void teardown(void)
{
    train_driver.destroy(state);
    arena_destroy(a);
    arena_destroy(out_arena);
}

static void step(void)
{
    struct driver_output next = {
        .arena = out_arena, .n_items = out.n_items, .progress = value_null()};
    arena_reset(out_arena);
    train_driver.step(state, &next);
    out = next;
}

static struct sha256 blob_of(uint64_t item)
{
    return sha256_of(&item, sizeof item);
}

static void tell(uint64_t item, const char *blob, const char *fault)
{
    const uint8_t form = OUTCOME_NAMED;
    struct outcome_fault f = {item, fault};
    struct sha256 hash = blob_of(item);
    struct value v = value_map(), m = value_map(), list = value_list(), outputs = value_list();
    struct buf b;
    value_set(a, &v, "item", value_uint(item));
    value_set(a, &v, "name", value_str(a, blob ? blob : "none"));
    value_set(a, &v, "hash", value_bin(a, hash.bytes, sizeof hash.bytes));
    value_set(a, &v, "size", value_uint(7));
    value_push(a, &outputs, v);
    value_set(a, &m, "loss", value_float(1.0 / (double)(item + 1)));
    value_set(a, &m, "text", value_str(a, "no number"));
    value_push(a, &list, fault ? value_null() : m);
    buf_init(&b, SIZE_MAX / 4);
    buf_put(&b, &form, 1);
    pack_write(&list, &b);
    struct outcome o = {.first = item,
                        .count = 1,
                        .data = b.bytes,
                        .n_data = b.n,
                        .faults = &f,
                        .n_faults = fault != NULL,
                        .outputs = &outputs};
    train_driver.tell(state, &o);
    buf_fini(&b);
}

static void rollouts(uint64_t first)
{
    for (uint64_t i = 0; i < 3; i++)
        tell(first + (i + 1) % 3, "rollout", NULL);
}

static const char *phase(uint32_t i)
{
    return value_find(&out.params[i], "phase")->s;
}

static void ck_blob(const struct value *v, uint64_t item)
{
    struct sha256 hash = blob_of(item);
    ck_assert_int_eq(value_find(v, "size")->i, 7);
    ck_assert_mem_eq(value_find(v, "hash")->s, hash.bytes, sizeof hash.bytes);
}

START_TEST(an_update_waits_for_its_rollouts_and_gets_their_blobs)
{
    step();
    ck_assert_uint_eq(out.n_items, 3);
    ck_assert_uint_eq(out.n_expected, 10);
    ck_assert_str_eq(phase(0), "rollout");
    ck_assert_int_eq(value_find(&out.params[0], "checkpoint")->type, VALUE_NULL);
    tell(2, "rollout", NULL);
    tell(0, "rollout", NULL);
    step();
    ck_assert_uint_eq(out.n_items, 3);
    tell(1, "rollout", NULL);
    step();
    ck_assert_uint_eq(out.n_items, 4);
    ck_assert_str_eq(phase(0), "update");
    const struct value *list = value_find(&out.params[0], "rollouts");
    ck_assert_uint_eq(list->n, 3);
    for (uint32_t i = 0; i < 3; i++)
        ck_blob(&list->items[i], i);
    tell(3, "checkpoint", NULL);
    step();
    ck_assert_uint_eq(out.n_items, 7);
    ck_blob(value_find(&out.params[2], "checkpoint"), 3);
}
END_TEST

START_TEST(updates_alone_take_a_gang)
{
    for (uint64_t i = 0; i < 10; i++)
        ck_assert_int_eq(train_driver.is_solo(state, i), i != 3 && i != 7);
}
END_TEST

static struct sha256 whole(bool restart)
{
    step();
    rollouts(0);
    step();
    tell(3, "checkpoint", NULL);
    step();
    if (restart) { // three rollouts of the second round are asked, one is told
        start();
        for (uint64_t i = 0; i < 7; i++)
            train_driver.restore(state, i, &spec);
        tell(5, "rollout", NULL);
        rollouts(0);
        tell(3, "checkpoint", NULL);
        out.n_items = 7;
        step();
        ck_assert_uint_eq(out.n_items, 7);
    }
    rollouts(4);
    step();
    tell(7, "checkpoint", NULL);
    step();
    ck_assert_uint_eq(out.n_items, 10);
    ck_assert_str_eq(phase(1), "evaluate");
    ck_assert_int_eq(value_find(&out.params[1], "seed")->i, 9);
    ck_blob(value_find(&out.params[1], "checkpoint"), 7);
    tell(9, NULL, NULL);
    tell(8, NULL, NULL);
    step();
    ck_assert(out.finished && !out.why_failed);
    return pack_digest(&out.result);
}

START_TEST(a_restart_changes_nothing)
{
    struct sha256 plain = whole(false);
    const struct value *curve = value_find(&out.result, "curve");
    ck_assert_uint_eq(curve->n, 2);
    ck_assert_uint_eq(curve->items[1].n, 2); // iteration and loss: texts are none of it
    ck_assert_uint_eq(out.n_blobs, 2);
    start();
    struct sha256 again = whole(true);
    ck_assert_mem_eq(&plain, &again, sizeof plain);
}
END_TEST

START_TEST(a_failed_item_ends_it_with_the_checkpoint_so_far)
{
    step();
    rollouts(0);
    step();
    tell(3, "checkpoint", NULL);
    step();
    tell(5, "rollout", "too cold");
    tell(4, NULL, NULL);
    step();
    ck_assert(!out.finished);
    tell(6, "rollout", NULL);
    step();
    ck_assert(out.finished);
    ck_assert_str_eq(out.why_failed, "item 0 of round 1 failed: it returned no blob");
    ck_assert_ptr_nonnull(value_find(&out.result, "checkpoint"));
    ck_assert_uint_eq(out.n_expected, 7);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("train");
    TCase *c = tcase_create("train");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, an_update_waits_for_its_rollouts_and_gets_their_blobs);
    tcase_add_test(c, updates_alone_take_a_gang);
    tcase_add_test(c, a_restart_changes_nothing);
    tcase_add_test(c, a_failed_item_ends_it_with_the_checkpoint_so_far);
    suite_add_tcase(s, c);
    return harness_run(s);
}
