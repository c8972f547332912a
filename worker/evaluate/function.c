// SPDX-License-Identifier: MIT
#include "worker/evaluate/function.h"

#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "worker/evaluate/evaluate.h"

static const char *const names[] = {
    "sphere",    "rosenbrock", "rastrigin",       "ackley",       "griewank",
    "levy",      "schwefel",   "styblinski_tang", "nk_n20_q4_k3", "nk_dram_k3",
    "accel_edp", "accel",      "condtree",        "zdt1",         "zdt2",
    "zdt3",      "dtlz2",      "curve",           NULL,
};

#define NUMBER(n, h)                                                                           \
    {                                                                                          \
        .name = (n), .type = PARAM_FLOAT, .searchable = true, .min = -1e308, .max = 1e308,     \
        .help = (h)                                                                            \
    }
#define WORD(n, h)                                                                             \
    {                                                                                          \
        .name = (n), .type = PARAM_STR, .searchable = true, .help = (h)                        \
    }

static const struct param params[] = {
    {.name = "function",
     .type = PARAM_STR,
     .required = true,
     .searchable = true,
     .choices = names,
     .help = "which function; all are minimised"},
    {.name = "x",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "the point: a list of numbers, or of categories from 0 for nk_…"},
    {.name = "sleep_us",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = 60e6,
     .fallback = "0",
     .unit = "us",
     .help = "time an evaluation sleeps, to make it slow"},
    {.name = "index",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "accel: places in the lists of the eight parameters, instead of the values"},
    NUMBER("pe_x", "accel: 1, 2, 4, 8, 16 or 32"),
    NUMBER("pe_y", "accel: 1, 2, 4, 8, 16 or 32"),
    NUMBER("l1_kb", "accel: 1, 2, 4, 8, 16, 32 or 64"),
    NUMBER("l2_kb", "accel: 32, 64, 128, 256, 512 or 1024"),
    NUMBER("bw", "accel: 4, 8, 16, 32 or 64 bytes a cycle"),
    WORD("dataflow", "accel: ws, os or is"),
    NUMBER("batch", "accel: 1, 2, 4 or 8"),
    NUMBER("freq_mhz", "accel: 200, 400, 600, 800 or 1000"),
    WORD("model", "condtree: svm, forest or mlp"),
    NUMBER("svm.C", "condtree, svm: 1e-3 to 1e3, log"),
    WORD("svm.kernel", "condtree, svm: linear or rbf"),
    NUMBER("svm.rbf.gamma", "condtree, rbf: 1e-5 to 10, log"),
    NUMBER("forest.trees", "condtree, forest: 10 to 500, log, integer"),
    NUMBER("forest.depth", "condtree, forest: 1 to 20, integer"),
    WORD("forest.criterion", "condtree, forest: gini, entropy or log_loss"),
    NUMBER("mlp.layers", "condtree, mlp: 1 to 4"),
    NUMBER("mlp.units0", "condtree, mlp: 16 to 512, log, integer"),
    NUMBER("mlp.units1", "condtree, mlp of 2 layers and up: the same"),
    NUMBER("mlp.units2", "condtree, mlp of 3 layers and up: the same"),
    NUMBER("mlp.units3", "condtree, mlp of 4 layers: the same"),
    WORD("mlp.opt", "condtree, mlp: sgd or adam"),
    NUMBER("mlp.lr", "condtree, mlp: 1e-5 to 0.1, log"),
    NUMBER("mlp.sgd.momentum", "condtree, sgd: 0 to 0.99"),
    NUMBER("lr", "curve: learning rate, 1e-4 to 1, log"),
    NUMBER("wd", "curve: weight decay, 1e-6 to 0.1, log"),
    NUMBER("width", "curve: 16 to 512, log, integer"),
    NUMBER("t", "curve: epochs trained; 81 when left out"),
    {.name = NULL},
};

const struct value *function_find(const struct point *p, const char *name)
{
    return evaluate_find(p->over, p->base, name);
}

enum error
function_number(const struct point *p, const char *name, double *out, struct errtext *t)
{
    const struct value *v = function_find(p, name);
    if (!v)
        return errtext_set(t, FAULT_JOB, "parameter %s is missing", name);
    if (!value_is_number(v))
        return errtext_set(t, FAULT_JOB, "parameter %s is no number", name);
    *out = value_number(v);
    return OK;
}

enum error function_choice(const struct point *p,
                           const char *name,
                           const char *const *choices,
                           int *out,
                           struct errtext *t)
{
    const struct value *v = function_find(p, name);
    if (!v)
        return errtext_set(t, FAULT_JOB, "parameter %s is missing", name);
    for (int i = 0; v->type == VALUE_STR && choices[i]; i++) {
        if (strcmp(v->s, choices[i]) == 0) {
            *out = i;
            return OK;
        }
    }
    return errtext_set(t, FAULT_JOB, "parameter %s has none of its values", name);
}

static const struct function *find_in(const struct function *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static const struct function *find_function(const char *name)
{
    const struct function *f = find_in(function_continuous, name);
    if (!f)
        f = find_in(function_fronts, name);
    return f ? f : find_in(function_models, name);
}

static enum error read_vector(struct point *p, const struct function *f, struct errtext *t)
{
    const struct value *x = function_find(p, "x");
    if (!x || x->type != VALUE_LIST)
        return errtext_set(t, FAULT_JOB, "x is missing or no list; %s needs one", f->name);
    if (x->n < f->dim_min || x->n > f->dim_max)
        return errtext_set(t, FAULT_JOB, "x has %u elements; %s takes %zu to %zu", x->n,
                           f->name, f->dim_min, f->dim_max);
    for (uint32_t i = 0; i < x->n; i++) {
        if (!value_is_number(&x->items[i]))
            return errtext_set(t, FAULT_JOB, "x[%u] is no number", i);
        p->x[i] = value_number(&x->items[i]);
    }
    p->n = x->n;
    return OK;
}

static enum error
evaluate(struct point *p, struct arena *a, struct value *out, struct errtext *t)
{
    const struct value *name = function_find(p, "function");
    const struct function *f = name && name->type == VALUE_STR ? find_function(name->s) : NULL;
    if (!f)
        return errtext_set(t, FAULT_JOB, "parameter function names no function");
    double y[FUNCTION_METRICS_MAX];
    enum error e = f->dim_max ? read_vector(p, f, t) : OK;
    if (!e)
        e = f->evaluate(p, y, t);
    for (int i = 0; !e && f->metrics[i]; i++) {
        if (!isfinite(y[i]))
            return errtext_set(t, FAULT_JOB, "%s is not finite here", f->name);
        value_set(a, out, f->metrics[i], value_float(y[i]));
    }
    return e;
}

struct state {
    const struct value *params;
    struct point point; // too large for a stack frame of every item
};

static enum error open_function(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->params = job->params;
    *out = s;
    return OK;
}

static void close_function(void *state)
{
    mem_free(state);
}

static enum error run_function(void *state, struct run *r, struct errtext *t)
{
    struct state *s = state;
    (void)t;

    for (uint32_t i = 0; i < r->count && !run_cancelled(r); i++) {
        struct point *p = &s->point;
        struct errtext why = {{0}};
        p->over = r->overrides ? r->overrides[i] : NULL;
        p->base = s->params;
        r->named[i] = value_map();
        enum error e = evaluate(p, r->arena, &r->named[i], &why);
        if (e) {
            r->named[i] = value_null();
            struct item_fault f = {.item = r->first + i,
                                   .blame = FAULT_JOB,
                                   .text = arena_str(r->arena, why.text, strlen(why.text))};
            run_fault(r, &f);
        }
        clock_sleep(evaluate_int(p->over, p->base, "sleep_us", 0) * 1000);
        run_progress(r);
    }
    return OK;
}

const struct workload workload_function = {
    .name = "function",
    .help =
        "Test functions with known optima.  Metrics: value; f1, f2 for zdt1 to zdt3; f1, "
        "f2, f3 for dtlz2; value (the energy-delay product), latency, energy, area for accel.",
    .params = params,
    .stall_ms = 120000,
    .pure = true,
    .open = open_function,
    .close = close_function,
    .run = run_function,
};
