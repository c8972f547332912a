// SPDX-License-Identifier: MIT
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/sandbox_call.h"
#include "worker/sandbox_helper.h"
#include "worker/sandbox_request.h"
#include "worker/scratch.h"

// The helper goes when its last descendant has gone; one that sleeps in the
// kernel is left to it.
#define PARTING_NS (15 * CLOCK_SECOND)

struct sandbox {
    int sock;
    pid_t helper;
    char *hold;      // our directory below the root
    char *directory; // of the last command; NULL: cleaned
    uint64_t n_commands;
    struct tail out, err;
    struct sandbox_call call; // large, hence not on the stack
    struct sandbox_request request;
};

static const char *limit_lines[10] = {"nothing: no sandbox was opened", NULL};

const char *const *sandbox_limits(void)
{
    return limit_lines;
}

static void tell_limits(const struct sandbox_setup *s)
{
    int n = 0;
    limit_lines[n++] = s->namespaces
                           ? "descendants: own pid namespace, killed by the kernel"
                           : "descendants: subreaper and process table (no pid namespace); "
                             "a command can kill the helper";
    limit_lines[n++] = "time: deadline, SIGTERM, then SIGKILL; CPU time by rlimit";
    limit_lines[n++] = "memory: address space of each process by rlimit (no cgroup)";
    limit_lines[n++] = "scratch: polled size; no single file larger, by rlimit";
    limit_lines[n++] = "processes: polled number";
    limit_lines[n++] = s->network ? "network: not isolated (SHOAL_SANDBOX_NETWORK=none)"
                                  : "network: none but loopback";
    limit_lines[n++] = "files: those of the worker's user (no file system isolation)";
    limit_lines[n++] = "privileges: no new ones, no core files";
    limit_lines[n] = NULL;
}

// --- opening -----------------------------------------------------------------

// Like fork, into new namespaces.  We have one thread and the child only makes
// system calls and small allocations, so the C library needs no preparation.
static pid_t fork_into(unsigned long namespaces)
{
    if (!namespaces)
        return fork();
    return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0L, 0L, 0L, 0L);
}

static void reap_helper(struct sandbox *s)
{
    if (s->sock >= 0)
        close(s->sock);
    s->sock = -1;
    int64_t until = clock_now() + PARTING_NS;
    while (s->helper > 0 && waitpid(s->helper, NULL, WNOHANG) == 0 && clock_now() < until)
        clock_sleep(CLOCK_MS / 4);
    s->helper = 0;
}

// ERR_UNSUPPORTED: not with these namespaces.
static enum error start_helper(struct sandbox *s, struct sandbox_setup *setup)
{
    int pair[2];
    unsigned long flags = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return ERR_IO;
    s->sock = fcntl(pair[0], F_DUPFD_CLOEXEC, 3);
    setup->sock = fcntl(pair[1], F_DUPFD_CLOEXEC, 3);
    close(pair[0]);
    close(pair[1]);
    if (setup->namespaces)
        flags |= CLONE_NEWPID | CLONE_NEWNS;
    if (!setup->network)
        flags |= CLONE_NEWNET;
    if (setup->user_namespace)
        flags |= CLONE_NEWUSER;
    s->helper = fork_into(flags);
    if (s->helper == 0)
        _exit(sandbox_helper(setup));
    int why = errno;
    close(setup->sock);
    struct sandbox_reply hello;
    if (s->helper > 0 && recv(s->sock, &hello, sizeof hello, 0) == sizeof hello)
        return OK;
    bool forked = s->helper > 0;
    reap_helper(s);
    errno = why;
    return forked || flags ? ERR_UNSUPPORTED : ERR_IO;
}

// The best that the machine permits.  As root no user namespace is needed, and
// without one files keep their owners' names.
static enum error start_best(struct sandbox *s, struct errtext *t)
{
    const char *wish = getenv("SHOAL_SANDBOX");
    const char *network = getenv("SHOAL_SANDBOX_NETWORK");
    bool plain = wish && strcmp(wish, "plain") == 0;
    bool isolate = network && strcmp(network, "none") == 0;
    struct sandbox_setup setup = {.parent = getpid(),
                                  .namespaces = !plain,
                                  .user_namespace = !plain && geteuid() != 0,
                                  .network = !isolate,
                                  .uid = geteuid(),
                                  .gid = getegid(),
                                  .hold = s->hold};
    enum error e = start_helper(s, &setup);

    if (e == ERR_UNSUPPORTED && isolate)
        return errtext_set(t, e, "SHOAL_SANDBOX_NETWORK=none: no network namespace here%s",
                           plain ? " with SHOAL_SANDBOX=plain" : "");
    if (e == ERR_UNSUPPORTED) {
        setup.namespaces = false;
        setup.user_namespace = false;
        e = start_helper(s, &setup);
    }
    if (e)
        return errtext_set(t, ERR_IO, "cannot start the sandbox helper: %s", strerror(errno));
    tell_limits(&setup);
    return OK;
}

// A name of our own below the root, absolute.
static char *make_hold(const char *root, struct errtext *t)
{
    char real[PATH_MAX], path[PATH_MAX + 16];
    if (mkdir(root, 0700) < 0 && errno != EEXIST)
        goto fail;
    if (!realpath(root, real))
        goto fail;
    snprintf(path, sizeof path, "%s/run-XXXXXX", real);
    if (!mkdtemp(path))
        goto fail;
    return mem_dup(path);
fail:
    (void)errtext_set(t, ERR_IO, "cannot make a directory in %s: %s", root, strerror(errno));
    return NULL;
}

enum error sandbox_open(const char *root, struct sandbox **out, struct errtext *t)
{
    char *hold = make_hold(root, t);
    if (!hold)
        return ERR_IO;
    struct sandbox *s = mem_alloc(sizeof *s);
    s->sock = -1;
    s->hold = hold;
    enum error e = start_best(s, t);
    if (e) {
        sandbox_close(s);
        return e;
    }
    *out = s;
    return OK;
}

void sandbox_clean(struct sandbox *s)
{
    if (s->directory)
        scratch_remove(s->directory);
    mem_free(s->directory);
    s->directory = NULL;
}

void sandbox_close(struct sandbox *s)
{
    if (!s)
        return;
    reap_helper(s); // it kills what runs, then ends
    sandbox_clean(s);
    scratch_remove(s->hold);
    tail_fini(&s->out);
    tail_fini(&s->err);
    mem_free(s->hold);
    mem_free(s);
}

bool sandbox_is_gone(const struct sandbox *s)
{
    return s->sock < 0;
}

// --- one command -------------------------------------------------------------

static const char *over_text(const struct sandbox_call *k, struct arena *a)
{
    switch (k->reply.over) {
    case SANDBOX_ENTRIES:
        return "too many files in the scratch directory";
    case SANDBOX_DEPTH:
        return "directories nested too deep in the scratch directory";
    case SANDBOX_UNREADABLE:
        return "a directory in the scratch directory cannot be read";
    case SANDBOX_FITS:
    case SANDBOX_BYTES:
        break;
    }
    return arena_printf(a, "more than %llu bytes in the scratch directory",
                        (unsigned long long)k->c->scratch_max);
}

static const char *end_text(const struct sandbox_call *k, struct arena *a)
{
    const struct sandbox_reply *y = &k->reply;
    switch (y->end) {
    case SANDBOX_EXITED:
        break;
    case SANDBOX_SIGNALLED:
        return arena_printf(a, "killed by signal %d (%s)", y->code, strsignal(y->code));
    case SANDBOX_TIMED_OUT:
        return arena_printf(a, "not done after %lld.%03lld s, killed",
                            (long long)k->c->timeout_ms / 1000,
                            (long long)k->c->timeout_ms % 1000);
    case SANDBOX_OVER_SCRATCH:
        return over_text(k, a);
    case SANDBOX_OVER_PROCESSES:
        return arena_printf(a, "more than %u processes at one time", k->c->processes_max);
    case SANDBOX_NOT_STARTED:
        return arena_printf(a, "cannot start %s: %s", k->c->argv[0], strerror(y->error));
    case SANDBOX_CANCELLED:
        return "cancelled";
    }
    return "";
}

static void fill_result(const struct sandbox *s, struct arena *a, struct sandbox_result *r)
{
    const struct sandbox_call *k = &s->call;
    const char *out = tail_last(&s->out, &r->n_out);
    const char *err = tail_last(&s->err, &r->n_err);
    r->end = k->reply.end;
    r->code = k->reply.code;
    r->out = arena_str(a, out, r->n_out);
    r->err = arena_str(a, err, r->n_err);
    r->out_total = s->out.total;
    r->err_total = s->err.total;
    r->wall_ns = k->reply.wall_ns;
    r->cpu_ns = k->reply.cpu_ns;
    r->rss_max = k->reply.rss_max;
    r->text = end_text(k, a);
    r->directory = arena_str(a, s->directory, strlen(s->directory));
}

static void not_started(struct arena *a, struct sandbox_result *r, const char *why)
{
    *r = (struct sandbox_result){.end = SANDBOX_NOT_STARTED,
                                 .out = "",
                                 .err = "",
                                 .directory = "",
                                 .text = arena_str(a, why, strlen(why))};
}

// The scratch directory with its files.  ERR_INVALID: the command's fault.
static enum error prepare(struct sandbox *s, const struct sandbox_command *c, struct errtext *t)
{
    char path[PATH_MAX + 32];
    uint64_t attached = 0;

    sandbox_clean(s);
    snprintf(path, sizeof path, "%s/%llu", s->hold, (unsigned long long)s->n_commands++);
    if (mkdir(path, 0700) < 0)
        return errtext_set(t, FAULT_WORKER, "cannot make %s: %s", path, strerror(errno));
    s->directory = mem_dup(path);
    for (uint32_t i = 0; i < c->n_files; i++) {
        uint64_t size = 0;
        enum error e = scratch_put(path, &c->files[i], &size, t);
        if (e)
            return e == ERR_IO ? FAULT_WORKER : ERR_INVALID;
        attached += size;
    }
    if (!sandbox_request_fill(&s->request, c, path, attached))
        return errtext_set(t, ERR_INVALID, "arguments and environment are longer than %d bytes",
                           SANDBOX_TEXT_MAX);
    return OK;
}

enum error sandbox_run(struct sandbox *s,
                       const struct sandbox_command *c,
                       struct arena *a,
                       struct sandbox_result *r,
                       struct errtext *t)
{
    struct errtext own;
    struct sandbox_call *k = &s->call;

    t = t ? t : &own;
    if (s->sock < 0)
        return errtext_set(t, FAULT_WORKER, "the sandbox helper is gone");
    enum error e = prepare(s, c, t);
    if (e == ERR_INVALID) {
        not_started(a, r, t->text);
        return OK;
    }
    if (e)
        return e;
    tail_fini(&s->out);
    tail_fini(&s->err);
    tail_init(&s->out, c->output_max);
    tail_init(&s->err, c->output_max);
    k->sock = s->sock;
    k->c = c;
    k->request = &s->request;
    k->out_tail = &s->out;
    k->err_tail = &s->err;
    e = sandbox_call(k, t);
    if (e) {
        reap_helper(s);
        return e;
    }
    if (k->reply.stuck)
        return errtext_set(t, FAULT_WORKER, "processes of a command cannot be killed");
    if (k->reply.end == SANDBOX_NOT_STARTED && k->reply.machine)
        return errtext_set(t, FAULT_WORKER, "cannot start a process: %s",
                           strerror(k->reply.error));
    fill_result(s, a, r);
    return OK;
}
