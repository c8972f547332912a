// SPDX-License-Identifier: MIT
// test_journal.c - what was committed is read back, in order; a full disk loses nothing.
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/rng.h"
#include "coordinator/journal.h"
#include "tests/unit/harness.h"

static char dir[64];
static char path[96];
static struct mailbox *events;
static struct journal *j;
static uint64_t committed; // the last number an event said

static void reopen(void)
{
    struct errtext t = {{0}};
    journal_close(j);
    j = NULL;
    committed = 0;
    for (struct journal_event *x; (x = mailbox_take(events));)
        journal_event_free(x);
    struct journal_options o = {.path = path, .events = events, .retry_ns = 20 * CLOCK_MS};
    enum error e = journal_open(&o, &j, &t);
    ck_assert_msg(e == OK, "%s", t.text);
}

static void set_up(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/shoal-journal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/journal.db", dir);
    events = mailbox_create();
    j = NULL;
    reopen();
}

static void tear_down(void)
{
    char cmd[128];
    journal_close(j);
    mailbox_destroy(events);
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static struct journal_entry result(uint64_t job, const char *text)
{
    return (struct journal_entry){.job = job,
                                  .kind = JOURNAL_RESULT,
                                  .bytes = {(const uint8_t *)text, (uint32_t)strlen(text)}};
}

static struct journal_job job_record(uint64_t number)
{
    return (struct journal_job){
        .number = number,
        .id = "k7f3",
        .name = "a name",
        .kind = "sweep",
        .workload = "noop",
        .owner = "someone",
        .submitted = 1234567890,
        .file = "job.yaml",
        .text = {(const uint8_t *)"kind: sweep\n", 12},
        .files = {(const uint8_t *)"\x90", 1},
    };
}

static struct journal_event *await(enum journal_event_type type)
{
    int64_t until = clock_now() + 10 * CLOCK_SECOND;
    while (clock_now() < until) {
        mailbox_wait(events, 100 * CLOCK_MS, 0);
        struct journal_event *e = mailbox_take(events);
        if (e && e->type == type)
            return e;
        journal_event_free(e);
    }
    ck_abort_msg("no event of type %d came", (int)type);
    return NULL;
}

static void await_number(uint64_t number)
{
    while (committed < number) {
        struct journal_event *e = await(JOURNAL_COMMITTED);
        committed = e->number;
        journal_event_free(e);
    }
}

static uint64_t hand(const struct journal_entry *list, uint32_t n, enum durability d)
{
    return journal_hand_over(j,
                             &(struct journal_batch){.entries = list, .n = n, .durability = d});
}

// What a reading saw, as one string: "job:bytes;…".
static char seen[65536];

static enum error note(void *ctx, const struct journal_entry *x)
{
    (void)ctx;
    size_t n = strlen(seen);
    (void)snprintf(seen + n, sizeof seen - n, "%" PRIu64 "/%d:%.*s;", x->job, (int)x->kind,
                   (int)x->bytes.n, x->bytes.p);
    return OK;
}

static const char *read_all(const struct journal_range *r)
{
    seen[0] = 0;
    ck_assert_int_eq(journal_read_entries(j, r, note, NULL, NULL), OK);
    return seen;
}

START_TEST(each_opening_is_a_new_incarnation_with_fresh_numbers)
{
    uint64_t first = journal_incarnation(j);
    uint64_t number = journal_first_number(j);
    uint64_t salt = journal_salt(j);
    ck_assert_uint_ge(number, 1);
    reopen();
    ck_assert_uint_eq(journal_incarnation(j), first + 1);
    ck_assert_uint_gt(journal_first_number(j), number + 1000);
    ck_assert_uint_eq(journal_salt(j), salt);
}
END_TEST

START_TEST(entries_come_back_in_order_after_reopening)
{
    journal_start(j);
    struct journal_entry a[] = {result(1, "one"), result(1, "two"), result(2, "three")};
    struct journal_entry b[] = {result(1, ""), result(2, "five")};
    (void)hand(a, 3, DURABILITY_NORMAL);
    await_number(hand(b, 2, DURABILITY_FULL));
    reopen();
    ck_assert_str_eq(read_all(&(struct journal_range){0}),
                     "1/2:one;1/2:two;2/2:three;1/2:;2/2:five;");
    ck_assert_str_eq(read_all(&(struct journal_range){.job = 2}), "2/2:three;2/2:five;");
    ck_assert_str_eq(read_all(&(struct journal_range){.kind = JOURNAL_ASKED}), "");
}
END_TEST

struct job_seen {
    uint32_t n;
    uint64_t first_seq, ended_seq;
    struct journal_job job; // numbers only
};

static enum error note_job(void *ctx, const struct journal_job *x)
{
    struct job_seen *s = ctx;
    struct journal_job want = job_record(7);
    s->n++;
    s->first_seq = x->first_seq;
    s->ended_seq = x->ended_seq;
    s->job = *x;
    ck_assert_uint_eq(x->number, 7);
    ck_assert_str_eq(x->id, want.id);
    ck_assert_str_eq(x->name, want.name);
    ck_assert_str_eq(x->kind, want.kind);
    ck_assert_str_eq(x->workload, want.workload);
    ck_assert_str_eq(x->owner, want.owner);
    ck_assert_int_eq(x->submitted, want.submitted);
    ck_assert_str_eq(x->file, want.file);
    ck_assert_mem_eq(x->text.p, want.text.p, want.text.n);
    ck_assert_uint_eq(x->files.n, 1);
    return OK;
}

static struct job_seen read_job(void)
{
    struct job_seen s = {0};
    reopen();
    ck_assert_int_eq(journal_read_jobs(j, note_job, &s, NULL), OK);
    ck_assert_uint_eq(s.n, 1);
    journal_start(j);
    return s;
}

START_TEST(a_job_is_open_until_its_state_and_again_after_a_retry)
{
    struct journal_job job = job_record(7);
    struct journal_entry submit[] = {{.job = 7, .kind = JOURNAL_SUBMIT, .row = &job},
                                     result(7, "r")};
    struct journal_job end = {.state = JOB_FAILED, .ended = 99, .n_items = 10, .n_failed = 3};
    struct journal_entry state = {
        .job = 7, .kind = JOURNAL_STATE, .bytes = {(const uint8_t *)"x", 1}, .row = &end};
    struct journal_entry again = {.job = 7, .kind = JOURNAL_RETRY};
    journal_start(j);
    await_number(hand(submit, 2, DURABILITY_NORMAL));
    struct job_seen s = read_job();
    ck_assert_uint_eq(s.ended_seq, 0);
    ck_assert_uint_ge(s.first_seq, 1);
    await_number(hand(&state, 1, DURABILITY_NORMAL));
    s = read_job();
    ck_assert_uint_gt(s.ended_seq, s.first_seq);
    ck_assert_int_eq(s.job.state, JOB_FAILED);
    ck_assert_int_eq(s.job.ended, 99);
    ck_assert_uint_eq(s.job.n_items, 10);
    ck_assert_uint_eq(s.job.n_failed, 3);
    ck_assert_str_eq(read_all(&(struct journal_range){.from = s.ended_seq, .to = s.ended_seq}),
                     "7/4:x;");
    await_number(hand(&again, 1, DURABILITY_NORMAL));
    ck_assert_uint_eq(read_job().ended_seq, 0);
}
END_TEST

static enum error count_pod(void *ctx, const struct journal_entry *x)
{
    uint64_t *sum = ctx;
    *sum += x->item;
    ck_assert_uint_eq(x->bytes.n, 1);
    ck_assert_int_eq(x->bytes.p[0], POD_DRAINING);
    return OK;
}

START_TEST(pods_are_a_set_and_the_catalog_is_the_last_one)
{
    static const uint8_t here[] = {POD_HERE}, draining[] = {POD_DRAINING}, gone[] = {POD_GONE};
    struct arena *a = arena_create();
    struct bin b;
    struct journal_entry x[] = {
        {.kind = JOURNAL_POD, .item = UINT64_MAX, .bytes = {here, 1}},
        {.kind = JOURNAL_POD, .item = 5, .bytes = {here, 1}},
        {.kind = JOURNAL_POD, .item = 5, .bytes = {draining, 1}},
        {.kind = JOURNAL_POD, .item = UINT64_MAX, .bytes = {gone, 1}},
        {.kind = JOURNAL_META, .item = META_CATALOG, .bytes = {(const uint8_t *)"old", 3}},
        {.kind = JOURNAL_META, .item = META_CATALOG, .bytes = {(const uint8_t *)"new", 3}},
    };
    uint64_t sum = 0;
    ck_assert_int_eq(journal_read_meta(j, META_CATALOG, a, &b), ERR_NOT_FOUND);
    journal_start(j);
    await_number(hand(x, 6, DURABILITY_NORMAL));
    reopen();
    ck_assert_int_eq(journal_read_pods(j, count_pod, &sum, NULL), OK);
    ck_assert_uint_eq(sum, 5);
    ck_assert_int_eq(journal_read_meta(j, META_CATALOG, a, &b), OK);
    ck_assert_uint_eq(b.n, 3);
    ck_assert_mem_eq(b.p, "new", 3);
    arena_destroy(a);
}
END_TEST

// Random batches in random groups: what is read is what was handed over.
START_TEST(however_batches_fall_into_groups_the_sequence_is_the_same)
{
    struct rng r = rng_at(11, 0, 0, (uint32_t)_i);
    struct arena *a = arena_create();
    static char want[65536];
    uint64_t last = 0;
    want[0] = 0;
    journal_start(j);
    for (int b = 0; b < 200; b++) {
        uint32_t n = 1 + (uint32_t)rng_below(&r, 5);
        struct journal_entry *x = arena_alloc(a, n * sizeof *x);
        for (uint32_t i = 0; i < n; i++) {
            x[i] = result(1 + rng_below(&r, 2), arena_printf(a, "%d.%u", b, i));
            (void)snprintf(want + strlen(want), 64, "%" PRIu64 "/2:%d.%u;", x[i].job, b, i);
        }
        last = hand(x, n, b % 7 ? DURABILITY_NORMAL : DURABILITY_FULL);
        if (!rng_below(&r, 10))
            await_number(last);
    }
    await_number(last);
    reopen();
    ck_assert_str_eq(read_all(&(struct journal_range){0}), want);
    arena_destroy(a);
}
END_TEST

// A submission that nobody waits for, and its result: one commit, when the second
// comes while the first waits.
START_TEST(a_lazy_batch_shares_the_commit_of_the_next)
{
    uint32_t n_shared = 0;
    journal_start(j);
    for (uint64_t i = 0; i < 50; i++) {
        struct journal_job job = job_record(100 + i);
        struct journal_entry submit = {.job = 100 + i, .kind = JOURNAL_SUBMIT, .row = &job};
        struct journal_entry end = result(100 + i, "r");
        (void)journal_hand_over(
            j, &(struct journal_batch){
                   .entries = &submit, .n = 1, .durability = DURABILITY_FULL, .lazy = true});
        if (i % 2)
            clock_sleep(CLOCK_MS); // so that its statements have run
        uint64_t last = hand(&end, 1, DURABILITY_FULL);
        struct journal_event *e = await(JOURNAL_COMMITTED);
        n_shared += e->number == last;
        committed = e->number;
        journal_event_free(e);
        await_number(last);
    }
    ck_assert_uint_ge(n_shared, 25); // a busy machine may let some wait too long
}
END_TEST

START_TEST(a_lazy_batch_that_stays_alone_is_committed)
{
    struct journal_entry x = result(1, "alone");
    journal_start(j);
    await_number(journal_hand_over(
        j, &(struct journal_batch){
               .entries = &x, .n = 1, .durability = DURABILITY_NORMAL, .lazy = true}));
    reopen();
    ck_assert_str_eq(read_all(&(struct journal_range){0}), "1/2:alone;");
}
END_TEST

// Its transaction is open already, and not as durable as the one that joins it.
START_TEST(a_lazy_batch_is_as_durable_as_the_strongest_of_its_group)
{
    static const enum durability levels[] = {DURABILITY_NONE, DURABILITY_NORMAL,
                                             DURABILITY_FULL};
    char want[256] = "";
    struct journal_entry a = result(1, "lazy");
    struct journal_entry b = result(2, "not");
    journal_start(j);
    for (int i = 0; i < 9; i++) {
        (void)journal_hand_over(
            j, &(struct journal_batch){
                   .entries = &a, .n = 1, .durability = levels[i % 3], .lazy = true});
        clock_sleep(CLOCK_MS);
        await_number(hand(&b, 1, levels[i / 3]));
        (void)snprintf(want + strlen(want), sizeof want - strlen(want), "1/2:lazy;2/2:not;");
    }
    reopen();
    ck_assert_str_eq(read_all(&(struct journal_range){0}), want);
}
END_TEST

START_TEST(a_full_disk_is_reported_and_nothing_is_lost)
{
    static char big[200000];
    struct rlimit old;
    memset(big, 'x', sizeof big - 1);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = {.rlim_cur = 150000, .rlim_max = old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    journal_start(j);
    struct journal_entry before[] = {result(1, "before")};
    struct journal_entry x[] = {result(1, big), result(1, "end")};
    await_number(hand(before, 1, DURABILITY_FULL));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t number = journal_hand_over(
        j, &(struct journal_batch){
               .entries = x, .n = 2, .durability = DURABILITY_FULL, .lazy = _i != 0});
    journal_event_free(await(JOURNAL_FULL));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    journal_event_free(await(JOURNAL_ROOM));
    await_number(number);
    reopen();
    (void)read_all(&(struct journal_range){0});
    ck_assert_ptr_nonnull(strstr(seen, "1/2:before;1/2:xxxx"));
}
END_TEST

START_TEST(questions_are_answered_in_order_with_the_batches)
{
    struct journal_job job = job_record(3);
    struct journal_entry x[] = {
        {.job = 3, .kind = JOURNAL_LOG, .item = 4, .bytes = {(const uint8_t *)"ab", 2}},
        {.job = 3, .kind = JOURNAL_LOG, .item = 4, .bytes = {(const uint8_t *)"cd", 2}},
        {.job = 3, .kind = JOURNAL_LOG, .item = 5, .bytes = {(const uint8_t *)"ef", 2}},
        {.job = 3, .kind = JOURNAL_SUBMIT, .row = &job},
        result(3, "r"),
        {.job = 3, .kind = JOURNAL_STATE, .bytes = {(const uint8_t *)"end", 3}},
    };
    journal_start(j);
    (void)hand(x, 6, DURABILITY_NONE);
    journal_ask(j, &(struct journal_question){.cookie = x,
                                              .source = FROM_LOG,
                                              .range = {.job = 3, .from = 4, .to = 4}});
    journal_ask(j, &(struct journal_question){.source = FROM_LOG,
                                              .range = {.job = 3, .to = UINT64_MAX},
                                              .bytes_max = 4});
    journal_ask(j, &(struct journal_question){.source = FROM_JOB, .range = {.job = 3}});
    journal_ask(j, &(struct journal_question){.source = FROM_STATE, .range = {.job = 3}});
    journal_ask(j, &(struct journal_question){.source = FROM_STATE, .range = {.job = 4}});
    struct journal_event *e = await(JOURNAL_ANSWER);
    ck_assert_ptr_eq(e->cookie, x);
    ck_assert_uint_eq(e->n, 2);
    ck_assert_mem_eq(e->entries[0].bytes.p, "ab", 2);
    ck_assert_mem_eq(e->entries[1].bytes.p, "cd", 2);
    journal_event_free(e);
    e = await(JOURNAL_ANSWER);
    ck_assert(e->truncated);
    ck_assert_int_eq(e->error, OK);
    ck_assert_uint_eq(e->n, 2);
    ck_assert_mem_eq(e->entries[0].bytes.p, "cd", 2);
    ck_assert_mem_eq(e->entries[1].bytes.p, "ef", 2);
    journal_event_free(e);
    e = await(JOURNAL_ANSWER);
    ck_assert_ptr_nonnull(e->job);
    ck_assert_str_eq(e->job->id, "k7f3");
    ck_assert_uint_eq(e->n, 2);
    ck_assert_mem_eq(e->entries[0].bytes.p, "r", 1);
    journal_event_free(e);
    e = await(JOURNAL_ANSWER);
    ck_assert_uint_eq(e->n, 1);
    ck_assert_mem_eq(e->entries[0].bytes.p, "end", 3);
    journal_event_free(e);
    e = await(JOURNAL_ANSWER);
    ck_assert_int_eq(e->error, OK);
    ck_assert_ptr_null(e->job);
    journal_event_free(e);
}
END_TEST

START_TEST(a_newer_schema_is_refused_by_name)
{
    struct errtext t = {{0}};
    journal_close(j);
    j = NULL;
    // user_version stands big-endian at offset 60 of the file's first page.
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, 60, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite("\0\0\0\x63", 1, 4, f), 4);
    ck_assert_int_eq(fclose(f), 0);
    struct journal_options o = {.path = path, .events = events, .retry_ns = CLOCK_MS};
    ck_assert_int_eq(journal_open(&o, &j, &t), ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(t.text, "schema 99"));
    ck_assert_ptr_null(j);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    struct errtext t = {{0}};
    journal_close(j);
    j = NULL;
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < 4096; i++)
        ck_assert_int_ne(fputc('z', f), EOF);
    ck_assert_int_eq(fclose(f), 0);
    struct journal_options o = {.path = path, .events = events, .retry_ns = CLOCK_MS};
    ck_assert_int_eq(journal_open(&o, &j, &t), ERR_IO);
    ck_assert_ptr_nonnull(strstr(t.text, path));
}
END_TEST

// Where the log ends: there is room behind it (journal_room.c), all zeros.
static long end_of_log(const char *wal)
{
    long end = 0;
    FILE *f = fopen(wal, "rbe");
    ck_assert_ptr_nonnull(f);
    for (int c; (c = getc(f)) != EOF;)
        if (c)
            end = ftell(f);
    (void)fclose(f);
    return end;
}

// A crash: the log's last bytes never reached the disk.  What was committed before stays.
START_TEST(a_torn_tail_is_cut_off)
{
    char wal[128];
    char copy[128];
    char cmd[512];
    journal_start(j);
    struct journal_entry a[] = {result(1, "first")};
    struct journal_entry b[] = {result(1, "second")};
    await_number(hand(a, 1, DURABILITY_FULL));
    await_number(hand(b, 1, DURABILITY_FULL));
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    (void)snprintf(copy, sizeof copy, "%s/copy.db", dir);
    (void)snprintf(cmd, sizeof cmd, "cp %s %s && cp %s %s-wal", path, copy, wal, copy);
    ck_assert_int_eq(system(cmd), 0);
    (void)snprintf(wal, sizeof wal, "%s-wal", copy);
    ck_assert_int_eq(truncate(wal, end_of_log(wal) - 100), 0);
    (void)snprintf(path, sizeof path, "%s", copy);
    reopen();
    ck_assert_str_eq(read_all(&(struct journal_range){0}), "1/2:first;");
}
END_TEST

// A log that has room behind it is read to its end and no further.
START_TEST(a_log_with_room_is_whole)
{
    char copy[128];
    char cmd[512];
    struct stat st;
    journal_start(j);
    for (int i = 0; i < 40; i++) {
        struct journal_entry a[] = {result(1, "x")};
        await_number(hand(a, 1, DURABILITY_FULL));
    }
    (void)snprintf(copy, sizeof copy, "%s-wal", path);
    ck_assert_int_eq(stat(copy, &st), 0);
    ck_assert_int_gt(st.st_size, end_of_log(copy) + 64 * 1024);
    (void)snprintf(copy, sizeof copy, "%s/copy.db", dir);
    (void)snprintf(cmd, sizeof cmd, "cp %s %s && cp %s-wal %s-wal", path, copy, path, copy);
    ck_assert_int_eq(system(cmd), 0);
    (void)snprintf(path, sizeof path, "%s", copy);
    reopen();
    const char *all = read_all(&(struct journal_range){0});
    ck_assert_uint_eq(strlen(all), 40 * strlen("1/2:x;"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("journal");
    TCase *c = tcase_create("journal");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, each_opening_is_a_new_incarnation_with_fresh_numbers);
    tcase_add_test(c, entries_come_back_in_order_after_reopening);
    tcase_add_test(c, a_job_is_open_until_its_state_and_again_after_a_retry);
    tcase_add_test(c, pods_are_a_set_and_the_catalog_is_the_last_one);
    tcase_add_loop_test(c, however_batches_fall_into_groups_the_sequence_is_the_same, 0, 4);
    tcase_add_test(c, a_lazy_batch_shares_the_commit_of_the_next);
    tcase_add_test(c, a_lazy_batch_that_stays_alone_is_committed);
    tcase_add_test(c, a_lazy_batch_is_as_durable_as_the_strongest_of_its_group);
    tcase_add_loop_test(c, a_full_disk_is_reported_and_nothing_is_lost, 0, 2);
    tcase_add_test(c, questions_are_answered_in_order_with_the_batches);
    tcase_add_test(c, a_newer_schema_is_refused_by_name);
    tcase_add_test(c, a_file_that_is_no_database_is_refused);
    tcase_add_test(c, a_torn_tail_is_cut_off);
    tcase_add_test(c, a_log_with_room_is_whole);
    suite_add_tcase(s, c);
    return harness_run(s);
}
