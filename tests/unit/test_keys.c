// SPDX-License-Identifier: MIT
// test_keys.c - key directories: made once, refused when others may look in.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "protocol/keys.h"
#include "tests/unit/harness.h"

static char dir[256];
static struct errtext t;

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, sizeof dir, "%s/shoal-keys.XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    t.text[0] = 0;
}

static const char *path_of(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void teardown(void)
{
    static const char *const names[] = {"coordinator.key", "coordinator.pub", "worker.key",
                                        "worker.pub",      "submit.key",      "submit.pub",
                                        "read.key",        "read.pub",        "authorized",
                                        "odd.key",         "odd.pub"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(path_of(names[i]));
    ck_assert_int_eq(rmdir(dir), 0); // nothing else was left behind
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *f = fopen(path_of(name), "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs(text, f);
    (void)fclose(f);
    ck_assert_int_eq(chmod(path_of(name), mode), 0);
}

START_TEST(all_pairs_are_made_and_listed)
{
    struct authorized a;
    struct key_pair pair;
    uint8_t key[32];

    ck_assert_msg(keys_ensure(dir, &t) == OK, "%s", t.text);
    ck_assert_int_eq(keys_load_authorized(dir, &a, &t), OK);
    ck_assert_uint_eq(a.n, 3);
    for (int r = ROLE_READ; r <= ROLE_WORKER; r++) {
        ck_assert_int_eq(keys_load_pair(dir, role_name((enum role)r), &pair, &t), OK);
        ck_assert_ptr_nonnull(zmq_z85_decode(key, pair.public_text));
        ck_assert_int_eq(keys_role_of(&a, key), r);
    }
    ck_assert_int_eq(keys_load_pair(dir, "coordinator", &pair, &t), OK);
    ck_assert_ptr_nonnull(zmq_z85_decode(key, pair.public_text));
    ck_assert_int_eq(keys_role_of(&a, key), ROLE_NONE);
    keys_free_authorized(&a);
}
END_TEST

START_TEST(secrets_are_ours_alone_on_disk)
{
    struct stat s;
    ck_assert_int_eq(keys_ensure(dir, &t), OK);
    ck_assert_int_eq(stat(path_of("worker.key"), &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(path_of("authorized"), &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_second_time_changes_nothing)
{
    struct key_pair first, second;
    ck_assert_int_eq(keys_ensure(dir, &t), OK);
    ck_assert_int_eq(keys_load_pair(dir, "worker", &first, &t), OK);
    write_file("authorized", "# ours\n", 0600);
    ck_assert_int_eq(unlink(path_of("worker.pub")), 0); // follows from the secret half
    ck_assert_int_eq(keys_ensure(dir, &t), OK);
    ck_assert_int_eq(keys_load_pair(dir, "worker", &second, &t), OK);
    ck_assert_str_eq(first.secret_text, second.secret_text);
    ck_assert_int_eq(keys_load_public(dir, "worker", &second, &t), OK);
    ck_assert_str_eq(first.public_text, second.public_text);
    ck_assert_str_eq(second.secret_text, "");
    struct authorized a;
    ck_assert_int_eq(keys_load_authorized(dir, &a, &t), OK);
    ck_assert_uint_eq(a.n, 0);
}
END_TEST

START_TEST(a_missing_directory_is_made_closed)
{
    struct stat s;
    char outer[256];
    memcpy(outer, dir, sizeof outer);
    (void)snprintf(dir, sizeof dir, "%.200s/inner", outer);
    ck_assert_int_eq(keys_ensure(dir, &t), OK);
    ck_assert_int_eq(stat(dir, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0700);
    teardown();
    memcpy(dir, outer, sizeof dir);
}
END_TEST

START_TEST(what_others_may_read_is_refused)
{
    struct key_pair pair;
    ck_assert_int_eq(keys_ensure(dir, &t), OK);
    ck_assert_int_eq(chmod(path_of("worker.key"), 0640), 0);
    ck_assert_int_eq(keys_load_pair(dir, "worker", &pair, &t), ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(t.text, "mode 640, needs 600"));
    ck_assert_int_eq(chmod(dir, 0750), 0);
    ck_assert_int_eq(keys_ensure(dir, &t), ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(t.text, "mode 750, needs 700"));
    ck_assert_int_eq(chmod(dir, 0700), 0);
}
END_TEST

// Secret keys that anybody can look up, and the public ones that belong to them.
static const char *const published[] = {
    "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
    "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
};
static const uint8_t curve_vectors[][32] = {
    // RFC 7748, 6.1
    {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
     0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
     0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a},
    {0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b, 0x79, 0xe1, 0x7f,
     0x8b, 0x83, 0x80, 0x0e, 0xe6, 0x6f, 0x3b, 0xb1, 0x29, 0x26, 0x18,
     0xb6, 0xfd, 0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb},
    {0}, // all zero
};

START_TEST(a_throw_away_pair_is_refused)
{
    struct key_pair pair;
    struct authorized a;
    char secret[KEY_TEXT_SIZE], public[KEY_TEXT_SIZE], line[128];

    if (_i < 2)
        (void)snprintf(secret, sizeof secret, "%s", published[_i]);
    else
        ck_assert_ptr_nonnull(zmq_z85_encode(secret, curve_vectors[_i - 2], 32));
    ck_assert_int_eq(zmq_curve_public(public, secret), 0);
    write_file("odd.key", secret, 0600);
    ck_assert_int_eq(keys_load_pair(dir, "odd", &pair, &t), ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(t.text, "throw-away"));
    if (_i == 4)
        return; // zero has no public half of its own
    write_file("odd.pub", public, 0644);
    ck_assert_int_eq(keys_load_public(dir, "odd", &pair, &t), ERR_DENIED);
    (void)snprintf(line, sizeof line, "worker %s somebody\n", public);
    write_file("authorized", line, 0600);
    ck_assert_int_eq(keys_load_authorized(dir, &a, &t), ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(t.text, "authorized:1: a throw-away key"));
}
END_TEST

static const struct {
    const char *text;
    const char *why;
} bad_list[] = {
    {"boss rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf8 x\n", ":1: 'boss' is no role"},
    {"# fine\n\nworker\n", ":3: expected ROLE KEY NAME"},
    {"worker rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf8\n", ":1: expected ROLE KEY NAME"},
    {"read tooshort x\n", ":1: not a key"},
    {"read \"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\" x",
     "not a key"},
};

START_TEST(a_bad_line_is_named)
{
    struct authorized a;
    write_file("authorized", bad_list[_i].text, 0600);
    ck_assert_int_eq(keys_load_authorized(dir, &a, &t), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad_list[_i].why), "%s", t.text);
    ck_assert_ptr_null(a.keys);
}
END_TEST

START_TEST(a_list_may_be_long_and_commented)
{
    struct authorized a;
    struct key_pair pair;
    FILE *f = fopen(path_of("authorized"), "w");
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(keys_make_pair(&pair, &t), OK);
        (void)fprintf(f, "# number %d\n  read\t%s  n%d\r\n", i, pair.public_text, i);
    }
    (void)fclose(f);
    ck_assert_msg(keys_load_authorized(dir, &a, &t) == OK, "%s", t.text);
    ck_assert_uint_eq(a.n, 100);
    ck_assert_str_eq(a.keys[99].name, "n99");
    ck_assert_int_eq(a.keys[99].role, ROLE_READ);
    keys_free_authorized(&a);
}
END_TEST

START_TEST(what_is_missing_is_said)
{
    struct key_pair pair;
    ck_assert_int_eq(keys_load_pair(dir, "worker", &pair, &t), ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(t.text, "worker.key"));
    write_file("odd.key", "hello\n", 0600);
    ck_assert_int_eq(keys_load_pair(dir, "odd", &pair, &t), ERR_PARSE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("keys");
    TCase *c = tcase_create("keys");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, all_pairs_are_made_and_listed);
    tcase_add_test(c, secrets_are_ours_alone_on_disk);
    tcase_add_test(c, a_second_time_changes_nothing);
    tcase_add_test(c, a_missing_directory_is_made_closed);
    tcase_add_test(c, what_others_may_read_is_refused);
    tcase_add_loop_test(c, a_throw_away_pair_is_refused, 0, 5);
    tcase_add_loop_test(c, a_bad_line_is_named, 0, (int)(sizeof bad_list / sizeof bad_list[0]));
    tcase_add_test(c, a_list_may_be_long_and_commented);
    tcase_add_test(c, what_is_missing_is_said);
    suite_add_tcase(s, c);
    return harness_run(s);
}
