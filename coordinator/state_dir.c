// SPDX-License-Identifier: MIT
// state_dir.c - the state directory: one coordinator at a time, and where it listens.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/version.h"
#include "coordinator/shell_state.h"

enum { PATH_SIZE = 4096 };

static enum error join(const struct shell *s, const char *name, char *out, struct errtext *t)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s", s->state_dir, name);
    if (n < 0 || n >= PATH_SIZE)
        return errtext_set(t, ERR_INVALID, "%s: the path is too long", s->state_dir);
    return OK;
}

// Its parents too.
static enum error make_directory(const char *path, struct errtext *t)
{
    char part[PATH_SIZE];
    size_t n = strlen(path);
    if (n >= sizeof part)
        return errtext_set(t, ERR_INVALID, "%s: the path is too long", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) && errno != EEXIST)
            return errtext_set(t, ERR_IO, "%s: %s", part, strerror(errno));
    }
    return OK;
}

// A record lock: the kernel names its holder, and drops it however the holder ends.
enum error state_dir_lock(struct shell *s, struct errtext *t)
{
    char path[PATH_SIZE];
    enum error e = make_directory(s->state_dir, t);
    if (!e)
        e = join(s, "lock", path, t);
    if (e)
        return e;
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0)
        return errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(s->lock, F_SETLK, &whole) == 0)
        return OK;
    if (errno != EACCES && errno != EAGAIN)
        return errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    whole.l_type = F_WRLCK;
    if (fcntl(s->lock, F_GETLK, &whole) || whole.l_type == F_UNLCK)
        whole.l_pid = 0;
    return errtext_set(t, ERR_BUSY, "another coordinator (pid %d) uses the state directory %s",
                       (int)whole.l_pid, s->state_dir);
}

void state_dir_unlock(struct shell *s)
{
    char path[PATH_SIZE];
    if (s->announced && !join(s, "coordinator.json", path, NULL))
        (void)unlink(path);
    if (s->lock >= 0)
        (void)close(s->lock);
}

static struct value announcement(const struct shell *s, struct arena *a)
{
    struct value v = value_map();
    struct value list = value_list();
    for (uint32_t i = 0; s->o.endpoints[i]; i++)
        (void)value_push(a, &list, value_str(a, channel_endpoint(s->channel, i)));
    (void)value_set(a, &v, "endpoint", list.items[0]);
    (void)value_set(a, &v, "endpoints", list);
    (void)value_set(a, &v, "keys", s->key_dir ? value_str(a, s->key_dir) : value_null());
    (void)value_set(a, &v, "http", gate_url(s) ? value_str(a, gate_url(s)) : value_null());
    (void)value_set(a, &v, "pid", value_int(getpid()));
    (void)value_set(a, &v, "version", value_str(a, SHOAL_VERSION));
    (void)value_set(a, &v, "incarnation", value_uint(journal_incarnation(s->journal)));
    (void)value_set(a, &v, "allow_exec", value_bool(s->o.allow_exec));
    return v;
}

// Whoever sees the file can connect.
enum error state_dir_announce(struct shell *s, struct errtext *t)
{
    char path[PATH_SIZE];
    char temporary[PATH_SIZE];
    enum error e = join(s, "coordinator.json", path, t);
    if (!e)
        e = join(s, "coordinator.json.new", temporary, t);
    if (e)
        return e;
    struct arena *a = arena_create();
    struct buf b;
    struct value v = announcement(s, a);
    buf_init(&b, 65536);
    value_json_pretty(&v, &b);
    buf_puts(&b, "\n");
    FILE *f = fopen(temporary, "we");
    bool ok = f && fwrite(b.bytes, 1, b.n, f) == b.n;
    ok = f && fclose(f) == 0 && ok && rename(temporary, path) == 0;
    if (!ok)
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    s->announced = ok;
    buf_fini(&b);
    arena_destroy(a);
    return e;
}
