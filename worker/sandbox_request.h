// SPDX-License-Identifier: MIT
// sandbox_request.h - a command as the packet that goes to the helper.
//
// Here the clean environment is made: a few variables of ours, then the
// command's, which win.  Nothing of the rank's own environment passes.
//
// Threads    Any; no state.

#ifndef WORKER_SANDBOX_REQUEST_H
#define WORKER_SANDBOX_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/sandbox_wire.h"

// `attached` bytes are in the directory already and are no part of the quota.
// False: arguments and variables do not fit into the packet.
bool sandbox_request_fill(struct sandbox_request *q,
                          const struct sandbox_command *c,
                          const char *directory,
                          uint64_t attached);

#endif
