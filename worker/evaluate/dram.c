// SPDX-License-Identifier: MIT
// The DRAM controller of ArchGym as an evaluator: its ten parameters by their names.
#include <math.h>
#include <string.h>

#include "worker/evaluate/dram.h"
#include "worker/evaluate/evaluate.h"
#include "worker/workload.h"

static const char *const pages[] = {"Open", "OpenAdaptive", "Closed", "ClosedAdaptive", NULL};
static const char *const schedulers[] = {"Fifo", "FrFcfsGrp", "FrFcfs", NULL};
static const char *const buffers[] = {"Bankwise", "ReadWrite", "Shared", NULL};
static const char *const responses[] = {"Fifo", "Reorder", NULL};
static const char *const refreshes[] = {"NoRefresh", "AllBank", NULL};
static const char *const arbiters[] = {"Simple", "Fifo", "Reorder", NULL};
static const char *const traces[] = {"stream", "random", "cloud-1", "cloud-2", NULL};

#define CHOICE(name_, list, first, text)                                                       \
    {                                                                                          \
        .name = name_, .type = PARAM_STR, .searchable = true, .choices = list,                 \
        .fallback = "\"" first "\"", .help = text                                              \
    }
#define COUNT(name_, most, first, text)                                                        \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .searchable = true, .min = 1, .max = most,           \
        .fallback = first, .help = text                                                        \
    }

static const struct param params[] = {
    CHOICE("PagePolicy", pages, "Open", "when a row is closed"),
    CHOICE("Scheduler", schedulers, "FrFcfs", "which waiting request is next"),
    CHOICE("SchedulerBuffer", buffers, "Bankwise", "what shares a buffer"),
    COUNT("RequestBufferSize", 8, "8", "requests that fit a buffer"),
    CHOICE("RespQueue", responses, "Fifo", "order of the answers"),
    CHOICE("RefreshPolicy", refreshes, "AllBank", "refresh, or none"),
    COUNT("RefreshMaxPostponed", 8, "8", "refreshes that may wait while there is work"),
    COUNT("RefreshMaxPulledin", 8, "8", "refreshes that may come early while there is none"),
    CHOICE("Arbiter", arbiters, "Simple", "which initiator is next"),
    COUNT("MaxActiveTransactions", 128, "128", "requests inside the controller"),
    CHOICE("trace", traces, "stream", "what asks for memory"),
    {.name = "requests",
     .type = PARAM_INT,
     .min = 16,
     .max = DRAM_REQUESTS_MAX,
     .fallback = "1000",
     .help = "length of the trace"},
    {.name = "power_target",
     .type = PARAM_FLOAT,
     .min = 1e-9,
     .max = 1e9,
     .fallback = "0.5",
     .unit = "W",
     .help = "of the reward"},
    {.name = "latency_target",
     .type = PARAM_FLOAT,
     .min = 1e-9,
     .max = 1e9,
     .fallback = "60",
     .unit = "ns",
     .help = "of the reward"},
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "energy", .unit = "uJ", .help = "of the whole trace"},
    {.name = "power", .unit = "W", .help = "energy over time"},
    {.name = "latency", .unit = "ns", .help = "mean, from arrival to answer"},
    {.name = "reward_power", .help = "target / (|power - target| + target / 100)"},
    {.name = "reward_latency", .help = "the same of the latency"},
    {.name = "reward", .help = "the product of both rewards"},
    {.name = NULL},
};

struct state {
    uint64_t seed;
    struct value params;
    struct arena *arena;
    uint32_t n_requests;
    double power_target, latency_target;
};

static double number(const struct value *base, const char *name, double fallback)
{
    const struct value *v = evaluate_find(NULL, base, name);
    return v && value_is_number(v) ? value_number(v) : fallback;
}

static enum error open_dram(const struct workload_job *job, void **out, struct errtext *t)
{
    struct state *s = mem_alloc(sizeof *s);

    (void)t;
    s->arena = arena_create();
    s->params = value_copy(s->arena, job->params);
    s->seed = job->seed;
    s->n_requests = (uint32_t)evaluate_int(job->params, NULL, "requests", 1000);
    s->power_target = number(job->params, "power_target", 0.5);
    s->latency_target = number(job->params, "latency_target", 60);
    *out = s;
    return OK;
}

static void close_dram(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

// Place of a choice in its list; < 0: not one of them.
static int choice(const struct value *over,
                  const struct value *base,
                  const char *name,
                  const char *const *list)
{
    const struct value *v = evaluate_find(over, base, name);
    for (int i = 0; v && v->type == VALUE_STR && list[i]; i++)
        if (strcmp(list[i], v->s) == 0)
            return i;
    return -1;
}

static enum error read_config(const struct state *s,
                              const struct value *over,
                              struct dram_config *c,
                              int *trace,
                              struct errtext *t)
{
    const struct value *base = &s->params;
    struct {
        const char *name;
        const char *const *list;
        int *out;
    } choices[] = {
        {"PagePolicy", pages, &c->page},
        {"Scheduler", schedulers, &c->scheduler},
        {"SchedulerBuffer", buffers, &c->buffer},
        {"RespQueue", responses, &c->response},
        {"RefreshPolicy", refreshes, &c->refresh},
        {"Arbiter", arbiters, &c->arbiter},
        {"trace", traces, trace},
    };
    struct {
        const char *name;
        int64_t most;
        int64_t *out;
    } counts[] = {
        {"RequestBufferSize", 8, &c->buffer_size},
        {"RefreshMaxPostponed", 8, &c->max_postponed},
        {"RefreshMaxPulledin", 8, &c->max_pulled_in},
        {"MaxActiveTransactions", 128, &c->max_active},
    };

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if ((*choices[i].out = choice(over, base, choices[i].name, choices[i].list)) < 0)
            return errtext_set(t, FAULT_JOB, "%s is none of its values", choices[i].name);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        *counts[i].out = evaluate_int(over, base, counts[i].name, 1);
        if (*counts[i].out < 1 || *counts[i].out > counts[i].most)
            return errtext_set(t, FAULT_JOB, "%s is not from 1 to %d", counts[i].name,
                               (int)counts[i].most);
    }
    return OK;
}

// ArchGym's target / |value - target|, but with no pole at the target.
static double reward(double value, double target)
{
    return target / (fabs(value - target) + target / 100);
}

static enum error evaluate_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    double *y = r->metrics + (size_t)i * 6;
    struct dram_config c = {0};
    struct dram_result result;
    int trace = 0;
    enum error e = read_config(s, r->overrides ? r->overrides[i] : NULL, &c, &trace, t);

    if (e)
        return e;
    dram_run(&c, (enum dram_trace)trace, s->n_requests, s->seed, &result);
    y[0] = result.energy_uj;
    y[1] = result.power_w;
    y[2] = result.latency_ns;
    y[3] = reward(y[1], s->power_target);
    y[4] = reward(y[2], s->latency_target);
    y[5] = y[3] * y[4];
    return OK;
}

static enum error run_dram(void *state, struct run *r, struct errtext *t)
{
    return evaluate_each(evaluate_item, state, r, t);
}

const struct workload workload_dram = {
    .name = "dram",
    .help = "A DRAM controller by a cycle model with ArchGym's ten parameters and four traces; "
            "shapes can be compared with DRAMSys, absolute figures cannot.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .pure = true,
    .open = open_dram,
    .close = close_dram,
    .run = run_dram,
};
