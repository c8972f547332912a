// SPDX-License-Identifier: MIT
#include "worker/evaluate/prism_rule.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"

// Halvings of the interval that holds the target: a double's whole mantissa.
enum { HALVINGS = 52 };

struct job {
    const struct prism *p;
    const struct prism_instance *k;
    uint32_t order[PRISM_MODELS_MAX];
    struct prism_gpu gpus[PRISM_GPUS_MAX];
    uint32_t *of;
};

// ---- order -----------------------------------------------------------------------------

// Keys fall; of equals the first comes first (insertion keeps it so).
static void sort_models(struct job *j, const double *key)
{
    for (uint32_t m = 0; m < j->k->n_models; m++) {
        uint32_t at = m;
        for (; at > 0 && key[j->order[at - 1]] < key[m]; at--)
            j->order[at] = j->order[at - 1];
        j->order[at] = m;
    }
}

static void order_models(struct job *j, const struct prism_knobs *knobs, struct rng *r)
{
    double key[PRISM_MODELS_MAX], pressure = 0, size = 0;

    for (uint32_t m = 0; m < j->k->n_models; m++) {
        pressure = fmax(pressure, j->k->models[m].pressure);
        size = fmax(size, (double)j->k->models[m].size);
    }
    for (uint32_t m = 0; m < j->k->n_models; m++) {
        const struct prism_model *x = &j->k->models[m];
        key[m] = (pressure > 0 ? x->pressure / pressure : 0)
                 + knobs->size_weight * ((double)x->size / size);
        if (r)
            key[m] += knobs->noise * rng_f64(r);
    }
    sort_models(j, key);
}

// ---- rules -----------------------------------------------------------------------------

static void clear(struct job *j)
{
    memset(j->gpus, 0, j->k->n_gpus * sizeof j->gpus[0]);
}

static struct prism_gpu with(struct prism_gpu g, const struct prism_model *m)
{
    return (struct prism_gpu){g.size + m->size, g.pressure + m->pressure};
}

static struct prism_gpu without(struct prism_gpu g, const struct prism_model *m)
{
    return (struct prism_gpu){g.size - m->size, g.pressure - m->pressure};
}

typedef double (*cost_fn)(struct prism_gpu before,
                          const struct prism_model *m,
                          int64_t memory,
                          double target);

// Where model m costs least; n_gpus: it has room nowhere.
static uint32_t
cheapest(const struct job *j, const struct prism_model *m, cost_fn cost, double target)
{
    double least = INFINITY;
    uint32_t best = j->k->n_gpus;

    for (uint32_t g = 0; g < j->k->n_gpus; g++) {
        double c = cost(j->gpus[g], m, j->p->memory, target);
        if (c < least) {
            least = c;
            best = g;
        }
    }
    return best;
}

// Models one by one, each where it costs least; false: one has no room.
static bool place_all(struct job *j, cost_fn cost, double target)
{
    clear(j);
    for (uint32_t i = 0; i < j->k->n_models; i++) {
        const struct prism_model *m = &j->k->models[j->order[i]];
        uint32_t best = cheapest(j, m, cost, target);
        if (best == j->k->n_gpus)
            return false;
        j->of[j->order[i]] = best;
        j->gpus[best] = with(j->gpus[best], m);
    }
    return true;
}

static double
cost_before(struct prism_gpu g, const struct prism_model *m, int64_t memory, double target)
{
    (void)target;
    return g.size + m->size < memory ? prism_kvpr(&g, memory) : INFINITY;
}

static double
cost_after(struct prism_gpu g, const struct prism_model *m, int64_t memory, double target)
{
    (void)target;
    g = with(g, m);
    return prism_kvpr(&g, memory);
}

// What is left of the bin: the tightest fit is the best.
static double
cost_pack(struct prism_gpu g, const struct prism_model *m, int64_t memory, double target)
{
    g = with(g, m);
    double left = target * (double)(memory - g.size) - g.pressure;
    return g.size < memory && left >= 0 ? left : INFINITY;
}

// Best fit is not monotone in the target; the bisection keeps what fitted last.
static bool pack(struct job *j)
{
    double low = prism_bound(j->p, j->k), high = 2 * low;
    int doublings = 0;

    while (!place_all(j, cost_pack, high) && doublings++ < HALVINGS)
        high *= 2;
    for (int i = 0; i < HALVINGS && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (place_all(j, cost_pack, middle))
            high = middle;
        else
            low = middle;
    }
    return place_all(j, cost_pack, high);
}

static bool place(struct job *j, enum prism_rule rule)
{
    if (rule == PRISM_PACK)
        return pack(j);
    return place_all(j, rule == PRISM_AFTER ? cost_after : cost_before, 0);
}

// ---- local improvement -------------------------------------------------------------------

static uint32_t worst_gpu(const struct job *j, double *value)
{
    uint32_t worst = 0;

    *value = -1;
    for (uint32_t g = 0; g < j->k->n_gpus; g++) {
        double v = prism_kvpr(&j->gpus[g], j->p->memory);
        if (v > *value) {
            *value = v;
            worst = g;
        }
    }
    return worst;
}

struct change {
    double value;        // the larger of the two GPUs afterwards
    uint32_t give, take; // models; take = n_models: a move
    uint32_t to;
};

static void consider(const struct job *j, uint32_t from, struct change c, struct change *best)
{
    const struct prism_model *models = j->k->models, *give = &models[c.give];
    struct prism_gpu a = without(j->gpus[from], give), b = with(j->gpus[c.to], give);

    if (c.take < j->k->n_models) {
        a = with(a, &models[c.take]);
        b = without(b, &models[c.take]);
    }
    c.value = fmax(prism_kvpr(&a, j->p->memory), prism_kvpr(&b, j->p->memory));
    if (c.value < best->value)
        *best = c;
}

static void apply(struct job *j, uint32_t from, const struct change *c)
{
    const struct prism_model *models = j->k->models;

    j->of[c->give] = c->to;
    j->gpus[from] = without(j->gpus[from], &models[c->give]);
    j->gpus[c->to] = with(j->gpus[c->to], &models[c->give]);
    if (c->take == j->k->n_models)
        return;
    j->of[c->take] = from;
    j->gpus[c->to] = without(j->gpus[c->to], &models[c->take]);
    j->gpus[from] = with(j->gpus[from], &models[c->take]);
}

// The best move or swap that takes from the worst GPU and lowers it; false: none.
static bool improve(struct job *j)
{
    double value;
    uint32_t from = worst_gpu(j, &value), n = j->k->n_models;
    struct change best = {.value = value};

    for (uint32_t give = 0; give < n; give++) {
        if (j->of[give] != from)
            continue;
        for (uint32_t g = 0; g < j->k->n_gpus; g++)
            if (g != from)
                consider(j, from, (struct change){.give = give, .take = n, .to = g}, &best);
        for (uint32_t take = 0; take < n; take++)
            if (j->of[take] != from)
                consider(j, from,
                         (struct change){.give = give, .take = take, .to = j->of[take]}, &best);
    }
    if (!(best.value < value))
        return false;
    apply(j, from, &best);
    return true;
}

static double try_once(struct job *j, const struct prism_knobs *knobs, struct rng *r)
{
    order_models(j, knobs, r);
    if (!place(j, knobs->rule))
        return INFINITY;
    for (uint32_t i = 0; i < knobs->passes * j->k->n_gpus && improve(j); i++)
        ;
    // Anew from the models: sums that were added to and taken from have lost bits.
    return prism_value(j->p, j->k, j->of);
}

double prism_place(const struct prism *p,
                   uint32_t instance,
                   const struct prism_knobs *knobs,
                   uint64_t seed,
                   uint32_t *of)
{
    uint32_t trial[PRISM_MODELS_MAX];
    struct job j = {.p = p, .k = &p->instances[instance], .of = trial};
    double best = INFINITY;

    for (uint32_t m = 0; m < j.k->n_models; m++)
        of[m] = j.k->n_gpus;
    for (uint32_t i = 0; i < knobs->tries; i++) {
        struct rng r = rng_at(seed, instance, 0, i);
        double value = try_once(&j, knobs, i > 0 ? &r : NULL);
        if (value < best) {
            best = value;
            memcpy(of, trial, j.k->n_models * sizeof *of);
        }
    }
    return best;
}
