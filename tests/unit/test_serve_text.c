// SPDX-License-Identifier: MIT
// test_serve_text.c - no byte lost, repeated or half, however tokens cut the text.
#include <string.h>

#include "common/rng.h"
#include "coordinator/serve_text.h"
#include "tests/unit/harness.h"

static const struct {
    const char *bytes;
    const char *stops[3];
    const char *text;
    bool stopped;
} cases[] = {
    {"plain text", {NULL}, "plain text", false},
    {"", {"x"}, "", false},
    {"abcSTOPdef", {"STOP"}, "abc", true},
    {"abSTabSTOP", {"STOP"}, "abSTab", true},
    {"abSTO", {"STOP"}, "abSTO", false},
    {"aaab", {"aab"}, "a", true},
    {"xabcz", {"xabcd", "bc"}, "xa", true},
    {"xabcd", {"xabcd", "bc"}, "xa", true},
    {"abc", {"c", "abc"}, "", true},
    {"\n\nend", {"\n\n"}, "", true},
    {"\xe2\x82\xac\xf0\x9f\x98\x80", {"\xf0\x9f\x98\x80"}, "\xe2\x82\xac", true},
    {"a\xe2\x82", {NULL}, "a\xef\xbf\xbd", false},
    {"\xe2\x82S", {"S"}, "\xef\xbf\xbd", true},
    {"\xe2\x82Sx", {"SS"}, "\xef\xbf\xbdSx", false},
    {"\xff\xfe!", {NULL}, "\xef\xbf\xbd\xef\xbf\xbd!", false},
    {"\xed\xa0\x80", {NULL}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false},
    {"\xf0\x9f\x98", {NULL}, "\xef\xbf\xbd", false},
    {"\xc3\xa9\xc3\xa9", {"\xc3\xa9\xc3\xa9\xc3\xa9"}, "\xc3\xa9\xc3\xa9", false},
};

static uint32_t count_stops(const char *const *stops)
{
    uint32_t n = 0;
    while (n < 3 && stops[n])
        n++;
    return n;
}

// All of what goes out while the bytes come in pieces of the lengths that rng says, and
// the pod dies now and then.
static void run(struct serve_text *x, const char *bytes, struct rng *rng, struct buf *out)
{
    size_t n = strlen(bytes);
    size_t at = 0;
    uint64_t deaths = rng_below(rng, 4);
    while (at < n) {
        size_t k = 1 + rng_below(rng, 4);
        k = k < n - at ? k : n - at;
        serve_text_add(x, bytes + at, k, out);
        at += k;
        if (deaths && rng_below(rng, 3) == 0) {
            deaths--;
            serve_text_replay(x);
            at = 0;
        }
    }
    serve_text_end(x, out);
}

START_TEST(the_text_is_the_same_however_it_is_cut_and_whoever_dies)
{
    const char *bytes = cases[_i].bytes;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct serve_text x;
        struct buf out;
        struct rng rng = rng_at(seed, 0, 0, 0);
        buf_init(&out, 1000);
        serve_text_init(&x, cases[_i].stops, count_stops(cases[_i].stops));
        run(&x, bytes, &rng, &out);
        ck_assert_msg(strcmp(buf_cstr(&out), cases[_i].text) == 0, "seed %d: '%s'", (int)seed,
                      buf_cstr(&out));
        ck_assert_int_eq(x.stopped, cases[_i].stopped);
        serve_text_fini(&x);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(only_what_may_become_a_stop_is_held_back)
{
    static const char *const stops[] = {"STOP"};
    struct serve_text x;
    struct buf out;
    buf_init(&out, 100);
    serve_text_init(&x, stops, 1);
    serve_text_add(&x, "abcST", 5, &out);
    ck_assert_str_eq(buf_cstr(&out), "abc");
    serve_text_add(&x, "A", 1, &out);
    ck_assert_str_eq(buf_cstr(&out), "abcSTA");
    serve_text_add(&x, "\xe2\x82", 2, &out);
    ck_assert_str_eq(buf_cstr(&out), "abcSTA");
    serve_text_add(&x, "\xac", 1, &out);
    ck_assert_str_eq(buf_cstr(&out), "abcSTA\xe2\x82\xac");
    serve_text_fini(&x);
    buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve_text");
    TCase *c = tcase_create("serve_text");
    tcase_add_loop_test(c, the_text_is_the_same_however_it_is_cut_and_whoever_dies, 0,
                        sizeof cases / sizeof cases[0]);
    tcase_add_test(c, only_what_may_become_a_stop_is_held_back);
    suite_add_tcase(s, c);
    return harness_run(s);
}
