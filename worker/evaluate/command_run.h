// SPDX-License-Identifier: MIT
// command_run.h - what workloads that run a command for each item do alike.
//
// Threads    Main thread.

#ifndef WORKER_EVALUATE_COMMAND_RUN_H
#define WORKER_EVALUATE_COMMAND_RUN_H

#include "worker/workload.h"

struct command_watch {
    struct run *r;
    uint64_t item;
};

// For a sandbox_command, with a command_watch as its argument: a silent command is no
// stall, being asked is progress; what it prints is logged as it comes.
bool command_poll(void *watch, const char *output, size_t n);

// The item's fault; said[n], which may be empty, is what the command said last.
void command_fault(const struct command_watch *w,
                   enum error blame,
                   int64_t code,
                   const char *text,
                   const char *said,
                   size_t n);

// The lease's items one by one.  `item`: ERR_CANCELLED ends it well; another error is
// that this rank cannot run commands any more, FAULT_WORKER.
MUST_CHECK enum error
command_each(enum error (*item)(void *state, struct run *r, uint32_t i, struct errtext *t),
             void *state,
             struct run *r,
             struct errtext *t);

#endif
