// SPDX-License-Identifier: MIT
// show.h - documents for people and for programs.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_SHOW_H
#define CLUSTER_CLIENT_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/value.h"

// Indented JSON and a newline on stdout.  False: it could not be written.
bool show_json(const struct value *v);
// A final document's exit status: done or not.
int show_status_of(const struct value *doc);

// Lookups that never fail: "" or 0 when absent or of another type.
const char *show_text(const struct value *map, const char *key);
double show_number(const struct value *map, const char *key);
// For people: "12.3 s", "1 h 05 min"; "1,234,567"; "12.3/s"; six significant
// digits; "area 142.8  delay 8.9".
void show_seconds(double s, struct buf *out);
void show_count(double n, struct buf *out);
void show_rate(double per_s, struct buf *out);
void show_value(const struct value *v, struct buf *out);
void show_pairs(const struct value *map, struct buf *out);

#endif
