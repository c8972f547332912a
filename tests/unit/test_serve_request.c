// SPDX-License-Identifier: MIT
// test_serve_request.c - every key of the OpenAI interface is understood or refused by name.
#include <string.h>

#include "common/json.h"
#include "coordinator/serve_request.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct serve_request r;
static const char *param;
static struct errtext t;

static void set_up(void)
{
    a = arena_create();
    param = NULL;
    t.text[0] = 0;
}

static void tear_down(void)
{
    arena_destroy(a);
}

static enum error parse(enum serve_endpoint e, const char *text)
{
    struct value *v = arena_alloc(a, sizeof *v);
    ck_assert_msg(!json_parse(text, strlen(text), a, v, &t), "%s: %s", text, t.text);
    return serve_request_parse(e, v, &r, &param, &t);
}

START_TEST(a_completion_with_everything)
{
    ck_assert_int_eq(
        parse(
            SERVE_COMPLETIONS,
            "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"],\"n\":2,\"max_tokens\":7,"
            "\"temperature\":0,\"top_p\":0.5,\"min_p\":0.1,\"top_k\":40,\"seed\":-1,"
            "\"repetition_penalty\":1.1,\"stop\":[\"x\",\"yy\"],\"logprobs\":3,\"stream\":true,"
            "\"stream_options\":{\"include_usage\":true},\"ignore_eos\":true,\"user\":\"u\","
            "\"echo\":false,\"best_of\":1,\"logit_bias\":{},\"presence_penalty\":0.0,"
            "\"suffix\":null}"),
        OK);
    ck_assert_str_eq(r.model, "m");
    ck_assert_uint_eq(r.prompts.n, 2);
    ck_assert_str_eq(r.prompts.items[1].s, "b");
    ck_assert_uint_eq(r.n, 2);
    ck_assert_uint_eq(r.max_tokens, 7);
    ck_assert(r.temperature == 0 && r.top_p == 0.5 && r.min_p == 0.1);
    ck_assert_uint_eq(r.top_k, 40);
    ck_assert(r.has_seed && r.seed == UINT64_MAX);
    ck_assert(r.repetition_penalty == 1.1);
    ck_assert_uint_eq(r.n_stops, 2);
    ck_assert_str_eq(r.stops[1], "yy");
    ck_assert(r.wants_logprobs && r.n_logprobs == 3);
    ck_assert(r.stream && r.stream_usage && r.ignore_eos);
}
END_TEST

START_TEST(a_chat_and_its_defaults)
{
    ck_assert_int_eq(
        parse(SERVE_CHAT,
              "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
              "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}],"
              "\"max_completion_tokens\":3,\"logprobs\":true,\"top_logprobs\":2,"
              "\"response_format\":{\"type\":\"text\"},\"stop\":\"z\",\"tools\":[]}"),
        OK);
    ck_assert_uint_eq(r.prompts.n, 2);
    ck_assert_uint_eq(r.max_tokens, 3);
    ck_assert_uint_eq(r.n, 1);
    ck_assert(r.temperature == 1 && r.top_p == 1 && r.repetition_penalty == 1);
    ck_assert(!r.has_seed && !r.stream);
    ck_assert(r.wants_logprobs && r.n_logprobs == 2);
    ck_assert_str_eq(r.stops[0], "z");
}
END_TEST

START_TEST(one_prompt_is_a_list_of_one)
{
    ck_assert_int_eq(parse(SERVE_COMPLETIONS, "{\"prompt\":[1,2,3]}"), OK);
    ck_assert_uint_eq(r.prompts.n, 1);
    ck_assert_uint_eq(r.prompts.items[0].n, 3);
    ck_assert_int_eq(parse(SERVE_COMPLETIONS, "{\"prompt\":[[1],[2,3]]}"), OK);
    ck_assert_uint_eq(r.prompts.n, 2);
    ck_assert_int_eq(parse(SERVE_TOKENIZE, "{\"content\":\"abc\",\"add_special\":true}"), OK);
    ck_assert_uint_eq(r.prompts.n, 1);
    ck_assert(r.add_special);
}
END_TEST

static const struct {
    enum serve_endpoint endpoint;
    const char *text;
    const char *param; // NULL: none
    const char *says;
    enum error error;
} bad[] = {
    {SERVE_COMPLETIONS, "[]", NULL, "not a JSON object", ERR_INVALID},
    {SERVE_COMPLETIONS, "{}", "prompt", "'prompt' is missing", ERR_INVALID},
    {SERVE_CHAT, "{}", "messages", "'messages' is missing", ERR_INVALID},
    {SERVE_TOKENIZE, "{}", "content", "'content' is missing", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":null}", "prompt", "missing", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":7}", "prompt", "expected a string", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":[]}", "prompt", "expected a string", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":[-1]}", "prompt", "token ids", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":[\"a\",{}]}", "prompt", "token ids", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":[1,\"a\"]}", "prompt", "token ids", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"promt\":\"a\"}", "promt", "did you mean 'prompt'", ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"messages\":[]}", "messages", "not known", ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"n\":0}", "n", "1 to 16", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"n\":1.5}", "n", "an integer", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":[\"a\",\"b\"],\"n\":9}", "n", "more than 16", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"temperature\":-1}", "temperature", "0 to 2",
     ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"temperature\":\"hot\"}", "temperature", "a number",
     ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"top_p\":1.01}", "top_p", "0 to 1", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"max_tokens\":0}", "max_tokens", "1 to",
     ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"seed\":1.5}", "seed", "an integer", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"stream\":1}", "stream", "true or false",
     ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"stop\":\"\"}", "stop", "1 to 256", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"stop\":[1]}", "stop", "strings", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", "stop",
     "four", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"stop\":\"\\u0000\"}", "stop", "NUL", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"logprobs\":21}", "logprobs", "0 to 20",
     ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"logprobs\":true}", "logprobs", "an integer",
     ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"echo\":true}", "echo", "'echo' is not supported",
     ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"best_of\":2}", "best_of", "not supported",
     ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"suffix\":\"x\"}", "suffix", "not supported",
     ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"grammar\":\"root\"}", "grammar", "not supported",
     ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"presence_penalty\":0.5}", "presence_penalty",
     "not supported", ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"logit_bias\":{\"5\":1}}", "logit_bias",
     "not supported", ERR_UNSUPPORTED},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"stream_options\":{\"include_usage\":true}}",
     "stream_options", "needs 'stream'", ERR_INVALID},
    {SERVE_COMPLETIONS, "{\"prompt\":\"a\",\"stream\":true,\"stream_options\":{\"x\":1}}",
     "stream_options", "'stream_options.x'", ERR_UNSUPPORTED},
    {SERVE_CHAT, "{\"messages\":[{\"role\":\"user\"}]}", "messages", "'messages[0]'",
     ERR_INVALID},
    {SERVE_CHAT, "{\"messages\":[{\"content\":\"x\"}]}", "messages", "'messages[0]'",
     ERR_INVALID},
    {SERVE_CHAT, "{\"messages\":[7]}", "messages", "'messages[0]'", ERR_INVALID},
    {SERVE_CHAT,
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"text\":\"\"}]}]"
     "}",
     "messages", "parts of type text", ERR_INVALID},
    {SERVE_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"tool_calls\":[]}]}",
     "messages", "'messages[0].tool_calls'", ERR_UNSUPPORTED},
    {SERVE_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{}]}",
     "tools", "'tools' is not supported", ERR_UNSUPPORTED},
    {SERVE_CHAT,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"response_format\":"
     "{\"type\":\"json_object\"}}",
     "response_format", "not supported", ERR_UNSUPPORTED},
    {SERVE_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"top_logprobs\":2}",
     "top_logprobs", "needs 'logprobs'", ERR_INVALID},
    {SERVE_TOKENIZE, "{\"content\":\"x\",\"seed\":1}", "seed", "not known", ERR_UNSUPPORTED},
};

START_TEST(what_is_not_understood_is_refused_by_name)
{
    ck_assert_int_eq(parse(bad[_i].endpoint, bad[_i].text), bad[_i].error);
    ck_assert_msg(strstr(t.text, bad[_i].says) != NULL, "%s: %s", bad[_i].text, t.text);
    ck_assert_int_eq(param != NULL, bad[_i].param != NULL);
    if (param)
        ck_assert_str_eq(param, bad[_i].param);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve_request");
    TCase *c = tcase_create("serve_request");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_completion_with_everything);
    tcase_add_test(c, a_chat_and_its_defaults);
    tcase_add_test(c, one_prompt_is_a_list_of_one);
    tcase_add_loop_test(c, what_is_not_understood_is_refused_by_name, 0,
                        sizeof bad / sizeof bad[0]);
    suite_add_tcase(s, c);
    return harness_run(s);
}
