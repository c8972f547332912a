// SPDX-License-Identifier: MIT
// target.h - which coordinator a command talks to, and asking it.
//
// A flag counts more than the environment, that more than the file that a
// coordinator leaves in its state directory; without any of them the state
// directory is ~/.local/state/shoal.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_TARGET_H
#define CLUSTER_CLIENT_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/options.h"
#include "protocol/caller.h"

struct target {
    const char *coordinator;
    const char *state;
    const char *keys;
    bool json;
};

// Rows for commands whose options begin with a struct target.
#define TARGET_ROWS                                                                            \
    {"coordinator",                                                                            \
     'c',                                                                                      \
     OPTION_STR,                                                                               \
     "URL",                                                                                    \
     "SHOAL_COORDINATOR",                                                                      \
     "the coordinator: tcp://HOST:PORT or ipc://PATH",                                         \
     0,                                                                                        \
     0,                                                                                        \
     offsetof(struct target, coordinator)},                                                    \
        {"state",                                                                              \
         's',                                                                                  \
         OPTION_STR,                                                                           \
         "DIR",                                                                                \
         "SHOAL_STATE",                                                                        \
         "the state directory that tells where it listens; default ~/.local/state/shoal",      \
         0,                                                                                    \
         0,                                                                                    \
         offsetof(struct target, state)},                                                      \
        {"keys",                                                                               \
         'k',                                                                                  \
         OPTION_STR,                                                                           \
         "DIR",                                                                                \
         "SHOAL_KEYS",                                                                         \
         "the key directory, for tcp",                                                         \
         0,                                                                                    \
         0,                                                                                    \
         offsetof(struct target, keys)},                                                       \
    {                                                                                          \
        "json", 0, OPTION_FLAG, NULL, NULL, "print one JSON document", 0, 0,                   \
            offsetof(struct target, json)                                                      \
    }

// The state directory, absolute: of the option, else the default.
MUST_CHECK enum error
target_state(const char *option, struct arena *a, const char **out, struct errtext *t);
// Where and with which keys (NULL: none).  ERR_CLOSED: nothing runs there.
MUST_CHECK enum error target_find(const struct target *g,
                                  struct arena *a,
                                  const char **endpoint,
                                  const char **keys,
                                  struct errtext *t);
MUST_CHECK enum error
target_open(const struct target *g, struct arena *a, struct caller **out, struct errtext *t);
// One request from the opening to its answer.
MUST_CHECK enum error target_ask(const struct target *g,
                                 const char *verb,
                                 const struct value *args,
                                 struct arena *a,
                                 struct value *reply,
                                 struct errtext *t);

#endif
