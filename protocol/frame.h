// SPDX-License-Identifier: MIT
// frame.h - the 20 bytes before every payload, and the limits of a frame.
//
// Fixed, so that a peer of any version can be refused by name without its
// payload being understood.  Big endian: magic u8, version u8, type u16,
// flags u16, reserved u16 (0), id u64, payload length u32.
//
// Threads    Any; pure.

#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
    FRAME_HEADER_SIZE = 20,
    FRAME_MAGIC = 0x5A,
    FRAME_PAYLOAD_MAX = 16 * 1024 * 1024,
    FRAME_RAW_MAX = 1024 * 1024 + 64,
};

struct frame_header {
    uint8_t version;
    uint16_t type;
    uint16_t flags;
    uint64_t id;
    uint32_t length;
};

void frame_put_header(const struct frame_header *h, uint8_t out[FRAME_HEADER_SIZE]);
// ERR_PROTO: not ours.  ERR_UNSUPPORTED: ours, of another version.  ERR_LIMIT: a
// payload too long is announced.  In the last two `h` is filled.
MUST_CHECK enum error
frame_get_header(const uint8_t *p, size_t n, struct frame_header *h, struct errtext *t);

#endif
