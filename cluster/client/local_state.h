// SPDX-License-Identifier: MIT
// local_state.h - what the files of local share.
//
// Threads    As in local.h.

#ifndef CLUSTER_CLIENT_LOCAL_STATE_H
#define CLUSTER_CLIENT_LOCAL_STATE_H

#include <sys/types.h>

#include "cluster/client/local.h"
#include "common/arena.h"
#include "protocol/caller.h"

// The coordinator or a pod.
struct member {
    char name[32]; // "coordinator", "pod 0"
    const char *const *argv;
    const char *log; // NULL: standard error
    pid_t pid;       // 0: not running
    uint32_t n_ranks;
    uint32_t n_starts; // since it was last seen alive
    int64_t again;     // when it is started next; 0: not planned
    bool joined;       // since its last start
    bool ended;        // given up, or told to end
};

struct local {
    struct local_options o;
    struct arena *arena;
    char **env;
    const char *announcement; // path of coordinator.json
    const char *url;          // where the coordinator is told to listen
    char *endpoint;           // NULL: not announced by the present one
    char *keys;
    struct member coordinator;
    struct member *pods;
    struct caller *caller; // asks who joined
    int64_t look;          // when next
    char failure[512];
};

// Which pods have ranks that joined: looked up at the coordinator.
void local_look(struct local *l);
// Read STATE/coordinator.json; true when it is of the running coordinator.
bool local_read_announcement(struct local *l);
// The coordinator's and the pods' command lines.
MUST_CHECK enum error local_plan(struct local *l, struct errtext *t);
// The coordinator is told to end, and tells its workers.  False: it was not reached.
bool local_shutdown(struct local *l);

#endif
