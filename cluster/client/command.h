// SPDX-License-Identifier: MIT
// command.h - subcommands: one file each, one row in the table of command.c.
//
// Threads    One thread a program.

#ifndef CLUSTER_CLIENT_COMMAND_H
#define CLUSTER_CLIENT_COMMAND_H

#include <stdbool.h>

#include "common/error.h"
#include "common/options.h"

// How a program ends.
enum {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,    // the job, or something on the way
    STATUS_USAGE = 2,     // the command line or the job file
    STATUS_UNREACHED = 3, // no coordinator
    STATUS_INTERRUPTED = 130,
};

struct command {
    const char *name;
    const char *usage; // what stands behind "shoal NAME"
    const char *help;  // a few words for the list
    const char *about; // a paragraph for --help
    const struct option_row *rows;
    bool stop_at_argument;
    int (*run)(const struct command *self, int argc, char **argv); // argv behind the name
};

extern const struct command *const command_table[]; // NULL-ended

const struct command *command_find(const char *name);
void command_list(void); // on stdout

// Options into *target, the arguments to the front of argv, *n_args of them, and
// from `least` to `most`.  False: the program ends with *status.
bool command_parse(
    const struct command *c, int argc, char **argv, void *target, int *n_args, int *status);
// Too few or too many arguments are said, with the usage; false then.
bool command_arguments(const struct command *c, int n_args, int least, int most);

// "shoal: text" on stderr; the exit status that belongs to the code.
int command_fail(enum error e, const struct errtext *t);
int command_status(enum error e);

#endif
