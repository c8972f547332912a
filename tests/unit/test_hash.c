// SPDX-License-Identifier: MIT
// test_hash.c - published digests; a table hash that misses no byte.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hash.h"
#include "tests/unit/harness.h"

// FIPS 180-4's examples.
static const struct {
    const char *text, *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(sha256_gives_the_published_digests)
{
    char hex[65];
    size_t n = strlen(known[_i].text);
    struct sha256 h = sha256_of(known[_i].text, n), back;
    struct sha256_stream s;

    sha256_hex(&h, hex);
    ck_assert_str_eq(hex, known[_i].hex);
    sha256_start(&s);
    for (size_t i = 0; i < n; i++)
        sha256_add(&s, known[_i].text + i, 1);
    back = sha256_end(&s);
    ck_assert_mem_eq(&h, &back, sizeof h);
    ck_assert(sha256_parse(hex, &back));
    ck_assert_mem_eq(&h, &back, sizeof h);
}
END_TEST

START_TEST(only_64_lower_case_digits_are_a_name)
{
    struct sha256 h;
    char hex[80];

    snprintf(hex, sizeof hex, "%s", known[1].hex);
    hex[0] = 'B';
    ck_assert(!sha256_parse(hex, &h));
    hex[0] = 'g';
    ck_assert(!sha256_parse(hex, &h));
    hex[0] = 'b';
    hex[63] = 0;
    ck_assert(!sha256_parse(hex, &h));
    snprintf(hex, sizeof hex, "%s0", known[1].hex);
    ck_assert(!sha256_parse(hex, &h) && !sha256_parse("", &h));
}
END_TEST

START_TEST(a_file_has_the_digest_of_its_bytes)
{
    char path[] = "/tmp/shoal-hash-XXXXXX";
    int fd = mkstemp(path);
    static uint8_t bytes[100000];
    struct sha256 h, want;
    uint64_t size;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 3);
    ck_assert_int_eq(write(fd, bytes, sizeof bytes), sizeof bytes);
    close(fd);
    want = sha256_of(bytes, sizeof bytes);
    ck_assert_int_eq(sha256_file(path, &h, &size), OK);
    ck_assert_mem_eq(&h, &want, sizeof h);
    ck_assert_uint_eq(size, sizeof bytes);
    unlink(path);
    ck_assert_int_eq(sha256_file(path, &h, &size), ERR_NOT_FOUND);
    ck_assert_int_eq(sha256_file("/", &h, &size), ERR_IO);
}
END_TEST

START_TEST(every_bit_length_and_seed_counts)
{
    uint8_t bytes[80] = {0};

    for (size_t n = 0; n < sizeof bytes; n++) {
        uint64_t h = hash_bytes(bytes, n, 1);
        ck_assert(h != hash_bytes(bytes, n, 2));
        ck_assert(h != hash_bytes(bytes, n + 1, 1));
        for (size_t bit = 0; bit < 8 * n; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int changed = __builtin_popcountll(h ^ hash_bytes(bytes, n, 1));
            ck_assert_msg(changed > 8 && changed < 56, "length %zu bit %zu: %d", n, bit,
                          changed);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}
END_TEST

START_TEST(the_mixer_is_splitmix64)
{
    ck_assert_uint_eq(hash_mix64(0), UINT64_C(16294208416658607535));
}
END_TEST

// Simulator traces depend on these.
START_TEST(table_hashes_never_change)
{
    ck_assert_uint_eq(hash_bytes("", 0, 0), UINT64_C(11847007768606489579));
    ck_assert_uint_eq(hash_bytes("a lease is a promise", 20, 7),
                      UINT64_C(11111116160313286656));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hash");
    TCase *c = tcase_create("hash");
    tcase_add_loop_test(c, sha256_gives_the_published_digests, 0, 3);
    tcase_add_test(c, only_64_lower_case_digits_are_a_name);
    tcase_add_test(c, a_file_has_the_digest_of_its_bytes);
    tcase_add_test(c, every_bit_length_and_seed_counts);
    tcase_add_test(c, the_mixer_is_splitmix64);
    tcase_add_test(c, table_hashes_never_change);
    suite_add_tcase(s, c);
    return harness_run(s);
}
