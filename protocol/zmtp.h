// SPDX-License-Identifier: MIT
// zmtp.h - ZMTP 3.1, as far as a DEALER without keys needs it: bytes, no socket.
//
// The transport protocol of ZeroMQ (rfc.zeromq.org/spec/37): both ends send a
// greeting of 64 bytes, then a READY command each (the NULL mechanism), then
// frames: flags u8, a length of one or eight bytes (big endian), the body.
//
// Threads    None.

#ifndef PROTOCOL_ZMTP_H
#define PROTOCOL_ZMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "protocol/message.h"

enum { ZMTP_GREETING_SIZE = 64, ZMTP_HEAD_MAX = 9 };
enum zmtp_flag { ZMTP_MORE = 1, ZMTP_LONG = 2, ZMTP_COMMAND = 4 };

void zmtp_put_greeting(struct buf *b);
void zmtp_put_ready(struct buf *b, struct bin identity);     // of a DEALER
void zmtp_put_head(struct buf *b, size_t n, unsigned flags); // ZMTP_LONG is set as needed
void zmtp_put_pong(struct buf *b, struct bin ping);          // the answer to a PING's body

struct zmtp_frame {
    unsigned flags;
    struct bin body; // borrowed
    size_t size;     // with its head; ERR_AGAIN: as far as known, more than is there
};

// The first frame in n bytes.  ERR_AGAIN: it is not all there; ERR_LIMIT: its body is
// longer than body_max; ERR_PROTO: flags that mean nothing.
MUST_CHECK enum error
zmtp_read(const uint8_t *p, size_t n, size_t body_max, struct zmtp_frame *out);
bool zmtp_is_command(const struct zmtp_frame *f, const char *name);
// ERR_PROTO: no ZMTP 3, or not the NULL mechanism.
MUST_CHECK enum error zmtp_check_greeting(const uint8_t p[ZMTP_GREETING_SIZE]);

#endif
