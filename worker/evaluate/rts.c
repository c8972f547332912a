// SPDX-License-Identifier: MIT
// The remote temperature sensor as an evaluator, for reports on trade-offs.
#include "worker/evaluate/rts.h"

#include "worker/evaluate/evaluate.h"

#define COUNT(name_, first, help_)                                                             \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .searchable = true, .min = 1, .max = 1000,           \
        .fallback = first, .help = help_                                                       \
    }
#define NUMBER(name_, least, most, first, unit_, help_)                                        \
    {                                                                                          \
        .name = name_, .type = PARAM_FLOAT, .searchable = true, .min = least, .max = most,     \
        .fallback = first, .unit = unit_, .help = help_                                        \
    }

static const struct param params[] = {
    COUNT("servers", "1", "that share the requests; one is enough to be available"),
    COUNT("clients", "16", "that ask"),
    COUNT("furnaces", "16", "whose temperature each client asks for"),
    NUMBER("period", 1e-3, 1e6, "60", "s", "between two questions of a client"),
    NUMBER("service", 1e-3, 1e9, "20", "Hz", "requests that a server answers in a second"),
    NUMBER("availability", 0, 1, "0.99", NULL, "of one server"),
    NUMBER("attack", 0, 1, "0.01", NULL, "chance that one server is broken into in a window"),
    NUMBER("dummy", -1e9, 1e9, "0", NULL, "moves nothing"),
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "latency", .unit = "s", .help = "age of what a client knows, on average"},
    {.name = "available", .help = "chance that one server at least is up"},
    {.name = "exposure", .help = "chance that one server at least is broken into"},
    {.name = "load", .help = "part of its time that a server works"},
    {.name = NULL},
};

enum { N_METRICS = 4 };

// x^n by squaring: a handful of roundings whatever the machine.
static double power(double x, uint32_t n)
{
    double y = 1;
    while (n) {
        if (n & 1)
            y *= x;
        x *= x;
        n >>= 1;
    }
    return y;
}

bool rts_evaluate(const struct rts *k, struct rts_figures *out)
{
    double rate = (double)k->clients * k->furnaces / k->period_s / k->servers;

    if (!(rate < k->service_hz))
        return false;
    out->load = rate / k->service_hz;
    out->latency_s = 1 / (k->service_hz - rate) + k->period_s / 2;
    out->availability = 1 - power(1 - k->availability, k->servers);
    out->exposure = 1 - power(1 - k->attack, k->servers);
    return true;
}

struct state {
    struct arena *arena;
    struct value params;
};

static enum error open_rts(const struct workload_job *job, void **out, struct errtext *t)
{
    struct state *s = mem_alloc(sizeof *s);

    (void)t;
    s->arena = arena_create();
    s->params = value_copy(s->arena, job->params);
    *out = s;
    return OK;
}

static void close_rts(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

static enum error evaluate_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct value *base = &((const struct state *)state)->params;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    struct rts k = {
        .servers = (uint32_t)evaluate_int(over, base, "servers", 1),
        .clients = (uint32_t)evaluate_int(over, base, "clients", 1),
        .furnaces = (uint32_t)evaluate_int(over, base, "furnaces", 1),
        .period_s = evaluate_number(over, base, "period"),
        .service_hz = evaluate_number(over, base, "service"),
        .availability = evaluate_number(over, base, "availability"),
        .attack = evaluate_number(over, base, "attack"),
    };
    struct rts_figures y;
    double *row = r->metrics + (size_t)i * N_METRICS;

    if (!rts_evaluate(&k, &y))
        return errtext_set(t, FAULT_JOB, "more requests come than the servers can answer");
    row[0] = y.latency_s;
    row[1] = y.availability;
    row[2] = y.exposure;
    row[3] = y.load;
    return OK;
}

static enum error run_rts(void *state, struct run *r, struct errtext *t)
{
    return evaluate_or_fault(evaluate_item, state, r, t);
}

const struct workload workload_rts = {
    .name = "rts",
    .help = "A remote temperature sensor with several servers: latency, availability, "
            "exposure to attacks and load in closed form, for reports on trade-offs.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .open = open_rts,
    .close = close_rts,
    .run = run_rts,
};
