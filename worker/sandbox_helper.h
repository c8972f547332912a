// SPDX-License-Identifier: MIT
// sandbox_helper.h - the process that starts, watches and kills commands.
//
// Threads    The helper has one.

#ifndef WORKER_SANDBOX_HELPER_H
#define WORKER_SANDBOX_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

struct sandbox_setup {
    int sock; // our end; everything else is closed
    pid_t parent;
    bool namespaces;     // we are the first process of new pid and mount namespaces
    bool user_namespace; // and of a user namespace, to be mapped
    bool network;        // false: in a new network namespace too
    uid_t uid;           // of the parent, outside
    gid_t gid;
    const char *hold; // removed at the end, with all scratch directories in it
};

// The whole life of the helper; returns its exit status.
int sandbox_helper(const struct sandbox_setup *s);

#endif
