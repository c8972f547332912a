// SPDX-License-Identifier: MIT
#include "worker/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ENTRIES_MAX = 200000, // about half a second of fstatat
    DEPTH_MAX = 64,       // descriptors held during a walk
    COPY_CHUNK = 1 << 30,
};

bool scratch_name_ok(const char *name)
{
    if (strlen(name) >= PATH_MAX)
        return false;
    for (const char *part = name;;) {
        size_t n = strcspn(part, "/");
        bool dots = part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.'));
        if (n == 0 || n > NAME_MAX || dots)
            return false;
        if (!part[n])
            return true;
        part += n + 1;
    }
}

static enum error refuse(struct errtext *t, const char *name)
{
    enum error e = errno == EEXIST ? ERR_EXISTS : ERR_IO;
    return errtext_set(t, e, "cannot place the file %s: %s", name, strerror(errno));
}

static bool make_parents(int dir, const char *name)
{
    char path[PATH_MAX];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - name);
        memcpy(path, name, n);
        path[n] = '\0';
        if (mkdirat(dir, path, 0755) < 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t did = write(fd, p, n);
        if (did < 0 && errno != EINTR)
            return false;
        if (did > 0) {
            p += did;
            n -= (size_t)did;
        }
    }
    return true;
}

// Shares the blocks on file systems that can.
static bool copy_all(int to, int from, uint64_t *size)
{
    ssize_t did;
    while ((did = copy_file_range(from, NULL, to, NULL, COPY_CHUNK, 0)) > 0)
        *size += (uint64_t)did;
    if (did == 0 && *size > 0)
        return true;
    while ((did = sendfile(to, from, NULL, COPY_CHUNK)) > 0)
        *size += (uint64_t)did;
    return did == 0;
}

static bool fill(int fd, const struct sandbox_file *f, uint64_t *size)
{
    if (!f->path) {
        *size = f->n;
        return write_all(fd, f->bytes, f->n);
    }
    int from = open(f->path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return false;
    *size = 0;
    bool done = copy_all(fd, from, size);
    int why = errno;
    close(from);
    errno = why;
    return done;
}

enum error scratch_put(const char *directory,
                       const struct sandbox_file *f,
                       uint64_t *size,
                       struct errtext *t)
{
    if (!scratch_name_ok(f->name))
        return errtext_set(t, ERR_INVALID,
                           "bad file name %s: a relative path without \"..\" was expected",
                           f->name);
    enum error e = OK;
    int fd = -1;
    int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return refuse(t, f->name);
    if (!make_parents(dir, f->name)) {
        e = refuse(t, f->name);
        goto out;
    }
    fd = openat(dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || !fill(fd, f, size) || fchmod(fd, f->mode & 0777) < 0)
        e = refuse(t, f->name);
out:
    if (fd >= 0)
        close(fd);
    close(dir);
    return e;
}

bool scratch_is_file(const char *directory, const char *name)
{
    if (!scratch_name_ok(name))
        return false;
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (const char *part = name; at >= 0;) {
        char one[NAME_MAX + 1];
        size_t n = strcspn(part, "/");
        memcpy(one, part, n);
        one[n] = '\0';
        if (!part[n]) {
            struct stat st;
            bool is = fstatat(at, one, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
            close(at);
            return is;
        }
        int next = openat(at, one, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = next;
        part += n + 1;
    }
    return false;
}

static DIR *open_dir(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *d = fdopendir(fd);
    if (!d)
        close(fd);
    return d;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

struct walk {
    DIR *open[DEPTH_MAX];
    int depth;
    uint32_t entries;
    uint64_t bytes;
    uint64_t max;
};

// Take one entry of the innermost open directory.
static enum scratch_verdict walk_entry(struct walk *w, const char *name)
{
    struct stat st;
    int at = dirfd(w->open[w->depth - 1]);

    if (is_dots(name) || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return SCRATCH_FITS; // gone meanwhile
    w->bytes += (uint64_t)st.st_blocks * 512;
    if (w->bytes > w->max)
        return SCRATCH_TOO_BIG;
    if (++w->entries > ENTRIES_MAX)
        return SCRATCH_TOO_MANY;
    if (!S_ISDIR(st.st_mode))
        return SCRATCH_FITS;
    if (w->depth == DEPTH_MAX)
        return SCRATCH_TOO_DEEP;
    w->open[w->depth] = open_dir(at, name);
    if (w->open[w->depth])
        w->depth++;
    else if (errno == EACCES)
        return SCRATCH_OPAQUE;
    return SCRATCH_FITS;
}

enum scratch_verdict scratch_measure(const char *directory, uint64_t max, uint64_t *bytes)
{
    struct walk w = {.max = max};
    enum scratch_verdict v = SCRATCH_FITS;

    w.open[0] = open_dir(AT_FDCWD, directory);
    if (w.open[0])
        w.depth = 1;
    else if (errno == EACCES)
        v = SCRATCH_OPAQUE;
    while (w.depth > 0 && v == SCRATCH_FITS) {
        struct dirent *e = readdir(w.open[w.depth - 1]);
        if (e)
            v = walk_entry(&w, e->d_name);
        else
            closedir(w.open[--w.depth]);
    }
    while (w.depth > 0)
        closedir(w.open[--w.depth]);
    *bytes = w.bytes;
    return v;
}

enum sweep { SWEEP_EMPTY, SWEEP_DESCEND, SWEEP_STUCK };

// Remove what is removable in `dir`; a directory that is not empty ends the
// pass and its name is handed back.
static enum sweep sweep_dir(int dir, char sub[NAME_MAX + 1])
{
    DIR *d = open_dir(dir, ".");
    struct dirent *e;
    enum sweep s = SWEEP_EMPTY;

    if (!d)
        return SWEEP_STUCK;
    while (s == SWEEP_EMPTY && (e = readdir(d))) {
        if (is_dots(e->d_name) || unlinkat(dir, e->d_name, 0) == 0)
            continue;
        if (errno == EISDIR && unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0)
            continue;
        if (errno == ENOENT)
            continue;
        s = errno == ENOTEMPTY || errno == EEXIST ? SWEEP_DESCEND : SWEEP_STUCK;
        snprintf(sub, NAME_MAX + 1, "%s", e->d_name);
    }
    closedir(d);
    return s;
}

static int open_own(int at, const char *name)
{
    // The command may have taken our permissions away.
    if (fchmodat(at, name, 0700, 0) < 0)
        return -1;
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Goes down by name and up by "..": no recursion and one descriptor, however
// deep.  Nothing may live in the directory any more, so ".." is where we were.
static bool empty_tree(int dir)
{
    uint64_t depth = 0;
    char sub[NAME_MAX + 1];

    while (dir >= 0) {
        enum sweep s = sweep_dir(dir, sub);
        if (s == SWEEP_STUCK || (s == SWEEP_EMPTY && depth == 0)) {
            close(dir);
            return s == SWEEP_EMPTY;
        }
        int next = s == SWEEP_DESCEND ? open_own(dir, sub)
                                      : openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        depth += s == SWEEP_DESCEND ? 1 : UINT64_MAX;
        close(dir);
        dir = next;
    }
    return false;
}

bool scratch_remove(const char *directory)
{
    if (rmdir(directory) == 0 || errno == ENOENT)
        return true;
    return empty_tree(open_own(AT_FDCWD, directory)) && rmdir(directory) == 0;
}
