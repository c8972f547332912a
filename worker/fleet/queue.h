// SPDX-License-Identifier: MIT
// queue.h - the pending events of a day: a tournament over the aircraft.
//
// Each aircraft has at most one pending event, so the events are the leaves of a complete
// tree whose inner nodes hold the least of their four children (a winner tree: Knuth, The
// Art of Computer Programming 3, section 5.4.1).  Setting a leaf replays one path: no moves,
// no positions to keep, and no branch that depends on the data, which is why it beats a heap
// and a calendar queue here (tests/bench).  The three others of a level are compared beside
// the path, to which a level adds one comparison; with two children it would be twice as
// many levels.
//
// A key orders by (time, priority, aircraft): 40, 3 and 21 bits.
//
// Ownership  The array is the caller's: queue_words(n) words.
// Threads    The owner's.

#ifndef WORKER_FLEET_QUEUE_H
#define WORKER_FLEET_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define QUEUE_NONE UINT64_MAX

enum { QUEUE_AIRCRAFT_BITS = 21, QUEUE_PRIORITY_BITS = 3 };

enum event { EVENT_LAND, EVENT_CHARGED, EVENT_REPAIRED, EVENT_TAKEOFF, EVENT_DECIDE };

struct queue {
    uint64_t *node; // [2 · n_leaves]; node[1] is the first of all, 4 i .. 4 i + 3 are below i
    uint32_t n_leaves;
};

static inline uint32_t queue_leaves(uint32_t n)
{
    uint32_t leaves = 4;
    while (leaves < n)
        leaves *= 4;
    return leaves;
}

static inline void queue_reset(struct queue *q)
{
    memset(q->node, 0xff, 2 * (size_t)q->n_leaves * sizeof *q->node);
}

static inline uint64_t queue_key(int64_t t, enum event ev, uint32_t aircraft)
{
    return (uint64_t)t << (QUEUE_AIRCRAFT_BITS + QUEUE_PRIORITY_BITS)
           | (uint64_t)ev << QUEUE_AIRCRAFT_BITS | aircraft;
}

static inline int64_t queue_time(uint64_t key)
{
    return (int64_t)(key >> (QUEUE_AIRCRAFT_BITS + QUEUE_PRIORITY_BITS));
}

static inline enum event queue_event(uint64_t key)
{
    return (enum event)(key >> QUEUE_AIRCRAFT_BITS & ((1u << QUEUE_PRIORITY_BITS) - 1));
}

static inline uint32_t queue_aircraft(uint64_t key)
{
    return (uint32_t)key & ((1u << QUEUE_AIRCRAFT_BITS) - 1);
}

static inline uint64_t queue_earlier(uint64_t x, uint64_t y)
{
    return y < x ? y : x;
}

static inline void queue_set(struct queue *q, uint32_t aircraft, uint64_t key)
{
    uint64_t *node = q->node;
    uint32_t i = q->n_leaves + aircraft;

    node[i] = key;
    while (i > 1) {
        uint64_t others = queue_earlier(queue_earlier(node[i ^ 1], node[i ^ 2]), node[i ^ 3]);
        key = queue_earlier(key, others);
        i >>= 2;
        node[i] = key;
    }
}

static inline uint64_t queue_first(const struct queue *q)
{
    return q->node[1];
}

static inline uint64_t queue_of(const struct queue *q, uint32_t aircraft)
{
    return q->node[q->n_leaves + aircraft];
}

#endif
