// SPDX-License-Identifier: MIT
// fuzz_frame.c - a header frame and a payload frame as they come from the wire.
//
// Oracles: a header that is taken is written back as the same bytes, and a
// message that is taken is bytes that the guard takes; a header made from any
// fields is read back as these fields.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/version.h"
#include "protocol/guard.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/any_message.h"

static bool same_header(const struct frame_header *x, const struct frame_header *y)
{
    return x->version == y->version && x->type == y->type && x->flags == y->flags
           && x->id == y->id && x->length == y->length;
}

static void check_fields(const uint8_t *data, size_t size)
{
    struct entropy e = {data, size};
    uint8_t bytes[FRAME_HEADER_SIZE];
    struct frame_header back;
    struct frame_header h = {.version = WIRE_VERSION,
                             .type = (uint16_t)entropy_take(&e, 2),
                             .flags = (uint16_t)entropy_take(&e, 2),
                             .id = entropy_take(&e, 8),
                             .length = (uint32_t)entropy_take(&e, 4)};
    frame_put_header(&h, bytes);
    enum error got = frame_get_header(bytes, sizeof bytes, &back, NULL);
    demand(got == (h.length > FRAME_PAYLOAD_MAX ? ERR_LIMIT : OK), "any fields are taken");
    demand(same_header(&h, &back), "and read back");
}

static void check_frame(const uint8_t *data, size_t n_header, size_t size)
{
    struct frame_header h;
    struct message m;
    struct errtext t = {""};
    uint8_t again[FRAME_HEADER_SIZE];
    struct arena *a = arena_create();

    enum error e = frame_get_header(data, n_header, &h, &t);
    demand(!e == !t.text[0], "a refusal says why");
    if (!e) {
        frame_put_header(&h, again);
        demand(memcmp(again, data, sizeof again) == 0, "a header is written as it was read");
    }
    e = codec_decode((struct bin){data, (uint32_t)n_header},
                     (struct bin){data + n_header, (uint32_t)(size - n_header)}, a, &m, &t);
    demand(!e == !t.text[0], "a refusal says why");
    demand(arena_used(a) <= 64 * size + 4096, "memory follows from the bytes");
    if (!e)
        demand(guard_check(data + n_header, size - n_header, NULL) == OK,
               "what decodes would pass the guard");
    arena_destroy(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n_header = size < FRAME_HEADER_SIZE ? size : FRAME_HEADER_SIZE;
    check_frame(data, n_header, size);
    check_fields(data, size);
    return 0;
}
