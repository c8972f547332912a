// SPDX-License-Identifier: MIT
#include "common/utf8.h"

#include <stdint.h>

// Lead bytes and what the second byte may be: no overlong forms, no surrogates,
// nothing above U+10FFFF.
static const struct {
    uint8_t lead_low, lead_high, low, high, length;
} form[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

enum utf8_kind utf8_look(const char *p, size_t n, size_t *length)
{
    const uint8_t *b = (const uint8_t *)p;
    size_t f = 0, i = 1;

    *length = 1;
    if (b[0] < 0x80)
        return UTF8_WHOLE;
    while (f < sizeof form / sizeof *form
           && !(b[0] >= form[f].lead_low && b[0] <= form[f].lead_high))
        f++;
    if (f == sizeof form / sizeof *form)
        return UTF8_WRONG;
    for (; i < form[f].length && i < n; i++) {
        uint8_t low = i == 1 ? form[f].low : 0x80, high = i == 1 ? form[f].high : 0xBF;
        if (b[i] < low || b[i] > high)
            break;
    }
    *length = i;
    if (i == form[f].length)
        return UTF8_WHOLE;
    return i == n ? UTF8_PARTIAL : UTF8_WRONG;
}
