// SPDX-License-Identifier: MIT
// caller.h - requests to a coordinator, one after the other, blocking.
//
// What the client's subcommands and `shoal-worker --host` share: a DEALER, calls
// by verb, replies that go on (watch), blobs in chunks, and the submission of a
// job file with its attachments.  What the coordinator refuses comes back as its
// enum error with its text.
//
// Ownership  The opener closes.  Replies live in the caller's arena.
// Threads    One thread a caller.

#ifndef PROTOCOL_CALLER_H
#define PROTOCOL_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/value.h"

struct caller;

struct caller_options {
    const char *endpoint;
    const char *key_dir;     // NULL for ipc
    const char *role_key;    // NULL: "submit"
    int64_t reach_ns;        // silence from the start that means "nobody there"; 0: 5 s
    int64_t answer_ns;       // longest wait for one answer later; 0: 60 s
    void (*idle)(void *ctx); // (optional) called ten times a second while waiting
    void *ctx;
};

// Does not wait for the coordinator; the first call does.
MUST_CHECK enum error
caller_open(const struct caller_options *o, struct caller **out, struct errtext *t);
void caller_close(struct caller *c); // NULL is fine

// One request, its (first) answer.  args may be NULL.  ERR_CLOSED: no
// coordinator reached; ERR_DENIED: it does not know our key; ERR_TIMEOUT: it
// has stopped answering; any other code is the coordinator's own.
MUST_CHECK enum error caller_call(struct caller *c,
                                  const char *verb,
                                  const struct value *args,
                                  struct arena *a,
                                  struct value *reply,
                                  struct errtext *t);

// The same for answers that go on: start, then next until `more` is false.
// caller_next with timeout_ns 0 only looks; ERR_AGAIN: nothing within
// timeout_ns (< 0: for ever).  One such request at a time; a new call or start
// abandons it.
MUST_CHECK enum error
caller_start(struct caller *c, const char *verb, const struct value *args, struct errtext *t);
MUST_CHECK enum error caller_next(struct caller *c,
                                  int64_t timeout_ns,
                                  struct arena *a,
                                  struct value *reply,
                                  bool *more,
                                  struct errtext *t);

// Something to poll beside caller_next: a wait that also ends when `fd` (< 0:
// none) becomes readable.  True: a reply may be there.
bool caller_wait(struct caller *c, int64_t timeout_ns, int fd);

// Give a file or bytes to the coordinator under their hash; what it has
// already is not sent.
MUST_CHECK enum error caller_put_file(
    struct caller *c, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t);
MUST_CHECK enum error caller_put_bytes(
    struct caller *c, const void *p, size_t n, struct sha256 *hash, struct errtext *t);
// Fetch a blob into a file (written beside it, verified, then renamed into place).
MUST_CHECK enum error caller_get_file(struct caller *c,
                                      const struct sha256 *hash,
                                      const char *path,
                                      struct errtext *t);

struct caller_submission {
    const char *path;  // the job file; NULL: `text` holds it
    const char *text;  // NUL-terminated
    const char *base;  // attachments are relative to this; NULL: the job file's directory
    const char *name;  // overrides the job's name; NULL: none
    const char *owner; // fair share is between owners; NULL: the user's name
    bool allow_exec;   // ask for it; the coordinator decides
};

// Send the job file and the attachments that its `files:` names.  The reply is
// {job: "id", number: n}.  ERR_PARSE: the job file is wrong, t has
// "file:line:column: what"; ERR_NOT_FOUND, ERR_IO: a file cannot be read.
MUST_CHECK enum error caller_submit(struct caller *c,
                                    const struct caller_submission *s,
                                    struct arena *a,
                                    struct value *reply,
                                    struct errtext *t);

#endif
