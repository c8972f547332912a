// SPDX-License-Identifier: MIT
// dram.h - a DRAM controller's cycle model behind the ten parameters of ArchGym.
//
// Requests of four initiators pass an arbiter (at most max_active of them at once), wait
// in buffers, are picked by a scheduler, open and close rows of 8 banks by a page policy,
// and share one data bus; refresh stops all of it.  DDR3-1600 timing in cycles of 1.25 ns,
// energies of the order of a 2 Gb part.  A model of the same knobs as DRAMSys, not
// DRAMSys: shapes and trade-offs can be compared, absolute figures cannot.
//
// Source     Krishnan et al., "ArchGym", ISCA 2023 (parameters, targets); Rixner et al.,
//            ISCA 2000 (first ready, first come first served); JEDEC JESD79-3 (timing).
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_DRAM_H
#define WORKER_EVALUATE_DRAM_H

#include <stdint.h>

enum dram_page { PAGE_OPEN, PAGE_OPEN_ADAPTIVE, PAGE_CLOSED, PAGE_CLOSED_ADAPTIVE };
enum dram_scheduler { SCHEDULER_FIFO, SCHEDULER_FR_FCFS_GRP, SCHEDULER_FR_FCFS };
enum dram_buffer { BUFFER_BANKWISE, BUFFER_READ_WRITE, BUFFER_SHARED };
enum dram_response { RESPONSE_FIFO, RESPONSE_REORDER };
enum dram_refresh { REFRESH_NONE, REFRESH_ALL_BANK };
enum dram_arbiter { ARBITER_SIMPLE, ARBITER_FIFO, ARBITER_REORDER };
enum dram_trace { TRACE_STREAM, TRACE_RANDOM, TRACE_CLOUD_1, TRACE_CLOUD_2 };

struct dram_config {
    int page, scheduler, buffer, response, refresh, arbiter; // of the enums
    int64_t buffer_size, max_postponed, max_pulled_in;       // 1..8
    int64_t max_active;                                      // 1..128
};

struct dram_result {
    double energy_uj, power_w;
    double latency_ns; // mean, from arrival to response
};

enum { DRAM_REQUESTS_MAX = 65536 };

// n requests of a trace, the same ones for a seed.
void dram_run(const struct dram_config *c,
              enum dram_trace trace,
              uint32_t n,
              uint64_t seed,
              struct dram_result *out);

#endif
