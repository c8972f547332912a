// SPDX-License-Identifier: MIT
// fit.h - a line through measured times: latency plus size over bandwidth.
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_FIT_H
#define WORKER_EVALUATE_FIT_H

#include <stddef.h>

struct fit {
    double latency;  // s, at least 0
    double per_byte; // s, at least 0
    double residual; // root of the mean of squares of (line - time) / time
};

// The line of least squares of *relative* errors, since the times go over
// orders of magnitude and a microsecond matters at the small end only.  Where the
// best line would have a negative part, that part is 0.  n of at least 1; times
// are above 0, some size is above 0.
struct fit fit_line(const double *bytes, const double *seconds, size_t n);

#endif
