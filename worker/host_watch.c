// SPDX-License-Identifier: MIT
// host_watch.c - the thread that submits the job, waits for it and prints it.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/yaml.h"
#include "protocol/caller.h"
#include "worker/host_state.h"

#define LOOK (200 * CLOCK_MS)
// Ranks start together; the last one is not far behind the first.
#define JOIN_WAIT (10 * CLOCK_SECOND)
#define JOIN_LOOK (10 * CLOCK_MS)

struct watch {
    struct host *h;
    struct arena *arena;
    struct arena *replies; // the last one
    struct caller *caller;
    char *job;     // id
    char *note;    // path of STATE/host.json
    char hash[65]; // of the job file's text
    struct errtext t;
};

// ---- which job -------------------------------------------------------------------

// The job of an earlier start with the same job file, if the note tells of one.
static bool find_job(struct watch *w)
{
    char text[1024];
    struct value v;
    FILE *f = fopen(w->note, "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    if (yaml_parse(text, n, w->note, w->arena, &v, NULL))
        return false;
    const struct value *hash = value_find(&v, "hash"), *job = value_find(&v, "job");
    if (!hash || hash->type != VALUE_STR || strcmp(hash->s, w->hash) != 0 || !job
        || job->type != VALUE_STR)
        return false;
    w->job = arena_str(w->arena, job->s, job->n);
    return true;
}

static void write_note(struct watch *w)
{
    struct value v = value_map();
    struct buf b;
    buf_init(&b, 4096);
    (void)value_set(w->arena, &v, "job", value_str(w->arena, w->job));
    (void)value_set(w->arena, &v, "hash", value_str(w->arena, w->hash));
    value_json(&v, &b);
    buf_puts(&b, "\n");
    char *part = arena_printf(w->arena, "%s.new", w->note);
    FILE *f = fopen(part, "we");
    bool ok = f && fwrite(b.bytes, 1, b.n, f) == b.n;
    if (f)
        ok = fclose(f) == 0 && ok;
    if (!ok || rename(part, w->note) != 0)
        LOG_WARN("host.note", "path=%s why=\"%s\"", w->note, strerror(errno));
    buf_fini(&b);
}

static enum error submit(struct watch *w)
{
    struct caller_submission s = {.path = w->h->o.job, .allow_exec = true};
    struct value reply;
    enum error e = caller_submit(w->caller, &s, w->arena, &reply, &w->t);
    if (e)
        return e;
    const struct value *job = value_find(&reply, "job");
    if (!job || job->type != VALUE_STR)
        return errtext_set(&w->t, ERR_PROTO, "an answer to submit without a job");
    w->job = arena_str(w->arena, job->s, job->n);
    write_note(w);
    LOG_INFO("job.submitted", "job=%s", w->job);
    return OK;
}

// ---- its end ---------------------------------------------------------------------

// ERR_CANCELLED: we shall stop.
static enum error wait_for_end(struct watch *w, struct value *document)
{
    struct value args = value_map();
    bool more = true;
    (void)value_set(w->arena, &args, "job", value_str(w->arena, w->job));
    enum error e = caller_start(w->caller, "watch", &args, &w->t);
    while (!e && more) {
        arena_reset(w->replies);
        e = caller_next(w->caller, LOOK, w->replies, document, &more, &w->t);
        if (atomic_load(&w->h->stop))
            return ERR_CANCELLED;
        if (e == ERR_AGAIN) {
            e = OK;
            more = true;
        }
    }
    return e;
}

static int print(const struct value *document)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    value_json_pretty(document, &b);
    buf_puts(&b, "\n");
    bool ok = fwrite(b.bytes, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    buf_fini(&b);
    const struct value *state = value_find(document, "state");
    bool done = state && state->type == VALUE_STR && strcmp(state->s, "done") == 0;
    return ok && done ? 0 : EXIT_FAILED;
}

static int status_of(enum error e)
{
    switch (e) {
    case ERR_CANCELLED:
        return EXIT_STOPPED;
    case ERR_PARSE:
    case ERR_INVALID:
    case ERR_NOT_FOUND:
    case ERR_LIMIT:
    case ERR_DENIED:
        return EXIT_BAD_JOB;
    case ERR_CLOSED:
    case ERR_TIMEOUT:
        return EXIT_UNREACHED;
    default:
        return EXIT_FAILED;
    }
}

static enum error prepare(struct watch *w)
{
    struct sha256 hash;
    uint64_t size;
    struct host *h = w->h;
    struct caller_options o = {.endpoint = h->endpoint, .key_dir = h->key_dir};
    w->note = arena_printf(h->arena, "%s/host.json", h->state_dir);
    enum error e = sha256_file(h->o.job, &hash, &size);
    if (e)
        return errtext_set(&w->t, e, "%s: %s", h->o.job, strerror(errno));
    sha256_hex(&hash, w->hash);
    return caller_open(&o, &w->caller, &w->t);
}

static enum error run_job(struct watch *w, struct value *document)
{
    enum error e = prepare(w);
    bool found = !e && find_job(w);
    if (!e && !found)
        e = submit(w);
    if (!e)
        e = wait_for_end(w, document);
    if (e != ERR_NOT_FOUND || !found)
        return e;
    e = submit(w); // the journal was replaced
    return e ? e : wait_for_end(w, document);
}

// A rank that came after the coordinator's end would be told nothing, and all the
// others would wait for it inside MPI.
static void wait_for_ranks(struct watch *w)
{
    int64_t until = clock_now() + JOIN_WAIT;
    struct value reply;
    while (w->caller && clock_now() < until && !host_is_dead(w->h)
           && !atomic_load(&w->h->stop)) {
        arena_reset(w->replies);
        if (caller_call(w->caller, "ping", NULL, w->replies, &reply, &w->t))
            return;
        const struct value *ranks = value_find(&reply, "ranks");
        if (ranks && value_number(ranks) >= w->h->o.n_ranks)
            return;
        clock_sleep(JOIN_LOOK);
    }
}

// All ranks are told GOODBYE; when that fails, at least we end, and the launcher
// ends the others.
static void end_cluster(struct watch *w)
{
    struct value reply;
    if (w->caller && !host_is_dead(w->h)
        && !caller_call(w->caller, "shutdown", NULL, w->arena, &reply, &w->t))
        return;
    (void)kill(getpid(), SIGTERM);
}

static void *watch_main(void *arg)
{
    struct host *h = arg;
    struct watch w = {.h = h, .arena = arena_create(), .replies = arena_create()};
    struct value document = {.type = VALUE_NULL};
    enum error e = run_job(&w, &document);
    if (e && e != ERR_CANCELLED)
        (void)fprintf(stderr, "shoal-worker: %s\n", w.t.text);
    h->exit_status = e ? status_of(e) : print(&document);
    if (e != ERR_CANCELLED)
        wait_for_ranks(&w);
    if (e != ERR_CANCELLED)
        end_cluster(&w);
    caller_close(w.caller);
    arena_destroy(w.arena);
    arena_destroy(w.replies);
    return NULL;
}

enum error host_watch(struct host *h, struct errtext *t)
{
    int failed = pthread_create(&h->thread, NULL, watch_main, h);
    if (failed)
        return errtext_set(t, ERR_IO, "cannot start a thread: %s", strerror(failed));
    h->watching = true;
    return OK;
}

void host_watch_stop(struct host *h)
{
    if (!h->watching)
        return;
    atomic_store(&h->stop, true);
    (void)pthread_join(h->thread, NULL);
    h->watching = false;
}
