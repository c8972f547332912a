// SPDX-License-Identifier: MIT
// policy_schedule.c - a list of destinations for each aircraft, replayed.
//
// Specification fleet/1, section 11: the r-th decision of an aircraft takes gene r of its
// row; a row that is used up holds; an infeasible gene becomes the next feasible
// destination in ascending cyclic order.
//
// The parameter `schedule` is a list of integers, row behind row, all rows of one length,
// or a list of such rows.
#include <inttypes.h>

#include "common/mem.h"
#include "worker/fleet/day.h"

enum { GENES_MAX = 1 << 20 };

struct state {
    uint32_t n_rows, n_genes; // genes of a row
    uint16_t *genes;          // [n_rows][n_genes]
};

static enum error
read_gene(const struct value *v, const struct world *w, uint16_t *out, struct errtext *t)
{
    if (v->type != VALUE_INT || v->i < 0 || v->i >= w->n_ports)
        return errtext_set(t, FAULT_JOB,
                           "schedule holds what is none of the %" PRIu32 " vertiports",
                           w->n_ports);
    *out = (uint16_t)v->i;
    return OK;
}

static enum error
read_rows(struct state *s, const struct value *v, const struct world *w, struct errtext *t)
{
    bool nested = v->n > 0 && v->items[0].type == VALUE_LIST;
    uint32_t n_genes = nested ? v->items[0].n : v->n / w->n_aircraft;
    enum error e = OK;

    if (nested ? v->n != w->n_aircraft : v->n % w->n_aircraft != 0)
        return errtext_set(t, FAULT_JOB,
                           "schedule has %" PRIu32 " elements, expected rows for %" PRIu32
                           " aircraft",
                           v->n, w->n_aircraft);
    if (!n_genes || (uint64_t)n_genes * w->n_aircraft > GENES_MAX)
        return errtext_set(t, FAULT_JOB, "schedule has rows of %" PRIu32 " genes", n_genes);
    s->n_rows = w->n_aircraft;
    s->n_genes = n_genes;
    s->genes = mem_alloc((size_t)s->n_rows * n_genes * sizeof *s->genes);
    for (uint32_t k = 0; !e && k < s->n_rows * n_genes; k++) {
        const struct value *row = nested ? &v->items[k / n_genes] : v;
        if (nested && (row->type != VALUE_LIST || row->n != n_genes))
            return errtext_set(t, FAULT_JOB, "schedule has rows of several lengths");
        e = read_gene(&row->items[nested ? k % n_genes : k], w, &s->genes[k], t);
    }
    return e;
}

static void destroy(void *state)
{
    struct state *s = state;
    if (s)
        mem_free(s->genes);
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

    if (e->number >= s->n_genes)
        return e->place;
    uint32_t v = s->genes[(size_t)e->aircraft * s->n_genes + e->number];
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
