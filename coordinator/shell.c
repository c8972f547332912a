// SPDX-License-Identifier: MIT
#include "coordinator/shell.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/resident.h"
#include "coordinator/serve_desk.h"
#include "coordinator/shell_state.h"

enum {
    // Messages a turn: enough to share its cost, few enough that timers are kept.
    DRAIN_MAX = 256,
    BURST = 8,
    DRIVER_THREADS = 2,
    PATH_SIZE = 4096,
};
// Looking for more before sleeping, while something happened within the last BUSY_NS:
// a wake-up costs about as much as the spin.  Not after a turn of many messages: asleep
// we are woken for a burst.
#define SPIN_NS INT64_C(50000)
// While answers wait for a commit: a fast disk's fdatasync, after which sleepers on all
// sides would have to be woken one behind the other.
#define COMMIT_SPIN_NS   INT64_C(500000)
#define BUSY_NS          (1 * CLOCK_MS)
#define JOURNAL_RETRY_NS (500 * CLOCK_MS)

// ---- opening ---------------------------------------------------------------------------

static struct shell *shell_create(const struct shell_options *o)
{
    struct shell *s = mem_alloc(sizeof *s);
    s->o = *o;
    s->state_dir = mem_dup(o->state_dir);
    s->lock = s->signal_fd = -1;
    s->waiting_end = &s->waiting;
    s->due_end = &s->due;
    s->watch_due = INT64_MAX;
    s->trim_at = s->drop_at = INT64_MAX;
    s->ready = CHANNEL_INPUT;
    s->now = s->opened = clock_now();
    s->from_journal = mailbox_create();
    s->from_pools = mailbox_create();
    s->drivers = pool_create(DRIVER_THREADS, s->from_pools);
    s->files = pool_create(1, s->from_pools);
    return s;
}

static enum error
path_in(const struct shell *s, const char *name, char out[PATH_SIZE], struct errtext *t)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s", s->state_dir, name);
    return n > 0 && n < PATH_SIZE ? OK : errtext_set(t, ERR_INVALID, "the path is too long");
}

static enum error open_keys(struct shell *s, struct errtext *t)
{
    char path[PATH_SIZE];
    bool needed = false;
    for (uint32_t i = 0; s->o.endpoints[i]; i++)
        needed |= strncmp(s->o.endpoints[i], "tcp:", 4) == 0;
    if (!needed)
        return OK;
    enum error e = path_in(s, "keys", path, t);
    if (e)
        return e;
    s->key_dir = mem_dup(s->o.key_dir ? s->o.key_dir : path);
    return keys_ensure(s->key_dir, t);
}

static enum error open_stores(struct shell *s, struct errtext *t)
{
    char path[PATH_SIZE];
    enum error e = path_in(s, "journal.db", path, t);
    struct journal_options j = {
        .path = path, .events = s->from_journal, .retry_ns = JOURNAL_RETRY_NS};
    if (!e)
        e = journal_open(&j, &s->journal, t);
    if (!e)
        e = path_in(s, "blobs", path, t);
    struct blobs_options b = {.dir = path};
    return e ? e : blobs_open(&b, &s->blobs, t);
}

static enum error open_signals(struct shell *s, struct errtext *t)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->signal_fd < 0 ? errtext_set(t, ERR_IO, "signalfd failed") : OK;
}

static enum error recover(struct shell *s, struct errtext *t)
{
    struct core_options c = {.incarnation = journal_incarnation(s->journal),
                             .credit_max = s->o.credit_max,
                             .records_max = s->o.records_max,
                             .jobs_max = s->o.jobs_max};
    s->core = core_create(&c);
    s->next_number = journal_first_number(s->journal);
    s->reserved = s->next_number + JOURNAL_NUMBERS;
    workloads_restore(s);
    s->recovering = true;
    enum error e = recover_all(s, t);
    s->recovering = false;
    if (!e)
        journal_start(s->journal);
    return e;
}

enum error shell_open(const struct shell_options *o, struct shell **out, struct errtext *t)
{
    struct shell *s = shell_create(o);
    enum error e = state_dir_lock(s, t);
    if (!e)
        e = open_signals(s, t);
    if (!e)
        e = open_keys(s, t);
    if (!e)
        e = open_stores(s, t);
    if (!e)
        e = recover(s, t);
    if (!e)
        e = channel_serve(o->endpoints, s->key_dir, &s->channel, t);
    if (!e)
        e = gate_open(s, t);
    if (!e)
        e = state_dir_announce(s, t);
    if (e) {
        shell_close(s);
        return e;
    }
    LOG_INFO("ready", "endpoint=%s pid=%d incarnation=%" PRIu64 " start_ms=%.1f",
             channel_endpoint(s->channel, 0), (int)getpid(), journal_incarnation(s->journal),
             (double)(clock_now() - s->opened) / 1e6);
    s->trim_at = s->drop_at = clock_now() + QUIET_NS;
    *out = s;
    return OK;
}

void shell_close(struct shell *s)
{
    if (!s)
        return;
    gate_close(s);
    channel_close(s->channel);
    pool_destroy(s->drivers);
    pool_destroy(s->files);
    journal_close(s->journal); // lent memory is ours again
    blobs_close(s->blobs);
    turn_fini(s);
    while (s->n_dockets) {
        struct docket *r = s->dockets[s->n_dockets - 1];
        if (r->live)
            r->live->stepping = false; // its thread has ended
        docket_remove(s, r);
    }
    for (struct pending *p = s->pending, *next; p; p = next) {
        next = p->next;
        api_pending_free(p);
    }
    core_destroy(s->core);
    arena_destroy(s->catalog_arena);
    map_fini(&s->docket_by_number);
    map_fini(&s->docket_by_id);
    mem_free(s->with_document.ring);
    mem_free(s->unjournaled.ring);
    map_fini(&s->catalogs_seen);
    map_fini(&s->workers);
    map_fini(&s->refused);
    mem_free(s->dockets);
    mem_free(s->undropped);
    for (struct journal_event *e; (e = mailbox_take(s->from_journal));)
        journal_event_free(e);
    mailbox_destroy(s->from_journal);
    mailbox_destroy(s->from_pools);
    if (s->signal_fd >= 0)
        (void)close(s->signal_fd);
    state_dir_unlock(s);
    mem_free(s->state_dir);
    mem_free(s->key_dir);
    mem_free(s);
}

// ---- messages -----------------------------------------------------------------------------

static void deny(struct shell *s, const struct channel_peer *peer, const struct message *m)
{
    char text[96];
    (void)snprintf(text, sizeof text, "%s is not for a key of the role '%s'",
                   message_name(m->type), role_name(peer->role));
    api_fail(s, peer->id, m->id, ERR_DENIED, text);
}

static void
worker_message(struct shell *s, const struct channel_peer *peer, const struct message *m)
{
    if (peer->role != ROLE_WORKER) {
        deny(s, peer, m);
        return;
    }
    if (m->type == MSG_LOG) {
        item_log_message(s, &m->log);
        return;
    }
    if (m->type == MSG_SERVED) {
        serve_message(s, peer->id, &m->served);
        return;
    }
    if (m->type == MSG_HELLO) {
        workloads_merge(s, m->hello.catalog);
        map_set(&s->workers, peer->id, m->hello.instance);
    }
    turn_event(s, &(struct event){.type = EVENT_MESSAGE, .peer = peer->id, .message = m});
}

static void
on_message(struct shell *s, const struct channel_peer *peer, const struct message *m)
{
    switch (m->type) {
    case MSG_HELLO:
    case MSG_BEAT:
    case MSG_ARMED:
    case MSG_WENT:
    case MSG_RESULT:
    case MSG_NEED:
    case MSG_LOG:
    case MSG_SERVED:
    case MSG_GOODBYE:
        worker_message(s, peer, m);
        break;
    case MSG_CALL:
        api_call(s, peer, m);
        break;
    case MSG_BLOB_PUT:
        if (peer->role < ROLE_SUBMIT)
            deny(s, peer, m);
        else
            transfer_put(s, peer->id, m);
        break;
    case MSG_BLOB_GET:
        transfer_get(s, peer->id, m);
        break;
    default:
        api_fail(s, peer->id, m->id, ERR_UNSUPPORTED, "not a message for a coordinator");
        break;
    }
}

// Once a peer: it may send millions.
static void note_refused(struct shell *s, uint64_t peer, const char *why)
{
    if (map_find(&s->refused, peer, NULL))
        return;
    map_set(&s->refused, peer, 1);
    LOG_WARN("frame.refused", "peer=%" PRIu64 " why=\"%s\"", peer, why);
}

static uint32_t drain_channel(struct shell *s)
{
    uint32_t n = 0;
    for (; n < DRAIN_MAX; n++) {
        struct channel_peer peer;
        struct errtext t;
        struct message m;
        enum error e = channel_recv(s->channel, s->turn->arena, &peer, &m, &t);
        if (e == ERR_AGAIN || e == ERR_CLOSED)
            break;
        if (e) {
            note_refused(s, peer.id, t.text);
            api_fail(s, peer.id, m.id, e, t.text);
            continue;
        }
        on_message(s, &peer, &m);
    }
    return n;
}

static void drain_closed(struct shell *s)
{
    uint64_t peer;
    while (!channel_closed_peer(s->channel, &peer)) {
        (void)map_remove(&s->workers, peer);
        (void)map_remove(&s->refused, peer);
        watch_forget(s, peer);
        item_log_forget(s, peer);
        transfer_forget(s, peer);
        turn_event(s, &(struct event){.type = EVENT_PEER_CLOSED, .peer = peer});
    }
}

static void set_disk(struct shell *s, bool full)
{
    if (s->disk_full == full)
        return;
    s->disk_full = full;
    turn_event(s, &(struct event){.type = EVENT_DISK, .disk_full = full});
}

static uint32_t drain_journal(struct shell *s)
{
    uint32_t n = 0;
    for (struct journal_event *e; (e = mailbox_take(s->from_journal)); n++) {
        switch (e->type) {
        case JOURNAL_COMMITTED:
            s->committed = e->number;
            break;
        case JOURNAL_FULL:
            set_disk(s, true);
            break;
        case JOURNAL_ROOM:
            set_disk(s, false);
            break;
        case JOURNAL_ANSWER:
            api_answered(s, e);
            break;
        }
        journal_event_free(e);
    }
    return n;
}

static uint32_t drain_pools(struct shell *s)
{
    uint32_t n = 0;
    for (struct task *t; (t = mailbox_take(s->from_pools)); n++)
        t->done(s, t);
    return n;
}

// ---- the loop -----------------------------------------------------------------------------

static bool one_turn(struct shell *s)
{
    s->now = clock_now();
    turn_begin(s);
    bool any = s->due != NULL;
    drive_steps(s);
    uint32_t n = s->ready & CHANNEL_INPUT ? drain_channel(s) : 0;
    if (s->ready & CHANNEL_MONITOR)
        drain_closed(s);
    any |= drain_journal(s) + drain_pools(s) + gate_drain(s) + n > 0;
    api_submit_timers(s);
    if (s->now >= core_next_deadline(s->core))
        turn_event(s, &(struct event){.type = EVENT_TICK});
    serve_turn(s);
    turn_end(s);
    turn_release_committed(s);
    channel_recv_release(s->channel);
    watch_flush(s);
    if (s->n_undropped)
        docket_drop_ended(s);
    if (any)
        s->busy_until = n < BURST ? s->now + BUSY_NS : 0;
    return n == DRAIN_MAX || s->due;
}

static void trim(struct shell *s)
{
    if (s->now < s->trim_at)
        return;
    s->trim_at = INT64_MAX;
    turn_trim(s);
    (void)malloc_trim(0);
}

// Once after the start, and once after the jobs when none has been open for a while.
static void drop_code(struct shell *s)
{
    if (s->now < s->drop_at)
        return;
    bool idle = !core_n_open_jobs(s->core);
    s->drop_at = idle ? INT64_MAX : s->now + QUIET_NS;
    if (idle)
        resident_drop_code();
}

static void wait_for_more(struct shell *s)
{
    struct mailbox *const mailboxes[] = {s->from_journal, s->from_pools, gate_mailbox(s)};
    const int fds[] = {s->signal_fd, gate_fd(s)};
    struct channel_beside beside = {fds, fds[1] < 0 ? 1 : 2, mailboxes, s->gate ? 3 : 2};
    int64_t until = core_next_deadline(s->core);
    if (s->watch_due < until)
        until = s->watch_due;
    if (s->trim_at < until)
        until = s->trim_at;
    if (s->drop_at < until)
        until = s->drop_at;
    if (api_submit_due(s) < until)
        until = api_submit_due(s);
    if (gate_due(s) < until)
        until = gate_due(s);
    int64_t now = clock_now();
    int64_t timeout = until == INT64_MAX ? -1 : until > now ? until - now : 0;
    int64_t spin = now >= s->busy_until ? 0 : s->waiting ? COMMIT_SPIN_NS : SPIN_NS;
    s->ready = channel_wait_beside(s->channel, timeout, spin, &beside);
    if (s->ready & CHANNEL_FD)
        s->stopping = true;
    if (s->ready & 8)
        gate_accept(s);
}

enum error shell_run(struct shell *s, struct errtext *t)
{
    while (!s->stopping) {
        if (!one_turn(s) && !s->stopping) {
            trim(s);
            drop_code(s);
            wait_for_more(s);
        }
        if (channel_broken(s->channel))
            return errtext_set(t, ERR_CLOSED, "the handler of new connections has ended");
    }
    LOG_INFO("stopped", "jobs_open=%u", core_n_open_jobs(s->core));
    return OK;
}
