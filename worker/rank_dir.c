// SPDX-License-Identifier: MIT
#include "worker/rank_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/scratch.h"

static const char prefix[] = "rank-";

static enum error choose_base(const char *base, struct rank_dir *d, struct errtext *t)
{
    const char *tmp = getenv("TMPDIR");
    char given[512];
    int n = base ? snprintf(given, sizeof given, "%s", base)
                 : snprintf(given, sizeof given, "%s/shoal-%u", tmp && *tmp ? tmp : "/tmp",
                            (unsigned)geteuid());
    if (n < 0 || n >= (int)sizeof given)
        return errtext_set(t, ERR_INVALID, "the scratch directory's path is too long");
    if (mkdir(given, 0700) != 0 && errno != EEXIST)
        return errtext_set(t, ERR_IO, "cannot make %s: %s", given, strerror(errno));
    char *real = realpath(given, NULL);
    struct stat st;
    if (!real || stat(real, &st) != 0 || strlen(real) >= sizeof d->base) {
        free(real);
        return errtext_set(t, ERR_IO, "%s: %s", given, strerror(errno));
    }
    (void)snprintf(d->base, sizeof d->base, "%s", real);
    free(real);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0022))
        return errtext_set(t, ERR_DENIED,
                           "%s is not a directory of ours that only we can write to", given);
    return OK;
}

// Directories of ranks that are gone.
static void sweep(const struct rank_dir *d)
{
    DIR *dir = opendir(d->base);
    for (struct dirent *x; dir && (x = readdir(dir));) {
        char path[sizeof d->base + 256];
        if (strncmp(x->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", d->base, x->d_name);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)scratch_remove(path);
        (void)close(fd);
    }
    if (dir)
        (void)closedir(dir);
}

static enum error make_own(struct rank_dir *d, struct errtext *t)
{
    (void)snprintf(d->own, sizeof d->own, "%s/%sXXXXXX", d->base, prefix);
    if (!mkdtemp(d->own))
        return errtext_set(t, ERR_IO, "cannot make a directory in %s: %s", d->base,
                           strerror(errno));
    d->lock = open(d->own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->lock >= 0 && flock(d->lock, LOCK_EX | LOCK_NB) == 0)
        return OK;
    return errtext_set(t, ERR_IO, "cannot lock %s: %s", d->own, strerror(errno));
}

enum error rank_dir_open(const char *base, struct rank_dir *d, struct errtext *t)
{
    char path[sizeof d->base + 16];
    *d = (struct rank_dir){.lock = -1};
    enum error e = choose_base(base, d, t);
    if (e)
        return e;
    // One at a time: a directory without its lock yet must not be swept away.
    (void)snprintf(path, sizeof path, "%s/lock", d->base);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    if (!e) {
        sweep(d);
        e = make_own(d, t);
    }
    if (fd >= 0)
        (void)close(fd);
    return e;
}

void rank_dir_close(struct rank_dir *d)
{
    if (d->lock < 0)
        return;
    (void)scratch_remove(d->own);
    (void)close(d->lock);
    d->lock = -1;
}
