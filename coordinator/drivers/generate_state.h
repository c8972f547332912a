// SPDX-License-Identifier: MIT
// generate_state.h - for generate*.c only: prompts and what became of them.
//
// Threads    As generate.h.

#ifndef COORDINATOR_DRIVERS_GENERATE_STATE_H
#define COORDINATOR_DRIVERS_GENERATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/hash.h"
#include "common/value.h"
#include "coordinator/driver.h"
#include "coordinator/spec.h"

// What an item may return beside its row, and the artefact that all make together.
enum generate_part { PART_LOGITS, PART_NLL, N_PARTS };
extern const char *const generate_part_names[N_PARTS]; // "logits.f32", …

struct generate_row {
    bool told, failed;
    struct value row, load; // binaries, or null
    const char *why;        // of a failure
    uint64_t prompt_tokens, new_tokens, scored, reused;
    double nll, prefill_s, decode_s;
    bool has[N_PARTS];
    struct sha256 part[N_PARTS];
};

struct generate {
    struct arena *arena; // lives as long as the state
    struct arena *scratch;
    struct value prompts; // list of maps {id, text | …}: what item i is given
    const char *attached; // or the job's file whose lines they are, which workers read
    uint32_t n;
    bool is_asked;
    struct generate_row *rows; // [n]
    uint64_t n_told, n_failed;
    bool score;
    struct buf results;        // results.jsonl
    struct buf parts[N_PARTS]; // lists of hashes
};

// generate_parse.c: ERR_PARSE with the place.
enum error
generate_parse(struct generate *g, const struct driver_setup *setup, struct errtext *t);
// generate_result.c
void generate_finish(struct generate *g, struct driver_output *out);

#endif
