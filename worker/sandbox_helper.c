// SPDX-License-Identifier: MIT
#include "worker/sandbox_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/sandbox_enter.h"
#include "worker/sandbox_kill.h"
#include "worker/sandbox_spawn.h"
#include "worker/sandbox_wire.h"
#include "worker/scratch.h"

// Between SIGTERM and SIGKILL.
#define GRACE_NS (500 * CLOCK_MS)
// The first checks follow each other closely, since a fork bomb doubles; then
// one comes every CHECK_NS, and takes at most one part in CHECK_SHARE of the time.
#define CHECK_FIRST_NS (20 * CLOCK_MS)
#define CHECK_NS       (100 * CLOCK_MS)
enum { CHECK_SHARE = 50 };
// SIGKILL again while somebody is left; when nobody has ended for so long, they
// sleep in the kernel.
#define AGAIN_NS (5 * CLOCK_MS)
#define STUCK_NS (10 * CLOCK_SECOND)

enum phase {
    IDLE,
    RUNNING, // the main process lives and nothing is wrong
    ENDING,  // SIGTERM was sent
    KILLING, // SIGKILL, until nobody is left
};

struct helper {
    const struct sandbox_setup *setup;
    int signals;
    enum phase phase;
    bool closing; // the rank is gone
    pid_t main;   // 0 when it was waited for
    bool childless;
    int64_t started;
    int64_t deadline; // of RUNNING, then of ENDING, then when KILLING is hopeless
    int64_t check_at;
    int64_t again_at;
    // Of the command; kept to its end, so that the rank is not woken by each
    // pipe and once more by the reply.
    int fds[3];
    int n_fds;
    struct sandbox_reply reply;
};

// Static: 128 KiB of which only what is used becomes resident.
static struct sandbox_request request;

static void send_reply(struct helper *h)
{
    // A full socket is impossible (one reply a request); a closed one is seen by poll.
    ssize_t ignored = send(h->setup->sock, &h->reply, sizeof h->reply, MSG_NOSIGNAL);
    (void)ignored;
}

static void finish(struct helper *h)
{
    for (int i = 0; i < h->n_fds; i++)
        close(h->fds[i]);
    h->n_fds = 0;
    h->phase = IDLE;
    h->reply.message = SANDBOX_ENDED;
    send_reply(h);
}

static void kill_rest(struct helper *h, int64_t now)
{
    if (h->phase != KILLING)
        h->deadline = now + STUCK_NS;
    h->phase = KILLING;
    h->again_at = now + AGAIN_NS;
    if (!h->childless)
        sandbox_kill(h->setup->namespaces, SIGKILL);
}

// Our verdict, unless there was one; the main process's own end comes too late.
static void condemn(struct helper *h, enum sandbox_end end, int64_t now)
{
    h->reply.end = end;
    if (end == SANDBOX_TIMED_OUT || end == SANDBOX_CANCELLED) {
        h->phase = ENDING;
        h->deadline = now + GRACE_NS;
        sandbox_kill(h->setup->namespaces, SIGTERM);
    } else {
        kill_rest(h, now);
    }
}

static void check_limits(struct helper *h, bool at_end)
{
    uint64_t bytes;
    if (request.processes_max && !at_end) {
        h->reply.processes = sandbox_kill_count(h->setup->namespaces);
        if (h->reply.processes > request.processes_max) {
            condemn(h, SANDBOX_OVER_PROCESSES, clock_now());
            return;
        }
    }
    if (!request.scratch_max)
        return;
    switch (scratch_measure(sandbox_spawn_directory(&request), request.scratch_max, &bytes)) {
    case SCRATCH_FITS:
        return;
    case SCRATCH_TOO_BIG:
        h->reply.over = SANDBOX_BYTES;
        break;
    case SCRATCH_TOO_MANY:
        h->reply.over = SANDBOX_ENTRIES;
        break;
    case SCRATCH_TOO_DEEP:
        h->reply.over = SANDBOX_DEPTH;
        break;
    case SCRATCH_OPAQUE:
        h->reply.over = SANDBOX_UNREADABLE;
        break;
    }
    condemn(h, SANDBOX_OVER_SCRATCH, clock_now());
}

static void on_main_gone(struct helper *h, int status, int64_t now)
{
    h->main = 0;
    h->reply.wall_ns = now - h->started;
    if (h->phase != RUNNING)
        return;
    h->reply.end = WIFEXITED(status) ? SANDBOX_EXITED : SANDBOX_SIGNALLED;
    h->reply.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

static int64_t time_ns(struct timeval t)
{
    return t.tv_sec * CLOCK_SECOND + t.tv_usec * 1000;
}

// Wait for whoever ended; orphans of the command come to us too.
static void reap(struct helper *h, int64_t now)
{
    int status;
    struct rusage used;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG | __WALL, &used)) > 0) {
        h->reply.cpu_ns += time_ns(used.ru_utime) + time_ns(used.ru_stime);
        uint64_t rss = (uint64_t)used.ru_maxrss * 1024;
        if (rss > h->reply.rss_max)
            h->reply.rss_max = rss;
        if (pid == h->main)
            on_main_gone(h, status, now);
        if (h->phase == KILLING)
            h->deadline = now + STUCK_NS;
    }
    h->childless = pid < 0 && errno == ECHILD;
}

static void run_checks(struct helper *h, int64_t now)
{
    check_limits(h, false);
    int64_t cost = clock_now() - now, pause = (now - h->started) / 2;
    if (pause > CHECK_NS)
        pause = CHECK_NS;
    h->check_at = now + (cost * CHECK_SHARE > pause ? cost * CHECK_SHARE : pause);
}

// Bring the run forward: whatever woke us, the same questions are asked.
static void step(struct helper *h)
{
    int64_t now = clock_now();

    reap(h, now);
    if (h->phase == RUNNING && h->main == 0) {
        check_limits(h, true);
        kill_rest(h, now);
    }
    if (h->phase == RUNNING && now >= h->deadline)
        condemn(h, SANDBOX_TIMED_OUT, now);
    if (h->phase == RUNNING && now >= h->check_at)
        run_checks(h, now);
    if (h->phase == ENDING && now >= h->deadline)
        kill_rest(h, now);
    if (h->phase == KILLING && now >= h->deadline)
        h->reply.stuck = true;
    if ((h->phase != IDLE && h->childless) || (h->phase == KILLING && h->reply.stuck)) {
        finish(h);
        return;
    }
    if (h->phase == KILLING && now >= h->again_at)
        kill_rest(h, now);
}

static int64_t soonest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int wait_ms(const struct helper *h)
{
    int64_t until = h->deadline;
    if (h->phase == IDLE)
        return -1;
    if (h->phase == RUNNING)
        until = soonest(until, h->check_at);
    if (h->phase == KILLING)
        until = soonest(until, h->again_at);
    int64_t ns = until - clock_now();
    return ns <= 0 ? 0 : (int)soonest(ns / CLOCK_MS + 1, 60 * 1000);
}

static void start(struct helper *h)
{
    int fds[3] = {h->n_fds > 2 ? h->fds[2] : -1, h->fds[0], h->fds[1]};
    int64_t now = clock_now();

    h->reply = (struct sandbox_reply){.end = SANDBOX_NOT_STARTED};
    h->started = now;
    h->deadline = request.timeout_ns < INT64_MAX - now ? now + request.timeout_ns : INT64_MAX;
    h->check_at = now + CHECK_FIRST_NS;
    pid_t pid = sandbox_spawn(&request, fds, &h->reply);
    if (pid < 0) {
        finish(h);
        return;
    }
    h->main = pid;
    h->childless = false;
    h->phase = RUNNING;
}

static int take_fds(struct msghdr *m, int fds[3])
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (!c || c->cmsg_type != SCM_RIGHTS)
        return 0;
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), n * sizeof(int));
    return (int)n;
}

static void on_socket(struct helper *h)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))];
    // Looked at first: a cancel must not overwrite the request that runs.
    enum sandbox_message peek;
    ssize_t n = recv(h->setup->sock, &peek, sizeof peek, MSG_PEEK);
    if (n < (ssize_t)sizeof peek) {
        h->closing = true;
        return;
    }
    if (peek == SANDBOX_CANCEL) {
        (void)!recv(h->setup->sock, &peek, sizeof peek, 0);
        if (h->phase == RUNNING)
            condemn(h, SANDBOX_CANCELLED, clock_now());
        return;
    }
    struct iovec part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    n = recvmsg(h->setup->sock, &m, MSG_CMSG_CLOEXEC);
    h->n_fds = n > 0 ? take_fds(&m, h->fds) : 0;
    if (h->n_fds >= 2)
        start(h);
    else
        h->closing = true;
}

// A command may send us SIGTERM; only the rank's death makes it true.
static void on_signals(struct helper *h)
{
    struct signalfd_siginfo info;
    if (read(h->signals, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGTERM && !h->setup->namespaces && getppid() != h->setup->parent)
        h->closing = true;
}

static void serve(struct helper *h)
{
    struct pollfd fds[2] = {{.fd = h->setup->sock, .events = POLLIN},
                            {.fd = h->signals, .events = POLLIN}};
    while (!h->closing) {
        int n = poll(fds, 2, wait_ms(h));
        if (n > 0 && fds[1].revents)
            on_signals(h);
        if (n > 0 && fds[0].revents)
            on_socket(h);
        step(h);
    }
}

// The rank is gone: leave nothing behind, however long it takes.  Whoever
// sleeps in the kernel is waited for too; that costs a look a second.
static void clear_away(struct helper *h)
{
    int64_t pause = AGAIN_NS;
    for (reap(h, 0); !h->childless; reap(h, 0)) {
        struct pollfd ended = {.fd = h->signals, .events = POLLIN};
        sandbox_kill(h->setup->namespaces, SIGKILL);
        poll(&ended, 1, (int)(pause / CLOCK_MS));
        on_signals(h);
        pause = 2 * pause < CLOCK_SECOND ? 2 * pause : CLOCK_SECOND;
    }
    scratch_remove(h->setup->hold);
}

int sandbox_helper(const struct sandbox_setup *s)
{
    struct helper h = {.setup = s, .childless = true};

    h.signals = sandbox_enter(s);
    if (h.signals < 0)
        return 1;
    h.reply.message = SANDBOX_HELLO;
    send_reply(&h);
    serve(&h);
    clear_away(&h);
    return 0;
}
