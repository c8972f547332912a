// SPDX-License-Identifier: MIT
// peers.h - who is at the other ends of a server channel, by small numbers.
//
// A peer is one ZeroMQ identity on one connection.  It gets the next number when
// its first message arrives, and keeps it after its connection closed: what was
// still under way belongs to it.  The same identity on another connection is
// another peer.  Some closed ones are remembered, the oldest go first.
//
// Ownership  The creator's; pointers handed out live until the next call.
// Threads    Confined to the owner's thread.

#ifndef PROTOCOL_PEERS_H
#define PROTOCOL_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/keys.h"

struct peers;

struct peer {
    uint64_t id;       // 1…, never used twice
    int fd;            // of its connection
    uint64_t n_before; // connections that had the descriptor before it
    enum role role;
    bool closed;
    uint8_t *identity;
    uint32_t n_identity;
    uint64_t hash;             // of the identity
    struct peer *next_by_hash; // another identity of the same hash
    struct peer *next_closed;
};

struct peers *peers_create(uint64_t seed); // seed: of the identities' hash
void peers_destroy(struct peers *p);       // NULL is fine

const struct peer *peers_find(const struct peers *p, const void *identity, size_t n);
const struct peer *peers_get(const struct peers *p, uint64_t id); // NULL: none
// A new peer.  One of the same identity, or on the same descriptor, is closed by it.
const struct peer *
peers_add(struct peers *p, const void *identity, size_t n, int fd, enum role role);
void peers_open_fd(struct peers *p, int fd);  // a new connection, not a peer yet
void peers_close_fd(struct peers *p, int fd); // the connection closed
// The descriptor is still, or was last, the peer's own connection.
bool peers_owns_fd(const struct peers *p, const struct peer *peer, int fd);
void peers_remove(struct peers *p, uint64_t id);       // cannot be reached any more
bool peers_next_closed(struct peers *p, uint64_t *id); // each closed one once
bool peers_has_closed(const struct peers *p);          // peers_next_closed has one
uint32_t peers_count(const struct peers *p);           // remembered, closed ones included

#endif
