// SPDX-License-Identifier: MIT
#include "protocol/frame.h"

#include <string.h>

#include "common/version.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are swapped to be written");

static void put_16(uint8_t *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

static void put_32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

static void put_64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

static uint16_t get_16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static uint32_t get_32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static uint64_t get_64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

void frame_put_header(const struct frame_header *h, uint8_t out[FRAME_HEADER_SIZE])
{
    out[0] = FRAME_MAGIC;
    out[1] = h->version;
    put_16(out + 2, h->type);
    put_16(out + 4, h->flags);
    put_16(out + 6, 0);
    put_64(out + 8, h->id);
    put_32(out + 16, h->length);
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
        .type = get_16(p + 2),
        .flags = get_16(p + 4),
        .id = get_64(p + 8),
        .length = get_32(p + 16),
    };
    if (h->version != WIRE_VERSION)
        return errtext_set(t, ERR_UNSUPPORTED, "peer speaks wire version %u, this is %d",
                           h->version, WIRE_VERSION);
    if (get_16(p + 6) != 0)
        return errtext_set(t, ERR_PROTO, "reserved bytes of the header are not zero");
    if (h->length > FRAME_PAYLOAD_MAX)
        return errtext_set(t, ERR_LIMIT, "payload of %u bytes, at most %d", h->length,
                           FRAME_PAYLOAD_MAX);
    return OK;
}
