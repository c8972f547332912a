// SPDX-License-Identifier: MIT
// serve_text.h - from the bytes of tokens to text that may be sent, once.
//
// Held back: what may be the beginning of a stop string, and an unfinished UTF-8
// character.  What is no UTF-8 reads as U+FFFD.  After a pod's death the same tokens
// come again from the first one (serve_text_replay): what was sent is skipped, so the
// client sees neither a gap nor a repetition.  How the bytes are cut into tokens never
// changes what comes out.
//
// Ownership  In the caller's storage; the stop strings are borrowed.
// Threads    Confined to the owner's thread.

#ifndef COORDINATOR_SERVE_TEXT_H
#define COORDINATOR_SERVE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct serve_text {
    const char *const *stops;
    uint32_t n_stops;
    struct buf held;
    uint64_t n_out;  // bytes that came out of this run of tokens
    uint64_t n_sent; // bytes that went to the client
    bool stopped;    // a stop string came: nothing more goes out
};

void serve_text_init(struct serve_text *x, const char *const *stops, uint32_t n_stops);
void serve_text_fini(struct serve_text *x);
// Append to `out` what may be sent now.
void serve_text_add(struct serve_text *x, const void *bytes, size_t n, struct buf *out);
void serve_text_end(struct serve_text *x, struct buf *out); // no more tokens
void serve_text_replay(struct serve_text *x);               // they come again from the first

#endif
