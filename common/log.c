// SPDX-License-Identifier: MIT
#include "common/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

// A line is one write(2): at most PIPE_BUF, so that lines of many ranks on one
// pipe never mix.
enum { LINE_MAX_BYTES = 4096, PLACES = 64 };

// A place in the code that logs, and how often it did in its present second.
struct place {
    const char *event;
    const char *fmt;
    int64_t since;
    uint64_t n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[PLACES];
static char role_name[64] = "shoal";
static enum log_level least_level = LOG_LEVEL_INFO;

void log_init(const char *role, int rank, enum log_level least)
{
    pthread_mutex_lock(&lock);
    if (rank < 0)
        (void)snprintf(role_name, sizeof role_name, "%s", role);
    else
        (void)snprintf(role_name, sizeof role_name, "%s.%d", role, rank);
    least_level = least;
    pthread_mutex_unlock(&lock);
}

static size_t put_head(char *line, size_t size, enum log_level level, const char *event)
{
    static const char *const name[] = {"debug", "info", "warn", "error"};
    int64_t now = clock_wall_now();
    time_t seconds = (time_t)(now / CLOCK_SECOND);
    struct tm tm;
    char when[32];

    gmtime_r(&seconds, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    return (size_t)snprintf(line, size, "%s.%03dZ %-5s %s %.80s", when,
                            (int)(now % CLOCK_SECOND / CLOCK_MS), name[level], role_name,
                            event);
}

// Whatever a peer put into a text, a line stays a line.
static void write_line(char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    line[n] = '\n';
    ssize_t written = write(STDERR_FILENO, line, n + 1);
    (void)written; // there is no other place to complain
}

static void say_repeats(struct place *p)
{
    char line[256];
    size_t n = put_head(line, sizeof line, LOG_LEVEL_INFO, p->event);

    n += (size_t)snprintf(line + n, sizeof line - n, " repeated=%llu",
                          (unsigned long long)(p->n - LOG_REPEAT_MAX));
    write_line(line, n);
}

// Closes the seconds that are over; what was held back in them is said once.
static void close_seconds(int64_t now)
{
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &places[i];
        if (!p->event || now - p->since < CLOCK_SECOND)
            continue;
        if (p->n > LOG_REPEAT_MAX)
            say_repeats(p);
        p->event = NULL;
    }
}

// The texts are literals: their addresses name the place.
static struct place *find_place(const char *event, const char *fmt, int64_t now)
{
    struct place *free_place = NULL;

    for (int i = 0; i < PLACES; i++) {
        struct place *p = &places[i];
        if (p->event == event && p->fmt == fmt)
            return p;
        if (!p->event)
            free_place = p;
    }
    if (free_place)
        *free_place = (struct place){.event = event, .fmt = fmt, .since = now};
    return free_place;
}

static bool is_held_back(const char *event, const char *fmt)
{
    int64_t now = clock_now();

    close_seconds(now);
    struct place *p = find_place(event, fmt, now);
    return p && ++p->n > LOG_REPEAT_MAX; // more places than slots: not counted
}

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    const size_t room = sizeof line - 1; // the newline

    pthread_mutex_lock(&lock);
    if (level < least_level || is_held_back(event, fmt)) {
        pthread_mutex_unlock(&lock);
        return;
    }
    size_t n = put_head(line, room, level, event);
    if (*fmt)
        line[n++] = ' ';
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(line + n, room - n, fmt, ap);
    va_end(ap);
    n += more > 0 ? (size_t)more : 0;
    write_line(line, n < room ? n : room - 1);
    pthread_mutex_unlock(&lock);
}
