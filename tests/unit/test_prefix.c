// SPDX-License-Identifier: MIT
// test_prefix.c - which ended sequence is found, and which is given up first.
#include "common/mem.h"
#include "tests/unit/harness.h"
#include "worker/experts/choice.h"
#include "worker/experts/prefix.h"

static const int32_t a[] = {1, 2, 3, 4}, b[] = {1, 2, 9, 9}, c[] = {7, 7, 7, 7};

static void keep(struct prefix *p, uint32_t sequence, const int32_t *tokens)
{
    prefix_keep(p, &(struct prefix_entry){
                       .sequence = sequence, .tokens = tokens, .n = 4, .note = mem_alloc(8)});
}

START_TEST(the_longest_common_beginning_is_found)
{
    struct prefix *p = prefix_create();
    const int32_t wanted[] = {1, 2, 3, 8, 8};
    uint32_t common = 0, sequence = 0;
    keep(p, 10, a);
    keep(p, 11, b);
    keep(p, 12, c);
    const struct prefix_entry *e = prefix_find(p, wanted, 5, 1, &common);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->sequence, 10);
    ck_assert_uint_eq(common, 3);
    ck_assert_ptr_null(prefix_find(p, wanted, 5, 4, &common));
    ck_assert_ptr_null(prefix_find(p, wanted + 3, 2, 1, &common));
    // What was found is the youngest now.
    ck_assert(prefix_oldest(p, &sequence));
    ck_assert_uint_eq(sequence, 11);
    ck_assert(prefix_oldest(p, &sequence));
    ck_assert_uint_eq(sequence, 12);
    ck_assert(prefix_oldest(p, &sequence));
    ck_assert_uint_eq(sequence, 10);
    ck_assert(!prefix_oldest(p, &sequence));
    prefix_destroy(p);
}
END_TEST

START_TEST(marks_tell_order_and_tokens_apart)
{
    struct prefix *p = prefix_create(), *q = prefix_create();
    ck_assert_uint_eq(prefix_mark(p), prefix_mark(q));
    keep(p, 1, a);
    keep(q, 5, a);
    ck_assert_uint_eq(prefix_mark(p), prefix_mark(q));
    keep(p, 2, b);
    ck_assert_uint_ne(prefix_mark(p), prefix_mark(q));
    keep(q, 2, c);
    ck_assert_uint_ne(prefix_mark(p), prefix_mark(q));
    prefix_forget(p);
    ck_assert_uint_eq(prefix_n(p), 0);
    prefix_destroy(p);
    prefix_destroy(q);
}
END_TEST

// The way that was the faster for a class of sizes is kept, whatever comes later.
START_TEST(the_faster_way_is_kept_by_size)
{
    struct choice ch = {0};
    for (uint32_t i = 0; i < CHOICE_WAYS * CHOICE_TRIES; i++) {
        ck_assert(choice_is_open(&ch, 512) && choice_is_open(&ch, 1));
        ck_assert_uint_eq(choice_way(&ch, 512), i % 2);
        choice_tell(&ch, 512 + i, i % 2 ? 1000 : 2000);
        choice_tell(&ch, 1, i % 2 ? 20 : 10);
    }
    ck_assert(!choice_is_open(&ch, 700) && !choice_is_open(&ch, 1));
    ck_assert_uint_eq(choice_way(&ch, 1023), 1);
    ck_assert_uint_eq(choice_way(&ch, 1), 0);
    ck_assert(choice_is_open(&ch, 1024) && choice_is_open(&ch, 2));
    choice_tell(&ch, 1, 1);
    ck_assert_uint_eq(choice_way(&ch, 1), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prefix");
    TCase *t = tcase_create("prefix");
    tcase_add_test(t, the_longest_common_beginning_is_found);
    tcase_add_test(t, marks_tell_order_and_tokens_apart);
    tcase_add_test(t, the_faster_way_is_kept_by_size);
    suite_add_tcase(s, t);
    return harness_run(s);
}
