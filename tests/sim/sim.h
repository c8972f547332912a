// SPDX-License-Identifier: MIT
// sim.h - a cluster in one process under virtual time: the real core and the
// real links, a bad network, a disk that forgets, pods that die and hang.
//
// One event a step, the earliest first; ties go to the one scheduled first.
// Everything random comes from the seed.  After each step the core's laws are
// checked; what was committed must be told again after a crash; when the faults
// stop, every job must end with each item told exactly once.
//
//   network.c  messages on their way, as bytes: delayed, dropped, doubled, out of order
//   head.c     the coordinator: core, disk, drivers that count
//   pod.c      pods of ranks: link, and a main thread that works, stands still, dies
//   main.c     seeds, laws, trace hash
//
// Threads    None.

#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/rng.h"
#include "coordinator/core.h"
#include "worker/link.h"

enum {
    PODS = 3,
    RANKS = 4, // in each pod
    LINKS = PODS * RANKS,
    JOBS = 3, // two of solo shards, one of gangs of two
    ITEMS_MAX = 400,
    MAIN_QUEUE = 1024,
};

struct packet {
    int64_t at;
    uint64_t order; // breaks ties
    bool to_head;
    uint32_t link;     // index of the rank
    uint64_t instance; // of the pod then: a packet does not outlive its ends
    uint64_t life;     // of the coordinator then
    uint8_t *header;
    uint8_t *payload;
    uint32_t n;
};

struct sim_job {
    uint64_t n_items;
    uint32_t gang;
    uint32_t told[ITEMS_MAX]; // in this life of the coordinator
    bool durable[ITEMS_MAX];  // its result was committed
    uint64_t n_told;
    bool ended;  // EFFECT_JOB seen
    bool closed; // its end was committed
};

struct kept { // one entry on the disk
    enum journal_kind kind;
    uint64_t job;
    uint8_t *bytes;
    uint32_t n;
};

struct turn { // handed to the disk, not yet committed
    struct arena *arena;
    struct effect *list;
    uint32_t n;
    int64_t commit_at;
    struct turn *next;
};

struct head {
    struct core *core; // NULL: down
    uint64_t life;
    int64_t up_at; // when down
    struct turn *turns, **last;
    struct kept *kept;
    uint32_t n_kept, cap_kept;
    int64_t turn_at; // when the next turn ends; INT64_MAX: nothing happened
    uint64_t incarnation;
};

struct work {
    struct rec_lease lease;
    uint64_t gang; // 0: solo
    uint32_t first_rank, n_ranks;
};

struct sim_rank {
    struct link *link; // NULL: the pod is down
    struct work queue[MAIN_QUEUE];
    uint32_t n_queue;
    int64_t done_at; // of queue[0]; INT64_MAX: not started
    int64_t hangs_until;
    uint64_t last_gang_lease; // it has been through: others may still be inside
    uint64_t progress;
};

struct sim_pod {
    uint64_t instance; // 0: down
    int64_t up_at;
};

struct sim {
    struct rng rng;
    int64_t now;
    int64_t faults_end;
    uint64_t order;
    uint64_t hash;
    struct packet *packets;
    uint32_t n_packets, cap_packets;
    struct head head;
    struct sim_rank ranks[LINKS];
    struct sim_pod pods[PODS];
    struct sim_job jobs[JOBS + 1]; // by number, from 1
    uint64_t next_instance;
    struct arena *arena; // of one step
    uint64_t n_crashes, n_pod_losses, n_dropped;
    char broken[512]; // the law that was broken, or empty
};

static inline uint64_t sim_draw(struct sim *s, uint64_t n)
{
    return rng_below(&s->rng, n);
}
static inline bool sim_faulty(const struct sim *s)
{
    return s->now < s->faults_end;
}
void sim_trace(struct sim *s, uint64_t what, uint64_t a, uint64_t b);
void sim_break(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// network.c
void network_send(struct sim *s, bool to_head, uint32_t link, const struct message *m);
int64_t network_next(const struct sim *s);
void network_deliver(struct sim *s); // the earliest
void network_fini(struct sim *s);

// head.c
void head_start(struct sim *s);
void head_crash(struct sim *s);
void head_receive(struct sim *s, uint32_t link, const struct message *m);
int64_t head_next(const struct sim *s);
void head_step(struct sim *s);
void head_fini(struct sim *s);
bool head_all_done(const struct sim *s);

// pod.c
void pod_start(struct sim *s, uint32_t pod);
void pod_kill(struct sim *s, uint32_t pod);
void pod_receive(struct sim *s, uint32_t link, const struct message *m);
int64_t pod_next(const struct sim *s);
void pod_step(struct sim *s);

#endif
