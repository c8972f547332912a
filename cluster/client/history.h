// SPDX-License-Identifier: MIT
// history.h - the whole history of a search as a table or as lines of JSON.
//
// A table's columns: trial, state, the parameters, the metrics, each in the order in which
// the history has them first; a cell is empty where a trial has none.  A name that is taken
// gets "params." or "metrics." before it.  Cells are quoted as RFC 4180, section 2 says;
// lists and maps are JSON in a cell; lines end in \n.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_HISTORY_H
#define CLUSTER_CLIENT_HISTORY_H

#include <stdio.h>

#include "common/error.h"
#include "common/value.h"
#include "protocol/caller.h"

bool history_is_format(const char *name); // csv, jsonl

// The artefact history.jsonl of a final document on stdout.
MUST_CHECK enum error history_print(struct caller *c,
                                    const struct value *document,
                                    const char *format,
                                    struct errtext *t);
// Lines of JSON, read twice, as a table; `name` is for error texts.
MUST_CHECK enum error history_to_csv(FILE *in, const char *name, FILE *out, struct errtext *t);

#endif
