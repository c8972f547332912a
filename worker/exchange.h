// SPDX-License-Identifier: MIT
// exchange.h - what the link thread and the main thread hand to each other: one
// block a turn, with everything of that turn in it.
//
// Blocks are made by their sender, travel through a mailbox, and travel back
// empty inside the next block of the other side, so that in steady state nothing
// is allocated and nothing costs a wake-up of its own.
//
// Ownership  A block belongs to whoever has it.  What it points to lives in its
//            arena.
// Threads    One at a time.

#ifndef WORKER_EXCHANGE_H
#define WORKER_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "protocol/message.h"

enum order_type {
    ORDER_JOB,    // job: payload of a JOB message
    ORDER_FORGET, // number: job
    ORDER_LEASE,  // lease
    ORDER_GANG,   // gang
    ORDER_REVOKE, // number: lease
    ORDER_SERVE,  // serve
    ORDER_END,    // why, failed
};

struct order_gang {
    uint64_t gang;
    uint32_t first_rank, n_ranks;
    const struct rec_lease *leases;
    uint32_t n_leases;
};

struct order {
    enum order_type type;
    union {
        struct bin job;
        uint64_t number;
        struct rec_lease lease;
        struct order_gang gang;
        struct msg_serve serve;
        struct {
            const char *why;
            bool failed;
        };
    };
};

struct report;

// From the link thread to main.
struct orders {
    struct arena *arena;
    struct order *list;
    uint32_t n, cap;
    uint32_t at;          // main: the next one to do
    struct report *spent; // done with, going back
    struct orders *next;  // in main's queue, or of those on their way back
};

// From main to the link thread.
struct report {
    struct arena *arena;
    struct rec_result *results;
    uint32_t n_results, cap_results;
    uint64_t *dropped;
    uint32_t n_dropped, cap_dropped;
    uint64_t *gangs_done;
    uint32_t n_gangs_done, cap_gangs_done;
    struct msg_log *logs;
    uint32_t n_logs, cap_logs;
    size_t log_bytes;
    struct msg_served served; // the lease's, of one turn
    uint32_t cap_pieces;
    struct orders *spent; // done with, going back
    struct report *next;
};

struct orders *orders_create(void);
void orders_destroy(struct orders *o); // the whole list; NULL is fine
void orders_reset(struct orders *o);
struct order *orders_add(struct orders *o, enum order_type type);

struct report *report_create(void);
void report_destroy(struct report *r); // the whole list; NULL is fine
void report_reset(struct report *r);
bool report_is_empty(const struct report *r); // nothing to tell; spent blocks may wait
struct rec_result *report_add_result(struct report *r);
void report_add_dropped(struct report *r, uint64_t lease);
void report_add_gang_done(struct report *r, uint64_t gang);
void report_add_log(struct report *r,
                    const struct msg_log *m); // copies; past a bound it is lost
void report_add_piece(struct report *r, uint64_t lease, const struct rec_piece *p); // copies

#endif
