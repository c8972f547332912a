// SPDX-License-Identifier: MIT
// caller_blob.c - blobs to and from the coordinator, chunk by chunk.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "protocol/caller_state.h"
#include "protocol/frame.h"

enum { CHUNK = 1024 * 1024 };
// "Too many transfers are under way": tried again after this.
#define BUSY_PAUSE (20 * CLOCK_MS)
enum { BUSY_TRIES = 500 };

_Static_assert((int)CHUNK <= (int)FRAME_RAW_MAX, "a chunk is one raw frame");

static enum error io_error(struct errtext *t, const char *path)
{
    enum error e = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    return errtext_set(t, e, "%s: %s", path, strerror(errno));
}

// The same request again while the coordinator is busy.
static enum error
patiently(struct caller *c, struct message *m, struct message *reply, struct errtext *t)
{
    enum error e = caller_request(c, m, reply, t);
    for (int i = 0; e == ERR_BUSY && i < BUSY_TRIES; i++) {
        clock_sleep(BUSY_PAUSE);
        if (c->o.idle)
            c->o.idle(c->o.ctx);
        e = caller_request(c, m, reply, t);
    }
    return e;
}

// ---- to the coordinator ----------------------------------------------------------

// Where the bytes come from: `bytes`, or else the file.
struct source {
    const uint8_t *bytes;
    int fd;
    const char *path;
    uint64_t size;
    uint8_t *chunk;
};

static enum error
read_chunk(const struct source *s, uint64_t at, size_t n, struct bin *out, struct errtext *t)
{
    *out = (struct bin){s->bytes ? s->bytes + at : s->chunk, (uint32_t)n};
    for (size_t have = 0; !s->bytes && have < n;) {
        ssize_t got = pread(s->fd, s->chunk + have, n - have, (off_t)(at + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return io_error(t, s->path);
        if (got == 0)
            return errtext_set(t, ERR_IO, "%s: shorter than it was a moment ago", s->path);
        have += (size_t)got;
    }
    return OK;
}

static enum error
put(struct caller *c, const struct source *s, const struct sha256 *hash, struct errtext *t)
{
    uint64_t have = 0;
    bool ask = true; // first what is there already
    while (ask || have < s->size) {
        struct message m = {.type = MSG_BLOB_PUT}, r;
        size_t n = s->size - have < CHUNK ? (size_t)(s->size - have) : CHUNK;
        enum error e = ask ? OK : read_chunk(s, have, n, &m.raw, t);
        if (e)
            return e;
        m.blob_put.hash = (struct bin){hash->bytes, sizeof hash->bytes};
        m.blob_put.size = s->size;
        m.blob_put.offset = have;
        e = patiently(c, &m, &r, t);
        if (e)
            return e;
        if (r.type != MSG_BLOB_OK || r.blob_ok.have > s->size)
            return errtext_set(t, ERR_PROTO, "an answer to BLOB_PUT that makes no sense");
        if (!ask && r.blob_ok.have <= have)
            return errtext_set(t, ERR_PROTO, "the coordinator does not take the blob's bytes");
        have = r.blob_ok.have;
        ask = false;
    }
    return OK;
}

enum error caller_put_bytes(
    struct caller *c, const void *p, size_t n, struct sha256 *hash, struct errtext *t)
{
    struct source s = {.bytes = n ? p : (const uint8_t *)"", .size = n};
    *hash = sha256_of(p, n);
    return put(c, &s, hash, t);
}

enum error caller_put_file(
    struct caller *c, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t)
{
    enum error e = sha256_file(path, hash, size);
    if (e)
        return errtext_set(t, e, "%s: %s", path, strerror(errno));
    struct source s = {.path = path, .size = *size};
    s.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s.fd < 0)
        return io_error(t, path);
    s.chunk = mem_alloc(CHUNK);
    e = put(c, &s, hash, t);
    mem_free(s.chunk);
    (void)close(s.fd);
    return e;
}

// ---- from the coordinator --------------------------------------------------------

static enum error write_all(int fd, struct bin b)
{
    for (uint32_t at = 0; at < b.n;) {
        ssize_t n = write(fd, b.p + at, b.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        at += (uint32_t)n;
    }
    return OK;
}

static enum error
get(struct caller *c, const struct sha256 *hash, int fd, const char *path, struct errtext *t)
{
    struct sha256_stream stream;
    uint64_t at = 0, size = 1;
    sha256_start(&stream);
    while (at < size) {
        struct message m = {.type = MSG_BLOB_GET}, r;
        m.blob_get.hash = (struct bin){hash->bytes, sizeof hash->bytes};
        m.blob_get.offset = at;
        enum error e = patiently(c, &m, &r, t);
        if (e)
            return e;
        size = r.blob_data.size;
        if (r.type != MSG_BLOB_DATA || r.blob_data.offset != at || r.raw.n > size - at
            || (!r.raw.n && size))
            return errtext_set(t, ERR_PROTO, "an answer to BLOB_GET that makes no sense");
        sha256_add(&stream, r.raw.p, r.raw.n);
        if (write_all(fd, r.raw))
            return io_error(t, path);
        at += r.raw.n;
    }
    struct sha256 got = sha256_end(&stream);
    return memcmp(&got, hash, sizeof got) == 0
               ? OK
               : errtext_set(t, ERR_PROTO, "the blob's bytes are not what its hash says");
}

enum error caller_get_file(struct caller *c,
                           const struct sha256 *hash,
                           const char *path,
                           struct errtext *t)
{
    char part[4096];
    int n = snprintf(part, sizeof part, "%s.%d.part", path, (int)getpid());
    if (n < 0 || n >= (int)sizeof part)
        return errtext_set(t, ERR_INVALID, "%s: the path is too long", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(t, part);
    enum error e = get(c, hash, fd, part, t);
    if (close(fd) != 0 && !e)
        e = io_error(t, part);
    if (!e && rename(part, path) != 0)
        e = io_error(t, path);
    if (e)
        (void)unlink(part);
    return e;
}
