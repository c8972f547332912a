// SPDX-License-Identifier: MIT
// test_blobs.c - a blob has the content its name says, or it is not there.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/mem.h"
#include "common/rng.h"
#include "coordinator/blobs.h"
#include "tests/unit/harness.h"

static char dir[64];
static struct blobs *b;
static uint8_t content[3 * 1024 * 1024 + 17];
static struct sha256 name;

static void reopen(void)
{
    char sub[96];
    struct errtext t = {{0}};
    blobs_close(b);
    (void)snprintf(sub, sizeof sub, "%s/blobs", dir);
    struct blobs_options o = {
        .dir = sub, .size_max = sizeof content, .uploads_max = 3, .uploads_a_peer = 2};
    ck_assert_msg(blobs_open(&o, &b, &t) == OK, "%s", t.text);
}

static void set_up(void)
{
    struct rng r = rng_at(3, 0, 0, 0);
    (void)snprintf(dir, sizeof dir, "/tmp/shoal-blobs-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    b = NULL;
    reopen();
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)rng_u32(&r);
    name = sha256_of(content, sizeof content);
}

static void tear_down(void)
{
    char cmd[128];
    blobs_close(b);
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static enum error put(uint64_t peer, uint64_t offset, size_t n, uint64_t *have)
{
    struct blob_chunk c = {.peer = peer,
                           .hash = name,
                           .size = sizeof content,
                           .offset = offset,
                           .p = content + offset,
                           .n = n};
    return blobs_put_chunk(b, &c, have, NULL);
}

static uint64_t check_chunk(uint8_t *chunk, uint64_t at)
{
    size_t n;
    uint64_t size;
    ck_assert_int_eq(blobs_get(b, &name, at, chunk, &n, &size), OK);
    ck_assert_uint_eq(size, sizeof content);
    ck_assert(n == BLOB_CHUNK_MAX || at + n == size);
    ck_assert_mem_eq(chunk, content + at, n);
    return at + n;
}

static void check_content(void)
{
    uint8_t *chunk = mem_alloc(BLOB_CHUNK_MAX);
    for (uint64_t at = 0; at < sizeof content;)
        at = check_chunk(chunk, at);
    mem_free(chunk);
}

START_TEST(chunks_in_order_make_a_blob)
{
    uint64_t have = 1;
    ck_assert_int_eq(put(1, 0, 0, &have), OK);
    ck_assert_uint_eq(have, 0);
    while (have < sizeof content) {
        ck_assert(!blobs_find(b, &name, NULL));
        size_t n =
            sizeof content - have < BLOB_CHUNK_MAX ? sizeof content - have : BLOB_CHUNK_MAX;
        ck_assert_int_eq(put(1, have, n, &have), OK);
    }
    uint64_t size;
    ck_assert(blobs_find(b, &name, &size));
    ck_assert_uint_eq(size, sizeof content);
    check_content();
    ck_assert_int_eq(put(2, 0, 0, &have), OK); // known: complete at once
    ck_assert_uint_eq(have, sizeof content);
}
END_TEST

START_TEST(an_upload_goes_on_where_it_was_after_a_restart_and_for_another_peer)
{
    uint64_t have;
    ck_assert_int_eq(put(1, 0, BLOB_CHUNK_MAX, &have), OK);
    ck_assert_int_eq(put(1, BLOB_CHUNK_MAX, 1000, &have), OK);
    reopen();
    ck_assert_int_eq(put(2, 0, BLOB_CHUNK_MAX, &have), OK); // passed over
    ck_assert_uint_eq(have, BLOB_CHUNK_MAX + 1000);
    while (have < sizeof content) {
        size_t n =
            sizeof content - have < BLOB_CHUNK_MAX ? sizeof content - have : BLOB_CHUNK_MAX;
        ck_assert_int_eq(put(1 + have % 2, have, n, &have), OK);
    }
    check_content();
}
END_TEST

START_TEST(content_that_is_not_what_its_name_says_is_dropped)
{
    uint64_t have;
    struct blob_chunk c = {.peer = 1, .hash = name, .size = 4, .p = "abcd", .n = 4};
    ck_assert_int_eq(blobs_put_chunk(b, &c, &have, NULL), ERR_PROTO);
    ck_assert(!blobs_find(b, &name, NULL));
    ck_assert_int_eq(put(1, 0, 10, &have), OK); // and it can be sent anew
    ck_assert_uint_eq(have, 10);
}
END_TEST

// One row each: what is refused.
static const struct {
    uint64_t size, offset;
    size_t n;
    enum error want;
} bad[] = {
    {sizeof content + 1, 0, 1, ERR_LIMIT},
    {UINT64_MAX, 0, 1, ERR_LIMIT},
    {100, 101, 0, ERR_PROTO},
    {100, 100, 1, ERR_PROTO},
    {100, UINT64_MAX, 2, ERR_PROTO},
    {2 * BLOB_CHUNK_MAX, 0, BLOB_CHUNK_MAX + 1, ERR_LIMIT},
};

START_TEST(chunks_out_of_bounds_are_refused)
{
    uint64_t have;
    struct blob_chunk c = {.hash = name,
                           .size = bad[_i].size,
                           .offset = bad[_i].offset,
                           .p = content,
                           .n = bad[_i].n};
    ck_assert_int_eq(blobs_put_chunk(b, &c, &have, NULL), bad[_i].want);
}
END_TEST

static enum error begin(uint64_t peer, int which)
{
    uint64_t have;
    uint8_t tag = (uint8_t)which;
    struct blob_chunk c = {
        .peer = peer, .hash = sha256_of(&tag, 1), .size = 10, .p = "12345", .n = 5};
    return blobs_put_chunk(b, &c, &have, NULL);
}

START_TEST(open_uploads_are_bounded_by_peer_and_in_all)
{
    ck_assert_int_eq(begin(1, 1), OK);
    ck_assert_int_eq(begin(1, 2), OK);
    ck_assert_int_eq(begin(1, 3), ERR_BUSY);
    ck_assert_int_eq(begin(2, 3), OK);
    ck_assert_int_eq(begin(3, 4), ERR_BUSY);
    blobs_forget_peer(b, 1);
    ck_assert_int_eq(begin(3, 4), OK);
    ck_assert_int_eq(begin(1, 1), OK);
}
END_TEST

START_TEST(whole_blobs_and_the_empty_one)
{
    struct sha256 h;
    uint64_t size = 1;
    uint64_t have;
    size_t n;
    uint8_t *chunk = mem_alloc(BLOB_CHUNK_MAX);
    ck_assert_int_eq(blobs_put(b, content, sizeof content, true, &h, NULL), OK);
    ck_assert_mem_eq(&h, &name, sizeof h);
    ck_assert_int_eq(blobs_put(b, content, sizeof content, false, &h, NULL), OK);
    check_content();
    struct blob_chunk c = {.hash = sha256_of("", 0)};
    ck_assert_int_eq(blobs_put_chunk(b, &c, &have, NULL), OK);
    ck_assert(blobs_find(b, &c.hash, &size));
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(blobs_get(b, &c.hash, 0, chunk, &n, &size), OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(blobs_get(b, &c.hash, 1, chunk, &n, &size), ERR_INVALID);
    c.hash.bytes[0] ^= 1;
    ck_assert_int_eq(blobs_get(b, &c.hash, 0, chunk, &n, &size), ERR_NOT_FOUND);
    mem_free(chunk);
}
END_TEST

START_TEST(a_full_disk_keeps_what_there_is)
{
    struct rlimit old;
    struct sha256 h;
    uint64_t have;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = {.rlim_cur = 1500000, .rlim_max = old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert_int_eq(put(1, 0, BLOB_CHUNK_MAX, &have), OK);
    ck_assert_int_eq(put(1, have, BLOB_CHUNK_MAX, &have), ERR_LIMIT);
    ck_assert_int_eq(blobs_put(b, content, sizeof content, false, &h, NULL), ERR_LIMIT);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    have = BLOB_CHUNK_MAX;
    while (have < sizeof content) {
        size_t n =
            sizeof content - have < BLOB_CHUNK_MAX ? sizeof content - have : BLOB_CHUNK_MAX;
        ck_assert_int_eq(put(1, have, n, &have), OK);
    }
    check_content();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blobs");
    TCase *c = tcase_create("blobs");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, chunks_in_order_make_a_blob);
    tcase_add_test(c, an_upload_goes_on_where_it_was_after_a_restart_and_for_another_peer);
    tcase_add_test(c, content_that_is_not_what_its_name_says_is_dropped);
    tcase_add_loop_test(c, chunks_out_of_bounds_are_refused, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(c, open_uploads_are_bounded_by_peer_and_in_all);
    tcase_add_test(c, whole_blobs_and_the_empty_one);
    tcase_add_test(c, a_full_disk_keeps_what_there_is);
    suite_add_tcase(s, c);
    return harness_run(s);
}
