// SPDX-License-Identifier: MIT
#include "worker/sandbox_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"

enum { STACK_SIZE = 64 << 10, PATHS_MAX = 16 << 10 };

struct start {
    const struct sandbox_request *q;
    const int *fds;
    const char *directory;
    char **argv; // argv[-1] is free, for a script without "#!"
    char **env;
    const char *paths;  // candidates, each with its NUL; ends with an empty one
    int nice;           // ours: a realtime helper's children would begin at 0
    volatile int error; // written by the child: our memory is its memory
};

const char *sandbox_spawn_directory(const struct sandbox_request *q)
{
    return q->text;
}

static void limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
        return;
    if (now.rlim_max > hard)
        now.rlim_max = hard;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    setrlimit((__rlimit_resource_t)resource, &now);
}

static void limit_all(const struct sandbox_request *q)
{
    if (q->memory_max)
        limit(RLIMIT_AS, q->memory_max, q->memory_max);
    if (q->scratch_max)
        limit(RLIMIT_FSIZE, q->scratch_max, q->scratch_max);
    if (q->cpu_s_max)
        limit(RLIMIT_CPU, q->cpu_s_max, q->cpu_s_max + 1);
    // When memory is short the kernel shall take the command, not the rank.
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t ignored = write(fd, "500", 3);
        (void)ignored;
        close(fd);
    }
}

// Only returns when nothing could be executed, with the reason.
static int execute(struct start *s)
{
    int why = ENOENT;
    for (const char *p = s->paths; *p; p += strlen(p) + 1) {
        execve(p, s->argv, s->env);
        if (errno == ENOEXEC) {
            s->argv[-1] = "sh";
            s->argv[0] = (char *)p;
            execve("/bin/sh", s->argv - 1, s->env);
        }
        if (errno == EACCES)
            why = EACCES; // a later directory may have one that works
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
    }
    return why;
}

// Runs in the child, on its own stack and in our memory: no allocation, no
// stdio.
static int child(void *arg)
{
    struct start *s = arg;
    sigset_t none;

    setsid();
    // Without a namespace this is what is left if somebody kills the helper.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(s->directory) < 0) {
        s->error = errno;
        return 127;
    }
    for (int i = 0; i < 3; i++)
        if (s->fds[i] >= 0)
            dup2(s->fds[i], i);
    limit_all(s->q);
    if (s->nice > 0)
        setpriority(PRIO_PROCESS, 0, s->nice);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    s->error = execute(s);
    return 127;
}

// Every place where the program may be; false: too long.
static bool find_paths(const char *program, char *const *env, char out[PATHS_MAX])
{
    size_t n_program = strlen(program), used = 0;
    const char *path = "";

    for (; *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            path = *env + 5;
    if (strchr(program, '/'))
        path = "";
    while (n_program > 0) {
        size_t n = strcspn(path, ":");
        if (used + n + n_program + 3 > PATHS_MAX)
            return false;
        memcpy(out + used, path, n);
        used += n;
        if (n > 0)
            out[used++] = '/';
        memcpy(out + used, program, n_program + 1);
        used += n_program + 1;
        if (!path[n])
            break;
        path += n + 1;
    }
    out[used] = '\0';
    return true;
}

static const char *point(char **to, uint32_t n, const char *text)
{
    for (uint32_t i = 0; i < n; i++, text += strlen(text) + 1)
        to[i] = (char *)text;
    to[n] = NULL;
    return text;
}

static bool blames_machine(const struct sandbox_request *q, int error)
{
    return error == EAGAIN || error == ENFILE || error == EMFILE || error == EIO
           || (error == ENOMEM && !q->memory_max);
}

pid_t sandbox_spawn(struct sandbox_request *q, const int fds[3], struct sandbox_reply *reply)
{
    static _Alignas(16) uint8_t stack[STACK_SIZE];
    static char paths[PATHS_MAX];
    char **pointers = mem_alloc((q->n_argv + q->n_env + 3) * sizeof *pointers);
    struct start s = {.q = q,
                      .fds = fds,
                      .directory = q->text,
                      .paths = paths,
                      .nice = getpriority(PRIO_PROCESS, 0)};
    pid_t pid = -1;

    s.argv = pointers + 1;
    s.env = s.argv + q->n_argv + 1;
    const char *text = q->text + strlen(q->text) + 1;
    point(s.env, q->n_env, point(s.argv, q->n_argv, text));
    if (!find_paths(s.argv[0], s.env, paths)) {
        reply->error = ENAMETOOLONG;
        goto out;
    }
    pid = clone(child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, &s);
    if (pid < 0) {
        reply->error = errno;
        reply->machine = true;
    } else if (s.error) {
        waitpid(pid, NULL, 0);
        pid = -1;
        reply->error = s.error;
        reply->machine = blames_machine(q, s.error);
    }
out:
    mem_free(pointers);
    return pid;
}
