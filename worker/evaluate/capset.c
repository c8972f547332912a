// SPDX-License-Identifier: MIT
// Cap sets by a greedy walk whose priority is searched for.
#include "worker/evaluate/capset.h"

#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/integers.h"

static const struct param params[] = {
    {.name = "dimension",
     .type = PARAM_INT,
     .searchable = true,
     .min = 1,
     .max = CAPSET_DIMENSION_MAX,
     .fallback = "4",
     .help = "n of the vectors in F_3^n"},
    {.name = "forms",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "coefficients 0 to 2 of one to four polynomials, one behind the other: of 1, of "
             "x_i, of x_i x_j with i <= j; the greedy walk takes vectors by their values"},
    {.name = "first",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "vectors to try before all others, by their numbers below 3^n"},
    {.name = NULL},
};

enum { M_SIZE, N_METRICS };

static const struct metric metrics[] = {
    [M_SIZE] = {.name = "size",
                .help = "vectors of the cap set, checked pair by pair; to be maximised",
                .integer = true},
    [N_METRICS] = {.name = NULL},
};

struct state {
    struct arena *arena;
    struct value params;
};

static enum error open_capset(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->arena = arena_create();
    s->params = value_copy(s->arena, job->params);
    *out = s;
    return OK;
}

static void close_capset(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

static enum error read_order(const struct value *over,
                             const struct value *base,
                             struct capset_order *o,
                             struct errtext *t)
{
    uint32_t list[CAPSET_FORMS_MAX * CAPSET_TERMS_MAX], n;
    o->dimension = (uint32_t)evaluate_int(over, base, "dimension", 4);
    uint32_t terms = capset_terms(o->dimension), vectors = capset_vectors(o->dimension);
    const struct integers forms = {"forms", 3, 0, CAPSET_FORMS_MAX * terms};
    const struct integers first = {"first", vectors, 0, vectors};
    enum error e = integers_read(&forms, evaluate_find(over, base, "forms"), list, &n, t);

    if (!e && n % terms)
        e = errtext_set(t, FAULT_JOB, "forms has %u elements, expected a multiple of %u", n,
                        terms);
    if (e)
        return e;
    o->n_forms = n / terms;
    for (uint32_t i = 0; i < n; i++)
        o->forms[i / terms][i % terms] = (uint8_t)list[i];
    return integers_read(&first, evaluate_find(over, base, "first"), o->first, &o->n_first, t);
}

static enum error run_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    struct capset_order o;
    uint32_t set[CAPSET_VECTORS_MAX];
    enum error e = read_order(r->overrides ? r->overrides[i] : NULL, &s->params, &o, t);

    if (e)
        return e;
    uint32_t n = capset_greedy(&o, set);
    if (!capset_is_cap(o.dimension, set, n))
        return errtext_set(t, FAULT_JOB, "three vectors lie on a line");
    r->metrics[(size_t)i * N_METRICS + M_SIZE] = n;
    return OK;
}

static enum error run_capset(void *state, struct run *r, struct errtext *t)
{
    return evaluate_or_fault(run_item, state, r, t);
}

const struct workload workload_capset = {
    .name = "capset",
    .help = "Cap sets in F_3^n: a greedy walk by a priority, checked exhaustively.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .open = open_capset,
    .close = close_capset,
    .run = run_capset,
};
