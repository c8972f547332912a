// SPDX-License-Identifier: MIT
// policy_schedule.c - a list of destinations for each aircraft, replayed.
//
// Specification fleet/1, section 11: the r-th decision of an aircraft takes gene r of its
// row; a row that is used up holds; an infeasible gene becomes the next feasible
// destination in ascending cyclic order.
//
// The parameter `schedule` is a list of integers, row behind row, all rows of one length,
// or a list of rows, each as long as it likes.
#include <inttypes.h>

#include "common/mem.h"
#include "worker/fleet/day.h"

enum { GENES_MAX = 1 << 20 };

struct state {
    uint32_t *first; // [n_aircraft + 1]: row a is genes [first[a], first[a + 1])
    uint16_t *genes;
};

static enum error
read_genes(const struct value *v, const struct world *w, uint16_t *out, struct errtext *t)
{
    for (uint32_t k = 0; k < v->n; k++) {
        const struct value *gene = &v->items[k];
        if (gene->type != VALUE_INT || gene->i < 0 || gene->i >= w->n_ports)
            return errtext_set(t, FAULT_JOB,
                               "schedule holds what is none of the %" PRIu32 " vertiports",
                               w->n_ports);
        out[k] = (uint16_t)gene->i;
    }
    return OK;
}

// Where each row begins.
static enum error
find_rows(struct state *s, const struct value *v, const struct world *w, struct errtext *t)
{
    bool nested = v->n > 0 && v->items[0].type == VALUE_LIST;
    uint64_t n = 0;

    if (nested ? v->n != w->n_aircraft : v->n % w->n_aircraft != 0)
        return errtext_set(t, FAULT_JOB,
                           "schedule has %" PRIu32 " elements, expected rows for %" PRIu32
                           " aircraft",
                           v->n, w->n_aircraft);
    s->first = mem_alloc(((size_t)w->n_aircraft + 1) * sizeof *s->first);
    for (uint32_t a = 0; a < w->n_aircraft; a++) {
        if (nested && v->items[a].type != VALUE_LIST)
            return errtext_set(t, FAULT_JOB, "schedule has rows that are no lists");
        n += nested ? v->items[a].n : v->n / w->n_aircraft;
        if (n > GENES_MAX)
            return errtext_set(t, FAULT_JOB, "schedule has more than %d genes", GENES_MAX);
        s->first[a + 1] = (uint32_t)n;
    }
    return OK;
}

static enum error
read_rows(struct state *s, const struct value *v, const struct world *w, struct errtext *t)
{
    bool nested = v->n > 0 && v->items[0].type == VALUE_LIST;
    enum error e = find_rows(s, v, w, t);

    if (e)
        return e;
    s->genes = mem_alloc(((size_t)s->first[w->n_aircraft] + 1) * sizeof *s->genes);
    if (!nested)
        return read_genes(v, w, s->genes, t);
    for (uint32_t a = 0; !e && a < v->n; a++)
        e = read_genes(&v->items[a], w, s->genes + s->first[a], t);
    return e;
}

static void destroy(void *state)
{
    struct state *s = state;
    if (s) {
        mem_free(s->first);
        mem_free(s->genes);
    }
    mem_free(s);
}

static enum error create(const struct policy_setup *setup, void **state, struct errtext *t)
{
    const struct value *v = setup->over ? value_find(setup->over, "schedule") : NULL;
    if (!v && setup->params)
        v = value_find(setup->params, "schedule");
    if (!v || v->type != VALUE_LIST)
        return errtext_set(t, FAULT_JOB,
                           "policy schedule needs the parameter schedule, a list");
    struct state *s = mem_alloc(sizeof *s);
    enum error e = read_rows(s, v, setup->world, t);
    if (e) {
        destroy(s);
        return e;
    }
    *state = s;
    return OK;
}

static uint32_t choose(void *state, struct day *d)
{
    const struct state *s = state;
    const struct epoch *e = day_epoch(d);
    uint32_t n_ports = day_world(d)->n_ports;

    uint32_t first = s->first[e->aircraft];
    if (e->number >= s->first[e->aircraft + 1] - first)
        return e->place;
    uint32_t v = s->genes[first + e->number];
    while (!(e->feasible[v / 64] >> (v % 64) & 1))
        v = v + 1 < n_ports ? v + 1 : 0;
    return v;
}

const struct policy policy_schedule = {
    .name = "schedule",
    .help = "destinations listed for each aircraft; what is infeasible moves on to the next",
    .per_item = true,
    .create = create,
    .destroy = destroy,
    .choose = choose,
};
