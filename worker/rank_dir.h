// SPDX-License-Identifier: MIT
// rank_dir.h - where a rank keeps files: a base that all ranks of the host and
// user share, and a directory of its own in it, gone with the rank.
//
//   BASE/cache         blobs (cache.h)
//   BASE/rank-XXXXXX   this rank's; locked while it lives
//
// What killed ranks left behind is found by its missing lock and removed by the
// next one that starts.
//
// Ownership  In the caller's storage; close removes the rank's directory.
// Threads    Start-up and end only.

#ifndef WORKER_RANK_DIR_H
#define WORKER_RANK_DIR_H

#include "common/error.h"

struct rank_dir {
    char base[512];
    char own[600];
    int lock; // on `own`
};

// `base` NULL: $TMPDIR/shoal-UID.  ERR_IO; ERR_DENIED: it is not ours, or others
// may write there.
MUST_CHECK enum error rank_dir_open(const char *base, struct rank_dir *d, struct errtext *t);
void rank_dir_close(struct rank_dir *d);

#endif
