// SPDX-License-Identifier: MIT
// test_serve_desk.c - requests meet a worker that the test plays: who is let in, who has
// to come again, what a client reads when its worker dies, who is told to stop.
#include <string.h>

#include "tests/unit/desk_fixture.h"

// ---- who is let in -------------------------------------------------------------------

START_TEST(who_finds_no_worker_is_told_to_come_again)
{
    struct client *c = post(1, WHOLE(1));
    expect_error(c, 503, "no worker");
    ck_assert_uint_gt(c->retry_after_s, 0);
}
END_TEST

START_TEST(who_finds_no_stream_free_waits_in_the_order_of_coming)
{
    open_worker(one_stream);
    struct client *first = post(1, WHOLE(1)), *second = post(2, WHOLE(2));
    (void)post(3, WHOLE(3));
    ck_assert(begun(1) && !begun(2) && !begun(3));
    hear(piece(begun(1), 0, 2, "one "));
    last(begun(1), 2, "end");
    ck_assert_uint_eq(first->status, 200);
    ck_assert_str_eq(text_of(first), "one end");
    ck_assert(begun(2) && !begun(3));
    last(begun(2), 0, "two");
    ck_assert_str_eq(text_of(second), "two");
    ck_assert(begun(3));
}
END_TEST

START_TEST(one_more_than_may_wait_gets_429_and_when_to_come_again)
{
    open_worker(one_stream);
    for (uint32_t mark = 1; mark <= 3; mark++)
        ck_assert_uint_eq(post(mark, WHOLE(1))->status, 0);
    struct client *c = post(4, STREAM(4));
    expect_error(c, 429, "too many");
    ck_assert_uint_gt(c->retry_after_s, 0);
    ck_assert(!begun(4));
    serve_gone(&shell, 2);
    ck_assert_uint_eq(post(5, WHOLE(5))->status, 0); // has its place
}
END_TEST

START_TEST(who_needs_more_pages_than_there_are_or_are_free)
{
    open_worker(little);
    expect_error(post(1, "{\"prompt\": [1], \"max_tokens\": 40}"), 400, "cache is too small");
    (void)post(2, WHOLE(2));
    (void)post(3, WHOLE(3));
    ck_assert(begun(2) && !begun(3)); // of three pages each
    last(begun(2), 0, "x");
    ck_assert(begun(3));
}
END_TEST

// ---- a worker dies -------------------------------------------------------------------

START_TEST(a_stream_goes_on_elsewhere_without_a_byte_twice_or_missing)
{
    open_worker(large);
    struct client *c = post(1, STREAM(1));
    struct asked before = asked[n_asked - 1];
    hear(piece(begun(1), 0, 2, "fish sw"));
    hear(piece(begun(1), 2, 1, "im "));
    lose_worker();
    ck_assert(!c->ended);
    open_worker(large);
    struct asked again = asked[n_asked - 1];
    ck_assert_uint_eq(again.what, SERVE_BEGIN);
    ck_assert_uint_ne(again.request, before.request);
    ck_assert_uint_eq(again.seed, before.seed);
    ck_assert_uint_eq(again.item, before.item);
    hear(piece(before.request, 3, 1, "LATE")); // by a number that leads nowhere
    ck_assert_str_eq(text_of(c), "fish swim ");
    hear(piece(again.request, 0, 1, "fi"));
    ck_assert_str_eq(text_of(c), "fish swim ");
    hear(piece(again.request, 1, 3, "sh swim nor"));
    last(again.request, 4, "th");
    ck_assert_str_eq(text_of(c), "fish swim north");
    ck_assert(c->ended);
    ck_assert_uint_eq(shell.desk->n_replayed, 1);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&c->got), "data: [DONE]"));
}
END_TEST

START_TEST(an_answer_that_comes_whole_is_begun_again_too)
{
    open_worker(large);
    struct client *c = post(1, WHOLE(1));
    hear(piece(begun(1), 0, 1, "half "));
    lose_worker();
    open_worker(large);
    hear(piece(begun(1), 0, 1, "half "));
    last(begun(1), 1, "done");
    ck_assert_str_eq(text_of(c), "half done");
}
END_TEST

START_TEST(those_that_ran_are_before_those_that_waited)
{
    open_worker(one_stream);
    (void)post(1, STREAM(1));
    (void)post(2, STREAM(2));
    hear(piece(begun(1), 0, 1, "a"));
    lose_worker();
    open_worker(one_stream);
    ck_assert(begun(1) && !begun(2));
}
END_TEST

START_TEST(who_came_after_the_loss_is_refused_until_another_serves)
{
    open_worker(large);
    (void)post(1, STREAM(1));
    lose_worker();
    expect_error(post(2, STREAM(2)), 503, "no worker");
    open_worker(large);
    ck_assert(begun(1));
    ck_assert_uint_eq(post(3, STREAM(3))->status, 0);
}
END_TEST

START_TEST(a_prompt_that_was_being_encoded_is_encoded_by_the_next)
{
    static const int32_t ids[] = {7, 8};
    open_worker(large);
    struct client *c = post(1, "{\"prompt\": \"a text\", \"max_tokens\": 2}");
    ck_assert_uint_eq(asked[n_asked - 1].what, SERVE_ENCODE);
    lose_worker();
    open_worker(large);
    struct asked again = asked[n_asked - 1];
    ck_assert_uint_eq(again.what, SERVE_ENCODE);
    hear((struct rec_piece){.request = again.request,
                            .what = SERVE_ENCODED,
                            .bytes = {(const uint8_t *)ids, sizeof ids}});
    ck_assert(begun(7));
    last(begun(7), 0, "yes");
    ck_assert_str_eq(text_of(c), "yes");
}
END_TEST

// ---- messages that are lost ----------------------------------------------------------

START_TEST(tokens_that_miss_their_turn_are_asked_for_again)
{
    open_worker(large);
    struct client *c = post(1, STREAM(1));
    uint64_t first = begun(1);
    hear(piece(first, 0, 1, "a"));
    hear(piece(first, 2, 1, "c")); // "b" was lost
    ck_assert(cancelled(first));
    uint64_t again = begun(1);
    ck_assert_uint_ne(again, first);
    hear(piece(again, 0, 2, "ab"));
    last(again, 2, "c");
    ck_assert_str_eq(text_of(c), "abc");
}
END_TEST

START_TEST(what_a_worker_saw_and_is_not_at_work_on_is_begun_again)
{
    open_worker(large);
    (void)post(1, STREAM(1));
    uint64_t first = begun(1);
    struct value room = room_of(large), active = value_list();
    (void)value_push(arena, &active, value_uint(first));
    (void)value_set(arena, &room, "seen", value_uint(first));
    (void)value_set(arena, &room, "active", active);
    say_room(room);
    ck_assert_uint_eq(begun(1), first);
    (void)value_set(arena, &room, "active", value_list());
    say_room(room);
    ck_assert_uint_ne(begun(1), first);
}
END_TEST

// ---- clients and jobs that go --------------------------------------------------------

START_TEST(the_worker_is_told_when_a_client_goes_and_the_next_is_let_in)
{
    open_worker(one_stream);
    (void)post(1, STREAM(1));
    (void)post(2, STREAM(2));
    uint64_t request = begun(1);
    hear(piece(request, 0, 1, "a"));
    serve_gone(&shell, 1);
    serve_turn(&shell);
    ck_assert(cancelled(request));
    ck_assert(begun(2));
    hear(piece(request, 1, 1, "late"));
    ck_assert_str_eq(text_of(&clients[1]), "a");
    ck_assert_uint_eq(shell.desk->n_gone, 1);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_given_up)
{
    open_worker(large);
    struct client *slow = post(1, STREAM(1)), *other = post(2, STREAM(2));
    uint64_t request = begun(1);
    hear(piece(request, 0, 1, "a"));
    slow->is_slow = true;
    hear(piece(request, 1, 1, "b"));
    ck_assert(slow->ended && cancelled(request));
    last(begun(2), 0, "fine");
    ck_assert_str_eq(text_of(other), "fine");
}
END_TEST

START_TEST(a_stop_string_ends_the_text_and_the_work)
{
    open_worker(large);
    struct client *c = post(1, "{\"prompt\": [1], \"max_tokens\": 8, \"stop\": \"END\"}");
    uint64_t request = begun(1);
    hear(piece(request, 0, 1, "all of it E"));
    hear(piece(request, 1, 1, "ND and more"));
    ck_assert_str_eq(text_of(c), "all of it ");
    ck_assert(cancelled(request));
}
END_TEST

START_TEST(a_job_s_end_ends_its_requests)
{
    open_worker(large);
    struct client *stream = post(1, STREAM(1)), *whole = post(2, WHOLE(2));
    hear(piece(begun(1), 0, 1, "a"));
    docket.live = NULL;
    serve_turn(&shell);
    expect_error(whole, 503, "no longer served");
    ck_assert(stream->ended);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&stream->got), "no longer served"));
    ck_assert_str_eq(text_of(stream), "a");
}
END_TEST

START_TEST(what_a_worker_refuses_is_the_requests_fault)
{
    open_worker(large);
    struct client *c = post(1, WHOLE(1));
    hear((struct rec_piece){
        .request = begun(1), .what = SERVE_REFUSED, .text = str_of("no such template")});
    expect_error(c, 400, "no such template");
}
END_TEST

START_TEST(choices_of_one_request_are_counted_by_themselves)
{
    open_worker(large);
    struct client *c = post(1, "{\"prompt\": [1], \"max_tokens\": 8, \"n\": 2, \"seed\": 4}");
    ck_assert_uint_eq(asked[n_asked - 1].item, 1);
    ck_assert_uint_eq(asked[n_asked - 2].item, 0);
    last(asked[n_asked - 1].request, 0, "second");
    ck_assert(!c->ended);
    last(asked[n_asked - 2].request, 0, "first ");
    ck_assert_str_eq(text_of(c), "first second");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        who_finds_no_worker_is_told_to_come_again,
        who_finds_no_stream_free_waits_in_the_order_of_coming,
        one_more_than_may_wait_gets_429_and_when_to_come_again,
        who_needs_more_pages_than_there_are_or_are_free,
        a_stream_goes_on_elsewhere_without_a_byte_twice_or_missing,
        an_answer_that_comes_whole_is_begun_again_too,
        those_that_ran_are_before_those_that_waited,
        who_came_after_the_loss_is_refused_until_another_serves,
        a_prompt_that_was_being_encoded_is_encoded_by_the_next,
        tokens_that_miss_their_turn_are_asked_for_again,
        what_a_worker_saw_and_is_not_at_work_on_is_begun_again,
        the_worker_is_told_when_a_client_goes_and_the_next_is_let_in,
        a_client_that_does_not_read_is_given_up,
        a_stop_string_ends_the_text_and_the_work,
        a_job_s_end_ends_its_requests,
        what_a_worker_refuses_is_the_requests_fault,
        choices_of_one_request_are_counted_by_themselves,
    };
    log_init("test", -1, LOG_LEVEL_ERROR); // the losses here are meant
    Suite *suite = suite_create("serve_desk");
    TCase *c = tcase_create("serve_desk");
    tcase_add_checked_fixture(c, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(suite, c);
    return harness_run(suite);
}
