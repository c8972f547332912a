// SPDX-License-Identifier: MIT
#include "coordinator/journal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/journal_state.h"

enum {
    GROUP_MAX = 1024, // batches a transaction at most
    // The write-ahead log is copied back when it is so long (64 MiB of 4 KiB pages),
    // or when nothing came for IDLE_NS.
    WAL_PAGES_MAX = 16384,
    CACHE_KIB = 1024,
    BUSY_MS = 2000,
};
#define IDLE_NS (1 * CLOCK_SECOND)
// How long the thread looks for more before it sleeps, right after work: a
// wake-up costs about as much.
#define SPIN_NS INT64_C(30000)
// A short job's submission and result fall within it, on a busy machine too.
#define LAZY_NS (10 * CLOCK_MS)

// Batches that share a transaction.
struct group {
    struct handed **list; // [GROUP_MAX]
    uint32_t n;
    uint32_t n_put; // of them, in the transaction that is open; 0: none is
};

static int note_wal_pages(void *arg, sqlite3 *db, const char *name, int n)
{
    struct journal *j = arg;
    (void)db;
    (void)name;
    j->wal_pages = n;
    return SQLITE_OK;
}

// locking_mode comes before journal_mode: so the WAL's index is in memory of ours,
// and works where shared memory does not.
static enum error set_up(struct journal *j, const char *path, struct errtext *t)
{
    char sql[128];
    (void)sqlite3_busy_timeout(j->db, BUSY_MS);
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -%d;"
                   "PRAGMA temp_store = MEMORY; PRAGMA synchronous = FULL;",
                   CACHE_KIB);
    enum error e = journal_sql(j, sql, t);
    if (!e)
        e = journal_sql(j, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0", t);
    if (e)
        return e;
    j->durability = DURABILITY_FULL;
    (void)sqlite3_wal_hook(j->db, note_wal_pages, j);
    e = journal_migrate(j, path, t);
    if (!e)
        journal_room_open(j, path);
    return e ? e : journal_prepare(j, t);
}

enum error
journal_open(const struct journal_options *o, struct journal **out, struct errtext *t)
{
    struct journal *j = mem_alloc(sizeof *j);
    j->events = o->events;
    j->retry_ns = o->retry_ns;
    j->in = mailbox_create();
    j->wal_fd = -1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    enum error e = OK;
    if (sqlite3_open_v2(o->path, &j->db, flags, NULL))
        e = journal_error(j, t);
    if (!e)
        e = set_up(j, o->path, t);
    if (e) {
        journal_close(j);
        return e == ERR_UNSUPPORTED ? e : errtext_prefix(t, e, "%s", o->path);
    }
    *out = j;
    return OK;
}

uint64_t journal_incarnation(const struct journal *j)
{
    return j->incarnation;
}

uint64_t journal_salt(const struct journal *j)
{
    return j->salt;
}

uint64_t journal_first_number(const struct journal *j)
{
    return j->first_number;
}

// ---- the thread ------------------------------------------------------------------

static void
say(struct journal *j, enum journal_event_type type, uint64_t number, const char *why)
{
    struct journal_event *e = mem_alloc(sizeof *e);
    e->type = type;
    e->number = number;
    (void)snprintf(e->why, sizeof e->why, "%s", why ? why : "");
    mailbox_send(j->events, e);
}

static enum durability strongest(const struct group *g)
{
    enum durability d = DURABILITY_NONE;
    for (uint32_t i = 0; i < g->n; i++)
        d = g->list[i]->batch.durability > d ? g->list[i]->batch.durability : d;
    return d;
}

// What is not there yet is put into the transaction, which is opened where needed.
static enum error put_rest(struct journal *j, struct group *g, struct errtext *t)
{
    enum error e = g->n_put ? OK : journal_begin(j, strongest(g), t);
    if (!e)
        e = journal_put(j, g->list + g->n_put, g->n - g->n_put, t);
    g->n_put = e ? 0 : g->n;
    if (e)
        journal_undo(j);
    return e;
}

static enum error write_once(struct journal *j, struct group *g, struct errtext *t)
{
    enum error e = put_rest(j, g, t);
    if (e)
        return e;
    e = journal_commit(j, t);
    g->n_put = 0;
    if (e)
        journal_undo(j);
    return e;
}

// Until it is written.  False: closed while there was no room.
static bool write_group(struct journal *j, struct group *g)
{
    struct errtext t;
    bool full = false;
    while (write_once(j, g, &t)) {
        if (!full) {
            LOG_ERROR("journal.full", "why=\"%s\" batches=%u", t.text, g->n);
            say(j, JOURNAL_FULL, 0, t.text);
        }
        full = true;
        if (atomic_load(&j->closing))
            return false;
        clock_sleep(j->retry_ns); // what else arrives waits its turn
    }
    if (full) {
        LOG_INFO("journal.room", "batches=%u", g->n);
        say(j, JOURNAL_ROOM, 0, NULL);
    }
    say(j, JOURNAL_COMMITTED, g->list[g->n - 1]->number, NULL);
    return true;
}

static void checkpoint(struct journal *j)
{
    (void)sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    j->wal_pages = 0;
}

// Everything that waits joins the group, up to a question or the end, which is
// returned.
static struct handed *gather(struct journal *j, struct group *g)
{
    struct handed *h = NULL;
    while (g->n < GROUP_MAX && (h = mailbox_take(j->in))) {
        if (h->type != HANDED_BATCH)
            return h;
        g->list[g->n++] = h;
    }
    return NULL;
}

static bool is_lazy(const struct group *g)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (!g->list[i]->batch.lazy)
            return false;
    return g->n > 0;
}

// Batches that nobody waits for stay for a while.  Their statements run meanwhile,
// so that whoever comes then waits for his own and the commit alone.
static struct handed *gather_group(struct journal *j, struct group *g)
{
    g->n = g->n_put = 0;
    struct handed *h = gather(j, g);
    int64_t until = clock_now() + LAZY_NS;
    while (!h && g->n < GROUP_MAX && is_lazy(g)) {
        int64_t left = until - clock_now();
        if (left <= 0)
            break;
        if (g->n_put < g->n && put_rest(j, g, NULL))
            break; // a full disk: write_group says so
        mailbox_wait(j->in, left, 0);
        h = gather(j, g);
    }
    // How durable a transaction is cannot be changed once it is open.
    if (g->n_put && strongest(g) > j->durability) {
        journal_undo(j);
        g->n_put = 0;
    }
    return h;
}

static void wait_for_work(struct journal *j, bool worked)
{
    mailbox_wait(j->in, j->wal_pages ? IDLE_NS : -1, worked ? SPIN_NS : 0);
    if (mailbox_is_empty(j->in) && j->wal_pages)
        checkpoint(j);
}

static void *journal_thread(void *arg)
{
    struct journal *j = arg;
    struct group g = {.list = mem_alloc(GROUP_MAX * sizeof *g.list)};
    bool stopped = false;
    bool worked = false;
    while (!stopped) {
        struct handed *h = gather_group(j, &g);
        if (!g.n && !h) {
            wait_for_work(j, worked);
            worked = false;
            continue;
        }
        worked = true;
        if (g.n && !write_group(j, &g))
            LOG_ERROR("journal.lost", "batches=%u: closed while the disk was full", g.n);
        for (uint32_t i = 0; i < g.n; i++)
            mem_free(g.list[i]);
        if (h && h->type == HANDED_QUESTION)
            mailbox_send(j->events, journal_answer(j, &h->question));
        stopped = h && h->type == HANDED_STOP;
        mem_free(h);
        if (j->wal_pages > WAL_PAGES_MAX)
            checkpoint(j);
        else if (j->durability == DURABILITY_FULL)
            journal_room_make(j);
    }
    mem_free(g.list);
    return NULL;
}

void journal_start(struct journal *j)
{
    if (pthread_create(&j->thread, NULL, journal_thread, j) == 0)
        j->started = true;
    else
        LOG_ERROR("journal.thread", "cannot start its thread");
}

static void hand(struct journal *j, struct handed h)
{
    struct handed *x = mem_alloc(sizeof *x);
    *x = h;
    mailbox_send(j->in, x);
}

uint64_t journal_hand_over(struct journal *j, const struct journal_batch *b)
{
    uint64_t number = ++j->n_handed;
    hand(j, (struct handed){.type = HANDED_BATCH, .number = number, .batch = *b});
    return number;
}

void journal_ask(struct journal *j, const struct journal_question *q)
{
    hand(j, (struct handed){.type = HANDED_QUESTION, .question = *q});
}

void journal_event_free(struct journal_event *e)
{
    if (!e)
        return;
    arena_destroy(e->arena);
    mem_free(e->entries);
    mem_free(e);
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    if (j->started) {
        atomic_store(&j->closing, true);
        hand(j, (struct handed){.type = HANDED_STOP});
        (void)pthread_join(j->thread, NULL);
    }
    journal_finalize(j);
    journal_room_close(j);
    (void)sqlite3_close(j->db);
    mailbox_destroy(j->in);
    mem_free(j);
}
