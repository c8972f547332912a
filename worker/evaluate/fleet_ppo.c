// SPDX-License-Identifier: MIT
// fleet_ppo.c - a policy network learns to fly a fleet (kind: train; worker/fleet/ppo.h).
//
// A test is one day by the likeliest destinations, beside the same day under the two
// baselines: differences are paired.
#include <string.h>

#include "worker/evaluate/fleet_scenario.h"
#include "worker/evaluate/train.h"
#include "worker/fleet/pilot.h"
#include "worker/fleet/ppo.h"

static const char *const networks[] = {"captain-64", "captain-128", NULL};

static const struct param params[] = {
    {.name = "scenario",
     .type = PARAM_ANY,
     .help = "a scenario file among the job's files, or the scenario itself as a map; left "
             "out: 8 vertiports and 40 aircraft, the paper's size"},
    {.name = "network",
     .type = PARAM_STR,
     .choices = networks,
     .fallback = "\"captain-64\"",
     .help = "graph capsules, a transformer over the hours ahead, an attention decoder: width "
             "64 or 128"},
    {.name = "days",
     .type = PARAM_INT,
     .min = 1,
     .max = PPO_DAYS_MAX,
     .fallback = "4",
     .help = "of a rollout, whole ones, side by side"},
    {.name = "epochs",
     .type = PARAM_INT,
     .min = 1,
     .max = 1000,
     .fallback = "4",
     .help = "times that an update goes through a round's decisions"},
    {.name = "minibatch",
     .type = PARAM_INT,
     .min = 1,
     .max = 1 << 20,
     .fallback = "1024",
     .help = "decisions of a step of the optimiser"},
    {.name = "parts",
     .type = PARAM_INT,
     .min = 1,
     .max = 1024,
     .fallback = "8",
     .help = "pieces of a minibatch that the ranks of the gang share: part of the result, as "
             "the ranks are not"},
    {.name = "rate",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 1,
     .fallback = "0.0003",
     .help = "learning rate of Adam in the first round"},
    {.name = "decay",
     .type = PARAM_INT,
     .min = 0,
     .max = 1 << 24,
     .fallback = "0",
     .unit = "rounds",
     .help = "after which the rate has come to 0 on a line; 0: it stays"},
    {.name = "lambda",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 1,
     .fallback = "0.95",
     .help = "of generalised advantages; the discount is 1"},
    {.name = "clip",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 10,
     .fallback = "0.2",
     .help = "how far a probability may move, as a ratio less 1"},
    {.name = "entropy",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 100,
     .fallback = "0.01",
     .help = "weight of the policy's entropy"},
    {.name = "value",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 100,
     .fallback = "0.5",
     .help = "weight of the value's squared error"},
    {.name = "max_norm",
     .type = PARAM_FLOAT,
     .min = 1e-6,
     .max = 1e6,
     .fallback = "0.5",
     .help = "of a step's gradient; a longer one is shortened to it"},
    {.name = "lessons",
     .type = PARAM_INT,
     .min = 0,
     .max = 1 << 24,
     .fallback = "0",
     .unit = "rounds",
     .help = "at first in which every decision is judged by flying each of its destinations "
             "on under greedy_rate, not by what its day brought"},
    {.name = "ahead",
     .type = PARAM_INT,
     .min = 1,
     .max = 1440,
     .fallback = "90",
     .unit = "minutes",
     .help = "that a lesson flies on"},
    {.name = "warmth",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 1e6,
     .fallback = "5",
     .unit = "dollars",
     .help = "by which a destination is worth less that a lesson wants e times less often"},
    {.name = NULL},
};

enum { MINUTE_MS = 60000 };

struct state {
    struct arena *arena;
    const char *scratch;
    struct scenario scenario;
    struct world *world;
    struct ppo ppo;
};

static void close_ppo(void *state)
{
    struct state *s = state;
    world_destroy(s->world);
    arena_destroy(s->arena);
    mem_free(s);
}

static double number(const struct workload_job *job, const char *name)
{
    return value_number(value_find(job->params, name));
}

static void configure(struct state *s, const struct workload_job *job)
{
    const struct value *network = value_find(job->params, "network");
    s->ppo = (struct ppo){
        .world = s->world,
        .shape = captain_find(network && network->type == VALUE_STR ? network->s : networks[0]),
        .seed = job->seed,
        .days = (uint32_t)evaluate_int(job->params, NULL, "days", 4),
        .epochs = (uint32_t)evaluate_int(job->params, NULL, "epochs", 4),
        .minibatch = (uint32_t)evaluate_int(job->params, NULL, "minibatch", 1024),
        .parts = (uint32_t)evaluate_int(job->params, NULL, "parts", 8),
        .decay = (uint32_t)evaluate_int(job->params, NULL, "decay", 0),
        .rate = number(job, "rate"),
        .lambda = number(job, "lambda"),
        .clip = number(job, "clip"),
        .entropy = number(job, "entropy"),
        .value = number(job, "value"),
        .max_norm = number(job, "max_norm"),
        .lessons = (uint32_t)evaluate_int(job->params, NULL, "lessons", 0),
        .ahead_ms = evaluate_int(job->params, NULL, "ahead", 90) * MINUTE_MS,
        .warmth = number(job, "warmth"),
    };
}

static enum error open_ppo(const struct workload_job *job, void **out, struct errtext *t)
{
    struct state *s = mem_alloc(sizeof *s);
    s->arena = arena_create();
    s->scratch = job->scratch;
    enum error e = fleet_scenario(job, s->arena, &s->scenario, t);
    if (!e && world_create(&s->scenario, &s->world, t))
        e = FAULT_JOB;
    if (e) {
        close_ppo(s);
        return e;
    }
    configure(s, job);
    *out = s;
    return OK;
}

static enum error rollout(void *state, const struct train_call *c, struct errtext *t)
{
    const struct state *s = state;
    const struct ppo_part at = {c->iteration, c->part, c->of};
    return ppo_rollout(&s->ppo, &at, &c->checkpoint, c->run, c->out, t);
}

static enum error update(void *state, const struct train_call *c, struct errtext *t)
{
    const struct state *s = state;
    const struct ppo_task task = {c->iteration, c->checkpoint, c->rollouts, c->n_rollouts,
                                  c->run};
    struct ppo_report r;
    enum error e = ppo_update(&s->ppo, &task, c->out, &r, t);
    if (e)
        return e;
    train_number(c, "profit", r.profit);
    train_number(c, "decisions", r.decisions);
    train_number(c, "entropy", r.entropy);
    train_number(c, "kl", r.kl);
    train_number(c, "clipped", r.clipped);
    train_number(c, "value_loss", r.value_loss);
    train_number(c, "explained", r.explained);
    train_number(c, "norm", r.norm);
    train_number(c, "rate", r.rate);
    return OK;
}

// ---- a test ------------------------------------------------------------------------------

static enum error fly(struct pilot *p, struct day *d, struct run *r, struct errtext *t)
{
    enum error e = OK;
    while (!e && day_next(d)) {
        struct day *const one[] = {d};
        const struct pilot_view v = pilot_look(p, one, 1);
        if (day_act(d, pilot_best(p, &v, 0)))
            e = errtext_set(t, FAULT_JOB, "the network chose what is not feasible");
        run_progress(r);
    }
    return e;
}

static double dollars(const struct day *d)
{
    return (double)day_profit(d) / 1e6;
}

static enum error evaluate(void *state, const struct train_call *c, struct errtext *t)
{
    const struct state *s = state;
    static const struct policy *const beside[] = {&policy_greedy_rate, &policy_random};
    struct ppo_model m;
    enum error e = ppo_model_read(&m, s->ppo.shape, s->ppo.seed, &c->checkpoint, t);
    if (e)
        return e;
    struct day *d = day_create(s->world);
    struct pilot *p = pilot_create(s->world, s->ppo.shape, m.w, 1);
    day_reset(d, c->seed, c->part);
    e = fly(p, d, c->run, t);
    const double profit = dollars(d);
    train_number(c, "profit", profit);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0] && !e; i++) {
        char *over = arena_printf(c->run->arena, "over_%s", beside[i]->name);
        day_reset(d, c->seed, c->part);
        day_run(d, beside[i], NULL);
        train_number(c, beside[i]->name, dollars(d));
        train_number(c, over, profit - dollars(d));
    }
    pilot_destroy(p);
    day_destroy(d);
    ppo_model_fini(&m);
    return e;
}

static enum error run_ppo(void *state, struct run *r, struct errtext *t)
{
    static const struct trainee ppo = {rollout, update, evaluate};
    return train_run(&ppo, state, ((const struct state *)state)->scratch, r, t);
}

const struct workload workload_fleet_ppo = {
    .name = "fleet.ppo",
    .help = "A policy network learns to fly a fleet by proximal policy optimisation (kind: "
            "train).",
    .params = params,
    .collective = true,
    .stall_ms = 60000,
    .open = open_ppo,
    .close = close_ppo,
    .run = run_ppo,
};
