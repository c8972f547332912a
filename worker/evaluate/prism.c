// SPDX-License-Identifier: MIT
// Model placement on GPUs as an evaluator: heuristics with knobs for a search, or an
// answer that stands in the parameters, judged all the same.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "worker/evaluate/attached.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/prism_rule.h"

static const char *const rules[] = {"before", "after", "pack", NULL}; // enum prism_rule

static const struct param params[] = {
    {.name = "data",
     .type = PARAM_ANY,
     .required = true,
     .help = "{gpu_mem, instances: [{gpus, models: [[size, rate, slo], …]}, …]}, or the name "
             "of a file of the job with that as JSON"},
    {.name = "rule",
     .type = PARAM_STR,
     .searchable = true,
     .choices = rules,
     .fallback = "\"before\"",
     .help = "where a model goes: least KVPR before it comes (the baseline), after it came, "
             "or the best fit of a packing against a target found by bisection"},
    {.name = "size_weight",
     .type = PARAM_FLOAT,
     .searchable = true,
     .min = -100,
     .max = 100,
     .fallback = "0",
     .help = "of a model's size in the order, beside its rate / slo; both relative"},
    {.name = "noise",
     .type = PARAM_FLOAT,
     .searchable = true,
     .min = 0,
     .max = 100,
     .fallback = "0",
     .help = "by which the order is disturbed in every try but the first"},
    {.name = "tries",
     .type = PARAM_INT,
     .searchable = true,
     .min = 1,
     .max = 100000,
     .fallback = "1",
     .help = "of which the best is kept, for each instance"},
    {.name = "passes",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = 1000,
     .fallback = "0",
     .help = "moves and swaps that lower the worst GPU: at most so many a GPU"},
    {.name = "answers",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "instead of the rule: for each instance a list with the models of each GPU, "
             "verified"},
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "score", .help = "1 / the mean over the instances of the largest KVPR"},
    {.name = "kvpr", .help = "the mean itself"},
    {.name = "gap", .help = "kvpr over its lower bound, less 1"},
    {.name = NULL},
};

struct state {
    struct attached_state in;
    struct prism prism;
};

static enum error read_data(void *state, struct errtext *t)
{
    struct state *s = state;
    return prism_read(&s->in.data, s->in.arena, &s->prism, t);
}

static enum error open_prism(const struct workload_job *job, void **out, struct errtext *t)
{
    return attached_open(job, sizeof(struct state), read_data, out, t);
}

static struct prism_knobs read_knobs(const struct state *s, const struct value *over)
{
    const struct value *rule = evaluate_find(over, &s->in.params, "rule");
    struct prism_knobs k = {
        .size_weight = evaluate_number(over, &s->in.params, "size_weight"),
        .noise = evaluate_number(over, &s->in.params, "noise"),
        .passes = (uint32_t)evaluate_int(over, &s->in.params, "passes", 0),
        .tries = (uint32_t)evaluate_int(over, &s->in.params, "tries", 1),
    };
    for (int i = 0; rule && rules[i]; i++)
        if (strcmp(rule->s, rules[i]) == 0)
            k.rule = (enum prism_rule)i;
    return k;
}

static enum error
by_answers(const struct state *s, const struct value *answers, double *sum, struct errtext *t)
{
    const struct prism *p = &s->prism;

    if (answers->type != VALUE_LIST || answers->n != p->n)
        return errtext_set(t, FAULT_JOB, "answers is expected to be a list of %" PRIu32, p->n);
    for (uint32_t i = 0; i < p->n; i++) {
        double value;
        if (prism_verify(p, &p->instances[i], &answers->items[i], &value, t))
            return errtext_prefix(t, FAULT_JOB, "instance %" PRIu32, i);
        *sum += value;
    }
    return OK;
}

static enum error by_rule(const struct state *s,
                          const struct value *over,
                          struct run *r,
                          double *sum,
                          struct errtext *t)
{
    const struct prism *p = &s->prism;
    struct prism_knobs knobs = read_knobs(s, over);
    uint32_t of[PRISM_MODELS_MAX];

    for (uint32_t i = 0; i < p->n; i++) {
        double value = prism_place(p, i, &knobs, s->in.seed, of);
        if (!isfinite(value))
            return errtext_set(t, FAULT_JOB,
                               "instance %" PRIu32 ": the rule finds no room for a model", i);
        *sum += value;
        run_progress(r);
    }
    return OK;
}

static enum error evaluate_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    const struct prism *p = &s->prism;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    const struct value *answers = evaluate_find(over, &s->in.params, "answers");
    double *y = r->metrics + (size_t)i * 3, sum = 0, bound = 0;
    enum error e = answers && answers->type != VALUE_NULL ? by_answers(s, answers, &sum, t)
                                                          : by_rule(s, over, r, &sum, t);

    if (e)
        return e;
    for (uint32_t k = 0; k < p->n; k++)
        bound += prism_bound(p, &p->instances[k]);
    y[0] = sum > 0 ? p->n / sum : 0;
    y[1] = sum / p->n;
    y[2] = bound > 0 ? sum / bound - 1 : 0;
    return OK;
}

static enum error run_prism(void *state, struct run *r, struct errtext *t)
{
    return evaluate_or_fault(evaluate_item, state, r, t);
}

const struct workload workload_prism = {
    .name = "prism",
    .help = "Places models on GPUs (the ADRS suite's PRISM problem) by a heuristic, or takes "
            "a placement, verifies it and says how even the pressure on the GPUs is.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .open = open_prism,
    .close = attached_close,
    .run = run_prism,
};
