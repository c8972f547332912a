// SPDX-License-Identifier: MIT
#include "worker/sandbox_enter.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// What a login shell gives; a rank raises its own for its sockets.
enum { OPEN_FILES = 1024 };

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return done;
}

// Inside we are who we were outside.
static bool map_user(const struct sandbox_setup *s)
{
    char uid[64], gid[64];
    snprintf(uid, sizeof uid, "%u %u 1", s->uid, s->uid);
    snprintf(gid, sizeof gid, "%u %u 1", s->gid, s->gid);
    return write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", uid)
           && write_file("/proc/self/gid_map", gid);
}

// Mounts made outside later still come in; ours do not go out.
static bool own_proc(void)
{
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0
           && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

// Many tools talk to themselves over the loopback interface.
static void raise_loopback(void)
{
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    ioctl(fd, SIOCSIFFLAGS, &r);
    close(fd);
}

static bool close_all_but(int sock)
{
    int null = open("/dev/null", O_RDWR); // may be one of 0, 1, 2 itself
    if (null < 0)
        return false;
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    if (sock > 3)
        close_range(3, (unsigned)sock - 1, 0);
    close_range((unsigned)sock + 1, ~0U, 0);
    return true;
}

static int take_signals(void)
{
    sigset_t all, ours;
    struct sigaction fallback = {.sa_handler = SIG_DFL};

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &fallback, NULL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGTERM);
    return signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void limit_commands(void)
{
    struct rlimit files, none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > OPEN_FILES) {
        files.rlim_cur = OPEN_FILES;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    // A command that changes its user could not be killed any more.
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    umask(022);
}

// Against a thousand processes of a fork bomb an equal share of the CPU is too
// little to stop them.  Commands do not inherit it.
static void go_first(void)
{
    struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &least); // where permitted
}

int sandbox_enter(const struct sandbox_setup *s)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "shoal-sandbox");
    setsid();
    if (chdir("/") < 0 || !close_all_but(s->sock))
        return -1;
    if (s->user_namespace && !map_user(s))
        return -1;
    if (s->namespaces && !own_proc())
        return -1;
    if (!s->network)
        raise_loopback();
    limit_commands();
    go_first();
    return take_signals();
}
