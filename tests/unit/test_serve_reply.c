// SPDX-License-Identifier: MIT
// test_serve_reply.c - the documents have the shapes that OpenAI's clients read.
#include <string.h>

#include "common/json.h"
#include "coordinator/serve_reply.h"
#include "tests/unit/harness.h"

static struct buf out;
static struct arena *a;
static const struct serve_head chat = {SERVE_CHAT, "chatcmpl-1", "m", 1700000000};
static const struct serve_head completion = {SERVE_COMPLETIONS, "cmpl-1", "m", 1700000000};
static const struct serve_usage use = {3, 4};

static void set_up(void)
{
    a = arena_create();
    buf_init(&out, 1 << 20);
}

static void tear_down(void)
{
    buf_fini(&out);
    arena_destroy(a);
}

// The document in the event, which must be one line and a blank one.
static struct value read_back(bool event)
{
    struct value v;
    struct errtext t = {{0}};
    const char *s = buf_cstr(&out);
    size_t n = out.n;
    if (event) {
        ck_assert_int_eq(strncmp(s, "data: ", 6), 0);
        ck_assert_ptr_eq(strstr(s, "\n\n"), s + n - 2);
        ck_assert_ptr_eq(strchr(s, '\n'), s + n - 2);
        s += 6;
        n -= 6;
    }
    ck_assert_msg(!json_parse(s, n, a, &v, &t), "%s", t.text);
    return v;
}

static const char *text_at(const struct value *v, const char *key)
{
    const struct value *found = value_find(v, key);
    ck_assert_msg(found && found->type == VALUE_STR, "no string '%s'", key);
    return found->s;
}

START_TEST(a_chat_streams_role_text_and_finish)
{
    struct serve_choice c = {.index = 1, .text = "a\nb", .n_text = 3, .first = true};
    serve_reply_chunk(&chat, &c, &out);
    struct value v = read_back(true);
    ck_assert_str_eq(text_at(&v, "object"), "chat.completion.chunk");
    const struct value *choice = &value_find(&v, "choices")->items[0];
    const struct value *delta = value_find(choice, "delta");
    ck_assert_int_eq(value_find(choice, "index")->i, 1);
    ck_assert_str_eq(text_at(delta, "role"), "assistant");
    ck_assert_str_eq(text_at(delta, "content"), "a\nb");
    ck_assert_int_eq(value_find(choice, "finish_reason")->type, VALUE_NULL);
    buf_reset(&out);
    c = (struct serve_choice){.index = 1, .finish = "length"};
    serve_reply_chunk(&chat, &c, &out);
    v = read_back(true);
    choice = &value_find(&v, "choices")->items[0];
    ck_assert_uint_eq(value_find(choice, "delta")->n, 0);
    ck_assert_str_eq(text_at(choice, "finish_reason"), "length");
    buf_reset(&out);
    serve_reply_usage_chunk(&chat, &use, &out);
    v = read_back(true);
    ck_assert_uint_eq(value_find(&v, "choices")->n, 0);
    ck_assert_int_eq(value_find(value_find(&v, "usage"), "total_tokens")->i, 7);
    buf_reset(&out);
    serve_reply_done(&out);
    ck_assert_str_eq(buf_cstr(&out), "data: [DONE]\n\n");
}
END_TEST

START_TEST(a_completion_is_whole_with_logprobs)
{
    const struct serve_logprob top[] = {{.token = "x", .logprob = -0.5},
                                        {.token = "y", .logprob = -1.5}};
    const struct serve_logprob l[] = {{.token = "x",
                                       .bytes = (const uint8_t *)"x",
                                       .n_bytes = 1,
                                       .logprob = -0.5,
                                       .n_top = 2,
                                       .top = top},
                                      {.token = "\xc3\xa9",
                                       .bytes = (const uint8_t *)"\xc3\xa9",
                                       .n_bytes = 2,
                                       .logprob = -0.25}};
    const struct serve_choice c[] = {{.text = "x\xc3\xa9",
                                      .n_text = 3,
                                      .finish = "stop",
                                      .has_logprobs = true,
                                      .logprobs = l,
                                      .n_logprobs = 2},
                                     {.index = 1, .text = "", .finish = "stop"}};
    serve_reply_whole(&completion, c, 2, &use, &out);
    struct value v = read_back(false);
    ck_assert_str_eq(text_at(&v, "object"), "text_completion");
    const struct value *choice = value_find(&v, "choices")->items;
    ck_assert_str_eq(text_at(choice, "text"), "x\xc3\xa9");
    const struct value *p = value_find(choice, "logprobs");
    ck_assert_str_eq(value_find(p, "tokens")->items[1].s, "\xc3\xa9");
    ck_assert(value_number(&value_find(p, "token_logprobs")->items[1]) == -0.25);
    ck_assert(value_number(value_find(&value_find(p, "top_logprobs")->items[0], "y")) == -1.5);
    ck_assert_int_eq(value_find(p, "text_offset")->items[1].i, 1);
    ck_assert_int_eq(value_find(&choice[1], "logprobs")->type, VALUE_NULL);
}
END_TEST

START_TEST(a_chat_is_whole_with_logprobs)
{
    const struct serve_logprob top = {
        .token = "y", .bytes = (const uint8_t *)"y", .n_bytes = 1, .logprob = -2};
    const struct serve_logprob l = {.token = "x",
                                    .bytes = (const uint8_t *)"x",
                                    .n_bytes = 1,
                                    .logprob = -1,
                                    .n_top = 1,
                                    .top = &top};
    const struct serve_choice c = {.text = "x",
                                   .n_text = 1,
                                   .finish = "stop",
                                   .has_logprobs = true,
                                   .logprobs = &l,
                                   .n_logprobs = 1};
    serve_reply_whole(&chat, &c, 1, &use, &out);
    struct value v = read_back(false);
    const struct value *choice = value_find(&v, "choices")->items;
    ck_assert_str_eq(text_at(value_find(choice, "message"), "content"), "x");
    const struct value *row = value_find(value_find(choice, "logprobs"), "content")->items;
    ck_assert_int_eq(value_find(row, "bytes")->items[0].i, 'x');
    ck_assert_str_eq(text_at(value_find(row, "top_logprobs")->items, "token"), "y");
    ck_assert_int_eq(value_find(value_find(&v, "usage"), "prompt_tokens")->i, 3);
}
END_TEST

static const struct {
    enum error error;
    unsigned status;
    const char *type;
} errors[] = {
    {ERR_INVALID, 400, "invalid_request_error"},
    {ERR_UNSUPPORTED, 400, "invalid_request_error"},
    {ERR_DENIED, 401, "authentication_error"},
    {ERR_NOT_FOUND, 404, "invalid_request_error"},
    {ERR_BUSY, 429, "rate_limit_error"},
    {FAULT_WORKER, 500, "server_error"},
};

START_TEST(errors_have_status_and_type)
{
    ck_assert_uint_eq(serve_reply_status(errors[_i].error), errors[_i].status);
    serve_reply_error(errors[_i].error, "why", "n", _i % 2, &out);
    struct value v = read_back(_i % 2);
    const struct value *e = value_find(&v, "error");
    ck_assert_str_eq(text_at(e, "type"), errors[_i].type);
    ck_assert_str_eq(text_at(e, "message"), "why");
    ck_assert_str_eq(text_at(e, "param"), "n");
}
END_TEST

START_TEST(the_model_is_listed)
{
    serve_reply_models((const char *const[]){"olmoe"}, 1, 5, &out);
    struct value v = read_back(false);
    ck_assert_str_eq(text_at(&v, "object"), "list");
    ck_assert_str_eq(text_at(value_find(&v, "data")->items, "id"), "olmoe");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve_reply");
    TCase *c = tcase_create("serve_reply");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_chat_streams_role_text_and_finish);
    tcase_add_test(c, a_completion_is_whole_with_logprobs);
    tcase_add_test(c, a_chat_is_whole_with_logprobs);
    tcase_add_loop_test(c, errors_have_status_and_type, 0, sizeof errors / sizeof errors[0]);
    tcase_add_test(c, the_model_is_listed);
    suite_add_tcase(s, c);
    return harness_run(s);
}
