// SPDX-License-Identifier: MIT
// test_serve_model.c - the workload of serve: a text is the same alone and in any
// company, begun at any step; who is cancelled is silent.
//
// The rank's main thread is played: what is asked of a lease comes from a script, in
// which a number says how many rounds go by first.  Skipped without fixtures.
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "protocol/codec.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"
#include "worker/evaluate/serve_state.h"
#include "worker/group.h"
#include "worker/runner.h"

enum { REQUESTS = 8, TEXT_MAX = 4096, ROUNDS = 400 };

struct step {
    uint32_t round; // not before
    uint64_t request;
    uint32_t what;
    const char *prompt; // of a BEGIN: its length in tokens varies with it
    uint32_t seed, max_tokens;
};

static const struct step *script;
static uint32_t n_script, at, rounds;
static char text[REQUESTS][TEXT_MAX];
static char finish[REQUESTS][16];
static uint32_t n_tokens[REQUESTS], n_pieces[REQUESTS];
static uint64_t n_open, n_reused;
static struct buf body;
static char model[512];

static void put_body(const struct step *x, struct arena *a)
{
    struct value v = value_map(), sampling = value_map();
    int32_t ids[TEXT_MAX];
    uint32_t n = 0;
    for (; x->prompt && x->prompt[n]; n++)
        ids[n] = (uint8_t)x->prompt[n];
    value_set(a, &sampling, "temperature", value_float(x->seed ? 1 : 0));
    value_set(a, &v, "tokens", value_bin(a, ids, n * sizeof *ids));
    value_set(a, &v, "max_tokens", value_uint(x->max_tokens));
    value_set(a, &v, "seed", value_uint(x->seed));
    value_set(a, &v, "item", value_uint(0));
    value_set(a, &v, "ignore_eos", value_bool(true));
    value_set(a, &v, "sampling", sampling);
    buf_reset(&body);
    pack_write(&v, &body);
}

static bool take(void *ctx, int64_t wait_ns, struct msg_serve *out)
{
    const struct step *x = &script[at];
    (void)ctx;
    (void)wait_ns;
    if (at == n_script || rounds < x->round) {
        rounds++;
        return false;
    }
    struct arena *a = arena_create();
    put_body(x, a);
    arena_destroy(a);
    *out = (struct msg_serve){
        .request = x->request, .what = x->what, .body = {body.bytes, (uint32_t)body.n}};
    at++;
    return true;
}

static void take_reused(const struct rec_piece *p)
{
    struct arena *a = arena_create();
    struct value v;
    ck_assert_int_eq(pack_read(p->more.p, p->more.n, a, &v, NULL), OK);
    n_reused = (uint64_t)value_number(value_find(&v, "reused"));
    arena_destroy(a);
}

static void tell(void *ctx, uint64_t lease, const struct rec_piece *p)
{
    (void)ctx;
    ck_assert_uint_eq(lease, 1);
    ck_assert_uint_lt(p->request, REQUESTS);
    n_open += p->what == RUN_OPEN;
    if (p->what == RUN_OPEN)
        take_reused(p);
    if (p->what == RUN_OPEN)
        return;
    n_pieces[p->request]++;
    if (p->what == RUN_TOKENS)
        ck_assert_uint_eq(p->at, n_tokens[p->request]);
    n_tokens[p->request] += p->n;
    size_t n = strlen(text[p->request]);
    ck_assert_uint_lt(n + p->bytes.n, TEXT_MAX);
    if (p->bytes.n)
        memcpy(text[p->request] + n, p->bytes.p, p->bytes.n);
    (void)snprintf(finish[p->request], sizeof finish[0], "%.*s", (int)p->text.n, p->text.p);
}

static bool is_cancelled(void *ctx)
{
    (void)ctx;
    return rounds > ROUNDS;
}

static void play(const struct step *list, uint32_t n)
{
    _Atomic uint64_t progress = 0;
    struct runner_host h = {.is_cancelled = is_cancelled,
                            .take = take,
                            .tell = tell,
                            .scratch = "/tmp",
                            .progress = &progress};
    struct runner *r = runner_create(&h);
    struct group *g = group_local_create();
    struct arena *a = arena_create();
    struct message m = {.type = MSG_JOB};
    struct value params = value_map();
    struct rec_lease lease = {.lease = 1, .job = 1, .count = 1};
    struct rec_result result;
    struct buf packed;
    int64_t now = 0;
    script = list;
    n_script = n;
    at = rounds = 0;
    n_open = 0;
    memset(text, 0, sizeof text);
    memset(finish, 0, sizeof finish);
    memset(n_tokens, 0, sizeof n_tokens);
    memset(n_pieces, 0, sizeof n_pieces);
    buf_init(&packed, 4096);
    buf_init(&body, 1 << 20);
    value_set(a, &params, "model", value_str(a, model));
    value_set(a, &params, "streams", value_int(3));
    value_set(a, &params, "cache_tokens", value_int(1024));
    pack_write(&params, &packed);
    m.job = (struct msg_job){
        .job = 1, .workload = str_of("serve"), .params = {packed.bytes, (uint32_t)packed.n}};
    struct buf encoded;
    buf_init(&encoded, 8192);
    codec_encode(&m, &encoded);
    m.payload = (struct bin){encoded.bytes, (uint32_t)encoded.n};
    ck_assert(!runner_define(r, &m, NULL));
    ck_assert_int_eq(runner_run(r, &lease, g, a, &now, &result), ERR_CANCELLED);
    ck_assert_uint_ge(n_open, 1);
    ck_assert_uint_gt(progress, ROUNDS / 2);
    runner_destroy(r);
    group_destroy(g);
    arena_destroy(a);
    buf_fini(&packed);
    buf_fini(&encoded);
    buf_fini(&body);
}

#define N(list) ((uint32_t)(sizeof(list) / sizeof(list)[0]))

START_TEST(a_text_is_the_same_in_any_company)
{
    static const struct step alone[] = {{0, 1, RUN_BEGIN, "Story number one", 5, 40}};
    static const struct step crowd[] = {
        {0, 2, RUN_BEGIN, "abc", 0, 90},
        {3, 3, RUN_BEGIN, "some other prompt that is longer", 9, 90},
        {7, 1, RUN_BEGIN, "Story number one", 5, 40},
        {12, 2, RUN_CANCEL, NULL, 0, 0},
        {12, 4, RUN_BEGIN, "and one more", 3, 20},
    };
    static char first[TEXT_MAX];
    play(alone, N(alone));
    ck_assert_uint_eq(n_tokens[1], 40);
    ck_assert_str_eq(finish[1], "length");
    memcpy(first, text[1], sizeof first);
    play(crowd, N(crowd));
    ck_assert_str_eq(text[1], first);
    ck_assert_uint_eq(n_tokens[3], 90);
    ck_assert_uint_eq(n_tokens[4], 20);
    ck_assert_uint_lt(n_tokens[2], 20); // cancelled
    ck_assert_str_eq(finish[2], "");
}
END_TEST

// Also when its first pages are another's: at work, ended, or still on their way.
START_TEST(a_text_is_the_same_begun_with_anothers_pages)
{
    static char prompt[4][201];
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < 200; k++)
            prompt[i][k] = (char)(k < 150 ? 'a' + k % 13 : 'A' + (k * (i + 1)) % 17);
    const struct step alone[] = {{0, 3, RUN_BEGIN, prompt[2], 7, 40}};
    const struct step crowd[] = {
        {0, 1, RUN_BEGIN, prompt[0], 0, 20},    {0, 2, RUN_BEGIN, prompt[1], 0, 30},
        {40, 3, RUN_BEGIN, prompt[2], 7, 40},   {45, 4, RUN_BEGIN, prompt[2], 7, 40},
        {100, 5, RUN_BEGIN, prompt[3], 0, 500}, // takes the kept ones' pages
        {101, 6, RUN_BEGIN, prompt[2], 7, 40},
    };
    static char first[TEXT_MAX];
    play(alone, N(alone));
    ck_assert_uint_eq(n_tokens[3], 40);
    ck_assert_uint_eq(n_reused, 0);
    memcpy(first, text[3], sizeof first);
    play(crowd, N(crowd));
    ck_assert_uint_ge(n_reused, 4 * 2 * ENGINE_PAGE);
    ck_assert_str_eq(text[3], first);
    ck_assert_str_eq(text[4], first);
    ck_assert_str_eq(text[6], first);
}
END_TEST

START_TEST(a_long_prompt_comes_in_pieces_and_holds_nobody_up)
{
    static char prompt[701];
    memset(prompt, 'x', sizeof prompt - 1);
    const struct step list[] = {
        {0, 1, RUN_BEGIN, "a", 0, 30},
        {2, 2, RUN_BEGIN, prompt, 0, 5}, // more than one step takes
    };
    play(list, N(list));
    ck_assert_uint_eq(n_tokens[1], 30);
    ck_assert_uint_eq(n_tokens[2], 5);
}
END_TEST

START_TEST(who_does_not_fit_is_refused_and_room_is_used_again)
{
    static const struct step list[] = {
        {0, 1, RUN_BEGIN, "a", 0, 500}, {0, 2, RUN_BEGIN, "a", 0, 600}, // 1,024 in all
        {1, 1, RUN_CANCEL, NULL, 0, 0}, {1, 3, RUN_BEGIN, "a", 0, 50},
        {2, 4, RUN_BEGIN, "a", 0, 3},   {2, 5, RUN_BEGIN, "", 0, 3},
        {3, 6, 77, NULL, 0, 0},
    };
    play(list, N(list));
    ck_assert_uint_eq(n_tokens[2], 0);
    ck_assert_str_eq(finish[2], "the server is f");
    ck_assert_uint_eq(n_tokens[3], 50);
    ck_assert_uint_eq(n_tokens[4], 3);
    ck_assert_uint_eq(n_pieces[5], 1);
    ck_assert_uint_eq(n_pieces[6], 1);
}
END_TEST

int main(void)
{
    if (!harness_fixtures())
        return harness_skip("no fixtures of models");
    (void)snprintf(model, sizeof model, "%s/moe/models/olmoe-t-f32.gguf", harness_fixtures());
    Suite *s = suite_create("serve_model");
    TCase *c = tcase_create("serve_model");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_text_is_the_same_in_any_company);
    tcase_add_test(c, a_text_is_the_same_begun_with_anothers_pages);
    tcase_add_test(c, a_long_prompt_comes_in_pieces_and_holds_nobody_up);
    tcase_add_test(c, who_does_not_fit_is_refused_and_room_is_used_again);
    suite_add_tcase(s, c);
    return harness_run(s);
}
