// SPDX-License-Identifier: MIT
#include "worker/printable.h"

#include <stdbool.h>
#include <stdint.h>

static bool is_continued(const uint8_t *p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return false;
    return true;
}

// Bytes of the character at p, 0 when it is none: no overlong forms, no
// surrogates, nothing above U+10FFFF, no control characters of the second kind.
static size_t length_of(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80)
        return (p[0] >= ' ' && p[0] != 0x7f) || p[0] == '\n' || p[0] == '\t' ? 1 : 0;
    if (p[0] >= 0xc2 && p[0] < 0xe0)
        return n >= 2 && is_continued(p, 2) && !(p[0] == 0xc2 && p[1] < 0xa0) ? 2 : 0;
    if (p[0] >= 0xe0 && p[0] < 0xf0)
        return n >= 3 && is_continued(p, 3) && !(p[0] == 0xe0 && p[1] < 0xa0)
                       && !(p[0] == 0xed && p[1] >= 0xa0)
                   ? 3
                   : 0;
    if (p[0] >= 0xf0 && p[0] < 0xf5)
        return n >= 4 && is_continued(p, 4) && !(p[0] == 0xf0 && p[1] < 0x90)
                       && !(p[0] == 0xf4 && p[1] >= 0x90)
                   ? 4
                   : 0;
    return 0;
}

struct value printable_tail(struct arena *a, const char *p, size_t n, size_t max)
{
    size_t skip = n > max ? n - max : 0;
    while (skip > 0 && skip < n && (p[skip] & 0xc0) == 0x80) // into a character
        skip++;
    char *copy = arena_str(a, p + skip, n - skip);
    size_t length = n - skip;
    for (size_t i = 0; i < length;) {
        size_t one = length_of((const uint8_t *)copy + i, length - i);
        if (one == 0)
            copy[i] = '?';
        i += one ? one : 1;
    }
    struct value v = {.type = VALUE_STR, .n = (uint32_t)length, .s = copy};
    return v;
}
