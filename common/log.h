// SPDX-License-Identifier: MIT
// log.h - changes of state, one line each, on standard error.
//
// LOG_INFO("lease.expired", "shard=%" PRIu64, shard): a stable event name for
// grep and tests, then key=value.  Time, level, role and rank are added here.
// info: an operator cares; warn: someone should look; error: we stop doing
// something.  The same event from the same place more than LOG_REPEAT_MAX times
// a second is counted, and the count is said once.
//
// Threads    Any; one write(2) a line.

#ifndef COMMON_LOG_H
#define COMMON_LOG_H

enum { LOG_REPEAT_MAX = 10 };
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_init(const char *role, int rank, enum log_level least); // rank -1: none
void log_write(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG_DEBUG(event, ...) log_write(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define LOG_INFO(event, ...)  log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_WARN(event, ...)  log_write(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define LOG_ERROR(event, ...) log_write(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
