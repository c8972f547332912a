// SPDX-License-Identifier: MIT
// clock.h - the only place that reads a clock.
//
// Threads    Any.

#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_MS     INT64_C(1000000)

int64_t clock_now(void);      // monotonic, nanoseconds
int64_t clock_wall_now(void); // Unix time, nanoseconds
int64_t clock_cpu_now(void);  // CPU time of this process, nanoseconds
void clock_sleep(int64_t ns);

#endif
