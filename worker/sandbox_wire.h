// SPDX-License-Identifier: MIT
// sandbox_wire.h - what a rank and its sandbox helper say to each other.
//
// One SOCK_SEQPACKET socketpair, one packet a message, the same binary on both
// ends: plain structs.  HELLO comes once from the helper; then RUN (with the
// write ends of stdout and stderr, and the input if there is one, as
// descriptors), any number of CANCEL, and exactly one ENDED.  A closed socket
// tells either side that the other is gone.
//
// Ownership  Descriptors sent with RUN become the helper's.

#ifndef WORKER_SANDBOX_WIRE_H
#define WORKER_SANDBOX_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/sandbox.h"

enum sandbox_message { SANDBOX_HELLO, SANDBOX_RUN, SANDBOX_CANCEL, SANDBOX_ENDED };

struct sandbox_request {
    enum sandbox_message message;
    uint32_t n_argv;
    uint32_t n_env;
    uint32_t processes_max;
    int64_t timeout_ns;
    uint64_t memory_max;
    uint64_t scratch_max;
    uint64_t cpu_s_max;
    uint32_t n_text;             // bytes used of text; only these are sent
    char text[SANDBOX_TEXT_MAX]; // directory, arguments, variables, each with its NUL
};

struct sandbox_reply {
    enum sandbox_message message;
    enum sandbox_end end;
    int code;
    int error;    // errno of what did not start
    bool machine; // the machine is to blame for `error`
    bool stuck;   // some descendants survived SIGKILL (sleep in the kernel)
    enum {
        SANDBOX_FITS,
        SANDBOX_BYTES,
        SANDBOX_ENTRIES,
        SANDBOX_DEPTH,
        SANDBOX_UNREADABLE
    } over;
    uint32_t processes;
    int64_t wall_ns;
    int64_t cpu_ns;
    uint64_t rss_max;
};

#endif
