// SPDX-License-Identifier: MIT
// fuzz_codec.c - payloads behind the header: the first byte chooses the message, the
// rest is its payload, so the fuzzer is not stuck on magic and length.
//
// Oracles: what decodes is bytes that the guard takes, and encodes to bytes that
// decode to the same and encode to themselves; a message made from the input
// encodes to bytes that decode to it.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/version.h"
#include "protocol/guard.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/any_message.h"

static enum error
decode(uint32_t type, const uint8_t *p, size_t n, struct arena *a, struct message *m)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct errtext t;
    frame_put_header(&(struct frame_header){.version = WIRE_VERSION,
                                            .type = (uint16_t)type,
                                            .length = (uint32_t)n},
                     header);
    return codec_decode((struct bin){header, sizeof header}, (struct bin){p, (uint32_t)n}, a, m,
                        &t);
}

static void check_payload(const uint8_t *data, size_t size, struct arena *a)
{
    const struct codec_table *table = &codec_messages[data[0] % codec_n_messages];
    struct message m, again;
    struct buf x, y;

    if (decode(table->type, data + 1, size - 1, a, &m) != OK)
        return;
    buf_init(&x, SIZE_MAX / 4);
    buf_init(&y, SIZE_MAX / 4);
    demand(guard_check(data + 1, size - 1, NULL) == OK, "what decodes passes the guard");
    codec_encode(&m, &x);
    demand(decode(table->type, x.bytes, x.n, a, &again) == OK, "what was encoded decodes");
    demand(same_message(&m, &again), "to the same message");
    codec_encode(&again, &y);
    demand(x.n == y.n && memcmp(x.bytes, y.bytes, x.n) == 0, "encoding is canonical");
    buf_fini(&x);
    buf_fini(&y);
}

static void check_message(const uint8_t *data, size_t size, struct arena *a)
{
    struct entropy e = {data, size};
    struct message m, back;
    struct buf x;

    any_message(&e, a, &m);
    m.id = 0;
    buf_init(&x, SIZE_MAX / 4);
    codec_encode(&m, &x);
    demand(guard_check(x.bytes, x.n, NULL) == OK, "what was encoded passes the guard");
    demand(decode((uint32_t)m.type, x.bytes, x.n, a, &back) == OK, "and decodes");
    demand(same_message(&m, &back), "to what it was");
    buf_fini(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create();
    if (size)
        check_payload(data, size, a);
    check_message(data, size, a);
    arena_destroy(a);
    return 0;
}
