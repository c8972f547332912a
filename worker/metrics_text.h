// SPDX-License-Identifier: MIT
// metrics_text.h - the metrics of a command, read from what it printed.
//
// Three forms: nothing asked (the one metric `exit`, 0); "json": the last line
// of stdout that is not empty is an object name -> number, string or true and
// false (1 and 0); or a map name -> regular expression with one group, whose
// last match in stdout, else in stderr, is the number.  Everything that is not
// exactly this is the job's fault and said in one line.  This is pcre2.h's
// only home.
//
// Ownership  The opener owns the rule; metrics live in the caller's arena.
// Threads    A rule belongs to one thread.

#ifndef WORKER_METRICS_TEXT_H
#define WORKER_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum {
    METRICS_NAME_MAX = 64,     // bytes
    METRICS_STRING_MAX = 1024, // bytes of a metric that is a string
};

struct metrics_text; // a rule, its expressions compiled

struct metrics_source {
    const char *out;
    size_t n_out;
    bool out_cut; // the beginning is missing
    const char *err;
    size_t n_err;
};

// `spec` is the parameter `metrics`, NULL or null when absent.  ERR_PARSE with
// "line:column: " before the text when the place is known.
MUST_CHECK enum error
metrics_text_open(const struct value *spec, struct metrics_text **out, struct errtext *t);
void metrics_text_close(struct metrics_text *m); // NULL is fine

// *out becomes a map.  FAULT_JOB.
MUST_CHECK enum error metrics_text_read(const struct metrics_text *m,
                                        const struct metrics_source *s,
                                        struct arena *a,
                                        struct value *out,
                                        struct errtext *t);

#endif
