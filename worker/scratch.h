// SPDX-License-Identifier: MIT
// scratch.h - a command's directory: filling it, measuring it, removing it.
//
// What a command leaves behind is hostile until proven otherwise: directories
// without permissions, a hundred thousand levels deep, changing while we look.
// Nothing here follows a symbolic link or keeps more than a few descriptors.
//
// Ownership  No state.
// Threads    Any.

#ifndef WORKER_SCRATCH_H
#define WORKER_SCRATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/sandbox.h"

// Relative, and every part a plain name: no "..", no empty part, no end in '/'.
bool scratch_name_ok(const char *name);

// Write one file into the directory, with its parents; *size is its length.
// ERR_INVALID: a bad name; ERR_EXISTS: the name is taken; ERR_IO.
MUST_CHECK enum error scratch_put(const char *directory,
                                  const struct sandbox_file *f,
                                  uint64_t *size,
                                  struct errtext *t);

// True when `name` is a regular file below the directory and no part of the
// way is a symbolic link: safe to open.
bool scratch_is_file(const char *directory, const char *name);

enum scratch_verdict {
    SCRATCH_FITS,
    SCRATCH_TOO_BIG,
    SCRATCH_TOO_MANY, // entries
    SCRATCH_TOO_DEEP,
    SCRATCH_OPAQUE, // a directory that cannot be read
};

// Disk space below the directory, compared with `max` bytes.  The walk ends at
// the first excess, so its time is bounded too.
enum scratch_verdict scratch_measure(const char *directory, uint64_t max, uint64_t *bytes);

// Remove the directory and everything below.  False when something resists.
bool scratch_remove(const char *directory);

#endif
