// SPDX-License-Identifier: MIT
// endpoint.h - an outside program that proposes points: a language model behind an
// OpenAI-compatible server, as the mutation operator of an algorithm that breeds.
//
// An ask must be a function of what was told, so nothing is asked of the program there.
// A trial picked by chance carries a request (protocol/propose.h) with some of the best
// points; the worker that runs it asks, and the answer comes with the trial's metrics,
// committed like them.  Once the trial is told, an answer that is a point of the space
// joins the history's proposals, of which the algorithm's next asks take one each.  A
// replay from the journal finds the same answers, and so asks the same.
//
// Answers are not trusted: JSON or an expression of bounded length, read by the space's
// own parser.  What is refused is counted by its reason, and breeding goes on without it.
//
// Source     The mutation operator of OpenEvolve and of "Barbarians at the Gate" (2025).
// Ownership  An endpoint lives in the arena it was parsed into.
// Threads    Read-only; any.

#ifndef COORDINATOR_SEARCH_ENDPOINT_H
#define COORDINATOR_SEARCH_ENDPOINT_H

#include "coordinator/search/algorithm.h"

enum { ENDPOINT_PARENTS = 4 };

struct endpoint;

// What happened to a request.
enum endpoint_end {
    ENDPOINT_TAKEN, // its answer is a proposal
    ENDPOINT_TIMEOUT,
    ENDPOINT_UNREACHABLE,
    ENDPOINT_STATUS,
    ENDPOINT_LONG,
    ENDPOINT_GARBAGE,
    ENDPOINT_NO_KEY,
    ENDPOINT_FAILED,   // the trial did, and the answer with it
    ENDPOINT_NO_POINT, // an answer that is no point of the space
    ENDPOINT_KNOWN,    // a point that was asked before
    ENDPOINT_ENDS,
};
extern const char *const endpoint_end_names[ENDPOINT_ENDS];

// One of its options, for `shoal explain`.
struct endpoint_option {
    const char *name; // a row with NULL ends the table
    const char *type;
    const char *fallback; // NULL: none
    const char *help;
};
extern const struct endpoint_option endpoint_options[];

// From the job's `algorithm`, which takes one; NULL: the job has none.
MUST_CHECK enum error
endpoint_parse(const struct spec *job, struct arena *a, const struct endpoint **out);
// Does the trial carry a request?
bool endpoint_picks(const struct endpoint *e, const struct history *h, uint64_t trial);
// The request that shows these records, the one to change first.
struct value endpoint_request(const struct endpoint *e,
                              const struct history *h,
                              const uint32_t *records,
                              uint32_t n,
                              struct arena *a);
// What the trial's metrics (not a map: it failed) say, with `parent` for what the answer
// leaves out.  ENDPOINT_TAKEN: *out is a point of the space, and valid.
enum endpoint_end endpoint_read(const struct history *h,
                                uint32_t parent,
                                const struct value *metrics,
                                struct arena *scratch,
                                struct point *out);
struct value endpoint_value(const struct endpoint *e, struct arena *a); // for the result

#endif
