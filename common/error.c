// SPDX-License-Identifier: MIT
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// What is quoted may come from a hostile file: a terminal must not see its control
// characters, and a log's line must stay one.
static void make_line(struct errtext *t)
{
    for (char *c = t->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

enum error errtext_set(struct errtext *t, enum error e, const char *fmt, ...)
{
    if (!t)
        return e;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(t->text, sizeof t->text, fmt, ap);
    va_end(ap);
    make_line(t);
    return e;
}

enum error errtext_prefix(struct errtext *t, enum error e, const char *fmt, ...)
{
    if (!t)
        return e;
    struct errtext old = *t;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->text, sizeof t->text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof t->text)
        return e;
    (void)snprintf(t->text + n, sizeof t->text - (size_t)n, ": %s", old.text);
    make_line(t);
    return e;
}

const char *error_name(enum error e)
{
    static const char *const name[] = {
        [OK] = "ok",
        [ERR_AGAIN] = "again",
        [ERR_STALE] = "stale",
        [ERR_BUSY] = "busy",
        [ERR_LIMIT] = "limit",
        [ERR_PROTO] = "proto",
        [ERR_PARSE] = "parse",
        [ERR_INVALID] = "invalid",
        [ERR_NOT_FOUND] = "not-found",
        [ERR_EXISTS] = "exists",
        [ERR_DENIED] = "denied",
        [ERR_TIMEOUT] = "timeout",
        [ERR_CANCELLED] = "cancelled",
        [ERR_CLOSED] = "closed",
        [ERR_UNSUPPORTED] = "unsupported",
        [ERR_IO] = "io",
        [FAULT_WORKER] = "worker-fault",
        [FAULT_JOB] = "job-fault",
        [FAULT_US] = "our-fault",
    };
    if ((size_t)e >= sizeof name / sizeof name[0] || !name[e])
        return "unknown";
    return name[e];
}
