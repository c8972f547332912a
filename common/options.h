// SPDX-License-Identifier: MIT
// options.h - one table: command line, environment, --help, completion.
//
// Precedence flag > environment > default.  "--name value", "--name=value",
// "-n value", "--" ends options, options and arguments may mix (unless
// stop_at_argument).  An unknown option is an error with a "did you mean".
//
// Threads    Start-up only.

#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum option_type { OPTION_FLAG, OPTION_STR, OPTION_INT };

struct option_row {
    const char *name; // "listen": --listen; a row with NULL ends the table
    char letter;      // 'n' or 0
    enum option_type type;
    const char *placeholder; // "URL"; NULL for a flag
    const char *environment; // "SHOAL_COORDINATOR" or NULL
    const char *help;        // one sentence
    int64_t min, max;        // for OPTION_INT
    size_t offset;           // of the bool, const char * or int64_t in the target struct
};

struct options {
    const char *program; // "shoal run"
    const char *usage;   // "JOB.yaml [options]"
    const char *about;   // paragraph for --help
    const struct option_row *rows;
    bool stop_at_argument; // everything from the first plain argument on is an argument
};

// Fill *target (defaults are what it holds before) from argv[0..argc), which
// starts behind the program's or the subcommand's name.  The arguments that are
// left are moved to the front of argv, *n_args of them, in order.  Strings are
// borrowed from argv and the environment.
// ERR_CANCELLED: --help or --version was asked and printed on stdout.
MUST_CHECK enum error options_parse(const struct options *o,
                                    int argc,
                                    char **argv,
                                    void *target,
                                    int *n_args,
                                    struct errtext *t);
void options_help(const struct options *o); // on stdout

// The name in `names` (NULL-ended) nearest to `word` within a third of its
// length in edits (a swap of neighbours is one), or NULL.  For "did you mean".
const char *options_nearest(const char *word, const char *const *names);

#endif
