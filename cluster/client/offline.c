// SPDX-License-Identifier: MIT
#include "cluster/client/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/client/launch.h"
#include "common/buf.h"
#include "common/yaml.h"

enum { OUTPUT_MAX = 8 << 20 };

static enum error finish(pid_t pid, int *status, struct errtext *t)
{
    int how;
    while (waitpid(pid, &how, 0) < 0)
        if (errno != EINTR)
            return errtext_set(t, ERR_IO, "waitpid: %s", strerror(errno));
    if (!WIFEXITED(how))
        return errtext_set(t, ERR_IO, "killed by signal %d", WTERMSIG(how));
    *status = WEXITSTATUS(how);
    return OK;
}

// Standard output to `out` (NULL: left alone).
static enum error run(const char *const *argv, struct buf *out, int *status, struct errtext *t)
{
    int ends[2] = {-1, -1};
    if (out && pipe2(ends, O_CLOEXEC) != 0)
        return errtext_set(t, ERR_IO, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        if (out)
            (void)dup2(ends[1], STDOUT_FILENO);
        (void)execv(argv[0], (char *const *)(const void *)argv);
        _exit(127);
    }
    if (out)
        (void)close(ends[1]);
    uint8_t chunk[65536];
    for (ssize_t n; pid > 0 && out && (n = read(ends[0], chunk, sizeof chunk)) != 0;)
        if (n > 0)
            buf_put(out, chunk, (size_t)n);
        else if (errno != EINTR)
            break;
    if (out)
        (void)close(ends[0]);
    return pid > 0 ? finish(pid, status, t)
                   : errtext_set(t, ERR_IO, "cannot start %s", argv[0]);
}

static enum error
catalog_of(const char *name, struct arena *a, struct value *out, struct errtext *t)
{
    const char *program = launch_beside(name, a, t);
    const char *argv[] = {program, "--catalog", NULL};
    struct buf b;
    int status = 0;
    if (!program)
        return ERR_NOT_FOUND;
    buf_init(&b, OUTPUT_MAX);
    enum error e = run(argv, &b, &status, t);
    if (!e && status)
        e = errtext_set(t, ERR_IO, "%s --catalog failed", program);
    if (!e)
        e = yaml_parse(buf_cstr(&b), b.n, name, a, out, t);
    buf_fini(&b);
    return e;
}

enum error offline_catalog(struct arena *a, struct value *out, struct errtext *t)
{
    struct value workloads, tables;
    enum error e = catalog_of("shoal-worker", a, &workloads, t);
    if (!e)
        e = catalog_of("shoal-coordinator", a, &tables, t);
    if (e)
        return e;
    *out = value_map();
    (void)value_set(a, out, "workloads", workloads);
    for (uint32_t i = 0; tables.type == VALUE_MAP && i < tables.n; i++)
        (void)value_set(a, out, tables.pairs[i].key, tables.pairs[i].value);
    return OK;
}

enum error offline_check(const char *path, int *status, struct errtext *t)
{
    struct arena *a = arena_create();
    const char *program = launch_beside("shoal-coordinator", a, t);
    const char *argv[] = {program, "--check", path, NULL};
    enum error e = program ? run(argv, NULL, status, t) : ERR_NOT_FOUND;
    arena_destroy(a);
    return e;
}
