// SPDX-License-Identifier: MIT
// error.h - what went wrong, in a word the caller can act on.
//
// A code says what the caller can do; OK is 0, so `if (e)` reads "if it
// failed".  A failed call changes nothing.  The three FAULT_ codes say whose
// fault a shard's failure was, because retry depends on it.  Text for humans
// (struct errtext) exists only where a human waits: parsing, configuration,
// opening.
//
// Threads    Any; no shared state.

#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum error {
    OK = 0,
    ERR_AGAIN,       // nothing there now; try later
    ERR_STALE,       // refers to something that has ended
    ERR_BUSY,        // held by somebody else
    ERR_LIMIT,       // larger than the limit
    ERR_PROTO,       // the peer broke the protocol
    ERR_PARSE,       // a human's text is wrong
    ERR_INVALID,     // an argument makes no sense
    ERR_NOT_FOUND,   // no such thing
    ERR_EXISTS,      // already there
    ERR_DENIED,      // not permitted
    ERR_TIMEOUT,     // too late
    ERR_CANCELLED,   // somebody asked to stop
    ERR_CLOSED,      // the other end is gone
    ERR_UNSUPPORTED, // not in this build or on this machine
    ERR_IO,          // the system said no; the text has strerror
    FAULT_WORKER,    // the rank or its machine: try elsewhere
    FAULT_JOB,       // the job's own doing: a result, never retried unasked
    FAULT_US,        // our bug
};

// A message for a human, one line, no newline at the end; control characters in
// what is quoted become question marks.
struct errtext {
    char text[1024];
};

// Fill `t` (NULL is fine) and return `e`, so that failing reads
// `return errtext_set(t, ERR_PARSE, "…", …)`.
enum error errtext_set(struct errtext *t, enum error e, const char *fmt, ...) PRINTF_LIKE(3, 4);

// Put "prefix: " before the text that is there; returns `e`.
enum error errtext_prefix(struct errtext *t, enum error e, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

// The code's stable lower-case name, as in logs and on the wire: "stale".
const char *error_name(enum error e);

#endif
