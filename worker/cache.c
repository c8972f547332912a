// SPDX-License-Identifier: MIT
#include "worker/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "protocol/caller.h"

enum { PATH_SIZE = 4096, NAME_SIZE = 62 };
#define BYTES_DEFAULT (UINT64_C(4) << 30)
// A coordinator that restarts comes back within this, or the shard goes elsewhere.
#define COME_BACK (60 * CLOCK_SECOND)
#define PAUSE     (20 * CLOCK_MS)
// A rank may fetch this part of the bound before it looks what to drop.
enum { LOOK_PART = 64 };

struct cache {
    struct cache_options o;
    char *dir, *endpoint, *key_dir;
    struct caller *caller; // NULL until needed
    uint64_t unlooked;     // bytes fetched since drop_oldest looked; at first: the bound
};

enum error cache_open(const struct cache_options *o, struct cache **out, struct errtext *t)
{
    if (mkdir(o->dir, 0700) != 0 && errno != EEXIST)
        return errtext_set(t, ERR_IO, "cannot make %s: %s", o->dir, strerror(errno));
    struct cache *c = mem_alloc(sizeof *c);
    c->o = *o;
    if (!c->o.bytes_max)
        c->o.bytes_max = BYTES_DEFAULT;
    c->unlooked = c->o.bytes_max;
    c->dir = mem_dup(o->dir);
    c->endpoint = mem_dup(o->endpoint);
    c->key_dir = o->key_dir ? mem_dup(o->key_dir) : NULL;
    *out = c;
    return OK;
}

void cache_close(struct cache *c)
{
    if (!c)
        return;
    caller_close(c->caller);
    mem_free(c->dir);
    mem_free(c->endpoint);
    mem_free(c->key_dir);
    mem_free(c);
}

static enum error connect_caller(struct cache *c, struct errtext *t)
{
    if (c->caller)
        return OK;
    struct caller_options o = {.endpoint = c->endpoint,
                               .key_dir = c->key_dir,
                               .role_key = "worker",
                               .idle = c->o.idle,
                               .ctx = c->o.ctx};
    return caller_open(&o, &c->caller, t);
}

static void pause_idle(const struct cache *c)
{
    clock_sleep(PAUSE);
    if (c->o.idle)
        c->o.idle(c->o.ctx);
}

static bool may_pass(enum error e)
{
    return e == ERR_CLOSED || e == ERR_TIMEOUT;
}

// ---- fetching --------------------------------------------------------------------

static bool is_here(const char *blob, uint64_t size)
{
    struct stat st;
    if (stat(blob, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
        return false;
    (void)utimensat(AT_FDCWD, blob, NULL, 0); // used now
    return true;
}

// One rank fetches, the others wait here.  The lock file goes with its holder, so
// a lock on a name that is gone counts for nothing.
static int lock(const struct cache *c, const char *path, struct errtext *t)
{
    for (;;) {
        struct stat st;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            (void)errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
            return -1;
        }
        while (flock(fd, LOCK_EX | LOCK_NB) != 0)
            pause_idle(c);
        if (fstat(fd, &st) == 0 && st.st_nlink > 0)
            return fd;
        (void)close(fd);
    }
}

static void unlock(int fd, const char *path)
{
    (void)unlink(path);
    (void)close(fd);
}

static enum error
fetch(struct cache *c, const struct sha256 *hash, const char *blob, struct errtext *t)
{
    int64_t until = clock_now() + COME_BACK;
    enum error e;
    do {
        e = connect_caller(c, t);
        if (!e)
            e = caller_get_file(c->caller, hash, blob, t);
        if (may_pass(e))
            pause_idle(c);
    } while (may_pass(e) && clock_now() < until);
    if (!e)
        (void)chmod(blob, 0444);
    return e;
}

// ---- bounds ----------------------------------------------------------------------

struct entry {
    char name[NAME_SIZE + 8]; // "ab/cdef…"
    uint64_t bytes;
    struct timespec used;
};

struct entries {
    struct entry *list;
    uint32_t n, cap;
    uint64_t bytes;
};

static void list_folder(const char *dir, const char *folder, struct entries *all)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", dir, folder);
    DIR *d = opendir(path);
    for (struct dirent *x; d && (x = readdir(d));) {
        struct stat st;
        if (strlen(x->d_name) != NAME_SIZE || fstatat(dirfd(d), x->d_name, &st, 0) != 0)
            continue;
        if (all->n == all->cap) {
            all->cap = all->cap ? all->cap * 2 : 64;
            all->list = mem_realloc(all->list, all->cap * sizeof *all->list);
        }
        struct entry *e = &all->list[all->n++];
        (void)snprintf(e->name, sizeof e->name, "%.2s/%s", folder, x->d_name);
        e->bytes = (uint64_t)st.st_size;
        e->used = st.st_mtim;
        all->bytes += e->bytes;
    }
    if (d)
        (void)closedir(d);
}

static int by_use(const void *x, const void *y)
{
    const struct timespec *a = &((const struct entry *)x)->used;
    const struct timespec *b = &((const struct entry *)y)->used;
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return a->tv_nsec < b->tv_nsec ? -1 : a->tv_nsec > b->tv_nsec;
}

// Down to nine tenths, so that it is not done for every new blob.
static void drop_oldest(struct cache *c, uint64_t fetched)
{
    struct entries all = {0};
    c->unlooked += fetched;
    if (c->unlooked < c->o.bytes_max / LOOK_PART)
        return; // a look reads every entry: not for each of many small blobs
    c->unlooked = 0;
    DIR *d = opendir(c->dir);
    for (struct dirent *x; d && (x = readdir(d));)
        if (strlen(x->d_name) == 2 && x->d_name[0] != '.')
            list_folder(c->dir, x->d_name, &all);
    if (d)
        (void)closedir(d);
    if (all.bytes > c->o.bytes_max) {
        qsort(all.list, all.n, sizeof *all.list, by_use);
        for (uint32_t i = 0; i < all.n && all.bytes > c->o.bytes_max / 10 * 9; i++) {
            char path[PATH_SIZE];
            (void)snprintf(path, sizeof path, "%s/%s", c->dir, all.list[i].name);
            if (unlink(path) == 0)
                all.bytes -= all.list[i].bytes;
        }
    }
    mem_free(all.list);
}

// ---- handing out -----------------------------------------------------------------

static enum error copy_file(const char *from, const char *to, struct errtext *t)
{
    char block[65536];
    FILE *in = fopen(from, "re");
    FILE *out = in ? fopen(to, "wxe") : NULL;
    size_t n;
    bool ok = out != NULL;
    while (ok && (n = fread(block, 1, sizeof block, in)) > 0)
        ok = fwrite(block, 1, n, out) == n;
    ok = ok && !ferror(in);
    if (out)
        ok = fclose(out) == 0 && ok;
    if (in)
        (void)fclose(in);
    return ok ? OK
              : errtext_set(t, ERR_IO, "cannot copy %s to %s: %s", from, to, strerror(errno));
}

// ERR_STALE: another rank dropped it since we looked.
static enum error hand_out(const char *blob, const char *path, struct errtext *t)
{
    if (link(blob, path) == 0)
        return OK;
    if (errno == ENOENT && access(blob, F_OK) != 0)
        return errtext_set(t, ERR_STALE, "%s: dropped from the cache", blob);
    return copy_file(blob, path, t);
}

static enum error get_once(struct cache *c,
                           const struct sha256 *hash,
                           uint64_t size,
                           const char *path,
                           struct errtext *t)
{
    char hex[65], blob[PATH_SIZE], file[PATH_SIZE + 8];
    sha256_hex(hash, hex);
    int n = snprintf(blob, sizeof blob, "%s/%.2s", c->dir, hex);
    if (n < 0 || n + NAME_SIZE + 2 > (int)sizeof blob)
        return errtext_set(t, ERR_INVALID, "%s: the path is too long", c->dir);
    if (mkdir(blob, 0700) != 0 && errno != EEXIST)
        return errtext_set(t, ERR_IO, "cannot make %s: %s", blob, strerror(errno));
    (void)snprintf(blob + n, sizeof blob - (size_t)n, "/%s", hex + 2);
    if (is_here(blob, size))
        return hand_out(blob, path, t);
    (void)snprintf(file, sizeof file, "%s.lock", blob);
    int fd = lock(c, file, t);
    if (fd < 0)
        return ERR_IO;
    bool fetched = !is_here(blob, size);
    enum error e = fetched ? fetch(c, hash, blob, t) : OK;
    if (!e)
        e = hand_out(blob, path, t);
    unlock(fd, file);
    if (fetched)
        drop_oldest(c, size);
    return e;
}

enum error cache_get(struct cache *c,
                     const struct sha256 *hash,
                     uint64_t size,
                     const char *path,
                     struct errtext *t)
{
    enum { TRIES = 3 };
    enum error e = ERR_STALE;
    for (int i = 0; e == ERR_STALE && i < TRIES; i++)
        e = get_once(c, hash, size, path, t);
    return e;
}

enum error cache_put(
    struct cache *c, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t)
{
    int64_t until = clock_now() + COME_BACK;
    enum error e;
    do {
        e = connect_caller(c, t);
        if (!e)
            e = caller_put_file(c->caller, path, hash, size, t);
        if (may_pass(e))
            pause_idle(c);
    } while (may_pass(e) && clock_now() < until);
    return e;
}
