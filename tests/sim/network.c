// SPDX-License-Identifier: MIT
// network.c - packets between links and the coordinator.
#include <string.h>

#include "common/mem.h"
#include "common/version.h"
#include "protocol/codec.h"
#include "tests/sim/sim.h"

static void push(struct sim *s, struct packet p)
{
    if (s->n_packets == s->cap_packets) {
        s->cap_packets = s->cap_packets ? s->cap_packets * 2 : 256;
        s->packets = mem_realloc(s->packets, s->cap_packets * sizeof *s->packets);
    }
    p.order = s->order++;
    s->packets[s->n_packets++] = p;
}

static int64_t delay(struct sim *s)
{
    int64_t usual = 50000 + (int64_t)sim_draw(s, 200000);
    if (sim_faulty(s) && sim_draw(s, 20) == 0)
        return usual + (int64_t)sim_draw(s, 400) * CLOCK_MS;
    return usual;
}

void network_send(struct sim *s, bool to_head, uint32_t link, const struct message *m)
{
    struct buf b;
    struct packet p = {
        .to_head = to_head,
        .link = link,
        .instance = s->pods[link / RANKS].instance,
        .life = s->head.life,
    };
    buf_init(&b, FRAME_PAYLOAD_MAX);
    codec_encode(m, &b);
    struct frame_header h = {.version = WIRE_VERSION,
                             .type = (uint16_t)m->type,
                             .id = m->id,
                             .length = (uint32_t)b.n};
    uint8_t header[FRAME_HEADER_SIZE];
    frame_put_header(&h, header);
    uint64_t copies = 1;
    if (sim_faulty(s) && sim_draw(s, 40) == 0)
        copies = sim_draw(s, 3); // none: dropped; two: doubled
    s->n_dropped += !copies;
    for (uint64_t i = 0; i < copies; i++) {
        p.at = s->now + delay(s);
        p.header = mem_copy(header, sizeof header);
        p.payload = mem_copy(b.bytes, b.n);
        p.n = (uint32_t)b.n;
        push(s, p);
    }
    buf_fini(&b);
}

static uint32_t earliest(const struct sim *s)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < s->n_packets; i++) {
        const struct packet *a = &s->packets[i];
        const struct packet *b = &s->packets[best];
        if (a->at < b->at || (a->at == b->at && a->order < b->order))
            best = i;
    }
    return best;
}

int64_t network_next(const struct sim *s)
{
    return s->n_packets ? s->packets[earliest(s)].at : INT64_MAX;
}

void network_deliver(struct sim *s)
{
    uint32_t i = earliest(s);
    struct packet p = s->packets[i];
    s->packets[i] = s->packets[--s->n_packets];
    struct message m;
    struct errtext t;
    enum error e = codec_decode((struct bin){p.header, FRAME_HEADER_SIZE},
                                (struct bin){p.payload, p.n}, s->arena, &m, &t);
    if (e)
        sim_break(s, "a frame of ours does not decode: %s", t.text);
    bool alive = s->pods[p.link / RANKS].instance == p.instance && s->head.life == p.life;
    if (!e && alive) {
        sim_trace(s, 1 + p.to_head, p.link, m.type);
        if (p.to_head)
            head_receive(s, p.link, &m);
        else
            pod_receive(s, p.link, &m);
    }
    mem_free(p.header);
    mem_free(p.payload);
}

void network_fini(struct sim *s)
{
    for (uint32_t i = 0; i < s->n_packets; i++) {
        mem_free(s->packets[i].header);
        mem_free(s->packets[i].payload);
    }
    mem_free(s->packets);
}
