// SPDX-License-Identifier: MIT
#include "protocol/frame.h"

#include "common/version.h"
#include "protocol/big_endian.h"

void frame_put_header(const struct frame_header *h, uint8_t out[FRAME_HEADER_SIZE])
{
    out[0] = FRAME_MAGIC;
    out[1] = h->version;
    big_put_16(out + 2, h->type);
    big_put_16(out + 4, h->flags);
    big_put_16(out + 6, 0);
    big_put_64(out + 8, h->id);
    big_put_32(out + 16, h->length);
}

enum error
frame_get_header(const uint8_t *p, size_t n, struct frame_header *h, struct errtext *t)
{
    if (n != FRAME_HEADER_SIZE)
        return errtext_set(t, ERR_PROTO, "header of %zu bytes, expected %d", n,
                           FRAME_HEADER_SIZE);
    if (p[0] != FRAME_MAGIC)
        return errtext_set(t, ERR_PROTO, "magic byte 0x%02x, expected 0x%02x", p[0],
                           FRAME_MAGIC);
    *h = (struct frame_header){
        .version = p[1],
        .type = big_get_16(p + 2),
        .flags = big_get_16(p + 4),
        .id = big_get_64(p + 8),
        .length = big_get_32(p + 16),
    };
    if (h->version != WIRE_VERSION)
        return errtext_set(t, ERR_UNSUPPORTED, "peer speaks wire version %u, this is %d",
                           h->version, WIRE_VERSION);
    if (big_get_16(p + 6) != 0)
        return errtext_set(t, ERR_PROTO, "reserved bytes of the header are not zero");
    if (h->length > FRAME_PAYLOAD_MAX)
        return errtext_set(t, ERR_LIMIT, "payload of %u bytes, at most %d", h->length,
                           FRAME_PAYLOAD_MAX);
    return OK;
}
