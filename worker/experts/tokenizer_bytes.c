// SPDX-License-Identifier: MIT
#include "common/utf8.h"
#include "worker/experts/tokenizer_state.h"

// Byte-level BPE writes every byte as a visible character: those that are
// visible in Latin-1 stand for themselves, the others count up from U+0100.
enum { FIRST_CODE = 256 };

static bool is_visible(unsigned byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

// U+0100 to U+0120 are 0x00 to 0x20, then 0x7F to 0xA0, then 0xAD.
static unsigned code_of(unsigned byte)
{
    if (is_visible(byte))
        return byte;
    if (byte <= ' ')
        return FIRST_CODE + byte;
    return byte == 0xAD ? FIRST_CODE + 0x43 : FIRST_CODE + 0x21 + (byte - 0x7F);
}

static int byte_of(unsigned code)
{
    if (code < FIRST_CODE)
        return is_visible(code) ? (int)code : -1;
    code -= FIRST_CODE;
    if (code <= ' ')
        return (int)code;
    if (code < 0x43)
        return (int)(code - 0x21 + 0x7F);
    return code == 0x43 ? 0xAD : -1;
}

size_t tokenizer_byte_text(uint8_t byte, char out[2])
{
    unsigned code = code_of(byte);
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
}

// What is no such character reads as itself.
size_t tokenizer_byte_decode(const char *piece, size_t n, char *out)
{
    size_t length, n_out = 0;

    for (size_t i = 0; i < n; i += length) {
        int byte = -1;
        const uint8_t *p = (const uint8_t *)piece + i;
        if (utf8_look(piece + i, n - i, &length) == UTF8_WHOLE && length <= 2)
            byte = byte_of(length == 1 ? p[0] : (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu));
        if (byte >= 0) {
            out[n_out++] = (char)byte;
            continue;
        }
        for (size_t j = 0; j < length; j++)
            out[n_out++] = piece[i + j];
    }
    return n_out;
}
