// SPDX-License-Identifier: MIT
// How evenly a rule of placement spreads the experts' load over devices: a study
// without a model, on loads that fall like Zipf's law or were measured.
//
// Zipf's loads go to the experts in an order of the item's own, the same for every
// rule and exponent, so that grid points compare.  A placement may also stand in the
// parameters, slot by slot, for a search over them; it is verified.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "worker/evaluate/evaluate.h"
#include "worker/experts/placement.h"

static const char *const rules[] = {"contiguous", "round-robin", "balanced", "snake", NULL};

#define COUNT(name_, most, fallback_, help_)                                                   \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .searchable = true, .min = 1, .max = most,           \
        .fallback = fallback_, .help = help_                                                   \
    }

static const struct param params[] = {
    {.name = "policy",
     .type = PARAM_STR,
     .searchable = true,
     .choices = rules,
     .fallback = "\"balanced\"",
     .help = "the rule of placement"},
    {.name = "exponent",
     .type = PARAM_FLOAT,
     .searchable = true,
     .min = 0,
     .max = 10,
     .fallback = "1",
     .help =
         "of Zipf's law: the k-th hottest expert has the load 1 / k^exponent; 0: all alike"},
    COUNT(
        "experts", PLACEMENT_EXPERTS_MAX, "256", "how many there are, unless loads are given"),
    COUNT("replicas", 1 << 30, "288", "copies of experts on all devices together"),
    COUNT("groups", PLACEMENT_EXPERTS_MAX, "1", "runs of experts that are kept on one node"),
    COUNT("nodes", PLACEMENT_DEVICES_MAX, "8", "of devices that are near each other"),
    COUNT("devices", PLACEMENT_DEVICES_MAX, "32", "in all"),
    {.name = "loads",
     .type = PARAM_ANY,
     .help = "measured instead of Zipf's: a number for each expert, or a list of such lists, "
             "one a layer, which items take in turn"},
    {.name = "next_loads",
     .type = PARAM_ANY,
     .help = "the loads that came afterwards, in the form of loads: next_balance is of the "
             "same placement under these"},
    {.name = "noise",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = 10000,
     .fallback = "0",
     .help = "shape of a gamma factor with mean 1 on each of Zipf's loads; 0: none"},
    {.name = "slots",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "instead of a rule: the expert that each slot holds, a list of replicas numbers "
             "from 0 on; device by device"},
    {.name = NULL},
};

enum { M_BALANCE, M_NODES, M_HOTTEST, M_COPIES, M_NEXT, N_METRICS };

static const struct metric metrics[] = {
    [M_BALANCE] = {"balance", NULL, "mean over largest load of the devices: 1 is even"},
    [M_NODES] = {"node_balance", NULL, "the same of the nodes"},
    [M_HOTTEST] = {"hottest", NULL, "the hottest expert's share of all load"},
    [M_COPIES] = {"copies", NULL, "most copies of one expert"},
    [M_NEXT] = {"next_balance", NULL, "balance under next_loads; without them, balance"},
    [N_METRICS] = {.name = NULL},
};

struct state {
    uint64_t seed;
    struct arena *arena;
    struct value params;
    const struct value *loads, *next; // or NULL
};

static const struct value *given(const struct value *p, const char *name)
{
    const struct value *v = value_find(p, name);
    return v && v->type != VALUE_NULL ? v : NULL;
}

// ---- what the job says -----------------------------------------------------------------

// Layer `i`, in turn, of measured loads.
static const struct value *layer_of(const struct value *loads, uint64_t i)
{
    bool layers = loads->items[0].type == VALUE_LIST;
    return layers ? &loads->items[i % loads->n] : loads;
}

static bool are_loads(const struct value *list, uint32_t n)
{
    if (list->type != VALUE_LIST || list->n != n)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct value *v = &list->items[i];
        if (!value_is_number(v) || !(value_number(v) >= 0) || !isfinite(value_number(v)))
            return false;
    }
    return true;
}

static enum error check_loads(const struct value *loads, const char *name, struct errtext *t)
{
    bool good = loads->type == VALUE_LIST && loads->n > 0;
    uint32_t n = good ? layer_of(loads, 0)->n : 0;
    good = good && n > 0 && n <= PLACEMENT_EXPERTS_MAX;
    for (uint32_t i = 0; good && i < loads->n; i++)
        good = are_loads(layer_of(loads, i), n);
    return good ? OK
                : errtext_set(t, ERR_INVALID,
                              "%s is expected to be a list of numbers from 0 on, or of "
                              "lists of them, all of one length",
                              name);
}

static uint32_t count(const struct value *over, const struct value *base, const char *name)
{
    return (uint32_t)evaluate_int(over, base, name, 1);
}

static struct placement_shape
shape_of(const struct value *over, const struct value *base, const struct value *loads)
{
    return (struct placement_shape){
        .n_experts = loads ? layer_of(loads, 0)->n : count(over, base, "experts"),
        .n_slots = count(over, base, "replicas"),
        .n_groups = count(over, base, "groups"),
        .n_nodes = count(over, base, "nodes"),
        .n_devices = count(over, base, "devices"),
    };
}

// A grid or a space may still change the shape: that is each item's fault.
static enum error check_placement(const struct value *p, struct errtext *t)
{
    const struct value *loads = given(p, "loads"), *next = given(p, "next_loads");
    enum error e = loads ? check_loads(loads, "loads", t) : OK;

    if (!e && next)
        e = check_loads(next, "next_loads", t);
    if (!e && next && (!loads || layer_of(loads, 0)->n != layer_of(next, 0)->n))
        e = errtext_set(t, ERR_INVALID,
                        "next_loads is expected beside loads, with as many experts");
    return e;
}

// ---- loads -----------------------------------------------------------------------------

// Zipf's, dealt to the experts in random order (Fisher and Yates).
static void make_loads(double *load, uint32_t n, double exponent, struct rng r)
{
    for (uint32_t k = 0; k < n; k++)
        load[k] = math_pow(k + 1.0, -exponent);
    for (uint32_t k = n; k > 1; k--) {
        uint32_t other = (uint32_t)rng_below(&r, k);
        double x = load[k - 1];
        load[k - 1] = load[other];
        load[other] = x;
    }
}

static void take_loads(const struct value *loads, uint64_t item, uint32_t n, double *load)
{
    const struct value *list = layer_of(loads, item);
    for (uint32_t i = 0; i < n; i++)
        load[i] = value_number(&list->items[i]);
}

// A gamma variate of mean 1 and whole shape k on each: the mean of k exponential ones.
static void disturb(double *load, uint32_t n, uint32_t shape, struct rng r)
{
    for (uint32_t i = 0; shape && i < n; i++) {
        double sum = 0;
        for (uint32_t k = 0; k < shape; k++)
            sum -= math_log(1 - rng_f64(&r));
        load[i] *= sum / shape;
    }
}

static void loads_of(
    const struct state *s, const struct value *over, uint64_t item, uint32_t n, double *load)
{
    const struct value *v = evaluate_find(over, &s->params, "exponent");
    if (!s->loads) {
        make_loads(load, n, v ? value_number(v) : 1, evaluate_rng(s->seed, 0, 0, item));
        disturb(load, n, (uint32_t)evaluate_int(over, &s->params, "noise", 0),
                evaluate_rng(s->seed, 0, 1, item));
        return;
    }
    take_loads(s->loads, item, n, load);
}

// ---- the workload ----------------------------------------------------------------------

static enum error open_placement(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->seed = job->seed;
    s->arena = arena_create();
    s->params = value_copy(s->arena, job->params);
    s->loads = given(&s->params, "loads");
    s->next = given(&s->params, "next_loads");
    *out = s;
    return OK;
}

static void close_placement(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

static double node_balance(const struct placement *p, const double *device, double *node)
{
    const struct placement_shape *s = &p->shape;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        node[i] = 0;
        for (uint32_t d = placement_first(i, s->n_devices, s->n_nodes);
             d < placement_first(i + 1, s->n_devices, s->n_nodes); d++)
            node[i] += device[d];
    }
    return placement_balance(node, s->n_nodes);
}

static void
fill_row(const struct placement *p, const double *load, struct arena *a, double *row)
{
    const struct placement_shape *s = &p->shape;
    double *device = arena_room(a, s->n_devices * sizeof *device);
    double *node = arena_room(a, s->n_nodes * sizeof *node), sum = 0, most = 0;
    uint32_t copies = 0;
    for (uint32_t e = 0; e < s->n_experts; e++) {
        uint32_t n = p->first_copy[e + 1] - p->first_copy[e];
        copies = n > copies ? n : copies;
        most = load[e] > most ? load[e] : most;
        sum += load[e];
    }
    placement_loads(p, load, device);
    row[M_BALANCE] = placement_balance(device, s->n_devices);
    row[M_NODES] = node_balance(p, device, node);
    row[M_HOTTEST] = sum > 0 ? most / sum : 0;
    row[M_COPIES] = copies;
    row[M_NEXT] = row[M_BALANCE];
}

static void fill_next(const struct state *s,
                      const struct placement *p,
                      uint64_t item,
                      struct arena *a,
                      double *row)
{
    if (!s->next)
        return;
    double *load = arena_room(a, p->shape.n_experts * sizeof *load);
    double *device = arena_room(a, p->shape.n_devices * sizeof *device);
    take_loads(s->next, item, p->shape.n_experts, load);
    placement_loads(p, load, device);
    row[M_NEXT] = placement_balance(device, p->shape.n_devices);
}

static enum error place_slots(const struct placement_shape *shape,
                              const struct value *slots,
                              struct arena *a,
                              struct placement *out,
                              struct errtext *t)
{
    if (slots->type != VALUE_LIST || slots->n != shape->n_slots)
        return errtext_set(t, ERR_INVALID, "slots is expected to be a list of %" PRIu32,
                           shape->n_slots);
    uint32_t *expert = arena_room(a, shape->n_slots * sizeof *expert);
    for (uint32_t i = 0; i < shape->n_slots; i++) {
        const struct value *v = &slots->items[i];
        if (v->type != VALUE_INT || v->i < 0 || v->i > UINT32_MAX)
            return errtext_set(t, ERR_INVALID, "slots[%" PRIu32 "] is no expert's number", i);
        expert[i] = (uint32_t)v->i;
    }
    return placement_given(shape, expert, a, out, t);
}

static enum error run_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    const struct value *policy = evaluate_find(over, &s->params, "policy");
    const struct value *slots = evaluate_find(over, &s->params, "slots");
    const struct placement_rule *rule = placement_find(policy ? policy->s : "balanced");
    struct placement_shape shape = shape_of(over, &s->params, s->loads);
    struct placement p = {.expert = NULL};
    struct arena_mark mark = arena_mark(r->arena);
    enum error e = placement_check(&shape, t);
    if (e)
        return e;
    double *load = arena_room(r->arena, shape.n_experts * sizeof *load);
    loads_of(s, over, r->first + i, shape.n_experts, load);
    e = slots && slots->type != VALUE_NULL
            ? place_slots(&shape, slots, r->arena, &p, t)
            : placement_make(rule, &shape, load, r->arena, &p, t);
    if (!e) {
        fill_row(&p, load, r->arena, r->metrics + (size_t)i * N_METRICS);
        fill_next(s, &p, r->first + i, r->arena, r->metrics + (size_t)i * N_METRICS);
    }
    arena_release(r->arena, mark);
    return e;
}

static enum error run_placement(void *state, struct run *r, struct errtext *t)
{
    return evaluate_or_fault(run_item, state, r, t);
}

const struct workload workload_placement = {
    .name = "placement",
    .help = "Places experts on devices by a rule and says how even their load is.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .check = check_placement,
    .open = open_placement,
    .close = close_placement,
    .run = run_placement,
};
