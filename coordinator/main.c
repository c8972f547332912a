// SPDX-License-Identifier: MIT
// main.c - shoal-coordinator: options, then the shell.
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/options.h"
#include "common/value.h"
#include "common/yaml.h"
#include "coordinator/shell_state.h"
#include "coordinator/tables.h"
#include "protocol/inline.h"

enum { ENDPOINTS_MAX = 16, EXIT_USAGE = 2, KEPT_MMAP = 4 << 20, KEPT_TRIM = 16 << 20 };

struct arguments {
    const char *listen; // only for --help: taken out before (endpoints_take)
    const char *state;
    const char *keys;
    const char *check;
    const char *http;
    const char *log_level;
    bool allow_exec;
    bool catalog;
    int64_t records_a_frame;
    int64_t credit;
    int64_t jobs_max;
};

#define AT(field) offsetof(struct arguments, field)

static const struct option_row rows[] = {
    {"listen", 'l', OPTION_STR, "URL", NULL,
     "where to listen: tcp://HOST:PORT or ipc://PATH; may come several times", 0, 0,
     AT(listen)},
    {"state", 's', OPTION_STR, "DIR", "SHOAL_STATE",
     "the state directory (journal, blobs, keys)", 0, 0, AT(state)},
    {"keys", 'k', OPTION_STR, "DIR", "SHOAL_KEYS", "the key directory; default STATE/keys", 0,
     0, AT(keys)},
    {"http", 0, OPTION_STR, "ADDRESS", "SHOAL_HTTP",
     "where HTTP clients come in: PORT (of 127.0.0.1), HOST:PORT or off; default any port", 0,
     0, AT(http)},
    {"allow-exec", 0, OPTION_FLAG, NULL, NULL, "jobs may run commands on the workers", 0, 0,
     AT(allow_exec)},
    {"jobs-max", 0, OPTION_INT, "N", NULL, "open jobs at most; above it submit is refused", 1,
     1000000, AT(jobs_max)},
    {"records-per-frame", 0, OPTION_INT, "N", NULL, "leases a frame at most", 1, 4096,
     AT(records_a_frame)},
    {"credit", 0, OPTION_INT, "N", NULL, "leases a rank holds at most", 1, 65536, AT(credit)},
    {"log-level", 0, OPTION_STR, "LEVEL", NULL, "debug, info, warn or error", 0, 0,
     AT(log_level)},
    {"catalog", 0, OPTION_FLAG, NULL, NULL, "print the kinds and algorithms as JSON and end", 0,
     0, AT(catalog)},
    {"check", 0, OPTION_STR, "FILE", NULL, "check a job file and end; - is standard input", 0,
     0, AT(check)},
    {0},
};

// ---- endpoints ---------------------------------------------------------------------------

struct endpoints {
    const char *list[ENDPOINTS_MAX + 1];
    uint32_t n;
};

// The value of --listen at argv[i] and how many words it takes; 0: something else.
static int endpoint_at(int argc, char **argv, int i, const char **out)
{
    static const char name[] = "--listen";
    size_t n = sizeof name - 1;
    if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') {
        *out = argv[i] + n + 1;
        return 1;
    }
    bool named = strcmp(argv[i], name) == 0 || strcmp(argv[i], "-l") == 0;
    if (!named || i + 1 >= argc)
        return 0;
    *out = argv[i + 1];
    return 2;
}

// The option may come several times, which the table cannot say.
static enum error endpoints_take(int *argc, char **argv, struct endpoints *e, struct errtext *t)
{
    int kept = 0;
    for (int i = 0; i < *argc;) {
        const char *url;
        int n = i ? endpoint_at(*argc, argv, i, &url) : 0;
        if (n && e->n == ENDPOINTS_MAX)
            return errtext_set(t, ERR_INVALID, "more than %d endpoints", ENDPOINTS_MAX);
        if (n)
            e->list[e->n++] = url;
        else
            argv[kept++] = argv[i];
        i += n ? n : 1;
    }
    *argc = kept;
    argv[kept] = NULL;
    return OK;
}

// ---- without a cluster ---------------------------------------------------------------------

static int print_catalog(void)
{
    struct arena *a = arena_create();
    struct value v = value_map();
    struct buf b;
    buf_init(&b, REPLY_MAX);
    (void)value_set(a, &v, "drivers", tables_drivers(a));
    (void)value_set(a, &v, "algorithms", tables_algorithms(a));
    value_json_pretty(&v, &b);
    int status = puts(buf_cstr(&b)) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
    buf_fini(&b);
    arena_destroy(a);
    return status;
}

// The worker program beside this one, or NULL.
static const char *worker_program(char path[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (n <= 0)
        return NULL;
    path[n] = 0;
    char *slash = strrchr(path, '/');
    size_t room = slash ? (size_t)(path + PATH_MAX - slash - 1) : 0;
    if (room <= sizeof "shoal-worker")
        return NULL;
    (void)snprintf(slash + 1, room, "shoal-worker");
    return access(path, X_OK) == 0 ? path : NULL;
}

static enum error read_file(const char *path, struct buf *out, struct errtext *t)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!f)
        return errtext_set(t, ERR_NOT_FOUND, "%s: cannot be read", path);
    bool bad = !buf_read(out, f);
    if (f != stdin)
        (void)fclose(f);
    if (bad)
        return errtext_set(t, ERR_IO, "%s: cannot be read", path);
    return out->full ? errtext_set(t, ERR_LIMIT, "%s: larger than a job file may be", path)
                     : OK;
}

static int check_file(const char *path, struct errtext *t)
{
    char program[PATH_MAX];
    struct arena *a = arena_create();
    struct plan *p = NULL;
    struct value catalog;
    struct buf text;
    buf_init(&text, YAML_BYTES_MAX);
    const char *worker = worker_program(program);
    bool known = worker && !workloads_of_program(worker, a, &catalog, NULL);
    enum error e = read_file(path, &text, t);
    struct plan_source src = {.text = buf_cstr(&text),
                              .n_text = text.n,
                              .file = path,
                              .catalog = known ? &catalog : NULL};
    struct inline_source source = {
        .text = src.text, .n = src.n_text, .file = path, .base = inline_base(path, a)};
    if (!e)
        e = inline_files(&source, a, &src.text, t);
    if (src.text != source.text)
        src.n_text = strlen(src.text);
    if (!e)
        e = plan_create(&src, &p, t);
    plan_destroy(p);
    buf_fini(&text);
    arena_destroy(a);
    if (!e)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "%s\n", t->text);
    return EXIT_USAGE;
}

// ---- the coordinator ------------------------------------------------------------------------

static enum error parse_level(const char *name, enum log_level *out, struct errtext *t)
{
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum log_level)i;
            return OK;
        }
    return errtext_set(t, ERR_INVALID,
                       "--log-level is '%s', expected debug, info, warn or error", name);
}

static int serve(const struct arguments *a, const struct endpoints *e, struct errtext *t)
{
    char program[PATH_MAX];
    struct shell *s = NULL;
    sigset_t set;
    struct shell_options o = {.endpoints = e->list,
                              .state_dir = a->state,
                              .key_dir = a->keys,
                              .worker_program = worker_program(program),
                              .http = strcmp(a->http, "off") == 0 ? NULL : a->http,
                              .allow_exec = a->allow_exec,
                              .records_max = (uint32_t)a->records_a_frame,
                              .credit_max = (uint32_t)a->credit,
                              .jobs_max = (uint32_t)a->jobs_max};
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL); // before any thread starts
    (void)signal(SIGPIPE, SIG_IGN);
    enum error error = shell_open(&o, &s, t);
    if (!error)
        error = shell_run(s, t);
    shell_close(s);
    if (!error)
        return EXIT_SUCCESS;
    LOG_ERROR("failed", "why=\"%s\"", t->text);
    return EXIT_FAILURE;
}

static int usage(const struct errtext *t)
{
    (void)fprintf(stderr, "shoal-coordinator: %s\n", t->text);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct arguments a = {.http = "0", .log_level = "info", .jobs_max = 10000};
    struct endpoints e = {.n = 0};
    struct errtext t = {{0}};
    enum log_level level = LOG_LEVEL_INFO;
    int n_args;
    struct options o = {.program = "shoal-coordinator",
                        .usage = "--listen URL --state DIR [options]",
                        .about =
                            "Keeps jobs, hands their items to workers, journals what comes "
                            "back. One a cluster.",
                        .rows = rows};
    // Few threads allocate: more arenas would only cost memory.
    (void)mallopt(M_ARENA_MAX, 2);
    // What a step or a turn gave back the next one takes, without the kernel's faults and
    // clearing; when idle all of it goes back (shell.c, trim).
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_MMAP);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_TRIM);
    enum error error = endpoints_take(&argc, argv, &e, &t);
    if (!error)
        error = options_parse(&o, argc - 1, argv + 1, &a, &n_args, &t);
    if (error == ERR_CANCELLED)
        return EXIT_SUCCESS;
    if (!error)
        error = parse_level(a.log_level, &level, &t);
    if (!error && n_args)
        error = errtext_set(&t, ERR_INVALID, "unexpected argument '%s'", argv[1]);
    if (error)
        return usage(&t);
    log_init("coordinator", -1, level);
    if (a.catalog)
        return print_catalog();
    if (a.check)
        return check_file(a.check, &t);
    if (!a.state || !e.n) {
        (void)errtext_set(&t, ERR_INVALID, "%s is missing; see --help",
                          a.state ? "--listen URL" : "--state DIR");
        return usage(&t);
    }
    return serve(&a, &e, &t);
}
