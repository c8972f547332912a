// SPDX-License-Identifier: MIT
// printable.h - a program's output made safe for messages, journals and terminals.
//
// Threads    Any; pure.

#ifndef WORKER_PRINTABLE_H
#define WORKER_PRINTABLE_H

#include "common/value.h"

// The last `max` bytes at most, as UTF-8: what is none, and control characters
// but tab and newline, become '?'.
struct value printable_tail(struct arena *a, const char *p, size_t n, size_t max);

#endif
