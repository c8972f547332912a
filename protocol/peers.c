// SPDX-License-Identifier: MIT
#include "protocol/peers.h"

#include <string.h>

#include "common/hash.h"
#include "common/map.h"
#include "common/mem.h"

// Closed peers remembered for messages that were under way.  They are read
// within a turn or two; a pod of 1,000 ranks may end in one.
enum { CLOSED_KEPT = 1024 };

struct peers {
    struct map by_id;       // -> struct peer *, all that are remembered
    struct map by_identity; // hash -> first struct peer * of it
    struct map by_fd;       // open ones
    struct map n_opened;    // fd -> connections that had it so far
    struct peer *oldest;    // closed ones, in the order of closing
    struct peer *newest;
    struct peer *unreported; // first closed one not yet told
    uint32_t n_closed;
    uint64_t last_id;
    uint64_t seed;
};

static struct peer *lookup(const struct map *m, uint64_t key)
{
    uint64_t value;
    return map_find(m, key, &value) ? (struct peer *)(uintptr_t)value : NULL;
}

static void put(struct map *m, uint64_t key, const struct peer *peer)
{
    map_set(m, key, (uint64_t)(uintptr_t)peer);
}

struct peers *peers_create(uint64_t seed)
{
    struct peers *p = mem_alloc(sizeof *p);
    p->seed = seed;
    map_init(&p->by_id);
    map_init(&p->by_identity);
    map_init(&p->by_fd);
    map_init(&p->n_opened);
    return p;
}

static void release(struct peer *peer)
{
    mem_free(peer->identity);
    mem_free(peer);
}

void peers_destroy(struct peers *p)
{
    size_t at = 0;
    uint64_t key, value;

    if (!p)
        return;
    while (map_next(&p->by_id, &at, &key, &value))
        release((struct peer *)(uintptr_t)value);
    map_fini(&p->by_id);
    map_fini(&p->by_identity);
    map_fini(&p->by_fd);
    map_fini(&p->n_opened);
    mem_free(p);
}

static struct peer *find(const struct peers *p, const void *identity, size_t n)
{
    struct peer *peer = lookup(&p->by_identity, hash_bytes(identity, n, p->seed));
    while (peer && (peer->n_identity != n || memcmp(peer->identity, identity, n) != 0))
        peer = peer->next_by_hash;
    return peer;
}

const struct peer *peers_find(const struct peers *p, const void *identity, size_t n)
{
    return find(p, identity, n);
}

const struct peer *peers_get(const struct peers *p, uint64_t id)
{
    return lookup(&p->by_id, id);
}

// Its identity names it no more.
static void forget_identity(struct peers *p, struct peer *peer)
{
    struct peer *first = lookup(&p->by_identity, peer->hash);
    struct peer *before = first;

    if (first == peer && peer->next_by_hash) {
        put(&p->by_identity, peer->hash, peer->next_by_hash);
    } else if (first == peer) {
        (void)map_remove(&p->by_identity, peer->hash);
    } else {
        while (before && before->next_by_hash != peer)
            before = before->next_by_hash;
        if (before)
            before->next_by_hash = peer->next_by_hash;
    }
    peer->next_by_hash = NULL;
}

// The oldest goes once it has been reported.
static void trim(struct peers *p)
{
    while (p->n_closed > CLOSED_KEPT && p->oldest != p->unreported) {
        struct peer *peer = p->oldest;
        p->oldest = peer->next_closed;
        if (!p->oldest)
            p->newest = NULL;
        p->n_closed--;
        forget_identity(p, peer);
        (void)map_remove(&p->by_id, peer->id);
        release(peer);
    }
}

static void close_peer(struct peers *p, struct peer *peer)
{
    if (peer->closed)
        return;
    peer->closed = true;
    if (lookup(&p->by_fd, (uint64_t)peer->fd) == peer)
        (void)map_remove(&p->by_fd, (uint64_t)peer->fd);
    if (p->newest)
        p->newest->next_closed = peer;
    else
        p->oldest = peer;
    p->newest = peer;
    if (!p->unreported)
        p->unreported = peer;
    p->n_closed++;
    trim(p);
}

static uint64_t opened(const struct peers *p, int fd)
{
    uint64_t n = 0;
    (void)map_find(&p->n_opened, (uint64_t)fd, &n);
    return n;
}

void peers_open_fd(struct peers *p, int fd)
{
    peers_close_fd(p, fd);
    map_set(&p->n_opened, (uint64_t)fd, opened(p, fd) + 1);
}

bool peers_owns_fd(const struct peers *p, const struct peer *peer, int fd)
{
    return peer->fd == fd && peer->n_before == opened(p, fd);
}

const struct peer *
peers_add(struct peers *p, const void *identity, size_t n, int fd, enum role role)
{
    struct peer *same = find(p, identity, n);
    struct peer *there = lookup(&p->by_fd, (uint64_t)fd);
    struct peer *peer = mem_alloc(sizeof *peer);

    if (same) {
        forget_identity(p, same);
        close_peer(p, same);
    }
    if (there)
        close_peer(p, there);
    *peer = (struct peer){
        .id = ++p->last_id,
        .fd = fd,
        .n_before = opened(p, fd),
        .role = role,
        .identity = mem_copy(identity, n),
        .n_identity = (uint32_t)n,
        .hash = hash_bytes(identity, n, p->seed),
    };
    peer->next_by_hash = lookup(&p->by_identity, peer->hash);
    put(&p->by_identity, peer->hash, peer);
    put(&p->by_id, peer->id, peer);
    put(&p->by_fd, (uint64_t)fd, peer);
    return peer;
}

void peers_close_fd(struct peers *p, int fd)
{
    struct peer *peer = lookup(&p->by_fd, (uint64_t)fd);
    if (peer)
        close_peer(p, peer);
}

void peers_remove(struct peers *p, uint64_t id)
{
    struct peer *peer = lookup(&p->by_id, id);
    if (!peer)
        return;
    forget_identity(p, peer);
    close_peer(p, peer);
}

bool peers_next_closed(struct peers *p, uint64_t *id)
{
    struct peer *peer = p->unreported;
    if (!peer)
        return false;
    *id = peer->id;
    p->unreported = peer->next_closed;
    trim(p);
    return true;
}

bool peers_has_closed(const struct peers *p)
{
    return p->unreported != NULL;
}

uint32_t peers_count(const struct peers *p)
{
    return (uint32_t)p->by_id.n;
}
