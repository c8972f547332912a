// SPDX-License-Identifier: MIT
// standing.h - the supervisor of `up` as others see it: its directory and lock.
//
// STATE/supervisor.lock is a record lock: the kernel names its holder and drops it
// however the holder ends, so there is no stale pid.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_STANDING_H
#define CLUSTER_CLIENT_STANDING_H

#include <sys/types.h>

#include "common/error.h"

// The directory with its parents, for us alone.
MUST_CHECK enum error standing_make(const char *dir, struct errtext *t);
// ERR_BUSY: a supervisor runs there.  Closing *fd gives it back.
MUST_CHECK enum error standing_lock(const char *dir, int *fd, struct errtext *t);
pid_t standing_holder(const char *dir); // 0: none
// A session of our own, nothing open but `supervisor.log` and the descriptor `kept`.
MUST_CHECK enum error standing_detach(const char *dir, int kept, struct errtext *t);

#endif
