// SPDX-License-Identifier: MIT
#include "worker/fleet/pilot.h"

#include <string.h>

#include "common/arena.h"
#include "common/math.h"
#include "common/mem.h"
#include "worker/fleet/outlook.h"
#include "worker/fleet/sights.h"

// Days that go through the network together: what lies between two layers stays in the cache.
enum { TOGETHER = 4 };

struct pilot {
    const struct captain_shape *shape;
    float *weights;
    struct observer *observer;
    struct sights sights;
    struct outlook *outlook;
    float *ahead; // of TOGETHER days
    struct arena *arena;
    float *log_p, *value; // of the whole look
};

struct pilot *pilot_create(const struct world *w,
                           const struct captain_shape *shape,
                           float *weights,
                           size_t most)
{
    struct pilot *p = mem_alloc(sizeof *p);
    p->shape = shape;
    p->weights = weights;
    p->observer = observe_create(w);
    sights_init(&p->sights, w, most);
    sights_drop_series(&p->sights);
    p->outlook = outlook_create(&(struct outlook_of){w, p->observer, shape, weights});
    p->ahead = mem_alloc((size_t)TOGETHER * w->n_ports * shape->width * sizeof *p->ahead);
    p->arena = arena_create();
    p->log_p = mem_alloc(most * w->n_ports * sizeof *p->log_p);
    p->value = mem_alloc(most * sizeof *p->value);
    return p;
}

void pilot_destroy(struct pilot *p)
{
    if (!p)
        return;
    observe_destroy(p->observer);
    sights_fini(&p->sights);
    outlook_destroy(p->outlook);
    mem_free(p->ahead);
    arena_destroy(p->arena);
    mem_free(p->log_p);
    mem_free(p->value);
    mem_free(p);
}

struct pilot_view pilot_look(struct pilot *p, struct day *const *days, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sights_take(&p->sights, i, p->observer, days[i]);
    const size_t ports = p->sights.world->n_ports;
    for (size_t i = 0; i < n; i += TOGETHER) {
        size_t k = n - i < TOGETHER ? n - i : TOGETHER;
        struct captain_batch b = sights_batch(&p->sights, i, k);
        outlook_take(p->outlook, days + i, k, p->ahead);
        b.ahead = p->ahead;
        arena_reset(p->arena);
        struct captain_view v =
            captain_look(p->shape, tape_begin_plain(p->arena), p->arena, p->weights, NULL, &b);
        memcpy(p->log_p + i * ports, v.log_p->x, k * ports * sizeof *p->log_p);
        memcpy(p->value + i, v.value->x, k * sizeof *p->value);
    }
    return (struct pilot_view){p->log_p, sights_batch(&p->sights, 0, n).seen.mask, p->value};
}

uint64_t pilot_encoded(const struct pilot *p)
{
    return outlook_computed(p->outlook);
}

uint32_t pilot_best(const struct pilot *p, const struct pilot_view *v, size_t i)
{
    const uint32_t n = p->sights.world->n_ports;
    const float *log_p = v->log_p + i * n;
    const uint8_t *mask = v->mask + i * n;
    uint32_t best = n;
    for (uint32_t j = 0; j < n; j++)
        if (mask[j] && (best == n || log_p[j] > log_p[best]))
            best = j;
    return best;
}

uint32_t pilot_draw(const struct pilot *p, const struct pilot_view *v, size_t i, uint32_t u)
{
    const uint32_t n = p->sights.world->n_ports;
    const float *log_p = v->log_p + i * n;
    const uint8_t *mask = v->mask + i * n;
    const double at = u * 0x1p-32;
    double sum = 0;
    uint32_t last = 0;
    // What rounding leaves of 1 behind the last feasible one is its own.
    for (uint32_t j = 0; j < n; j++) {
        if (!mask[j])
            continue;
        last = j;
        sum += math_exp((double)log_p[j]);
        if (at < sum)
            break;
    }
    return last;
}
