// SPDX-License-Identifier: MIT
// How good a priority function is as a heuristic: a program (common/expr.h) that decides a
// problem step by step, on instances that are the same for every program and job.
#include "worker/evaluate/heuristic.h"

#include <string.h>

#include "common/expr_rows.h"
#include "worker/evaluate/evaluate.h"

static const struct heuristic_problem *const problems[] = {&heuristic_binpack,
                                                           &heuristic_packing, NULL};
static const char *const problem_names[] = {"binpack", "packing", NULL};
static const char *const size_names[] = {"weibull", "uniform", NULL};

#define COUNT(name_, least, most, fallback_, help_)                                            \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .min = least, .max = most, .fallback = fallback_,    \
        .help = help_                                                                          \
    }

static const struct param params[] = {
    {.name = "problem",
     .type = PARAM_STR,
     .choices = problem_names,
     .fallback = "\"binpack\"",
     .help = "binpack: inputs item, room, left, capacity; packing: load, carried, after, free, "
             "rest"},
    {.name = "program",
     .type = PARAM_STR,
     .required = true,
     .searchable = true,
     .help = "the score of a place, an expression over the problem's inputs: the highest wins"},
    COUNT("items", 1, 100000, "500", "of an instance: pieces, or experts"),
    COUNT("instances", 1, 1000, "5", "that a program is judged by"),
    COUNT("first", 0, 1e15, "0", "number of the first instance: others to test what was found"),
    {.name = "sizes",
     .type = PARAM_STR,
     .choices = size_names,
     .fallback = "\"weibull\"",
     .help = "binpack: Weibull(45, 3) in bins of 100, or uniform 20 to 100 in bins of 150"},
    COUNT("devices", 1, 4096, "32", "packing: of equally many slots"),
    {.name = "exponent",
     .type = PARAM_FLOAT,
     .min = 0,
     .max = 10,
     .fallback = "1",
     .help = "packing: of Zipf's law for the experts' loads"},
    {.name = NULL},
};

enum { M_COST, M_UNDEFINED, M_USUAL, M_SIMPLE, N_METRICS };

static const struct metric metrics[] = {
    [M_COST] = {"cost", "%",
                "above the bound: bins over total size, or the fullest device over "
                "the mean"},
    [M_UNDEFINED] = {"undefined", NULL, "share of the scores that were no number"},
    [M_USUAL] = {"usual", "%", "the same of best fit, or of the lightest device with room"},
    [M_SIMPLE] = {"simple", "%", "the same of first fit, or of a snake"},
    [N_METRICS] = {.name = NULL},
};

struct state {
    const struct heuristic_problem *problem;
    struct arena *arena;
    struct value params;
    void *made;
    double usual, simple;
};

// ---- the program -------------------------------------------------------------------------
static const struct heuristic_problem *problem_of(const struct value *p)
{
    const struct value *v = value_find(p, "problem");
    uint32_t i = 0;

    while (v && problems[i] && strcmp(problems[i]->name, v->s) != 0)
        i++;
    return problems[i] ? problems[i] : problems[0]; // one of the choices
}

static enum error compile(const struct heuristic_problem *problem,
                          const struct value *text,
                          struct arena *a,
                          const struct expr **out,
                          struct errtext *t)
{
    struct errtext why = {{0}};

    if (!text || text->type != VALUE_STR)
        return errtext_set(t, FAULT_JOB, "program is missing, expected an expression");
    if (expr_compile(text->s, text->n, a, out, &why)
        || expr_rows_check(*out, problem->inputs, &why))
        return errtext_set(t, FAULT_JOB, "program: %s", why.text);
    return OK;
}

static enum error check_heuristic(const struct value *p, struct errtext *t)
{
    const struct value *text = value_find(p, "program");
    struct arena *a = arena_create();
    const struct expr *e;
    bool is_given = text && text->type == VALUE_STR; // else a space or grid gives it
    enum error err = is_given ? compile(problem_of(p), text, a, &e, t) : OK;

    arena_destroy(a);
    return err ? ERR_INVALID : OK;
}

// ---- the workload ------------------------------------------------------------------------
static enum error open_heuristic(const struct workload_job *job, void **out, struct errtext *t)
{
    struct state *s = mem_alloc(sizeof *s);
    const struct value *sizes = value_find(job->params, "sizes");
    const struct value *exponent = value_find(job->params, "exponent");
    struct heuristic_job made = {
        .n_items = (uint32_t)evaluate_int(NULL, job->params, "items", 500),
        .n_instances = (uint32_t)evaluate_int(NULL, job->params, "instances", 5),
        .first = (uint64_t)evaluate_int(NULL, job->params, "first", 0),
        .n_devices = (uint32_t)evaluate_int(NULL, job->params, "devices", 32),
        .exponent = exponent ? value_number(exponent) : 1,
        .sizes = sizes ? sizes->s : "weibull",
    };
    const struct expr *usual = NULL;

    s->arena = arena_create();
    s->params = value_copy(s->arena, job->params);
    s->problem = problem_of(&s->params);
    s->made = s->problem->make(&made, s->arena);
    struct value text = value_str(s->arena, s->problem->usual);
    enum error e = compile(s->problem, &text, s->arena, &usual, t);
    if (!e) {
        s->usual = s->problem->cost(s->made, usual, s->arena).cost;
        s->simple = s->problem->simple(s->made, s->arena);
    }
    *out = s;
    return e;
}

static void close_heuristic(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

static enum error run_heuristic(void *state, struct run *r, struct errtext *t)
{
    const struct state *s = state;

    for (uint32_t i = 0; i < r->count && !run_cancelled(r); i++) {
        const struct value *over = r->overrides ? r->overrides[i] : NULL;
        double *row = r->metrics + (size_t)i * N_METRICS;
        struct arena_mark mark = arena_mark(r->arena);
        const struct expr *e = NULL;
        if (compile(s->problem, evaluate_find(over, &s->params, "program"), r->arena, &e, t)) {
            run_fault(r, &(struct item_fault){
                             .item = r->first + i, .blame = FAULT_JOB, .text = t->text});
            continue;
        }
        struct heuristic_cost c = s->problem->cost(s->made, e, r->arena);
        row[M_COST] = c.cost;
        row[M_UNDEFINED] = c.undefined;
        row[M_USUAL] = s->usual;
        row[M_SIMPLE] = s->simple;
        arena_release(r->arena, mark);
        run_progress(r);
    }
    return OK;
}

const struct workload workload_heuristic = {
    .name = "heuristic",
    .help = "Judges a priority function: bin packing, or copies of experts on devices.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .check = check_heuristic,
    .open = open_heuristic,
    .close = close_heuristic,
    .run = run_heuristic,
};
