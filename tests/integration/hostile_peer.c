// SPDX-License-Identifier: MIT
// hostile_peer - a process that is let in and misbehaves: every message of the
// schema with random contents, as it is, bent, cut, mislabelled or in the wrong number
// of frames, over many connections.
//
//   hostile_peer ENDPOINT ROUNDS SEED
//
// One round is a connection and the frames sent on it.  What comes back is thrown away.
#include <stdlib.h>

#include <zmq.h>

#include "common/buf.h"
#include "common/rng.h"
#include "common/version.h"
#include "protocol/frame.h"
#include "tests/unit/any_message.h"

enum { FRAMES_PER_ROUND = 64, ENTROPY = 4096 };

struct attack {
    void *socket;
    struct arena *arena;
    struct rng rng;
    struct buf payload;
};

static uint32_t below(struct attack *a, uint32_t n)
{
    return (uint32_t)rng_below(&a->rng, n);
}

static void make_payload(struct attack *a, struct message *m)
{
    uint8_t *bytes = arena_alloc(a->arena, ENTROPY);
    for (uint32_t i = 0; i < ENTROPY; i++)
        bytes[i] = (uint8_t)below(a, 256);
    struct entropy e = {bytes, ENTROPY};
    any_message(&e, a->arena, m);
    a->payload.n = 0;
    codec_encode(m, &a->payload);
}

// Some bytes changed, the end cut off, or both.
static void bend(struct attack *a)
{
    struct buf *b = &a->payload;
    for (uint32_t i = below(a, 4); i && b->n; i--)
        b->bytes[below(a, (uint32_t)b->n)] = (uint8_t)below(a, 256);
    if (b->n && !below(a, 4))
        b->n = below(a, (uint32_t)b->n);
}

static void send_frame(struct attack *a, const void *p, size_t n, bool more)
{
    (void)zmq_send(a->socket, p, n, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

static void send_one(struct attack *a)
{
    struct message m;
    uint8_t header[FRAME_HEADER_SIZE];
    arena_reset(a->arena);
    make_payload(a, &m);
    if (below(a, 2))
        bend(a);
    struct frame_header h = {.version = WIRE_VERSION,
                             .type = (uint16_t)(below(a, 8) ? (uint32_t)m.type : below(a, 256)),
                             .id = below(a, 1000),
                             .length = (uint32_t)a->payload.n + !below(a, 16)};
    frame_put_header(&h, header);
    if (!below(a, 8))
        header[below(a, FRAME_HEADER_SIZE)] = (uint8_t)below(a, 256);
    uint32_t n_frames = below(a, 8) ? 2 : 1 + below(a, 6);
    send_frame(a, header, below(a, 16) ? sizeof header : below(a, 20), n_frames > 1);
    for (uint32_t i = 1; i < n_frames; i++)
        send_frame(a, a->payload.bytes, a->payload.n, i + 1 < n_frames);
}

static void drain(struct attack *a)
{
    char rest[256];
    while (zmq_recv(a->socket, rest, sizeof rest, ZMQ_DONTWAIT) >= 0)
        continue;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    void *context = zmq_ctx_new();
    int linger = 200;
    struct attack a = {.arena = arena_create(),
                       .rng = rng_at(strtoull(argv[3], NULL, 10), 0, 0, 0)};
    buf_init(&a.payload, FRAME_PAYLOAD_MAX);
    for (unsigned long round = strtoul(argv[2], NULL, 10); round; round--) {
        a.socket = zmq_socket(context, ZMQ_DEALER);
        (void)zmq_setsockopt(a.socket, ZMQ_LINGER, &linger, sizeof linger);
        if (zmq_connect(a.socket, argv[1]))
            return 1;
        for (int i = 0; i < FRAMES_PER_ROUND; i++)
            send_one(&a);
        drain(&a);
        (void)zmq_close(a.socket);
    }
    buf_fini(&a.payload);
    arena_destroy(a.arena);
    return zmq_ctx_term(context) ? 1 : 0;
}
