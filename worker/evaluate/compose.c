// SPDX-License-Identifier: MIT
// Which components make up a system: an item is one inventory, made from its number or
// given, and the policy's choice from it.
#include <math.h>
#include <string.h>

#include "worker/evaluate/attached.h"
#include "worker/evaluate/compose.h"
#include "worker/evaluate/evaluate.h"

static const char *const policies[] = {"online",  "retrieval", "identity",
                                       "offline", "probed",    NULL}; // enum compose_policy

#define COUNT(name_, least, most, first, help_)                                                \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .searchable = true, .min = least, .max = most,       \
        .fallback = first, .help = help_                                                       \
    }
#define PART(name_, first, help_)                                                              \
    {                                                                                          \
        .name = name_, .type = PARAM_FLOAT, .searchable = true, .min = 0, .max = 1,            \
        .fallback = first, .help = help_                                                       \
    }

static const struct param params[] = {
    {.name = "policy",
     .type = PARAM_STR,
     .searchable = true,
     .choices = policies,
     .fallback = "\"online\"",
     .help = "online: probe and take or leave, by a threshold that rises with what is spent; "
             "retrieval: the most similar of each skill; identity: all; offline: the best "
             "knapsack on similarity; probed: the best on what the probes showed"},
    COUNT(
        "budget", 1, COMPOSE_BUDGET_MAX, "300", "what the choice may cost; identity asks not"),
    COUNT("top_k", 1, COMPOSE_TOP_MAX, "8", "candidates of each skill, by similarity"),
    {.name = "data",
     .type = PARAM_ANY,
     .help = "the inventory: {skills: [weight, …], probes: n, components: [{cost, similarity: "
             "[…], helpful: […], broken, works: […]}, …]}, or the name of a file of the job "
             "with it as JSON; left out: one is made for each item"},
    COUNT("components", 1, INVENTORY_MAX, "120", "of a made inventory"),
    COUNT("skills", 1, SKILLS_MAX, "6", "that its task asks for"),
    COUNT("probes", 1, PROBES_MAX, "3", "put to a candidate for each skill"),
    PART("impostors", "0.4", "components that say they help and do not"),
    PART("stale", "0.2", "components that are broken by now"),
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "success", .help = "weight of the skills that work then, as a part of all"},
    {.name = "cost", .help = "of the components taken", .integer = true},
    {.name = "taken", .help = "components", .integer = true},
    {.name = "probes", .help = "queries put to components beforehand", .integer = true},
    {.name = "failed", .help = "taken although their probes failed", .integer = true},
    {.name = NULL},
};

enum { N_METRICS = 5 };

struct state {
    struct attached_state in;
    bool given;
    struct inventory inventory;
};

static enum error read_data(void *state, struct errtext *t)
{
    struct state *s = state;
    s->given = s->in.data.type != VALUE_NULL;
    return s->given ? inventory_read(&s->in.data, s->in.arena, &s->inventory, t) : OK;
}

static enum error open_compose(const struct workload_job *job, void **out, struct errtext *t)
{
    return attached_open(job, sizeof(struct state), read_data, out, t);
}

static uint32_t count(const struct state *s, const struct value *over, const char *name)
{
    return (uint32_t)evaluate_int(over, &s->in.params, name, 1);
}

static struct inventory
inventory_of(const struct state *s, const struct value *over, uint64_t item, struct arena *a)
{
    if (s->given)
        return s->inventory;
    struct inventory_knobs k = {.n = count(s, over, "components"),
                                .n_skills = count(s, over, "skills"),
                                .n_probes = count(s, over, "probes"),
                                .impostors = evaluate_number(over, &s->in.params, "impostors"),
                                .stale = evaluate_number(over, &s->in.params, "stale")};
    return inventory_make(&k, s->in.seed, item, a);
}

static enum error evaluate_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    const struct value *policy = evaluate_find(over, &s->in.params, "policy");
    struct arena_mark mark = arena_mark(r->arena);
    struct inventory k = inventory_of(s, over, r->first + i, r->arena);
    struct compose_knobs knobs = {.budget = count(s, over, "budget"),
                                  .top_k = count(s, over, "top_k")};
    double *y = r->metrics + (size_t)i * N_METRICS;

    (void)t;
    for (int p = 0; policy && policies[p]; p++)
        if (strcmp(policy->s, policies[p]) == 0)
            knobs.policy = (enum compose_policy)p;
    bool *taken = arena_alloc(r->arena, k.n * sizeof *taken);
    struct composed c = compose_choose(&k, &knobs, taken, r->arena);
    y[0] = c.success;
    y[1] = c.cost;
    y[2] = c.n_taken;
    y[3] = c.n_probes;
    y[4] = c.n_failed;
    arena_release(r->arena, mark);
    return OK;
}

static enum error run_compose(void *state, struct run *r, struct errtext *t)
{
    return evaluate_each(evaluate_item, state, r, t);
}

const struct workload workload_compose = {
    .name = "compose",
    .help = "Chooses components that make up a system within a budget, from what they say of "
            "themselves or what probes showed (an online knapsack and its baselines).",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .open = open_compose,
    .close = attached_close,
    .run = run_compose,
};
