// SPDX-License-Identifier: MIT
// command_line.h - a command of the job file with an item's values in its braces.
//
// Ownership  What is filled lives in the arena.
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_COMMAND_LINE_H
#define WORKER_EVALUATE_COMMAND_LINE_H

#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

struct command_line {
    const struct value *values; // a map: name -> value
    struct arena *arena;
    struct errtext *why;
};

// One text of at most `max` bytes; for the command line (max SANDBOX_TEXT_MAX) without
// NULs.  FAULT_JOB, with `name` in front.
MUST_CHECK enum error command_line_fill(const struct command_line *k,
                                        const struct value *text,
                                        size_t max,
                                        const char *name,
                                        const char **out,
                                        size_t *n); // or NULL

// A list: program and arguments; a text: sh -c.  NULL behind the last.
MUST_CHECK enum error command_line_argv(const struct command_line *k,
                                        const struct value *command,
                                        const char *const **argv);

// The job's parameters, the item's over them, then item and seed.
struct value command_line_values(struct arena *a,
                                 const struct value *params,
                                 const struct value *over,
                                 uint64_t item,
                                 uint64_t seed);

#endif
