// SPDX-License-Identifier: MIT
#include "worker/commons.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "worker/scratch.h"

// Looking at some thousand files takes milliseconds, a command at least as long: this is
// well below a hundredth.  Between two looks there may be more than the bound.
enum { LOOK_EVERY = 32, PATH_SIZE = 4096, OPEN_TRIES = 100 };

static const char prefix[] = "commons-";

struct commons {
    char path[PATH_SIZE];
    int lock; // on the directory, shared
    uint64_t bytes_max;
    uint32_t n_used; // since the last look
};

// --- the directory --------------------------------------------------------------------
static void remove_if_free(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)scratch_remove(path);
    (void)close(fd);
}

static void sweep(const char *base, const char *own)
{
    DIR *dir = opendir(base);
    for (struct dirent *x; dir && (x = readdir(dir));) {
        char path[PATH_SIZE];
        int n = snprintf(path, sizeof path, "%s/%s", base, x->d_name);
        if (strncmp(x->d_name, prefix, sizeof prefix - 1) == 0 && n < (int)sizeof path
            && strcmp(path, own) != 0)
            remove_if_free(path);
    }
    if (dir)
        (void)closedir(dir);
}

// Between mkdir and flock another rank may have taken it for left behind.
static bool lock_shared(struct commons *c)
{
    struct stat ours, there;

    if (mkdir(c->path, 0700) != 0 && errno != EEXIST)
        return false;
    c->lock = open(c->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c->lock < 0)
        return false;
    if (flock(c->lock, LOCK_SH) == 0 && fstat(c->lock, &ours) == 0 && stat(c->path, &there) == 0
        && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
        return true;
    (void)close(c->lock);
    c->lock = -1;
    errno = EBUSY;
    return false;
}

enum error commons_open(const char *base,
                        const struct sha256 *name,
                        uint64_t bytes_max,
                        struct commons **out,
                        struct errtext *t)
{
    struct commons *c = mem_alloc(sizeof *c);
    char hex[65];

    *c = (struct commons){.lock = -1, .bytes_max = bytes_max};
    sha256_hex(name, hex);
    int n = snprintf(c->path, sizeof c->path, "%s/%s%.32s", base, prefix, hex);
    if (n >= (int)sizeof c->path) {
        commons_close(c);
        return errtext_set(t, ERR_IO, "the path of the shared directory is too long");
    }
    sweep(base, c->path);
    for (int i = 0; i < OPEN_TRIES; i++)
        if (lock_shared(c)) {
            *out = c;
            return OK;
        }
    enum error e = errtext_set(t, ERR_IO, "cannot make %s: %s", c->path, strerror(errno));
    commons_close(c);
    return e;
}

void commons_close(struct commons *c)
{
    if (!c)
        return;
    if (c->lock >= 0) {
        if (flock(c->lock, LOCK_EX | LOCK_NB) == 0)
            (void)scratch_remove(c->path);
        (void)close(c->lock);
    }
    mem_free(c);
}

const char *commons_path(const struct commons *c)
{
    return c->path;
}

// --- its size -------------------------------------------------------------------------
struct old {
    int64_t written; // ns
    uint64_t bytes;
    char name[256];
};

struct listing {
    struct old *files;
    uint32_t n, cap;
    uint64_t bytes;
};

static int by_age(const void *a, const void *b)
{
    const struct old *x = a, *y = b;
    return (x->written > y->written) - (x->written < y->written);
}

// What is no plain file goes at once: a cache is flat.
static void take_entry(struct listing *l, int fd, const char *name)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (!S_ISREG(st.st_mode)) {
        (void)unlinkat(fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 256;
        l->files = mem_realloc(l->files, l->cap * sizeof *l->files);
    }
    struct old *f = &l->files[l->n++];
    *f = (struct old){.written = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                      .bytes = (uint64_t)st.st_blocks * 512};
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    l->bytes += f->bytes;
}

static void look(struct commons *c)
{
    struct listing l = {.files = NULL};
    DIR *dir = opendir(c->path);

    if (!dir)
        return;
    for (struct dirent *x; (x = readdir(dir));)
        if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
            take_entry(&l, dirfd(dir), x->d_name);
    if (l.bytes > c->bytes_max) {
        qsort(l.files, l.n, sizeof *l.files, by_age);
        // Somewhat below the bound, so that not every look finds too much.
        for (uint32_t i = 0; i < l.n && l.bytes > c->bytes_max - c->bytes_max / 4; i++) {
            (void)unlinkat(dirfd(dir), l.files[i].name, 0);
            l.bytes -= l.files[i].bytes;
        }
    }
    (void)closedir(dir);
    mem_free(l.files);
}

void commons_used(struct commons *c)
{
    if (++c->n_used < LOOK_EVERY)
        return;
    c->n_used = 0;
    look(c);
}
