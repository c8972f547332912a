// SPDX-License-Identifier: MIT
// rts.h - the remote temperature sensor of the architecture trade-off literature.
//
// Clients ask for every furnace's temperature once a period, in turn at n servers: each
// an M/M/1 queue.  The running case of ATAM (Kazman, Klein, Clements, 2000) and its
// descendants, in closed form:
//
//     load         rate / (n service), rate = clients furnaces / period
//     latency      1 / (service - rate / n) + period / 2: the age of what a client knows
//     availability 1 - (1 - A)^n: one server of n is enough
//     exposure     1 - (1 - p)^n: one of n is broken into within a window
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_RTS_H
#define WORKER_EVALUATE_RTS_H

#include <stdbool.h>
#include <stdint.h>

struct rts {
    uint32_t servers, clients, furnaces;
    double period_s, service_hz, availability, attack;
};

struct rts_figures {
    double latency_s, availability, exposure, load;
};

bool rts_evaluate(const struct rts *k, struct rts_figures *out); // false: it cannot keep up

#endif
