// SPDX-License-Identifier: MIT
// tokenizer_stream.h - tokens to text as they come, whole characters only.
//
// A token may be part of a character: its bytes wait for the rest.  What can no
// longer become a character is passed on, or replaced (TOKENIZER_REPLACE).
// All that a stream gives out is what tokenizer_decode gives at once.
//
// A stop filter stands behind it: it holds back what may be the start of a stop
// string, and ends the text before the first that completes.
//
// Ownership  A stream is in the caller's storage and borrows the tokenizer; a
//            filter is its creator's.
// Threads    Confined to the holder's thread.

#ifndef WORKER_EXPERTS_TOKENIZER_STREAM_H
#define WORKER_EXPERTS_TOKENIZER_STREAM_H

#include "worker/experts/tokenizer.h"

struct tokenizer_stream {
    const struct tokenizer *k;
    int flags; // enum tokenizer_decode_flags
    char held[4];
    size_t n_held;
};

void tokenizer_stream_init(struct tokenizer_stream *s, const struct tokenizer *k, int flags);
void tokenizer_stream_put(struct tokenizer_stream *s, int32_t id, struct buf *out);
// No more tokens: what waits is passed on as it is, or replaced.
void tokenizer_stream_end(struct tokenizer_stream *s, struct buf *out);

enum { STOP_STRINGS_MAX = 64, STOP_BYTES_MAX = 4096 };

struct stop_filter;

// ERR_INVALID for an empty stop string, ERR_LIMIT past the limits above.
MUST_CHECK enum error stop_filter_create(const struct tokenizer_text *stops,
                                         size_t n,
                                         struct stop_filter **out,
                                         struct errtext *t);
void stop_filter_destroy(struct stop_filter *f); // NULL is fine
// Pass text on.  True: a stop string is complete, the text before it has been
// passed on, the rest is dropped and no more is taken.  Of two that complete at
// one byte the longer counts.
bool stop_filter_put(struct stop_filter *f, const char *p, size_t n, struct buf *out);
// The text ends here: what was held back is passed on.
void stop_filter_end(struct stop_filter *f, struct buf *out);

#endif
