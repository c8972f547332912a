// SPDX-License-Identifier: MIT
// json.h - JSON text to a value, as RFC 8259 has it and nothing more.
//
// Job files go through yaml.h, which takes more than JSON and gives line and
// column.  This one is for what programs send or print: strict, one pass, no library,
// with surrogate pairs in \u escapes, which YAML does not know.
//
// Strings must be UTF-8.  Of a key that comes twice the text is refused.  Numbers
// without fraction and exponent are integers while they fit, else floats.
//
// Ownership  The value lives in the arena, nothing of it in the text.
// Threads    Any; pure.

#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum {
    JSON_DEPTH_MAX = 64,
    JSON_NODES_MAX = 1000000,
    JSON_KEYS_MAX = 4096, // of one map: they are compared with each other
};

// ERR_PARSE or ERR_LIMIT with "byte N: what, what was expected".
MUST_CHECK enum error
json_parse(const char *text, size_t n, struct arena *a, struct value *out, struct errtext *t);
// The same, and NaN, Infinity and -Infinity, which many programs print for JSON.
MUST_CHECK enum error json_parse_printed(
    const char *text, size_t n, struct arena *a, struct value *out, struct errtext *t);

#endif
