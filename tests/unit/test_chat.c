// SPDX-License-Identifier: MIT
// test_chat.c - conversations as the models' own templates render them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "tests/unit/tokenizer_fixture.h"
#include "worker/experts/chat.h"

static struct errtext why;

// --- the reference -----------------------------------------------------------

static unsigned check_conversations(const char *model, const char *expected)
{
    struct arena *a = arena_create();
    struct value v = fixture_json(a, expected);
    const struct value *prompts = value_find(&v, "prompts");
    struct gguf *g;
    struct tokenizer *k;
    struct gguf_text text = {0};
    struct chat c;
    unsigned checked = 0;

    ck_assert_msg(gguf_open(model, &g, &why) == OK, "%s", why.text);
    ck_assert_msg(tokenizer_from_gguf(g, &k, &why) == OK, "%s", why.text);
    ck_assert_int_eq(gguf_opt_text(g, "tokenizer.chat_template", &text, &why), OK);
    struct tokenizer_text template = {text.s, text.n};
    for (uint32_t i = 0; i < prompts->n; i++) {
        const struct value *list = value_find(&prompts->items[i], "messages");
        struct chat_message m[8];
        struct buf out;
        if (!list)
            continue;
        for (uint32_t j = 0; j < list->n; j++) {
            const struct value *content = value_find(&list->items[j], "content");
            m[j] = (struct chat_message){value_find(&list->items[j], "role")->s,
                                         {content->s, content->n}};
        }
        buf_init(&out, 1 << 20);
        ck_assert_msg(chat_open(NULL, &template, &c, &why) == OK, "%s", why.text);
        ck_assert_msg(chat_render(&c, k, &(struct chat_talk){m, list->n, true}, &out, &why)
                          == OK,
                      "%s", why.text);
        ck_assert_msg(strcmp(buf_cstr(&out), value_find(&prompts->items[i], "text")->s) == 0,
                      "%s by %s: %s", expected, chat_name(&c), buf_cstr(&out));
        buf_fini(&out);
        checked++;
    }
    tokenizer_destroy(k);
    gguf_close(g);
    arena_destroy(a);
    return checked;
}

static const char *const golden[] = {"sentencepiece", "byte-bpe", "deepseek", "olmo"};

START_TEST(golden_conversations)
{
    char model[256], expected[256];
    snprintf(model, sizeof model, "tests/golden/moe/%s.vocab.gguf", golden[_i]);
    snprintf(expected, sizeof expected, "tests/golden/moe/%s.json", golden[_i]);
    ck_assert_uint_eq(check_conversations(model, expected), 2);
}
END_TEST

static const char *const models[] = {
    "mixtral-t-f32",   "olmoe-t-f32",          "qwen3moe-t-f32", "qwen2moe-t-f32",
    "deepseek2-t-f32", "deepseek2-lite-t-f32", "mixtral-b-q8_0", "olmoe-b-q8_0",
    "qwen3moe-b-q8_0", "deepseek2-b-q8_0"};
enum { N_MODELS = sizeof models / sizeof *models };

START_TEST(conversations_of_the_fixtures)
{
    char model[4096], expected[4096];
    const char *dir = harness_fixtures();
    snprintf(model, sizeof model, "%s/moe/models/%s.gguf", dir, models[_i]);
    snprintf(expected, sizeof expected, "%s/moe/expected/%s.exact.json", dir, models[_i]);
    ck_assert_uint_eq(check_conversations(model, expected), 2);
}
END_TEST

// --- by name -----------------------------------------------------------------

static const struct {
    const char *name, *text;
} named[] = {
    {"chatml", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
               "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nV<|im_end|>\n"
               "<|im_start|>assistant\n"},
    {"llama3", "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
               "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
               "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\n"},
    {"llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s>[INST] V [/INST]"},
    {"mistral", "<s>[INST] S\n\nU [/INST]A</s>[INST] V [/INST]"},
    {"mixtral", "<s>[INST] S\n\nU [/INST] A</s>[INST] V [/INST]"},
    {"mistral-tekken", "<s>[INST]S\n\nU[/INST]A</s>[INST]V[/INST]"},
    {"deepseek", "<s>S\n\nUser: U\n\nAssistant: A</s>User: V\n\nAssistant:"},
    {"tulu", "<|system|>\nS\n<|user|>\nU\n<|assistant|>\nA</s>\n<|user|>\nV\n<|assistant|>\n"},
};

START_TEST(families_by_name)
{
    static const struct chat_message m[] = {
        {"system", {"S", 1}}, {"user", {"U", 1}}, {"assistant", {"A", 1}}, {"user", {"V", 1}}};
    struct tokenizer *k = fixture_tokenizer("tests/golden/moe/sentencepiece.vocab.gguf");
    struct chat c;
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_msg(chat_open(named[_i].name, NULL, &c, &why) == OK, "%s", why.text);
    ck_assert_int_eq(chat_render(&c, k, &(struct chat_talk){m, 4, true}, &out, &why), OK);
    ck_assert_str_eq(buf_cstr(&out), named[_i].text);
    buf_fini(&out);
    tokenizer_destroy(k);
}
END_TEST

START_TEST(a_template_may_bring_its_own_system_message)
{
    static const char text[] = "{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}";
    struct tokenizer_text template = {text, sizeof text - 1};
    struct chat_message m = {"user", {"U", 1}};
    struct tokenizer *k = fixture_tokenizer("tests/golden/moe/byte-bpe.vocab.gguf");
    struct chat c;
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_int_eq(chat_open(NULL, &template, &c, &why), OK);
    ck_assert_int_eq(chat_render(&c, k, &(struct chat_talk){&m, 1, false}, &out, &why), OK);
    ck_assert_str_eq(buf_cstr(&out), "<|im_start|>system\nBe kind.<|im_end|>\n"
                                     "<|im_start|>user\nU<|im_end|>\n");
    buf_fini(&out);
    tokenizer_destroy(k);
}
END_TEST

START_TEST(what_is_unknown_is_said)
{
    struct tokenizer_text odd = {"{{ messages }}", 14};
    struct chat_message wrong = {"tool", {"x", 1}}, lone = {"system", {"x", 1}};
    struct tokenizer *k = fixture_tokenizer("tests/golden/moe/sentencepiece.vocab.gguf");
    struct chat c;
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_int_eq(chat_open(NULL, &odd, &c, &why), ERR_UNSUPPORTED);
    ck_assert(strstr(why.text, "no known family") && strstr(why.text, "chatml"));
    ck_assert_int_eq(chat_open(NULL, NULL, &c, &why), ERR_NOT_FOUND);
    ck_assert_int_eq(chat_open("chatmk", NULL, &c, &why), ERR_UNSUPPORTED);
    ck_assert(strstr(why.text, "chatmk") && strstr(why.text, "tulu"));
    ck_assert_int_eq(chat_open("llama2", NULL, &c, &why), OK);
    ck_assert_int_eq(chat_render(&c, k, &(struct chat_talk){&wrong, 1, true}, &out, &why),
                     ERR_INVALID);
    ck_assert(strstr(why.text, "tool"));
    ck_assert_int_eq(chat_render(&c, k, &(struct chat_talk){&lone, 1, true}, &out, &why),
                     ERR_INVALID);
    ck_assert_int_eq(chat_render(&c, k, &(struct chat_talk){&wrong, 0, true}, &out, &why),
                     ERR_INVALID);
    ck_assert_uint_eq(out.n, 0);
    buf_fini(&out);
    tokenizer_destroy(k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("chat");
    TCase *c = tcase_create("chat");
    tcase_add_loop_test(c, golden_conversations, 0, 4);
    if (harness_fixtures())
        tcase_add_loop_test(c, conversations_of_the_fixtures, 0, N_MODELS);
    else
        harness_skip("the fixtures' models are not here");
    tcase_add_loop_test(c, families_by_name, 0, sizeof named / sizeof *named);
    tcase_add_test(c, a_template_may_bring_its_own_system_message);
    tcase_add_test(c, what_is_unknown_is_said);
    suite_add_tcase(s, c);
    return harness_run(s);
}
