// SPDX-License-Identifier: MIT
// sandbox_spawn.h - one command started, without a copy of our page tables.
//
// The child shares our memory until it is another program (the way of vfork),
// so starting one costs the same whatever the size of this process.
//
// Threads    The helper's only one, with all signals blocked.

#ifndef WORKER_SANDBOX_SPAWN_H
#define WORKER_SANDBOX_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "worker/sandbox_wire.h"

// Start what the request says; descriptors: stdin (-1: as ours), stdout, stderr.
// Returns the process, or -1 with reply->error and reply->machine filled in.
pid_t sandbox_spawn(struct sandbox_request *q, const int fds[3], struct sandbox_reply *reply);

// The request's first text: its directory.
const char *sandbox_spawn_directory(const struct sandbox_request *q);

#endif
