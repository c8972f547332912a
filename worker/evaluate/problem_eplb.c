// SPDX-License-Identifier: MIT
// Expert placement as a problem for programs: number of layers, experts, slots, devices;
// for each layer the experts' loads.  An answer is the list of the experts that the
// slots hold; it is worth its balance under the next step's loads, which the program
// does not see.
#include <inttypes.h>
#include <math.h>

#include "worker/evaluate/problem.h"
#include "worker/experts/placement.h"

enum { LAYERS_MAX = 10000 };

struct eplb {
    struct placement_shape shape;
    uint32_t n;
    const double *loads; // [n][2][n_experts]
};

static uint32_t number(const struct value *data, const char *name)
{
    const struct value *v = value_find(data, name);
    return v && v->type == VALUE_INT && v->i > 0 && v->i <= INT32_MAX ? (uint32_t)v->i : 0;
}

// Two steps of n loads each.
static bool read_layer(const struct value *v, uint32_t n, double *out)
{
    if (v->type != VALUE_LIST || v->n != 2)
        return false;
    for (int step = 0; step < 2; step++) {
        const struct value *list = &v->items[step];
        if (list->type != VALUE_LIST || list->n != n)
            return false;
        for (uint32_t i = 0; i < n; i++, out++) {
            *out = value_is_number(&list->items[i]) ? value_number(&list->items[i]) : -1;
            if (!isfinite(*out) || *out < 0)
                return false;
        }
    }
    return true;
}

static enum error read_eplb(
    const struct value *data, struct arena *a, void **state, uint32_t *n, struct errtext *t)
{
    const struct value *layers = value_find(data, "layers");
    struct eplb *p = arena_alloc(a, sizeof *p);

    if (!layers || layers->type != VALUE_LIST || layers->n < 1 || layers->n > LAYERS_MAX
        || layers->items[0].type != VALUE_LIST || layers->items[0].n != 2)
        return errtext_set(t, ERR_INVALID, "layers is expected to be a list of pairs of loads");
    p->shape = (struct placement_shape){.n_experts = layers->items[0].items[0].n,
                                        .n_slots = number(data, "slots"),
                                        .n_groups = 1,
                                        .n_nodes = 1,
                                        .n_devices = number(data, "gpus")};
    enum error e = placement_check(&p->shape, t);
    if (e)
        return e;
    size_t size = 2 * (size_t)p->shape.n_experts;
    double *loads = arena_alloc(a, layers->n * size * sizeof *loads);
    for (uint32_t i = 0; i < layers->n; i++)
        if (!read_layer(&layers->items[i], p->shape.n_experts, loads + i * size))
            return errtext_set(t, ERR_INVALID,
                               "layer %" PRIu32 " is expected to be two lists of %" PRIu32
                               " numbers from 0 on",
                               i, p->shape.n_experts);
    p->n = *n = layers->n;
    p->loads = loads;
    *state = p;
    return OK;
}

static void print_eplb(const void *state, struct buf *out)
{
    const struct eplb *p = state;
    uint32_t n = p->shape.n_experts;

    buf_printf(out, "%" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", p->n, n,
               p->shape.n_slots, p->shape.n_devices);
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < n; k++)
            buf_printf(out, "%.17g%c", p->loads[(size_t)i * 2 * n + k], k + 1 < n ? ' ' : '\n');
}

static enum error judge_eplb(const void *state,
                             uint32_t i,
                             const struct value *answer,
                             struct arena *scratch,
                             double *value,
                             struct errtext *t)
{
    const struct eplb *p = state;
    struct placement made = {.expert = NULL};

    if (answer->type != VALUE_LIST || answer->n != p->shape.n_slots)
        return errtext_set(t, ERR_INVALID, "an answer is expected to be a list of %" PRIu32,
                           p->shape.n_slots);
    uint32_t *expert = arena_room(scratch, answer->n * sizeof *expert);
    for (uint32_t k = 0; k < answer->n; k++) {
        const struct value *v = &answer->items[k];
        if (v->type != VALUE_INT || v->i < 0 || v->i > UINT32_MAX)
            return errtext_set(t, ERR_INVALID, "slot %" PRIu32 " holds no expert's number", k);
        expert[k] = (uint32_t)v->i;
    }
    enum error e = placement_given(&p->shape, expert, scratch, &made, t);
    if (e)
        return e;
    double *device = arena_room(scratch, p->shape.n_devices * sizeof *device);
    placement_loads(&made, p->loads + (2 * (size_t)i + 1) * p->shape.n_experts, device);
    *value = placement_balance(device, p->shape.n_devices);
    return OK;
}

const struct problem problem_eplb = {
    .name = "eplb",
    .read = read_eplb,
    .print = print_eplb,
    .judge = judge_eplb,
};
