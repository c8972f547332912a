// SPDX-License-Identifier: MIT
// commons.h - a directory that the commands of one job share on this machine, for what
// they would otherwise compute again: the graph behind each prefix of a recipe, a
// compiled model.
//
//   BASE/commons-HASH   named by the job's parameters and files
//
// A cache: its files may vanish at any time, and no result may depend on them.  Every rank
// that has the job open holds a shared lock; the last one removes the directory, and one
// that killed ranks left behind goes when the next one is opened.  It lies on the scratch
// directories' file system, so that a command's rename into it is atomic.
//
// Ownership  The opener owns the handle.
// Threads    Main thread only.

#ifndef WORKER_COMMONS_H
#define WORKER_COMMONS_H

#include <stdint.h>

#include "common/error.h"
#include "common/hash.h"

struct commons;

// `base` exists.  ERR_IO.
MUST_CHECK enum error commons_open(const char *base,
                                   const struct sha256 *name,
                                   uint64_t bytes_max,
                                   struct commons **out,
                                   struct errtext *t);
void commons_close(struct commons *c); // NULL is fine
const char *commons_path(const struct commons *c);
// A command has ended.  Now and then: while there is more than bytes_max, what was written
// longest ago goes.
void commons_used(struct commons *c);

#endif
