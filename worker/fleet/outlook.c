// SPDX-License-Identifier: MIT
#include "worker/fleet/outlook.h"

#include <string.h>

#include "common/arena.h"
#include "common/hash.h"
#include "common/mem.h"
#include "worker/fleet/world.h"

enum {
    SLOTS_OF_PORT = 256, // some hours times those who may wait
    SLOTS_MAX = 16384,
    TOGETHER = 32, // series that go through the encoder together
};

struct outlook {
    struct outlook_of of;
    size_t n_slots;             // a power of 2
    struct observe_hours *keys; // [n_slots]; of an empty one the port is UINT32_MAX
    float *said;                // [n_slots][d]
    struct arena *arena;
    uint64_t computed;
    // Those to compute: what of, and where it goes.
    size_t n_missing;
    struct observe_hours missing[TOGETHER];
    float *to[TOGETHER];
    float *series; // [TOGETHER][12][5]
};

struct outlook *outlook_create(const struct outlook_of *of)
{
    struct outlook *o = mem_alloc(sizeof *o);
    o->of = *of;
    o->n_slots = SLOTS_OF_PORT;
    while (o->n_slots < SLOTS_MAX && o->n_slots < (size_t)of->world->n_ports * SLOTS_OF_PORT)
        o->n_slots *= 2;
    o->keys = mem_alloc(o->n_slots * sizeof *o->keys);
    memset(o->keys, 0xff, o->n_slots * sizeof *o->keys);
    o->said = mem_alloc(o->n_slots * of->shape->width * sizeof *o->said);
    o->arena = arena_create();
    o->series =
        mem_alloc((size_t)TOGETHER * OBSERVE_HOURS * OBSERVE_SERIES * sizeof *o->series);
    return o;
}

void outlook_destroy(struct outlook *o)
{
    if (!o)
        return;
    mem_free(o->keys);
    mem_free(o->said);
    arena_destroy(o->arena);
    mem_free(o->series);
    mem_free(o);
}

static size_t slot_of(const struct outlook *o, const struct observe_hours *h)
{
    uint64_t x = hash_mix64((uint64_t)h->port << 32 | h->hour);
    return (size_t)hash_mix64(x + h->waiting) & (o->n_slots - 1);
}

static bool is_same(const struct observe_hours *a, const struct observe_hours *b)
{
    return a->port == b->port && a->hour == b->hour && a->waiting == b->waiting;
}

static void compute(struct outlook *o)
{
    const size_t d = o->of.shape->width, n = o->n_missing;
    if (!n)
        return;
    for (size_t i = 0; i < n; i++)
        observe_series(o->of.observer, &o->missing[i],
                       o->series + i * OBSERVE_HOURS * OBSERVE_SERIES);
    arena_reset(o->arena);
    const struct tape_var *y = captain_ahead(o->of.shape, tape_begin_plain(o->arena), o->arena,
                                             o->of.weights, o->series, n);
    for (size_t i = 0; i < n; i++) {
        const size_t slot = slot_of(o, &o->missing[i]);
        memcpy(o->to[i], y->x + i * d, d * sizeof *y->x);
        memcpy(o->said + slot * d, y->x + i * d, d * sizeof *y->x);
        o->keys[slot] = o->missing[i];
    }
    o->computed += n;
    o->n_missing = 0;
}

void outlook_take(struct outlook *o, struct day *const *days, size_t n, float *ahead)
{
    const size_t d = o->of.shape->width;
    for (size_t i = 0; i < n; i++)
        for (uint32_t v = 0; v < o->of.world->n_ports; v++, ahead += d) {
            const struct observe_hours h = observe_hours(o->of.observer, days[i], v);
            const size_t slot = slot_of(o, &h);
            if (is_same(&o->keys[slot], &h)) {
                memcpy(ahead, o->said + slot * d, d * sizeof *ahead);
                continue;
            }
            o->missing[o->n_missing] = h;
            o->to[o->n_missing++] = ahead;
            if (o->n_missing == TOGETHER)
                compute(o);
        }
    compute(o);
}

uint64_t outlook_computed(const struct outlook *o)
{
    return o->computed;
}
