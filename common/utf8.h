// SPDX-License-Identifier: MIT
// utf8.h - is this the start of a character, and how long is it?
//
// Threads    Any; no state.

#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>

enum utf8_kind {
    UTF8_WHOLE,   // a character
    UTF8_PARTIAL, // the bytes end before the character does
    UTF8_WRONG,   // no character starts so
};

// *length: of the character, of what there is of it, or of the wrong bytes up to
// the first that cannot follow (Unicode's "maximal subpart", at least 1).  n > 0.
enum utf8_kind utf8_look(const char *p, size_t n, size_t *length);

#endif
