// SPDX-License-Identifier: MIT
// launch.h - child processes that never outlive us.
//
// A child has its own session, no terminal, standard output and error in a log
// file, and SIGTERM as soon as we are gone (PR_SET_PDEATHSIG).
//
// Threads    The thread that starts children must live as long as they shall.

#ifndef CLUSTER_CLIENT_LAUNCH_H
#define CLUSTER_CLIENT_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/arena.h"
#include "common/error.h"

struct launch {
    const char *const *argv; // argv[0]: the program's path
    char *const *env;
    const char *log; // appended to; NULL: our own standard error
};

MUST_CHECK enum error launch_start(const struct launch *l, pid_t *out, struct errtext *t);

// The program of that name in the directory of our own, in the arena; NULL with
// a message when it is not there.
const char *launch_beside(const char *name, struct arena *a, struct errtext *t);
// The first of PATH; NULL: none.
const char *launch_in_path(const char *name, struct arena *a);
// Our environment without what a launcher or an outer cluster left in it, and with
// what Open MPI needs on one machine.  `more`: "NAME=value", NULL-ended.
char **launch_environment(const char *const *more, struct arena *a);

// The parent of a process; 0: unknown.
pid_t launch_parent_of(pid_t pid);

// Orphans of our children become ours, so that launch_kill_all finds them.
void launch_adopt(void);
// SIGKILL to every child, theirs too, until there is none.
void launch_kill_all(void);

#endif
