// SPDX-License-Identifier: MIT
// yaml_text.h - for yaml.c only: what the characters of a YAML text mean, all
// that needs no parser: valid text, the core schema, messages for people.
//
// Threads    Any; pure.

#ifndef COMMON_YAML_TEXT_H
#define COMMON_YAML_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/value.h"

struct yaml_why {
    char text[160]; // what, what was expected
};

// Valid UTF-8 without control characters but tab and line ends; else the place
// and the reason.
bool yaml_is_text(
    const char *s, size_t n, uint32_t *line, uint32_t *column, struct yaml_why *why);

// The type and number of a scalar; a string's bytes are the caller's affair.
// False with the reason: an integer or float beyond 64 bits.
bool yaml_resolve(const char *s, size_t n, bool plain, struct value *out, struct yaml_why *why);
struct yaml_tag {
    const char *s;
    size_t n;
};

// The same where a tag says what it is.
bool yaml_tagged(
    const char *s, size_t n, struct yaml_tag tag, struct value *out, struct yaml_why *why);
bool yaml_tag_is(const char *tag, size_t n, const char *name); // "seq": !!seq

// Bytes of a single-quoted scalar that starts behind its opening quote, up to its closing one.
size_t yaml_single_quoted_length(const char *s, size_t n);
// What so many bytes mean: quotes are doubled, lines are folded.  Never longer than they are;
// returns how long.
size_t yaml_single_quoted(const char *s, size_t n, char *out);

// libfyaml's words as "what, what was expected".
void yaml_explain(const char *message, char *out, size_t size);

#endif
