// SPDX-License-Identifier: MIT
// main.c - shoal-worker: options, then one rank from its start to its end.
//
// The order matters: the sandbox helper is forked before MPI_Init and before any
// thread; a hosted coordinator is started before MPI_Init too; signals are
// blocked before the first thread.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/options.h"
#include "common/yaml.h"
#include "protocol/pack.h"
#include "worker/cache.h"
#include "worker/catalog.h"
#include "worker/host.h"
#include "worker/memory.h"
#include "worker/pod.h"
#include "worker/rank_dir.h"
#include "worker/sandbox.h"
#include "worker/tensor/kernels.h"
#include "worker/work.h"

enum { EXIT_USAGE = 2, PATH_SIZE = 1024 };
// Ranks wait for one another in MPI_Finalize; one that does not come must not
// hold the rest for longer.
enum { FINALIZE_S = 5, FINALIZE_HOST_S = 15 };
// A coordinator started at the same time announces itself within this.
#define ANNOUNCE_WAIT (30 * CLOCK_SECOND)
// Before they block, where every rank has a CPU to itself.
#define LINK_SPIN (50 * INT64_C(1000))
#define MAIN_SPIN (20 * INT64_C(1000))

struct arguments {
    const char *connect, *keys, *state, *host, *resources, *scratch, *log_level;
    int64_t lonely_s, cache_mb, records_a_frame;
    bool catalog;
};

#define AT(field) offsetof(struct arguments, field)

static const struct option_row rows[] = {
    {"connect", 'c', OPTION_STR, "URL", "SHOAL_COORDINATOR",
     "the coordinator: tcp://HOST:PORT or ipc://PATH", 0, 0, AT(connect)},
    {"keys", 'k', OPTION_STR, "DIR", "SHOAL_KEYS",
     "the key directory, for tcp; default STATE/keys", 0, 0, AT(keys)},
    {"state", 's', OPTION_STR, "DIR", "SHOAL_STATE",
     "the coordinator's state directory: tells where it listens", 0, 0, AT(state)},
    {"host", 0, OPTION_STR, "JOB.yaml", NULL,
     "run this one job: rank 0 brings the coordinator, its state in --state; the same "
     "command again resumes",
     0, 0, AT(host)},
    {"resource", 'r', OPTION_STR, "NAME=N,...", NULL, "named resources of this rank", 0, 0,
     AT(resources)},
    {"scratch", 0, OPTION_STR, "DIR", "SHOAL_SCRATCH",
     "for files of jobs and the cache; default $TMPDIR/shoal-UID", 0, 0, AT(scratch)},
    {"cache-mb", 0, OPTION_INT, "N", NULL, "bound of the cache of blobs; default 4096", 1,
     1 << 30, AT(cache_mb)},
    {"lonely-s", 0, OPTION_INT, "N", NULL,
     "end when no coordinator answered for so long; 0: never; default 600", 0, INT32_MAX,
     AT(lonely_s)},
    {"records-per-frame", 0, OPTION_INT, "N", NULL, "results a frame at most; default 32", 1,
     256, AT(records_a_frame)},
    {"log-level", 0, OPTION_STR, "LEVEL", "SHOAL_LOG_LEVEL", "debug, info, warn or error", 0, 0,
     AT(log_level)},
    {"catalog", 0, OPTION_FLAG, NULL, NULL, "print the workloads as JSON and end", 0, 0,
     AT(catalog)},
    {0},
};

static const struct options options = {
    .program = "shoal-worker",
    .usage = "[options]",
    .about = "Works for a coordinator.  Start it with mpirun for several ranks that can "
             "work on one shard together, or by itself for one.",
    .rows = rows,
};

// One rank.
struct rank {
    struct arguments args;
    struct rank_dir dir;
    struct sandbox *sandbox;
    struct host *host; // rank 0 of --host
    struct pod *pod;
    struct cache *cache;
    struct work *work;
    struct link_shared shared;
    struct mailbox *to_main;
    struct link_thread *link;
    char endpoint[PATH_SIZE];
    char keys[PATH_SIZE]; // "": none
    struct arena *arena;
    struct bin catalog, resources;
};

// ---- what the options say --------------------------------------------------------

static int print_catalog(void)
{
    struct arena *a = arena_create();
    struct value v = catalog_value(a);
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    value_json_pretty(&v, &b);
    buf_puts(&b, "\n");
    bool ok = fwrite(b.bytes, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    buf_fini(&b);
    arena_destroy(a);
    return ok ? 0 : EXIT_FAILURE;
}

static enum error set_log_level(const struct arguments *args, uint32_t rank, struct errtext *t)
{
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    int level = args->host ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
    for (int i = 0; args->log_level && i <= LOG_LEVEL_ERROR + 1; i++) {
        if (!names[i])
            return errtext_set(t, ERR_INVALID, "--log-level '%s': debug, info, warn or error",
                               args->log_level);
        level = i;
        if (strcmp(names[i], args->log_level) == 0)
            break;
    }
    log_init("worker", (int)rank, (enum log_level)level);
    return OK;
}

static struct bin packed(const struct value *v, struct arena *a)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    pack_write(v, &b);
    struct bin out = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    return out;
}

// "gpu=2,licence=1"
static enum error read_resources(struct rank *r, struct errtext *t)
{
    struct value map = value_map();
    const char *at = r->args.resources;
    while (at && *at) {
        size_t n = strcspn(at, ",");
        const char *sign = memchr(at, '=', n);
        double x;
        if (!sign || sign == at || !number_parse_f64(sign + 1, (size_t)(at + n - sign - 1), &x)
            || x < 0)
            return errtext_set(t, ERR_INVALID, "--resource '%.*s': expected NAME=NUMBER",
                               (int)n, at);
        char *name = arena_str(r->arena, at, (size_t)(sign - at));
        (void)value_set(r->arena, &map, name, value_float(x));
        at += n + (at[n] == ',');
    }
    if (map.n)
        r->resources = packed(&map, r->arena);
    return OK;
}

// Where the coordinator of a state directory listens.
static bool read_announcement(struct rank *r)
{
    char path[PATH_SIZE + 32], text[8192];
    struct value v;
    (void)snprintf(path, sizeof path, "%s/coordinator.json", r->args.state);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    if (yaml_parse(text, n, path, r->arena, &v, NULL))
        return false;
    const struct value *endpoint = value_find(&v, "endpoint"), *keys = value_find(&v, "keys");
    if (!endpoint || endpoint->type != VALUE_STR)
        return false;
    (void)snprintf(r->endpoint, sizeof r->endpoint, "%s", endpoint->s);
    if (!*r->keys && keys && keys->type == VALUE_STR)
        (void)snprintf(r->keys, sizeof r->keys, "%s", keys->s);
    return true;
}

static enum error find_coordinator(struct rank *r, struct errtext *t)
{
    const struct arguments *args = &r->args;
    if (args->keys)
        (void)snprintf(r->keys, sizeof r->keys, "%s", args->keys);
    else if (args->state && args->connect)
        (void)snprintf(r->keys, sizeof r->keys, "%s/keys", args->state);
    if (args->connect) {
        (void)snprintf(r->endpoint, sizeof r->endpoint, "%s", args->connect);
        return OK;
    }
    int64_t until = clock_now() + ANNOUNCE_WAIT;
    while (!read_announcement(r)) {
        if (clock_now() > until)
            return errtext_set(t, ERR_CLOSED, "no coordinator runs in %s", args->state);
        clock_sleep(20 * CLOCK_MS);
    }
    return OK;
}

// ---- the start -------------------------------------------------------------------

static enum error check_arguments(const struct arguments *args, struct errtext *t)
{
    if (args->host && !args->state)
        return errtext_set(t, ERR_INVALID, "--host needs --state: what it knows must survive");
    if (args->host && args->connect)
        return errtext_set(t, ERR_INVALID, "--host and --connect exclude each other");
    if (!args->host && !args->connect && !args->state)
        return errtext_set(t, ERR_INVALID,
                           "which coordinator? --connect URL, or --state DIR of a local one");
    return OK;
}

// All that must come before MPI_Init and threads.
static enum error start_early(struct rank *r, const char *program, struct errtext *t)
{
    char path[PATH_SIZE];
    struct pod_place place = pod_place();

    if (place.launched) // without mpirun nobody restarts us, nor counts on us
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    enum error e = rank_dir_open(r->args.scratch, &r->dir, t);
    if (e)
        return e;
    (void)snprintf(path, sizeof path, "%s/commands", r->dir.own);
    e = sandbox_open(path, &r->sandbox, t);
    if (e || !r->args.host || place.rank != 0)
        return e;
    struct host_options o = {.job = r->args.host,
                             .state_dir = r->args.state,
                             .program = program,
                             .one_host = place.n_local == place.n_ranks,
                             .n_ranks = place.n_ranks};
    return host_start(&o, &r->host, t);
}

static void block_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

// Rank 0 knows the coordinator that it hosts; the others learn it from there.
static enum error share_address(struct rank *r, struct errtext *t)
{
    struct host_address a = {0};
    enum error e = r->host ? host_wait(r->host, &a, t) : OK;
    pod_bcast(r->pod, &a, sizeof a);
    if (e)
        return e;
    if (!a.ok)
        return errtext_set(t, ERR_CLOSED, "rank 0 could not start the coordinator");
    (void)snprintf(r->endpoint, sizeof r->endpoint, "%s", a.endpoint);
    if (!a.has_keys)
        return OK;
    (void)snprintf(r->keys, sizeof r->keys, "%s/keys", r->dir.own);
    return host_write_keys(&a, r->keys, t);
}

static struct group *gang(void *ctx, uint32_t first, uint32_t n)
{
    return pod_gang(ctx, first, n);
}

static enum error
fetch(void *ctx, const struct rec_file *f, const char *path, struct errtext *t)
{
    struct rank *r = ctx;
    struct sha256 hash;
    memcpy(hash.bytes, f->hash.p, sizeof hash.bytes); // its length was checked
    return cache_get(r->cache, &hash, f->size, path, t);
}

static enum error
keep(void *ctx, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t)
{
    return cache_put(((struct rank *)ctx)->cache, path, hash, size, t);
}

static void idle(void *ctx)
{
    work_idle(((struct rank *)ctx)->work);
}

static enum error start_link(struct rank *r, struct errtext *t)
{
    char host[64] = "";
    (void)gethostname(host, sizeof host - 1);
    bool crowded = pod_n_local(r->pod) >= pod_cpus();
    struct link_thread_options o = {
        .link = {.instance = pod_instance(r->pod),
                 .rank = pod_rank(r->pod),
                 .n_ranks = pod_n_ranks(r->pod),
                 .pid = (uint32_t)getpid(),
                 .host = host,
                 .numerics = kernels_class(),
                 .cpus = pod_cpus(),
                 .memory_mb = memory_machine() >> 20,
                 .catalog = r->catalog,
                 .resources = r->resources,
                 .lonely_ns = r->args.lonely_s * CLOCK_SECOND,
                 .records_max = (uint32_t)r->args.records_a_frame},
        .endpoint = r->endpoint,
        .key_dir = *r->keys ? r->keys : NULL,
        .to_main = r->to_main,
        .shared = &r->shared,
        .spin_ns = crowded ? 0 : LINK_SPIN,
    };
    enum error e = link_thread_start(&o, &r->link, t);
    if (e)
        return e;
    struct work_options w = {
        .from_link = r->to_main,
        .link = r->link,
        .shared = &r->shared,
        .gang = gang,
        .gang_ctx = r->pod,
        .rank = pod_rank(r->pod),
        .host = {.ctx = r,
                 .fetch = fetch,
                 .keep = keep,
                 .scratch = r->dir.own,
                 .shared = r->dir.base,
                 .sandbox = r->sandbox},
        .spin_ns = crowded ? 0 : MAIN_SPIN,
    };
    r->work = work_create(&w);
    return OK;
}

static enum error start(struct rank *r, struct errtext *t)
{
    char path[PATH_SIZE];
    enum error e = pod_start(&r->pod, t);
    if (!e)
        e = r->args.host ? share_address(r, t) : find_coordinator(r, t);
    if (e)
        return e;
    struct value v = catalog_value(r->arena);
    r->catalog = packed(&v, r->arena);
    (void)snprintf(path, sizeof path, "%s/cache", r->dir.base);
    struct cache_options c = {.dir = path,
                              .endpoint = r->endpoint,
                              .key_dir = *r->keys ? r->keys : NULL,
                              .bytes_max = (uint64_t)r->args.cache_mb << 20,
                              .idle = idle,
                              .ctx = r};
    e = cache_open(&c, &r->cache, t);
    r->to_main = mailbox_create();
    if (!e)
        e = start_link(r, t);
    if (!e && r->host)
        e = host_watch(r->host, t);
    return e;
}

// ---- the end ---------------------------------------------------------------------

// Everybody gets here in good order or not at all: a rank that failed by itself
// takes the pod with it, since the others may wait for it inside MPI.
static int finish(struct rank *r, int status, bool together)
{
    link_thread_stop(r->link);
    if (r->host) {
        int hosted = host_stop(r->host);
        status = status ? status : hosted;
    }
    work_destroy(r->work);
    cache_close(r->cache);
    sandbox_close(r->sandbox);
    rank_dir_close(&r->dir);
    if (!together)
        _exit(status ? status : EXIT_FAILURE);
    (void)alarm(r->args.host ? FINALIZE_HOST_S : FINALIZE_S);
    pod_stop(r->pod);
    (void)alarm(0);
    mailbox_destroy(r->to_main);
    arena_destroy(r->arena);
    return status;
}

static int fail(const struct errtext *t, int status)
{
    (void)fprintf(stderr, "shoal-worker: %s\n", t->text);
    return status;
}

int main(int argc, char **argv)
{
    struct rank r = {.args = {.lonely_s = 600, .cache_mb = 4096}, .dir = {.lock = -1}};
    struct errtext t = {{0}};
    const char *why = NULL;
    int n_args;

    enum error e = options_parse(&options, argc - 1, argv + 1, &r.args, &n_args, &t);
    if (e == ERR_CANCELLED)
        return 0;
    if (!e && r.args.catalog)
        return print_catalog();
    if (!e && n_args)
        e = errtext_set(&t, ERR_INVALID, "unexpected argument '%s'", argv[1]);
    if (!e)
        e = check_arguments(&r.args, &t);
    if (!e)
        e = set_log_level(&r.args, pod_place().rank, &t);
    r.arena = arena_create();
    if (!e)
        e = read_resources(&r, &t);
    if (e)
        return fail(&t, EXIT_USAGE);
    e = start_early(&r, argv[0], &t);
    block_signals();
    if (!e)
        e = start(&r, &t);
    if (e) {
        (void)fail(&t, EXIT_FAILURE);
        return finish(&r, EXIT_FAILURE, false);
    }
    bool failed = work_run(r.work, &why);
    if (failed)
        LOG_ERROR("worker.failed", "why=\"%s\"", why);
    return finish(&r, failed ? EXIT_FAILURE : 0, !failed);
}
