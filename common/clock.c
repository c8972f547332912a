// SPDX-License-Identifier: MIT
#include "common/clock.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    int failed = clock_gettime(id, &t);
    assert(!failed);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_cpu_now(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_sleep(int64_t ns)
{
    if (ns <= 0)
        return;
    struct timespec left = {.tv_sec = (time_t)(ns / CLOCK_SECOND),
                            .tv_nsec = (long)(ns % CLOCK_SECOND)};
    // Relative, and what is left after a signal is slept too.
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}
