// SPDX-License-Identifier: MIT
// job_text.h - the file that a job was made of.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_JOB_TEXT_H
#define CLUSTER_CLIENT_JOB_TEXT_H

#include "common/arena.h"
#include "common/value.h"
#include "protocol/caller.h"

// As data in *spec; *reply: what the coordinator answered to `file`, with its attachments.
// ERR_DENIED: our key may not read it.
MUST_CHECK enum error job_text(struct caller *c,
                               const char *job,
                               struct arena *a,
                               struct value *reply,
                               struct value *spec,
                               struct errtext *t);

#endif
