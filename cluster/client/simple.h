// SPDX-License-Identifier: MIT
// simple.h - subcommands that are one request: options, question, answer.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_SIMPLE_H
#define CLUSTER_CLIENT_SIMPLE_H

#include "cluster/client/command.h"
#include "cluster/client/target.h"

// The rows of a command without options of its own.
extern const struct option_row simple_rows[];

struct simple {
    const char *verb;
    const char *argument; // the key of the one argument; NULL: there is none
    bool optional;        // it may be left out
    void (*print)(const struct value *reply, struct arena *a);
};

int simple_run(const struct command *self, const struct simple *s, int argc, char **argv);
// The last part: `args` asked, the reply shown.
int simple_ask(const struct target *g,
               const struct simple *s,
               const struct value *args,
               struct arena *a);

#endif
