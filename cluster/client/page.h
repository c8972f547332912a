// SPDX-License-Identifier: MIT
// page.h - the report's page: its pieces are files of page/, built into the program.
//
// One file that asks no network for anything: style, scripts, and the data as JSON.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_PAGE_H
#define CLUSTER_CLIENT_PAGE_H

#include "common/buf.h"
#include "common/error.h"

// Writes the page beside its place, then renames it there.  `data` is JSON.
MUST_CHECK enum error
page_write(const char *path, const char *title, const struct buf *data, struct errtext *t);

#endif
