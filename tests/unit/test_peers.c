// SPDX-License-Identifier: MIT
// test_peers.c - a number names one identity on one connection, for ever.
#include "common/rng.h"
#include "protocol/peers.h"
#include "tests/unit/harness.h"

static struct peers *p;

static void setup(void)
{
    p = peers_create(1);
}

static void teardown(void)
{
    peers_destroy(p);
}

static uint64_t add(const char *identity, int fd)
{
    return peers_add(p, identity, 3, fd, ROLE_WORKER)->id;
}

START_TEST(a_peer_is_found_by_identity_and_by_number)
{
    uint64_t a = add("aaa", 5);
    uint64_t b = add("bbb", 6);
    ck_assert_uint_ne(a, b);
    ck_assert_uint_eq(peers_find(p, "aaa", 3)->id, a);
    ck_assert_ptr_eq(peers_get(p, b), peers_find(p, "bbb", 3));
    ck_assert_ptr_null(peers_find(p, "aa", 2));
    ck_assert_ptr_null(peers_get(p, 99));
}
END_TEST

START_TEST(a_closed_one_is_told_once_and_still_known)
{
    uint64_t id;
    uint64_t a = add("aaa", 5);
    peers_close_fd(p, 4);
    ck_assert(!peers_next_closed(p, &id));
    peers_close_fd(p, 5);
    peers_close_fd(p, 5);
    ck_assert(peers_next_closed(p, &id));
    ck_assert_uint_eq(id, a);
    ck_assert(!peers_next_closed(p, &id));
    ck_assert_uint_eq(peers_find(p, "aaa", 3)->id, a);
    ck_assert(peers_get(p, a)->closed);
}
END_TEST

START_TEST(the_same_identity_on_another_connection_is_another_peer)
{
    uint64_t id;
    uint64_t a = add("aaa", 5);
    uint64_t b = add("aaa", 6);
    ck_assert_uint_gt(b, a);
    ck_assert(peers_next_closed(p, &id));
    ck_assert_uint_eq(id, a);
    ck_assert_uint_eq(peers_find(p, "aaa", 3)->id, b);
    peers_close_fd(p, 5); // the old connection's end comes late
    ck_assert(!peers_get(p, b)->closed);
}
END_TEST

START_TEST(a_descriptor_that_came_back_closes_its_last_owner)
{
    uint64_t id;
    uint64_t a = add("aaa", 5);
    uint64_t b = add("bbb", 5);
    ck_assert(peers_next_closed(p, &id));
    ck_assert_uint_eq(id, a);
    peers_close_fd(p, 5);
    ck_assert(peers_next_closed(p, &id));
    ck_assert_uint_eq(id, b);
}
END_TEST

START_TEST(a_descriptor_belongs_to_its_last_connection)
{
    peers_open_fd(p, 5);
    const struct peer *a = peers_add(p, "aaa", 3, 5, ROLE_WORKER);
    ck_assert(peers_owns_fd(p, a, 5));
    ck_assert(!peers_owns_fd(p, a, 6));
    peers_close_fd(p, 5);
    ck_assert(peers_owns_fd(p, a, 5)); // what was under way
    peers_open_fd(p, 5);
    ck_assert(!peers_owns_fd(p, a, 5));
}
END_TEST

START_TEST(one_that_cannot_be_reached_is_told_as_closed)
{
    uint64_t id;
    uint64_t a = add("aaa", 5);
    peers_remove(p, a);
    peers_remove(p, a);
    ck_assert_ptr_null(peers_find(p, "aaa", 3));
    ck_assert(peers_next_closed(p, &id));
    ck_assert_uint_eq(id, a);
    ck_assert(!peers_next_closed(p, &id));
}
END_TEST

START_TEST(identities_of_one_hash_are_kept_apart)
{
    // hash_bytes cannot be made to collide by hand, so many identities and a check
    // that each still leads to its own number; removal from the middle as well.
    for (int i = 0; i < 3000; i++) {
        char name[4] = {(char)i, (char)(i >> 8), 'x', 0};
        ck_assert_uint_eq(add(name, i), (uint64_t)i + 1);
    }
    for (int i = 0; i < 3000; i += 3)
        peers_remove(p, (uint64_t)i + 1);
    for (int i = 0; i < 3000; i++) {
        char name[4] = {(char)i, (char)(i >> 8), 'x', 0};
        const struct peer *found = peers_find(p, name, 3);
        ck_assert(i % 3 ? found && found->id == (uint64_t)i + 1 : !found);
    }
}
END_TEST

// Connections that come and go do not make the table grow.
START_TEST(the_number_remembered_is_bounded)
{
    struct rng r = rng_at((uint64_t)_i, 0, 0, 0);
    uint64_t id, n_told = 0, last = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t name = rng_below(&r, 100000);
        int fd = (int)rng_below(&r, 50);
        uint64_t now = peers_add(p, &name, sizeof name, fd, ROLE_READ)->id;
        ck_assert_uint_gt(now, last); // never used twice
        last = now;
        if (rng_below(&r, 2))
            peers_close_fd(p, fd);
        while (rng_below(&r, 3) && peers_next_closed(p, &id))
            n_told++;
    }
    while (peers_next_closed(p, &id))
        n_told++;
    ck_assert_uint_le(peers_count(p), 1024 + 50);
    ck_assert_uint_ge(n_told, 20000 - 50); // all but those still open
    ck_assert_uint_le(n_told, 20000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("peers");
    TCase *t = tcase_create("peers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_peer_is_found_by_identity_and_by_number);
    tcase_add_test(t, a_closed_one_is_told_once_and_still_known);
    tcase_add_test(t, the_same_identity_on_another_connection_is_another_peer);
    tcase_add_test(t, a_descriptor_that_came_back_closes_its_last_owner);
    tcase_add_test(t, a_descriptor_belongs_to_its_last_connection);
    tcase_add_test(t, one_that_cannot_be_reached_is_told_as_closed);
    tcase_add_test(t, identities_of_one_hash_are_kept_apart);
    tcase_add_loop_test(t, the_number_remembered_is_bounded, 0, 5);
    suite_add_tcase(s, t);
    return harness_run(s);
}
