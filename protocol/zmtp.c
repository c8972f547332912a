// SPDX-License-Identifier: MIT
#include "protocol/zmtp.h"

#include <string.h>

#include "protocol/big_endian.h"

// Offsets in the greeting.
enum { AT_TAIL = 9, AT_MAJOR = 10, AT_MINOR = 11, AT_MECHANISM = 12, MECHANISM_SIZE = 20 };
enum { MAJOR = 3, MINOR = 1, SHORT_MAX = 255 };
enum { SIGNATURE_HEAD = 0xff, SIGNATURE_TAIL = 0x7f };
static const char mechanism[MECHANISM_SIZE] = "NULL";

void zmtp_put_greeting(struct buf *b)
{
    uint8_t g[ZMTP_GREETING_SIZE] = {0};
    g[0] = SIGNATURE_HEAD;
    g[AT_TAIL] = SIGNATURE_TAIL;
    g[AT_MAJOR] = MAJOR;
    g[AT_MINOR] = MINOR;
    memcpy(g + AT_MECHANISM, mechanism, sizeof mechanism);
    buf_put(b, g, sizeof g);
}

enum error zmtp_check_greeting(const uint8_t p[ZMTP_GREETING_SIZE])
{
    bool sound = p[0] == SIGNATURE_HEAD && (p[AT_TAIL] & 1) && p[AT_MAJOR] >= MAJOR
                 && memcmp(p + AT_MECHANISM, mechanism, sizeof mechanism) == 0;
    return sound ? OK : ERR_PROTO;
}

void zmtp_put_head(struct buf *b, size_t n, unsigned flags)
{
    uint8_t head[ZMTP_HEAD_MAX];
    bool is_long = n > SHORT_MAX;
    head[0] = (uint8_t)(flags | (is_long ? ZMTP_LONG : 0));
    head[1] = (uint8_t)n;
    if (is_long)
        big_put_64(head + 1, n);
    buf_put(b, head, is_long ? ZMTP_HEAD_MAX : 2);
}

// A command's name and a property's are preceded by their length in one byte.
static void put_name(struct buf *b, const char *name)
{
    uint8_t n = (uint8_t)strlen(name);
    buf_put(b, &n, 1);
    buf_put(b, name, n);
}

static void put_property(struct buf *b, const char *name, struct bin value)
{
    uint8_t n[4];
    put_name(b, name);
    big_put_32(n, value.n);
    buf_put(b, n, sizeof n);
    buf_put(b, value.p, value.n);
}

void zmtp_put_ready(struct buf *b, struct bin identity)
{
    static const char type[] = "DEALER";
    struct buf body;
    buf_init(&body, SHORT_MAX);
    put_name(&body, "READY");
    put_property(&body, "Socket-Type", (struct bin){(const uint8_t *)type, sizeof type - 1});
    put_property(&body, "Identity", identity);
    zmtp_put_head(b, body.n, ZMTP_COMMAND);
    buf_put(b, body.bytes, body.n);
    buf_fini(&body);
}

// PING: its name, a time to live of two bytes, a context that the PONG has too.
void zmtp_put_pong(struct buf *b, struct bin ping)
{
    enum { NAME = 5, TTL = 2, CONTEXT_MAX = 16 };
    uint32_t skip = ping.n < NAME + TTL ? ping.n : NAME + TTL;
    uint32_t n = ping.n - skip < CONTEXT_MAX ? ping.n - skip : CONTEXT_MAX;
    zmtp_put_head(b, NAME + n, ZMTP_COMMAND);
    put_name(b, "PONG");
    buf_put(b, ping.p + skip, n);
}

enum error zmtp_read(const uint8_t *p, size_t n, size_t body_max, struct zmtp_frame *out)
{
    out->size = 2;
    if (n < 2)
        return ERR_AGAIN;
    out->flags = p[0];
    bool is_long = (p[0] & ZMTP_LONG) != 0;
    size_t head = is_long ? ZMTP_HEAD_MAX : 2;
    if (p[0] & ~(unsigned)(ZMTP_MORE | ZMTP_LONG | ZMTP_COMMAND))
        return ERR_PROTO;
    out->size = head;
    if (n < head)
        return ERR_AGAIN;
    uint64_t body = is_long ? big_get_64(p + 1) : p[1];
    if (body > body_max || body > UINT32_MAX)
        return ERR_LIMIT;
    out->size = head + (size_t)body;
    out->body = (struct bin){p + head, (uint32_t)body};
    return n < out->size ? ERR_AGAIN : OK;
}

bool zmtp_is_command(const struct zmtp_frame *f, const char *name)
{
    size_t n = strlen(name);
    return (f->flags & ZMTP_COMMAND) && f->body.n > n && f->body.p[0] == n
           && memcmp(f->body.p + 1, name, n) == 0;
}
