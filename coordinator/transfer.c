// SPDX-License-Identifier: MIT
// transfer.c - BLOB_PUT and BLOB_GET, done by the thread for files: hashing and
// syncing would hold up the loop for milliseconds.
#include <string.h>

#include "coordinator/shell_state.h"

// Of all peers, waiting for the thread: chunks (up to 1 MiB each), and in all.
enum { PUTS_MAX = 64, TRANSFERS_MAX = 4096 };

struct transfer {
    struct task task;
    struct blobs *blobs;
    uint64_t peer, id;
    struct sha256 hash;
    uint64_t size;
    uint64_t offset;
    uint64_t have; // PUT
    uint8_t *bytes;
    size_t n;
    enum error error;
    struct errtext text;
};

static void put_run(struct pool_task *p)
{
    struct transfer *x = (struct transfer *)p;
    struct blob_chunk c = {.peer = x->peer,
                           .hash = x->hash,
                           .size = x->size,
                           .offset = x->offset,
                           .p = x->bytes,
                           .n = x->n};
    x->error = blobs_put_chunk(x->blobs, &c, &x->have, &x->text);
}

static void get_run(struct pool_task *p)
{
    struct transfer *x = (struct transfer *)p;
    x->bytes = mem_alloc(BLOB_CHUNK_MAX);
    x->error = blobs_get(x->blobs, &x->hash, x->offset, x->bytes, &x->n, &x->size);
    if (x->error == ERR_NOT_FOUND)
        (void)errtext_set(&x->text, x->error, "no blob of this hash is here");
    else if (x->error)
        (void)errtext_set(&x->text, x->error, "the blob cannot be read there");
}

static void forget_run(struct pool_task *p)
{
    struct transfer *x = (struct transfer *)p;
    blobs_forget_peer(x->blobs, x->peer);
}

static void put_done(struct shell *s, struct task *t);

static void transfer_end(struct shell *s, struct transfer *x)
{
    s->n_transfers--;
    s->n_puts -= x->task.done == put_done;
    mem_free(x->bytes);
    mem_free(x);
}

static void put_done(struct shell *s, struct task *t)
{
    struct transfer *x = (struct transfer *)t;
    if (x->error) {
        api_fail(s, x->peer, x->id, x->error, x->text.text);
    } else {
        struct message m = {.type = MSG_BLOB_OK, .id = x->id};
        m.blob_ok.hash = (struct bin){x->hash.bytes, sizeof x->hash.bytes};
        m.blob_ok.have = x->have;
        turn_send(s, x->peer, &m);
    }
    transfer_end(s, x);
}

static void get_done(struct shell *s, struct task *t)
{
    struct transfer *x = (struct transfer *)t;
    if (x->error) {
        api_fail(s, x->peer, x->id, x->error, x->text.text);
    } else {
        struct message m = {.type = MSG_BLOB_DATA, .id = x->id};
        m.blob_data.hash = (struct bin){x->hash.bytes, sizeof x->hash.bytes};
        m.blob_data.size = x->size;
        m.blob_data.offset = x->offset;
        m.raw = (struct bin){x->bytes, (uint32_t)x->n};
        turn_send(s, x->peer, &m);
    }
    transfer_end(s, x);
}

static void forget_done(struct shell *s, struct task *t)
{
    transfer_end(s, (struct transfer *)t);
}

static struct transfer *transfer_create(struct shell *s, uint64_t peer)
{
    struct transfer *x = mem_alloc(sizeof *x);
    x->blobs = s->blobs;
    x->peer = peer;
    s->n_transfers++;
    return x;
}

static bool begin(struct shell *s,
                  uint64_t peer,
                  const struct message *m,
                  struct bin hash,
                  struct transfer **out)
{
    if (hash.n != sizeof(struct sha256)) {
        api_fail(s, peer, m->id, ERR_PROTO, "a hash has 32 bytes");
        return false;
    }
    if (s->n_transfers >= TRANSFERS_MAX || (m->raw.n && s->n_puts >= PUTS_MAX)) {
        api_fail(s, peer, m->id, ERR_BUSY, "too many transfers are under way; try again later");
        return false;
    }
    *out = transfer_create(s, peer);
    (*out)->id = m->id;
    memcpy((*out)->hash.bytes, hash.p, sizeof(struct sha256));
    return true;
}

void transfer_put(struct shell *s, uint64_t peer, const struct message *m)
{
    struct transfer *x;
    if (!begin(s, peer, m, m->blob_put.hash, &x))
        return;
    x->size = m->blob_put.size;
    x->offset = m->blob_put.offset;
    x->n = m->raw.n;
    if (x->n)
        x->bytes = mem_copy(m->raw.p, x->n);
    s->any_upload = true;
    x->task.pool.run = put_run;
    x->task.done = put_done;
    s->n_puts++;
    pool_add(s->files, &x->task.pool);
}

void transfer_get(struct shell *s, uint64_t peer, const struct message *m)
{
    struct transfer *x;
    if (!begin(s, peer, m, m->blob_get.hash, &x))
        return;
    x->offset = m->blob_get.offset;
    x->task.pool.run = get_run;
    x->task.done = get_done;
    pool_add(s->files, &x->task.pool);
}

void transfer_forget(struct shell *s, uint64_t peer)
{
    if (!s->any_upload)
        return; // nobody ever uploaded: do not start the thread for it
    struct transfer *x = transfer_create(s, peer);
    x->task.pool.run = forget_run;
    x->task.done = forget_done;
    pool_add(s->files, &x->task.pool);
}
