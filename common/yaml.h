// SPDX-License-Identifier: MIT
// yaml.h - YAML text, and so JSON text, to a value.
//
// YAML 1.2, core schema: plain scalars are null, true, false, integers (also
// 0x, 0o), floats (.inf, .nan) or strings; quoted ones are strings.  One
// document; keys are scalars and unique; aliases share what their anchor
// names, and count towards the limits as often as they stand there.
//
// Every node and key keeps its line and column.
//
// Ownership  The value lives in the arena, nothing of it in the text.
// Threads    Any; no shared state, nothing is ever printed.

#ifndef COMMON_YAML_H
#define COMMON_YAML_H

#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum {
    YAML_BYTES_MAX = 16 * 1024 * 1024,
    YAML_NODES_MAX = 1000000,
    YAML_DEPTH_MAX = 64,
};

// ERR_PARSE, or ERR_LIMIT past one of the limits, with "file:line:column: what,
// what was expected".  An empty text is null.
MUST_CHECK enum error yaml_parse(const char *text,
                                 size_t n,
                                 const char *file,
                                 struct arena *a,
                                 struct value *out,
                                 struct errtext *t);

#endif
