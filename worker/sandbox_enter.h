// SPDX-License-Identifier: MIT
// sandbox_enter.h - a fresh fork of a rank becomes a small, closed helper.
//
// Threads    The helper's only one.

#ifndef WORKER_SANDBOX_ENTER_H
#define WORKER_SANDBOX_ENTER_H

#include "worker/sandbox_helper.h"

// Close what is not ours, cut the ties to the terminal, set the limits that
// hold for all commands, enter the namespaces.  Returns a descriptor that
// tells of ended children and SIGTERM, or -1 when a namespace cannot be used.
int sandbox_enter(const struct sandbox_setup *s);

#endif
