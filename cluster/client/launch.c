// SPDX-License-Identifier: MIT
#include "cluster/client/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

enum { PATH_SIZE = 4096, KILL_ROUNDS = 200 };
#define KILL_PAUSE (5 * CLOCK_MS)

// ---- starting --------------------------------------------------------------------

static void child(const struct launch *l, int log, pid_t parent)
{
    sigset_t none;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) // gone before the line above
        _exit(1);
    (void)setsid();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDWR);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    (void)execve(l->argv[0], (char *const *)(void *)l->argv, l->env);
    static const char text[] = "cannot be started\n";
    ssize_t wrote = write(STDERR_FILENO, text, sizeof text - 1);
    (void)wrote;
    _exit(127);
}

enum error launch_start(const struct launch *l, pid_t *out, struct errtext *t)
{
    pid_t parent = getpid();
    int log = l->log ? open(l->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                     : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (log < 0)
        return errtext_set(t, ERR_IO, "%s: %s", l->log ? l->log : "standard error",
                           strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        child(l, log, parent);
    int why = errno;
    (void)close(log);
    if (pid < 0)
        return errtext_set(t, ERR_IO, "cannot start %s: %s", l->argv[0], strerror(why));
    *out = pid;
    return OK;
}

// ---- programs --------------------------------------------------------------------

const char *launch_beside(const char *name, struct arena *a, struct errtext *t)
{
    char self[PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    const char *path = slash ? arena_printf(a, "%.*s/%s", (int)(slash - self), self, name)
                             : launch_in_path(name, a);
    if (path && access(path, X_OK) == 0)
        return path;
    (void)errtext_set(t, ERR_NOT_FOUND, "%s: %s", path ? path : name,
                      path ? strerror(errno) : "not in PATH");
    return NULL;
}

const char *launch_in_path(const char *name, struct arena *a)
{
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t n = strcspn(at, ":");
        char *path = arena_printf(a, "%.*s%s%s", (int)n, at, n ? "/" : "", name);
        if (n && access(path, X_OK) == 0)
            return path;
        at += n + (at[n] == ':');
    }
    return NULL;
}

// ---- the environment -------------------------------------------------------------

static bool starts_with(const char *s, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (strncmp(s, *prefixes, strlen(*prefixes)) == 0)
            return true;
    return false;
}

// A cluster inside a rank or inside another cluster must not take it for its own.
static bool is_foreign(const char *variable)
{
    static const char *const kept[] = {"OMPI_MCA_", "OMPI_ALLOW_RUN_AS_ROOT", NULL};
    static const char *const prefixes[] = {"OMPI_",       "PMIX_",        "PMI_",
                                           "PRTE_",       "HYDRA_",       "SHOAL_COORDINATOR=",
                                           "SHOAL_KEYS=", "SHOAL_STATE=", "SHOAL_HOST_RANKS=",
                                           NULL};
    // What mpirun tells its ranks by this form is about the outer run.
    static const char *const outer[] = {"OMPI_MCA_ess", "OMPI_MCA_orte_", "OMPI_MCA_initial_",
                                        "OMPI_MCA_shmem_", NULL};
    return starts_with(variable, outer)
           || (starts_with(variable, prefixes) && !starts_with(variable, kept));
}

char **launch_environment(const char *const *more, struct arena *a)
{
    // Without a network launcher: Open MPI looks for ssh else, and complains.
    static const char *const ours[] = {"OMPI_MCA_plm=isolated",
                                       "OMPI_MCA_rmaps_base_oversubscribe=1",
                                       "OMPI_MCA_hwloc_base_binding_policy=none", NULL};
    static const char *const root[] = {"OMPI_ALLOW_RUN_AS_ROOT=1",
                                       "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", NULL};
    static const char *const none[] = {NULL};
    const char *const *const sets[] = {ours, geteuid() == 0 ? root : none, more ? more : none};
    size_t n = 0, room = 1;
    while (environ[n])
        n++;
    for (size_t k = 0; k < sizeof sets / sizeof sets[0]; k++)
        for (const char *const *s = sets[k]; *s; s++)
            room++;
    char **out = arena_alloc(a, (n + room) * sizeof *out);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!is_foreign(environ[i])
            && !starts_with(environ[i], (const char *[]){"OMPI_MCA_plm=", NULL}))
            out[kept++] = environ[i];
    for (size_t k = 0; k < sizeof sets / sizeof sets[0]; k++)
        for (const char *const *s = sets[k]; *s; s++)
            out[kept++] = arena_str(a, *s, strlen(*s));
    return out;
}

// ---- their end -------------------------------------------------------------------

void launch_adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

pid_t launch_parent_of(pid_t pid)
{
    char path[64], text[512];
    int parent = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    (void)fclose(f);
    const char *end = strrchr(text, ')'); // the name may hold anything
    char *at = NULL;
    if (end && end[1] == ' ' && end[2] && end[3] == ' ')
        parent = (int)strtol(end + 4, &at, 10);
    return at ? parent : 0;
}

static void kill_children(void)
{
    DIR *d = opendir("/proc");
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10); // 0: no process
        if (pid > 1 && launch_parent_of(pid) == getpid())
            (void)kill(pid, SIGKILL);
    }
    if (d)
        (void)closedir(d);
}

void launch_kill_all(void)
{
    for (int i = 0; i < KILL_ROUNDS; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return;
        kill_children();
        clock_sleep(KILL_PAUSE);
    }
}
