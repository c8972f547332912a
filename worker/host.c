// SPDX-License-Identifier: MIT
// host.c - the coordinator's process, and its address.
#include "worker/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "worker/host_state.h"

enum { SOCKET_PATH_MAX = 100 }; // a socket file's name has 107 bytes at most
// A journal of a large run takes a while to read.
#define LISTEN_WAIT (120 * CLOCK_SECOND)
#define LISTEN_LOOK (5 * CLOCK_MS)
#define END_WAIT    (10 * CLOCK_SECOND)

// ---- starting it -----------------------------------------------------------------

static char *beside(struct arena *a, const char *program, const char *name)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0)
        self[n] = 0;
    else
        (void)snprintf(self, sizeof self, "%s", program);
    char *slash = strrchr(self, '/');
    return slash ? arena_printf(a, "%.*s/%s", (int)(slash - self), self, name)
                 : arena_str(a, name, strlen(name));
}

static bool is_launchers(const char *variable)
{
    static const char *const prefixes[] = {"OMPI_", "PMIX_", "PMI_", "PRTE_", "HYDRA_", NULL};
    for (int i = 0; prefixes[i]; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static char **clean_environment(struct arena *a)
{
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **out = arena_alloc(a, (n + 1) * sizeof(char *));
    for (size_t i = 0; i < n; i++)
        if (!is_launchers(environ[i]))
            out[kept++] = environ[i];
    return out;
}

// In the child, between fork and exec.
static void become(const char *program, char *const *argv, char *const *env, int log)
{
    sigset_t none;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)setsid();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(log, STDOUT_FILENO); // mpirun would wait for whoever holds its pipes
    (void)dup2(log, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    (void)execve(program, argv, env);
    static const char text[] = "cannot start the coordinator\n";
    ssize_t wrote = write(STDERR_FILENO, text, sizeof text - 1);
    (void)wrote;
    _exit(127);
}

static const char *listen_url(struct host *h, struct errtext *t)
{
    char *dir = arena_printf(h->arena, "%s/socket", h->state_dir);
    if (!h->o.one_host)
        return "tcp://*:*";
    if (strlen(dir) + 2 > SOCKET_PATH_MAX)
        return "tcp://127.0.0.1:*";
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        (void)errtext_set(t, ERR_IO, "cannot make %s: %s", dir, strerror(errno));
        return NULL;
    }
    return arena_printf(h->arena, "ipc://%s/c", dir);
}

static enum error make_state_dir(struct host *h, struct errtext *t)
{
    if (mkdir(h->o.state_dir, 0700) != 0 && errno != EEXIST)
        return errtext_set(t, ERR_IO, "cannot make %s: %s", h->o.state_dir, strerror(errno));
    char *real = realpath(h->o.state_dir, NULL);
    if (!real)
        return errtext_set(t, ERR_IO, "%s: %s", h->o.state_dir, strerror(errno));
    h->state_dir = arena_str(h->arena, real, strlen(real));
    free(real);
    return OK;
}

static enum error spawn(struct host *h, struct errtext *t)
{
    const char *url = listen_url(h, t);
    if (!url)
        return ERR_IO;
    h->log_path = arena_printf(h->arena, "%s/coordinator.log", h->state_dir);
    char *program = beside(h->arena, h->o.program, "shoal-coordinator");
    if (access(program, X_OK) != 0)
        return errtext_set(t, ERR_NOT_FOUND, "%s: %s", program, strerror(errno));
    char *argv[] = {program,   "--listen",   arena_str(h->arena, url, strlen(url)),
                    "--state", h->state_dir, "--allow-exec",
                    NULL};
    char **env = clean_environment(h->arena);
    int log = open(h->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        return errtext_set(t, ERR_IO, "%s: %s", h->log_path, strerror(errno));
    h->child = fork();
    if (h->child == 0)
        become(program, argv, env, log);
    int why = errno;
    (void)close(log);
    return h->child > 0 ? OK : errtext_set(t, ERR_IO, "fork: %s", strerror(why));
}

enum error host_start(const struct host_options *o, struct host **out, struct errtext *t)
{
    struct host *h = mem_alloc(sizeof *h);
    h->o = *o;
    h->arena = arena_create();
    h->exit_status = EXIT_STOPPED;
    enum error e = make_state_dir(h, t);
    if (!e)
        e = spawn(h, t);
    if (e) {
        (void)host_stop(h);
        return e;
    }
    *out = h;
    return OK;
}

// ---- its address -----------------------------------------------------------------

static bool read_small(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(out, 1, size - 1, f);
    bool ok = !ferror(f) && feof(f);
    (void)fclose(f);
    out[n] = 0;
    return ok;
}

// What STATE/coordinator.json says; false: not there, or of an earlier one.
static bool read_announcement(struct host *h, struct host_address *out)
{
    char text[8192];
    struct value v;
    char *path = arena_printf(h->arena, "%s/coordinator.json", h->state_dir);
    if (!read_small(path, text, sizeof text)
        || yaml_parse(text, strlen(text), path, h->arena, &v, NULL))
        return false;
    const struct value *pid = value_find(&v, "pid");
    const struct value *endpoint = value_find(&v, "endpoint");
    const struct value *keys = value_find(&v, "keys");
    if (!pid || (pid_t)value_number(pid) != h->child || !endpoint
        || endpoint->type != VALUE_STR)
        return false;
    (void)snprintf(out->endpoint, sizeof out->endpoint, "%s", endpoint->s);
    h->endpoint = arena_str(h->arena, endpoint->s, endpoint->n);
    out->has_keys = strncmp(endpoint->s, "tcp:", 4) == 0;
    if (out->has_keys && keys && keys->type == VALUE_STR)
        h->key_dir = arena_str(h->arena, keys->s, keys->n);
    return true;
}

// Bound to all interfaces: others reach it by the host's name.
static void name_host(struct host_address *a)
{
    static const char any[] = "tcp://0.0.0.0:";
    char host[128] = "", port[16];
    if (strncmp(a->endpoint, any, sizeof any - 1) != 0)
        return;
    (void)snprintf(port, sizeof port, "%s", a->endpoint + sizeof any - 1);
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(a->endpoint, sizeof a->endpoint, "tcp://%s:%s", host, port);
}

static enum error read_keys(struct host *h, struct host_address *a, struct errtext *t)
{
    static const char *const names[] = {"coordinator.pub", "worker.pub", "worker.key"};
    char *to[] = {a->coordinator_pub, a->worker_pub, a->worker_key};
    for (int i = 0; i < 3; i++) {
        char *path = arena_printf(h->arena, "%s/%s", h->key_dir ? h->key_dir : "", names[i]);
        if (!read_small(path, to[i], sizeof a->worker_key))
            return errtext_set(t, ERR_IO, "cannot read %s", path);
    }
    return OK;
}

enum error host_wait(struct host *h, struct host_address *out, struct errtext *t)
{
    int64_t until = clock_now() + LISTEN_WAIT;
    *out = (struct host_address){0};
    while (!read_announcement(h, out)) {
        if (host_is_dead(h))
            return errtext_set(t, ERR_IO, "the coordinator ended at once; see %s", h->log_path);
        if (clock_now() > until)
            return errtext_set(t, ERR_TIMEOUT, "the coordinator does not listen; see %s",
                               h->log_path);
        clock_sleep(LISTEN_LOOK);
    }
    enum error e = out->has_keys ? read_keys(h, out, t) : OK;
    name_host(out);
    out->ok = !e;
    return e;
}

static enum error
write_small(const char *dir, const char *name, const char *text, struct errtext *t)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = (ssize_t)strlen(text);
    bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    return ok ? OK : errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
}

enum error host_write_keys(const struct host_address *a, const char *dir, struct errtext *t)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return errtext_set(t, ERR_IO, "cannot make %s: %s", dir, strerror(errno));
    enum error e = write_small(dir, "coordinator.pub", a->coordinator_pub, t);
    if (!e)
        e = write_small(dir, "worker.pub", a->worker_pub, t);
    return e ? e : write_small(dir, "worker.key", a->worker_key, t);
}

// ---- its end ---------------------------------------------------------------------

bool host_is_dead(struct host *h)
{
    if (h->child > 0 && waitpid(h->child, NULL, WNOHANG) == h->child)
        h->child = 0;
    return h->child <= 0;
}

int host_stop(struct host *h)
{
    if (!h)
        return 0;
    host_watch_stop(h);
    if (!host_is_dead(h))
        (void)kill(h->child, SIGTERM);
    int64_t until = clock_now() + END_WAIT;
    while (!host_is_dead(h) && clock_now() < until)
        clock_sleep(LISTEN_LOOK);
    if (!host_is_dead(h)) {
        (void)kill(h->child, SIGKILL);
        (void)waitpid(h->child, NULL, 0);
    }
    int status = h->exit_status;
    arena_destroy(h->arena);
    mem_free(h);
    return status;
}
