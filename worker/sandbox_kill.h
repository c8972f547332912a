// SPDX-License-Identifier: MIT
// sandbox_kill.h - all descendants of this process: how many, and a signal to each.
//
// In an own pid namespace, of which this process is the first, the kernel does
// it in one call that nobody escapes.  Elsewhere the process table is walked:
// this process is a subreaper, so orphans stay below it.  A walk races with
// processes that fork; before SIGKILL all are therefore stopped, group by group
// and pass by pass, until a pass finds nobody who runs.
//
// Threads    Any.

#ifndef WORKER_SANDBOX_KILL_H
#define WORKER_SANDBOX_KILL_H

#include <stdbool.h>
#include <stdint.h>

void sandbox_kill(bool first_of_namespace, int signal);
uint32_t sandbox_kill_count(bool first_of_namespace); // without zombies

#endif
