// SPDX-License-Identifier: MIT
// test_tokenizer.c - the reference's token ids for every string of every model,
// and what must hold for any text and any tokens.
//
// A few vocabularies and strings lie in tests/golden/moe; all of them where the
// larger fixtures are.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "tests/unit/harness.h"
#include "tests/unit/tokenizer_fixture.h"
#include "worker/experts/tokenizer_pre.h"
#include "worker/experts/tokenizer_split.h"
#include "worker/experts/tokenizer_stream.h"

// --- the reference -----------------------------------------------------------

static void same_tokens(struct tokenizer *k, const struct value *prompt, const char *file)
{
    const struct value *text = value_find(prompt, "text"), *want = value_find(prompt, "tokens");
    const struct value *add = value_find(prompt, "add_special");
    const struct value *parse = value_find(prompt, "parse_special");
    const struct value *id = value_find(prompt, "id");
    const char *name = id ? id->s : "ppl";
    int flags = (!add || add->b ? TOKENIZER_ADD_SPECIAL : 0)
                | (parse && parse->b ? TOKENIZER_PARSE_SPECIAL : 0);
    struct tokens got = {0};

    ck_assert_int_eq(tokenizer_encode(k, text->s, text->n, flags, &got), OK);
    for (size_t i = 0; i < got.n && i < want->n; i++)
        ck_assert_msg(got.ids[i] == want->items[i].i, "%s %s: token %zu is %d, not %d", file,
                      name, i, got.ids[i], (int)want->items[i].i);
    ck_assert_msg(got.n == want->n, "%s %s: %zu tokens, not %u", file, name, got.n, want->n);
    tokens_fini(&got);
}

static void same_bytes(struct tokenizer *k,
                       const struct value *ids,
                       const struct value *hex,
                       const char *file)
{
    struct buf b, text;
    buf_init(&b, SIZE_MAX);
    buf_init(&text, SIZE_MAX);
    for (uint32_t i = 0; i < ids->n; i++) {
        int32_t id = (int32_t)ids->items[i].i;
        tokenizer_decode(k, &id, 1, 0, &b);
    }
    for (size_t i = 0; i < b.n; i++)
        buf_printf(&text, "%02x", b.bytes[i]);
    ck_assert_msg(strcmp(buf_cstr(&text), hex->s) == 0, "%s: %s, not %s", file, buf_cstr(&text),
                  hex->s);
    buf_fini(&b);
    buf_fini(&text);
}

static unsigned check_file(const char *model, const char *expected)
{
    struct arena *a = arena_create();
    struct value v = fixture_json(a, expected);
    struct tokenizer *k = fixture_tokenizer(model);
    const struct value *prompts = value_find(&v, "prompts"), *ppl = value_find(&v, "ppl");

    for (uint32_t i = 0; i < prompts->n; i++) {
        const struct value *p = &prompts->items[i];
        same_tokens(k, p, expected);
        same_bytes(k, value_find(p, "tokens"), value_find(p, "pieces_hex"), expected);
        if (value_find(p, "greedy"))
            same_bytes(k, value_find(p, "greedy"), value_find(p, "greedy_hex"), expected);
    }
    if (ppl)
        same_tokens(k, ppl, expected);
    unsigned n = prompts->n;
    tokenizer_destroy(k);
    arena_destroy(a);
    return n;
}

// Every NAME.vocab.gguf with its NAME.json.
static unsigned check_vocabularies(const char *dir)
{
    char model[4096], expected[4096];
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    unsigned checked = 0;

    for (int i = 0; i < n; i++) {
        char *end = strstr(names[i]->d_name, ".vocab.gguf");
        if (end) {
            snprintf(model, sizeof model, "%s/%s", dir, names[i]->d_name);
            *end = 0;
            snprintf(expected, sizeof expected, "%s/%s.json", dir, names[i]->d_name);
            checked += check_file(model, expected);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return checked;
}

START_TEST(the_golden_strings_have_the_reference_s_tokens)
{
    ck_assert_uint_ge(check_vocabularies("tests/golden/moe"), 3 * 15);
}
END_TEST

START_TEST(every_vocabulary_of_the_fixtures_gives_the_reference_s_tokens)
{
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/moe/vocab", harness_fixtures());
    ck_assert_uint_gt(check_vocabularies(dir), 0);
}
END_TEST

START_TEST(every_model_of_the_fixtures_gives_the_reference_s_tokens)
{
    char dir[4096], model[4096], expected[4096];
    struct dirent **names;
    unsigned checked = 0;

    snprintf(dir, sizeof dir, "%s/moe/models", harness_fixtures());
    int n = scandir(dir, &names, NULL, alphasort);
    ck_assert_int_gt(n, 0);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]->d_name);
        if (length > 5 && strcmp(names[i]->d_name + length - 5, ".gguf") == 0) {
            snprintf(model, sizeof model, "%s/%s", dir, names[i]->d_name);
            snprintf(expected, sizeof expected, "%s/../expected/%.*s.exact.json", dir,
                     (int)length - 5, names[i]->d_name);
            checked += check_file(model, expected);
        }
        free(names[i]);
    }
    free(names);
    ck_assert_uint_gt(checked, 0);
}
END_TEST

// --- any text, any tokens ----------------------------------------------------

static const char *const golden[] = {"tests/golden/moe/byte-bpe.vocab.gguf",
                                     "tests/golden/moe/deepseek.vocab.gguf",
                                     "tests/golden/moe/sentencepiece.vocab.gguf"};
enum { N_GOLDEN = 3, TEXTS = 300, TEXT_MAX = 200 };

// Letters, blanks, digits, characters of all lengths, and bytes that are none.
static size_t random_text(struct rng *r, char *out)
{
    static const char *const parts[] = {
        "a", "the", " ",   "  ",           "\n",           "\t",
        "7", "123", "'s",  "\xC3\xA9",     "\xE6\x9D\xB1", "\xF0\x9F\x9A\x80",
        ".", "=!",  "<s>", "\xE2\x96\x81", "\xE3\x80\x80"};
    size_t n = 0, n_want = rng_below(r, TEXT_MAX);
    while (n < n_want) {
        if (rng_below(r, 8) == 0) {
            out[n++] = (char)rng_below(r, 256);
            continue;
        }
        const char *part = parts[rng_below(r, sizeof parts / sizeof *parts)];
        while (*part)
            out[n++] = *part++;
    }
    return n;
}

START_TEST(tokens_read_back_as_the_text)
{
    struct tokenizer *k = fixture_tokenizer(golden[_i]);
    struct rng r = rng_at(3, 0, 0, (uint32_t)_i);
    char text[TEXT_MAX + 8];
    bool blanks = strstr(golden[_i], "sentencepiece") != NULL;

    for (int i = 0; i < TEXTS; i++) {
        struct tokens ids = {0};
        struct buf back;
        size_t n = random_text(&r, text);
        buf_init(&back, SIZE_MAX);
        ck_assert_int_eq(tokenizer_encode(k, text, n, 0, &ids), OK);
        tokenizer_decode(k, ids.ids, ids.n, 0, &back);
        // The llama family puts a blank before the text and reads U+2581 as one.
        size_t skip = blanks && n ? 1 : 0;
        ck_assert(skip == 0 || back.bytes[0] == ' ');
        if (!blanks || !memmem(text, n, "\xE2\x96\x81", 3)) {
            ck_assert_uint_eq(back.n - skip, n);
            ck_assert(n == 0 || memcmp(back.bytes + skip, text, n) == 0);
        }
        tokens_fini(&ids);
        buf_fini(&back);
    }
    tokenizer_destroy(k);
}
END_TEST

START_TEST(a_stream_gives_whole_characters_and_in_the_end_the_whole_text)
{
    struct tokenizer *k = fixture_tokenizer(golden[_i % N_GOLDEN]);
    struct rng r = rng_at(4, 0, 0, (uint32_t)_i);
    int flags = _i < N_GOLDEN ? TOKENIZER_REPLACE : TOKENIZER_REPLACE | TOKENIZER_SKIP_SPECIAL;

    for (int i = 0; i < TEXTS; i++) {
        struct tokenizer_stream s;
        struct buf parts, whole;
        int32_t ids[64];
        size_t n = rng_below(&r, 64);
        buf_init(&parts, SIZE_MAX);
        buf_init(&whole, SIZE_MAX);
        tokenizer_stream_init(&s, k, flags);
        for (size_t j = 0; j < n; j++) {
            size_t before = parts.n;
            ids[j] = (int32_t)rng_below(&r, tokenizer_n(k));
            tokenizer_stream_put(&s, ids[j], &parts);
            fixture_must_be_utf8(parts.bytes + before, parts.n - before);
        }
        tokenizer_stream_end(&s, &parts);
        // Independently: all bytes in a row, then mended.
        fixture_decode(k, ids, n, flags & TOKENIZER_SKIP_SPECIAL, &whole);
        ck_assert_str_eq(buf_cstr(&parts), buf_cstr(&whole));
        ck_assert_uint_eq(parts.n, whole.n);
        buf_fini(&parts);
        buf_fini(&whole);
    }
    tokenizer_destroy(k);
}
END_TEST

// A megabyte of each: one word, blanks, ideographs, digits, prose.
START_TEST(long_texts_do_not_take_long)
{
    static const char *const unit[] = {
        "a", " ", "\xE6\x9D\xB1", "7", "some words, no 2 alike. ", "\n", "!"};
    enum { BYTES = 1 << 20 };
    struct tokenizer *k = fixture_tokenizer(golden[_i % N_GOLDEN]);
    const char *u = unit[_i / N_GOLDEN];
    struct tokens ids = {0};
    struct buf text, back;
    buf_init(&text, SIZE_MAX);
    buf_init(&back, SIZE_MAX);
    while (text.n < BYTES)
        buf_puts(&text, u);
    // Quadratic work on this length takes minutes; libcheck ends a test after
    // seconds.
    ck_assert_int_eq(tokenizer_encode(k, buf_cstr(&text), text.n, 0, &ids), OK);
    tokenizer_decode(k, ids.ids, ids.n, 0, &back);
    ck_assert_uint_ge(back.n, text.n);
    ck_assert(memcmp(back.bytes + back.n - text.n, text.bytes, text.n) == 0);
    tokens_fini(&ids);
    buf_fini(&text);
    buf_fini(&back);
    tokenizer_destroy(k);
}
END_TEST

// --- small vocabularies ------------------------------------------------------

static struct errtext why;

static const struct tokenizer_text letters[] = {{"a", 1}, {"b", 1},   {"ab", 2},  {"<x>", 3},
                                                {"c", 1}, {"<u>", 3}, {"<xx>", 4}};
static const int32_t types[] = {1, 1, 1, 3, 1, 4, 3};
static const struct tokenizer_text ab[] = {{"a b", 3}};

static struct tokenizer_source small(void)
{
    return (struct tokenizer_source){
        .model = "gpt2",
        .pre = "gpt-2",
        .n = 7,
        .pieces = letters,
        .types = types,
        .n_merges = 1,
        .merges = ab,
        .bos = 3,
        .eos = 6,
        .eot = TOKENIZER_UNSET,
        .unk = TOKENIZER_UNSET,
        .add_bos = 1,
        .add_eos = 1,
        .add_space_prefix = TOKENIZER_UNSET,
    };
}

static const struct {
    const char *text;
    int flags;
    const char *ids;
} cases[] = {
    {"abc", 0, "2 4"},
    {"abc", TOKENIZER_ADD_SPECIAL, "3 2 4 6"},
    {"", TOKENIZER_ADD_SPECIAL, "3 6"},
    {"", 0, ""},
    {"a<u>b", 0, "0 5 1"}, // what a user defines is always found
    {"a<x>b", TOKENIZER_PARSE_SPECIAL, "0 3 1"},
    {"a<xx><x>", TOKENIZER_PARSE_SPECIAL, "0 6 3"},
    {"a<x>b", 0, "0 1"}, // no tokens for the other characters
    {"aabb", 0, "0 2 1"},
};

START_TEST(small_vocabulary)
{
    struct tokenizer_source s = small();
    struct tokenizer *k;
    struct tokens ids = {0};
    struct buf b;

    ck_assert_msg(tokenizer_create(&s, &k, &why) == OK, "%s", why.text);
    buf_init(&b, 1000);
    ck_assert_int_eq(
        tokenizer_encode(k, cases[_i].text, strlen(cases[_i].text), cases[_i].flags, &ids), OK);
    for (size_t i = 0; i < ids.n; i++)
        buf_printf(&b, "%s%d", i ? " " : "", ids.ids[i]);
    ck_assert_str_eq(buf_cstr(&b), cases[_i].ids);
    buf_fini(&b);
    tokens_fini(&ids);
    tokenizer_destroy(k);
}
END_TEST

static void refused(const struct tokenizer_source *s, enum error e, const char *part)
{
    struct tokenizer *k;
    ck_assert_int_eq(tokenizer_create(s, &k, &why), e);
    ck_assert_msg(strstr(why.text, part), "%s", why.text);
}

START_TEST(broken_vocabularies_are_refused_by_name)
{
    static const struct tokenizer_text twice[] = {{"a", 1}, {"a", 1}}, bad[] = {{"ab", 2}};
    struct tokenizer_source s = small();
    s.model = "wordpiece";
    refused(&s, ERR_UNSUPPORTED, "wordpiece");
    s = small();
    s.pre = "gpt-2 olmo";
    refused(&s, ERR_UNSUPPORTED, "gpt-2 olmo");
    s = small();
    s.merges = bad;
    refused(&s, ERR_PARSE, "merges[0]");
    s = small();
    s.bos = 7;
    refused(&s, ERR_PARSE, "bos_token_id");
    s = small();
    s.pieces = twice;
    s.n = 2;
    s.bos = s.eos = TOKENIZER_UNSET;
    refused(&s, ERR_PARSE, "tokens[1]");
    s = small();
    s.n = 0;
    s.bos = s.eos = TOKENIZER_UNSET;
    refused(&s, ERR_LIMIT, "tokens");
    s = small();
    s.model = "llama";
    refused(&s, ERR_PARSE, "scores");
}
END_TEST

START_TEST(every_pre_tokeniser_compiles_and_cuts)
{
    static const char *const names[] = {
        "default", "gpt-2",        "olmo",       "qwen2",       "qwen35",         "llama-bpe",
        "dbrx",    "deepseek-llm", "viking",     "falcon",      "tekken",         "starcoder",
        "gpt-4o",  "bloom",        "bailingmoe", "deepseek-v3", "deepseek-coder", "seed-coder"};
    static const char text[] = "It's 12345 words,\r\n  no\xE6\x9D\xB1\xE4\xBA\xAC \xFFmore! ";
    const struct tokenizer_pre *pre = tokenizer_pre_find(names[_i]);
    const uint32_t *ends;
    size_t n;

    ck_assert_ptr_nonnull(pre);
    struct tokenizer_split *s = tokenizer_split_create(pre);
    ck_assert_int_eq(tokenizer_split_run(s, text, sizeof text - 1, &ends, &n), OK);
    ck_assert_uint_gt(n, 6);
    ck_assert_uint_eq(ends[n - 1], sizeof text - 1);
    for (size_t i = 1; i < n; i++)
        ck_assert_uint_gt(ends[i], ends[i - 1]);
    tokenizer_split_destroy(s);
}
END_TEST

// --- stop strings ------------------------------------------------------------

// What stands before the first place where a stop string ends, or everything.
static void plain_stop(
    const char *text, size_t n, const struct tokenizer_text *stops, size_t m, struct buf *out)
{
    for (size_t end = 1; end <= n; end++) {
        size_t longest = 0;
        for (size_t i = 0; i < m; i++)
            if (stops[i].n <= end && stops[i].n > longest
                && memcmp(text + end - stops[i].n, stops[i].s, stops[i].n) == 0)
                longest = stops[i].n;
        if (longest) {
            buf_put(out, text, end - longest);
            return;
        }
    }
    buf_put(out, text, n);
}

START_TEST(a_text_ends_before_its_first_stop_string)
{
    struct rng r = rng_at(5, 0, 0, (uint32_t)_i);
    for (int round = 0; round < 500; round++) {
        char text[64], stop_text[3][6];
        struct tokenizer_text stops[3];
        size_t n = rng_below(&r, sizeof text), m = rng_below(&r, 4);
        struct stop_filter *f;
        struct buf got, want;
        for (size_t i = 0; i < n; i++)
            text[i] = (char)('a' + rng_below(&r, 2));
        for (size_t i = 0; i < m; i++) {
            stops[i] = (struct tokenizer_text){stop_text[i], 1 + rng_below(&r, 6)};
            for (size_t j = 0; j < stops[i].n; j++)
                stop_text[i][j] = (char)('a' + rng_below(&r, 2));
        }
        buf_init(&got, 1000);
        buf_init(&want, 1000);
        plain_stop(text, n, stops, m, &want);
        ck_assert_int_eq(stop_filter_create(stops, m, &f, &why), OK);
        for (size_t i = 0; i < n;) {
            size_t part = 1 + rng_below(&r, 5);
            part = part > n - i ? n - i : part;
            stop_filter_put(f, text + i, part, &got);
            i += part;
            // Never more than what stands in the end.
            ck_assert_uint_le(got.n, want.n);
        }
        stop_filter_end(f, &got);
        ck_assert_str_eq(buf_cstr(&got), buf_cstr(&want));
        stop_filter_destroy(f);
        buf_fini(&got);
        buf_fini(&want);
    }
}
END_TEST

START_TEST(stop_strings_are_checked)
{
    struct tokenizer_text empty = {"", 0}, long_one = {letters[0].s, STOP_BYTES_MAX + 1};
    struct stop_filter *f;
    ck_assert_int_eq(stop_filter_create(&empty, 1, &f, &why), ERR_INVALID);
    ck_assert_int_eq(stop_filter_create(&long_one, 1, &f, &why), ERR_LIMIT);
    ck_assert_int_eq(stop_filter_create(letters, STOP_STRINGS_MAX + 1, &f, &why), ERR_LIMIT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tokenizer");
    TCase *c = tcase_create("tokenizer");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_golden_strings_have_the_reference_s_tokens);
    if (harness_fixtures()) {
        tcase_add_test(c, every_vocabulary_of_the_fixtures_gives_the_reference_s_tokens);
        tcase_add_test(c, every_model_of_the_fixtures_gives_the_reference_s_tokens);
    } else {
        harness_skip("the fixtures' models and vocabularies are not here");
    }
    tcase_add_loop_test(c, tokens_read_back_as_the_text, 0, N_GOLDEN);
    tcase_add_loop_test(c, a_stream_gives_whole_characters_and_in_the_end_the_whole_text, 0,
                        2 * N_GOLDEN);
    tcase_add_loop_test(c, long_texts_do_not_take_long, 0, 7 * N_GOLDEN);
    tcase_add_loop_test(c, small_vocabulary, 0, sizeof cases / sizeof *cases);
    tcase_add_test(c, broken_vocabularies_are_refused_by_name);
    tcase_add_loop_test(c, every_pre_tokeniser_compiles_and_cuts, 0, 18);
    tcase_add_loop_test(c, a_text_ends_before_its_first_stop_string, 0, 5);
    tcase_add_test(c, stop_strings_are_checked);
    suite_add_tcase(s, c);
    return harness_run(s);
}
