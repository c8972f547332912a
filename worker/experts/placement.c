// SPDX-License-Identifier: MIT
#include "worker/experts/placement.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "worker/experts/placement_rules.h"

const struct placement_rule placement_rules[] = {
    {.name = "contiguous",
     .help = "neighbouring experts together",
     .place = placement_contiguous},
    {.name = "round-robin",
     .help = "experts dealt to the devices in turn",
     .place = placement_round_robin},
    {.name = "balanced",
     .help = "copies of the hottest experts, packed by load (EPLB)",
     .place = placement_balanced},
    {.name = "snake",
     .help = "copies of the hottest experts, dealt by load to and fro",
     .place = placement_snake},
    {.name = NULL},
};

const struct placement_rule *placement_find(const char *name)
{
    for (const struct placement_rule *r = placement_rules; r->name; r++)
        if (strcmp(r->name, name) == 0)
            return r;
    return NULL;
}

enum error placement_check(const struct placement_shape *s, struct errtext *t)
{
    if (s->n_experts < 1 || s->n_experts > PLACEMENT_EXPERTS_MAX)
        return errtext_set(t, ERR_INVALID, "%" PRIu32 " experts, expected 1 to %d",
                           s->n_experts, PLACEMENT_EXPERTS_MAX);
    if (s->n_devices < 1 || s->n_devices > PLACEMENT_DEVICES_MAX)
        return errtext_set(t, ERR_INVALID, "%" PRIu32 " devices, expected 1 to %d",
                           s->n_devices, PLACEMENT_DEVICES_MAX);
    if (s->n_slots < s->n_experts)
        return errtext_set(t, ERR_INVALID,
                           "%" PRIu32 " replicas, expected at least one for each of %" PRIu32
                           " experts",
                           s->n_slots, s->n_experts);
    if (s->n_slots > (uint64_t)s->n_experts * s->n_devices)
        return errtext_set(t, ERR_INVALID,
                           "%" PRIu32 " replicas, expected at most %" PRIu32
                           " on each of %" PRIu32 " devices",
                           s->n_slots, s->n_experts, s->n_devices);
    if (s->n_groups < 1 || s->n_experts % s->n_groups)
        return errtext_set(t, ERR_INVALID,
                           "%" PRIu32 " groups, expected a divisor of %" PRIu32 " experts",
                           s->n_groups, s->n_experts);
    if (s->n_nodes < 1 || s->n_nodes > s->n_devices)
        return errtext_set(t, ERR_INVALID,
                           "%" PRIu32 " nodes, expected 1 to %" PRIu32 ", one device each",
                           s->n_nodes, s->n_devices);
    return OK;
}

static enum error check_load(const double *load, uint32_t n, struct errtext *t)
{
    for (uint32_t e = 0; load && e < n; e++)
        if (!isfinite(load[e]) || load[e] < 0)
            return errtext_set(t, ERR_INVALID,
                               "the load of expert %" PRIu32 " is %g, expected 0 or more", e,
                               load[e]);
    return OK;
}

// Slots by expert: count, add up, fill in ascending order of slots.
static void index_copies(struct placement *p)
{
    uint32_t n = p->shape.n_experts;

    for (uint32_t s = 0; s < p->shape.n_slots; s++)
        p->first_copy[p->expert[s] + 1]++;
    for (uint32_t e = 0; e < n; e++) {
        assert(p->first_copy[e + 1] > 0); // every expert is somewhere
        p->first_copy[e + 1] += p->first_copy[e];
    }
    for (uint32_t s = p->shape.n_slots; s-- > 0;)
        p->copy[--p->first_copy[p->expert[s] + 1]] = s;
    // Each entry has moved down to its expert's begin: one place too high.
    memmove(p->first_copy, p->first_copy + 1, n * sizeof *p->first_copy);
    p->first_copy[n] = p->shape.n_slots;
}

static struct placement empty_placement(const struct placement_shape *shape, struct arena *a)
{
    struct placement p = {.shape = *shape};
    p.expert = arena_alloc(a, shape->n_slots * sizeof *p.expert);
    p.copy = arena_alloc(a, shape->n_slots * sizeof *p.copy);
    p.first_slot = arena_alloc(a, (shape->n_devices + 1) * sizeof *p.first_slot);
    p.first_copy = arena_alloc(a, (shape->n_experts + 1) * sizeof *p.first_copy);
    for (uint32_t d = 0; d <= shape->n_devices; d++)
        p.first_slot[d] = placement_first(d, shape->n_slots, shape->n_devices);
    return p;
}

enum error placement_make(const struct placement_rule *rule,
                          const struct placement_shape *shape,
                          const double *load,
                          struct arena *a,
                          struct placement *out,
                          struct errtext *t)
{
    enum error e = placement_check(shape, t);

    if (e || (e = check_load(load, shape->n_experts, t)))
        return e;
    struct placement p = empty_placement(shape, a);
    struct arena_mark mark = arena_mark(a);
    if (!load) {
        double *even = arena_room(a, shape->n_experts * sizeof *even);
        for (uint32_t i = 0; i < shape->n_experts; i++)
            even[i] = 1;
        load = even;
    }
    rule->place(&p, load, p.expert, a);
    arena_release(a, mark);
    index_copies(&p);
    *out = p;
    return OK;
}

static enum error check_experts(const struct placement *p, struct arena *a, struct errtext *t)
{
    struct arena_mark mark = arena_mark(a);
    uint8_t *placed = arena_alloc(a, p->shape.n_experts);
    enum error e = OK;

    for (uint32_t s = 0; s < p->shape.n_slots && !e; s++) {
        if (p->expert[s] < p->shape.n_experts)
            placed[p->expert[s]] = 1;
        else
            e = errtext_set(t, ERR_INVALID,
                            "slot %" PRIu32 " holds expert %" PRIu32 " of %" PRIu32, s,
                            p->expert[s], p->shape.n_experts);
    }
    for (uint32_t i = 0; i < p->shape.n_experts && !e; i++)
        if (!placed[i])
            e = errtext_set(t, ERR_INVALID, "expert %" PRIu32 " is nowhere", i);
    arena_release(a, mark);
    return e;
}

enum error placement_given(const struct placement_shape *shape,
                           const uint32_t *expert,
                           struct arena *a,
                           struct placement *out,
                           struct errtext *t)
{
    enum error e = placement_check(shape, t);

    if (e)
        return e;
    struct placement p = empty_placement(shape, a);
    memcpy(p.expert, expert, shape->n_slots * sizeof *expert);
    if ((e = check_experts(&p, a, t)))
        return e;
    index_copies(&p);
    *out = p;
    return OK;
}

uint32_t placement_device(const struct placement *p, uint32_t slot)
{
    uint32_t low = 0, high = p->shape.n_devices;

    // The last device whose first slot is not behind this one.
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->first_slot[middle] <= slot)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void placement_loads(const struct placement *p, const double *load, double *device)
{
    for (uint32_t d = 0; d < p->shape.n_devices; d++) {
        device[d] = 0;
        for (uint32_t s = p->first_slot[d]; s < p->first_slot[d + 1]; s++) {
            uint32_t e = p->expert[s];
            device[d] += load[e] / (double)(p->first_copy[e + 1] - p->first_copy[e]);
        }
    }
}

double placement_balance(const double *load, uint32_t n)
{
    double sum = 0, most = 0;

    for (uint32_t i = 0; i < n; i++) {
        sum += load[i];
        most = load[i] > most ? load[i] : most;
    }
    return most > 0 ? sum / (double)n / most : 1;
}
