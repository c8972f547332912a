// SPDX-License-Identifier: MIT
// host_state.h - a host's inside, for the files beneath host.h only.
//
// Threads    The main thread's, but for `exit_status` while the watching thread
//            runs.

#ifndef WORKER_HOST_STATE_H
#define WORKER_HOST_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "common/arena.h"
#include "worker/host.h"

enum { EXIT_FAILED = 1, EXIT_BAD_JOB = 2, EXIT_UNREACHED = 3, EXIT_STOPPED = 130 };

struct host {
    struct host_options o;
    struct arena *arena;
    char *state_dir, *log_path;
    char *endpoint, *key_dir; // as rank 0 connects
    pid_t child;              // the coordinator; 0: gone
    bool watching;
    pthread_t thread;
    _Atomic bool stop;
    int exit_status;
};

bool host_is_dead(struct host *h);
void host_watch_stop(struct host *h);

#endif
