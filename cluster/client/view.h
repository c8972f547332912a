// SPDX-License-Identifier: MIT
// view.h - a job's progress, live.
//
// On a terminal: lines that are drawn over, with a bar, the rate, the time left,
// the best so far and how it came about.  Elsewhere: a line now and then.
// Always on standard error.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_VIEW_H
#define CLUSTER_CLIENT_VIEW_H

#include "common/value.h"

struct view;

struct view *view_open(void);
void view_close(struct view *v); // NULL is fine
void view_update(struct view *v, const struct value *status);
void view_note(struct view *v, const char *text);
void view_tick(struct view *v);  // ten times a second or so
void view_clear(struct view *v); // off the screen

#endif
