// SPDX-License-Identifier: MIT
#include "coordinator/blobs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"

enum {
    NAME_MAX_SIZE = 128, // within the directory
    // A part of an upload that nobody went on with for so long is removed at start.
    PART_SECONDS = 24 * 3600,
};

// One upload under way, whoever sends it.
struct upload {
    struct upload *next;
    struct sha256 hash;
    uint64_t peer; // that sent last
    uint64_t size;
    uint64_t have;
    struct sha256_stream stream;
    int fd;
};

struct blobs {
    int dir;
    uint64_t size_max;
    uint32_t uploads_max;
    uint32_t uploads_a_peer;
    struct upload *uploads;
    _Atomic uint32_t n_temporary; // for names
};

static enum error failed(struct errtext *t, const char *what)
{
    int code = errno;
    if (code == ENOSPC || code == EDQUOT || code == EFBIG)
        return errtext_set(t, ERR_LIMIT, "the coordinator's disk is full");
    return errtext_set(t, ERR_IO, "%s: %s", what, strerror(code));
}

static void remove_old_parts(int dir)
{
    int fd = openat(dir, "parts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        bool old = fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
                   && st.st_mtime < time(NULL) - PART_SECONDS;
        if (old)
            (void)unlinkat(fd, e->d_name, 0);
    }
    (void)closedir(d);
}

enum error blobs_open(const struct blobs_options *o, struct blobs **out, struct errtext *t)
{
    if (mkdir(o->dir, 0700) && errno != EEXIST)
        return failed(t, o->dir);
    int dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return failed(t, o->dir);
    if (mkdirat(dir, "parts", 0700) && errno != EEXIST) {
        enum error e = failed(t, o->dir);
        (void)close(dir);
        return e;
    }
    remove_old_parts(dir);
    struct blobs *b = mem_alloc(sizeof *b);
    b->dir = dir;
    b->size_max = o->size_max ? o->size_max : UINT64_C(64) << 30;
    b->uploads_max = o->uploads_max ? o->uploads_max : 64;
    b->uploads_a_peer = o->uploads_a_peer ? o->uploads_a_peer : 8;
    *out = b;
    return OK;
}

static void upload_close(struct blobs *b, struct upload *u)
{
    struct upload **at = &b->uploads;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    (void)close(u->fd);
    mem_free(u);
}

void blobs_close(struct blobs *b)
{
    if (!b)
        return;
    while (b->uploads)
        upload_close(b, b->uploads);
    (void)close(b->dir);
    mem_free(b);
}

static void final_name(const struct sha256 *hash, char out[NAME_MAX_SIZE])
{
    char hex[65];
    sha256_hex(hash, hex);
    (void)snprintf(out, NAME_MAX_SIZE, "%.2s/%s", hex, hex + 2);
}

static void part_name(const struct sha256 *hash, char out[NAME_MAX_SIZE])
{
    char hex[65];
    sha256_hex(hash, hex);
    (void)snprintf(out, NAME_MAX_SIZE, "parts/%s", hex);
}

bool blobs_find(const struct blobs *b, const struct sha256 *hash, uint64_t *size)
{
    char name[NAME_MAX_SIZE];
    struct stat st;
    final_name(hash, name);
    if (fstatat(b->dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return false;
    if (size)
        *size = (uint64_t)st.st_size;
    return true;
}

static void sync_folder(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

// The finished file gets its name.  It is its own: a crash in between leaves a part.
static enum error publish(struct blobs *b,
                          int fd,
                          const char *from,
                          const struct sha256 *hash,
                          bool sync,
                          struct errtext *t)
{
    char name[NAME_MAX_SIZE];
    char folder[3] = "";
    final_name(hash, name);
    memcpy(folder, name, 2);
    if ((sync && fsync(fd)) || fchmod(fd, 0400))
        return failed(t, "a blob");
    bool made = mkdirat(b->dir, folder, 0700) == 0;
    if (!made && errno != EEXIST)
        return failed(t, "a blob's folder");
    if (renameat(b->dir, from, b->dir, name))
        return failed(t, "a blob");
    if (sync)
        sync_folder(b->dir, folder);
    if (sync && made)
        sync_folder(b->dir, ".");
    return OK;
}

static bool write_all(int fd, const void *p, size_t n, uint64_t offset)
{
    const uint8_t *at = p;
    while (n) {
        ssize_t wrote = pwrite(fd, at, n, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        at += wrote;
        n -= (size_t)wrote;
        offset += (uint64_t)wrote;
    }
    return true;
}

enum error blobs_put(
    struct blobs *b, const void *p, size_t n, bool sync, struct sha256 *hash, struct errtext *t)
{
    *hash = sha256_of(p, n);
    return blobs_put_hashed(b, p, n, sync, hash, t);
}

enum error blobs_put_hashed(struct blobs *b,
                            const void *p,
                            size_t n,
                            bool sync,
                            const struct sha256 *hash,
                            struct errtext *t)
{
    char name[NAME_MAX_SIZE];
    if (n > b->size_max)
        return errtext_set(t, ERR_LIMIT, "a blob of %zu bytes, at most %" PRIu64, n,
                           b->size_max);
    if (blobs_find(b, hash, NULL))
        return OK;
    // Not the part's name: an upload of the same may be under way.
    (void)snprintf(name, sizeof name, "parts/%d.%u", (int)getpid(),
                   atomic_fetch_add(&b->n_temporary, 1));
    int fd = openat(b->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(t, "a blob");
    enum error e = write_all(fd, p, n, 0) ? OK : failed(t, "a blob");
    if (!e)
        e = publish(b, fd, name, hash, sync, t);
    (void)close(fd);
    if (e)
        (void)unlinkat(b->dir, name, 0);
    return e;
}

// ---- uploads ---------------------------------------------------------------------

static struct upload *upload_find(const struct blobs *b, const struct sha256 *hash)
{
    for (struct upload *u = b->uploads; u; u = u->next)
        if (memcmp(u->hash.bytes, hash->bytes, sizeof hash->bytes) == 0)
            return u;
    return NULL;
}

// What an earlier upload left behind counts; its content is read once to go on hashing.
static enum error take_up(struct upload *u, struct errtext *t)
{
    enum { READ = 64 * 1024 };
    uint8_t *buffer = mem_alloc(READ);
    ssize_t n = 0;
    sha256_start(&u->stream);
    while (u->have < u->size && (n = pread(u->fd, buffer, READ, (off_t)u->have)) > 0) {
        uint64_t left = u->size - u->have;
        size_t use = (uint64_t)n < left ? (size_t)n : (size_t)left;
        sha256_add(&u->stream, buffer, use);
        u->have += use;
    }
    mem_free(buffer);
    return n < 0 || ftruncate(u->fd, (off_t)u->have) ? failed(t, "a blob's part") : OK;
}

static enum error
upload_open(struct blobs *b, const struct blob_chunk *c, struct upload **out, struct errtext *t)
{
    char name[NAME_MAX_SIZE];
    uint32_t n = 0;
    uint32_t of_peer = 0;
    for (struct upload *u = b->uploads; u; u = u->next) {
        n++;
        of_peer += u->peer == c->peer;
    }
    if (n >= b->uploads_max || of_peer >= b->uploads_a_peer)
        return errtext_set(t, ERR_BUSY, "too many uploads are under way; try again later");
    part_name(&c->hash, name);
    int fd = openat(b->dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(t, "a blob's part");
    struct upload *u = mem_alloc(sizeof *u);
    u->hash = c->hash;
    u->size = c->size;
    u->fd = fd;
    u->next = b->uploads;
    b->uploads = u;
    enum error e = take_up(u, t);
    if (e)
        upload_close(b, u);
    else
        *out = u;
    return e;
}

// All of it is there: is it what it says?
static enum error upload_end(struct blobs *b, struct upload *u, struct errtext *t)
{
    char name[NAME_MAX_SIZE];
    struct sha256_stream stream = u->stream;
    struct sha256 h = sha256_end(&stream);
    part_name(&u->hash, name);
    if (memcmp(h.bytes, u->hash.bytes, sizeof h.bytes) != 0) {
        (void)unlinkat(b->dir, name, 0);
        upload_close(b, u);
        return errtext_set(t, ERR_PROTO,
                           "a blob's content does not have the hash it came with");
    }
    enum error e = publish(b, u->fd, name, &u->hash, true, t);
    if (!e)
        upload_close(b, u);
    return e;
}

static enum error upload_write(struct upload *u, const struct blob_chunk *c, struct errtext *t)
{
    if (!write_all(u->fd, c->p, c->n, c->offset)) {
        enum error e = failed(t, "a blob");
        if (ftruncate(u->fd, (off_t)u->have))
            return errtext_set(t, ERR_IO, "a blob: %s", strerror(errno));
        return e;
    }
    sha256_add(&u->stream, c->p, c->n);
    u->have += c->n;
    return OK;
}

static enum error
check_chunk(const struct blobs *b, const struct blob_chunk *c, struct errtext *t)
{
    if (c->size > b->size_max)
        return errtext_set(t, ERR_LIMIT, "a blob of %" PRIu64 " bytes, at most %" PRIu64,
                           c->size, b->size_max);
    if (c->n > BLOB_CHUNK_MAX)
        return errtext_set(t, ERR_LIMIT, "a chunk of %zu bytes, at most %d", c->n,
                           BLOB_CHUNK_MAX);
    if (c->offset > c->size || c->n > c->size - c->offset)
        return errtext_set(t, ERR_PROTO,
                           "a chunk that ends behind its blob's %" PRIu64 " bytes", c->size);
    return OK;
}

enum error
blobs_put_chunk(struct blobs *b, const struct blob_chunk *c, uint64_t *have, struct errtext *t)
{
    uint64_t size;
    *have = 0;
    enum error e = check_chunk(b, c, t);
    if (e)
        return e;
    struct upload *u = upload_find(b, &c->hash);
    bool found = blobs_find(b, &c->hash, &size);
    // Came whole meanwhile, or one of the two senders has the size wrong: the last counts.
    if (u && (found || u->size != c->size)) {
        upload_close(b, u);
        u = NULL;
    }
    if (found) {
        *have = size;
        return size == c->size
                   ? OK
                   : errtext_set(t, ERR_PROTO, "the blob of this hash has %" PRIu64 " bytes",
                                 size);
    }
    if (!u && (e = upload_open(b, c, &u, t)))
        return e;
    assert(u);
    u->peer = c->peer;
    if (c->n && c->offset == u->have)
        e = upload_write(u, c, t);
    *have = u->have;
    return e || u->have < u->size ? e : upload_end(b, u, t);
}

void blobs_forget_peer(struct blobs *b, uint64_t peer)
{
    for (struct upload *u = b->uploads, *next; u; u = next) {
        next = u->next;
        if (u->peer == peer)
            upload_close(b, u);
    }
}

enum error blobs_get(const struct blobs *b,
                     const struct sha256 *hash,
                     uint64_t offset,
                     uint8_t *p,
                     size_t *n,
                     uint64_t *size)
{
    char name[NAME_MAX_SIZE];
    struct stat st;
    final_name(hash, name);
    int fd = openat(b->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    enum error e = fstat(fd, &st) ? ERR_IO : OK;
    if (!e && offset > (uint64_t)st.st_size)
        e = ERR_INVALID;
    *n = 0;
    while (!e && *n < BLOB_CHUNK_MAX) {
        ssize_t got = pread(fd, p + *n, BLOB_CHUNK_MAX - *n, (off_t)(offset + *n));
        if (got < 0 && errno != EINTR)
            e = ERR_IO;
        if (got == 0)
            break;
        if (got > 0)
            *n += (size_t)got;
    }
    if (!e)
        *size = (uint64_t)st.st_size;
    (void)close(fd);
    return e;
}
