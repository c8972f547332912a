// SPDX-License-Identifier: MIT
// choice.h - which of two ways is the faster for a batch of n tokens: measured.
//
// Sizes of one power of two are one class.  A class tries both ways in turn, a few
// times each, and then keeps the one whose best time a token was the least; a tie
// goes to the first.  All ranks of a gang tell the same times (the slowest rank's),
// so all choose alike.
//
// Threads    Any; pure.

#ifndef WORKER_EXPERTS_CHOICE_H
#define WORKER_EXPERTS_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

enum { CHOICE_CLASSES = 32, CHOICE_WAYS = 2, CHOICE_TRIES = 4 };

struct choice { // zero: nothing is known
    struct {
        uint32_t n_told;
        double best[CHOICE_WAYS]; // ns a token
    } of[CHOICE_CLASSES];
};

// n at least 1.
uint32_t choice_way(const struct choice *c, uint32_t n);
bool choice_is_open(const struct choice *c, uint32_t n); // choice_tell is expected
// What choice_way's way took.
void choice_tell(struct choice *c, uint32_t n, int64_t ns);

#endif
