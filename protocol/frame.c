// SPDX-License-Identifier: MIT
#include "protocol/frame.h"

#include "common/version.h"

static void put_big(uint8_t *p, uint64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

static uint64_t get_big(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

void frame_put_header(const struct frame_header *h, uint8_t out[FRAME_HEADER_SIZE])
{
    out[0] = FRAME_MAGIC;
    out[1] = h->version;
    put_big(out + 2, h->type, 2);
    put_big(out + 4, h->flags, 2);
    put_big(out + 6, 0, 2);
    put_big(out + 8, h->id, 8);
    put_big(out + 16, h->length, 4);
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
        .type = (uint16_t)get_big(p + 2, 2),
        .flags = (uint16_t)get_big(p + 4, 2),
        .id = get_big(p + 8, 8),
        .length = (uint32_t)get_big(p + 16, 4),
    };
    if (h->version != WIRE_VERSION)
        return errtext_set(t, ERR_UNSUPPORTED, "peer speaks wire version %u, this is %d",
                           h->version, WIRE_VERSION);
    if (get_big(p + 6, 2) != 0)
        return errtext_set(t, ERR_PROTO, "reserved bytes of the header are not zero");
    if (h->length > FRAME_PAYLOAD_MAX)
        return errtext_set(t, ERR_LIMIT, "payload of %u bytes, at most %d", h->length,
                           FRAME_PAYLOAD_MAX);
    return OK;
}
