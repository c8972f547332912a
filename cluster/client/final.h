// SPDX-License-Identifier: MIT
// final.h - the final document of a job, for people or as JSON.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_FINAL_H
#define CLUSTER_CLIENT_FINAL_H

#include <stdbool.h>

#include "common/value.h"

// On stdout.  False: it could not be written.
bool final_print(const struct value *doc, bool json);

#endif
