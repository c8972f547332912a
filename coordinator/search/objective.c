// SPDX-License-Identifier: MIT
#include "coordinator/search/objective.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/expr.h"
#include "common/options.h"

// What an infeasible trial without a number for it is beyond its constraints.
#define VIOLATION_MAX 1e300

struct names {
    const char *items[128];
    uint32_t n;
};

static bool has_name(const struct names *l, const char *name)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i], name) == 0)
            return true;
    return false;
}

static void add_name(struct names *l, const char *name)
{
    if (l->n + 1 < sizeof l->items / sizeof l->items[0])
        l->items[l->n++] = name; // the last place stays NULL
}

// A metric that the workload does not have can only be a slip.
static enum error check_metric(const struct spec *s,
                               const char *key,
                               const struct names *known,
                               const char *metric)
{
    if (!known->n || has_name(known, metric))
        return OK;
    const char *near = options_nearest(metric, known->items);
    char all[400];
    spec_join(known->items, all, sizeof all);
    return near ? spec_expected(s, key, "a metric of the workload, did you mean '%s'?", near)
                : spec_expected(s, key, "a metric of the workload: %s", all);
}

static enum error parse_derived(const struct spec *job,
                                struct names *known,
                                struct arena *a,
                                struct objectives *out)
{
    const struct value *map = NULL;
    enum error e = spec_map(job, "derived", &map);

    if (e || !map)
        return e;
    struct spec s = spec_at(job, map, "derived");
    if (map->n > DERIVED_MAX)
        return spec_fail(&s, NULL, "derived has %" PRIu32 " entries, expected at most %d",
                         map->n, DERIVED_MAX);
    for (uint32_t i = 0; i < map->n; i++) {
        const struct value_pair *p = &map->pairs[i];
        struct derived *d = &out->derived[out->n_derived++];
        struct errtext t = {{0}};
        d->name = p->key;
        if (p->value.type != VALUE_STR)
            return spec_expected(&s, p->key, "an expression");
        if (expr_compile(p->value.s, p->value.n, a, &d->expr, &t))
            return spec_fail(&s, &p->value, "derived.%.60s: %s", p->key, t.text);
        if (known->n)
            add_name(known, p->key);
    }
    return OK;
}

static enum error parse_goal(const struct spec *s, const struct names *known, struct goal *out)
{
    static const char *const keys[] = {"metric", "goal", NULL};
    static const char *const goals[] = {"minimize", "maximize", NULL};
    const char *goal = "minimize";
    enum error e;

    if ((e = spec_keys(s, keys, NULL)) || (e = spec_require(s, "metric", "a metric's name"))
        || (e = spec_str(s, "metric", NULL, &out->metric))
        || (e = spec_str(s, "goal", goals, &goal))
        || (e = check_metric(s, "metric", known, out->metric)))
        return e;
    out->is_maximized = strcmp(goal, "maximize") == 0;
    return OK;
}

static enum error
parse_goals(const struct spec *job, const struct names *known, struct objectives *out)
{
    const struct value *list = NULL;
    enum error e;

    if ((e = spec_require(job, "objectives", "a list like [{metric: value, goal: minimize}]"))
        || (e = spec_list(job, "objectives", 1, OBJECTIVES_MAX, &list)))
        return e;
    for (uint32_t i = 0; i < list->n; i++) {
        struct spec s = spec_at(job, &list->items[i], "objectives[%" PRIu32 "]", i);
        if ((e = parse_goal(&s, known, &out->goals[i])))
            return e;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(out->goals[j].metric, out->goals[i].metric) == 0)
                return spec_fail(&s, value_find(s.map, "metric"),
                                 "objective '%s' stands there twice, expected distinct metrics",
                                 out->goals[i].metric);
    }
    out->n = list->n;
    return OK;
}

static enum error
parse_constraints(const struct spec *job, const struct names *known, struct objectives *out)
{
    static const char *const keys[] = {"metric", "min", "max", NULL};
    const struct value *list = NULL;
    enum error e = spec_list(job, "constraints", 0, CONSTRAINTS_MAX, &list);

    for (uint32_t i = 0; !e && list && i < list->n; i++) {
        struct spec s = spec_at(job, &list->items[i], "constraints[%" PRIu32 "]", i);
        struct constraint *c = &out->constraints[out->n_constraints++];
        *c = (struct constraint){.min = -INFINITY, .max = INFINITY};
        if ((e = spec_keys(&s, keys, NULL))
            || (e = spec_require(&s, "metric", "a metric's name"))
            || (e = spec_str(&s, "metric", NULL, &c->metric))
            || (e = check_metric(&s, "metric", known, c->metric))
            || (e = spec_float(&s, "min", -INFINITY, INFINITY, &c->min))
            || (e = spec_float(&s, "max", -INFINITY, INFINITY, &c->max)))
            return e;
        if (!spec_find(&s, "min") && !spec_find(&s, "max"))
            return spec_fail(&s, NULL, "%s has no bound, expected min or max", s.path);
        if (c->min > c->max)
            return spec_expected(&s, "max", "at least min, which is %.17g", c->min);
    }
    return e;
}

enum error objective_parse(const struct spec *job,
                           const char *const *metrics,
                           struct arena *a,
                           struct objectives *out)
{
    struct names known = {.n = 0};
    enum error e;

    *out = (struct objectives){.n = 0};
    for (; metrics && *metrics; metrics++)
        add_name(&known, *metrics);
    if ((e = parse_derived(job, &known, a, out)) || (e = parse_goals(job, &known, out)))
        return e;
    return parse_constraints(job, &known, out);
}

// --- scores -----------------------------------------------------------------------
struct scope {
    const struct value *metrics, *params;
};

static const struct value *look_up(void *ctx, uint32_t i, const char *name)
{
    const struct scope *s = ctx;
    const struct value *v = value_find(s->metrics, name);

    (void)i;
    return v || !s->params ? v : value_find(s->params, name);
}

static bool says(const struct value *metrics, const char *const *words)
{
    const struct value *v = value_find(metrics, "status");

    for (; v && v->type == VALUE_STR && *words; words++)
        if (strcmp(v->s, *words) == 0)
            return true;
    return false;
}

// How far beyond its bounds a metric is, relative to the bound when that is
// large; one that is missing is as far as can be.
static double beyond(const struct constraint *c, const struct value *v)
{
    if (!v || !value_is_number(v) || isnan(value_number(v)))
        return VIOLATION_MAX;
    double x = value_number(v), bound = x > c->max ? c->max : c->min;
    if (x >= c->min && x <= c->max)
        return 0;
    double far = fabs(x - bound) / fmax(1, fabs(bound));
    return far > 0 ? fmin(far, VIOLATION_MAX) : 0x1p-1000;
}

static struct score failed(void)
{
    struct score s = {.verdict = SCORE_FAILED};
    for (uint32_t i = 0; i < OBJECTIVES_MAX; i++)
        s.losses[i] = INFINITY;
    return s;
}

struct score objective_score(const struct objectives *o,
                             struct value *metrics,
                             const struct value *params,
                             struct arena *a)
{
    static const char *const bad[] = {"error", "failed", NULL};
    static const char *const infeasible[] = {"infeasible", NULL};
    struct score s = failed();
    struct scope scope = {metrics, params};
    bool is_whole = true;

    if (!metrics || metrics->type != VALUE_MAP || says(metrics, bad))
        return s;
    for (uint32_t i = 0; i < o->n_derived; i++)
        value_set(a, metrics, o->derived[i].name,
                  expr_eval(o->derived[i].expr, look_up, &scope, a));
    for (uint32_t i = 0; i < o->n; i++) {
        const struct value *v = value_find(metrics, o->goals[i].metric);
        bool is_number = v && value_is_number(v) && isfinite(value_number(v));
        is_whole = is_whole && is_number;
        if (is_number)
            s.losses[i] = o->goals[i].is_maximized ? -value_number(v) : value_number(v);
    }
    for (uint32_t i = 0; i < o->n_constraints; i++)
        s.violation +=
            beyond(&o->constraints[i], value_find(metrics, o->constraints[i].metric));
    if (says(metrics, infeasible))
        s.violation = VIOLATION_MAX;
    else if (!is_whole)
        return failed();
    s.violation = fmin(s.violation, VIOLATION_MAX);
    s.verdict = s.violation > 0 ? SCORE_INFEASIBLE : SCORE_FEASIBLE;
    return s;
}

int score_compare(const struct score *a, const struct score *b, uint32_t n)
{
    if (a->verdict != b->verdict)
        return a->verdict < b->verdict ? -1 : 1;
    if (a->violation != b->violation)
        return a->violation < b->violation ? -1 : 1;
    for (uint32_t i = 0; i < n; i++)
        if (a->losses[i] != b->losses[i])
            return a->losses[i] < b->losses[i] ? -1 : 1;
    return 0;
}

bool score_dominates(const struct score *a, const struct score *b, uint32_t n)
{
    bool is_better = false;

    if (a->verdict != b->verdict)
        return a->verdict < b->verdict;
    if (a->violation != b->violation)
        return a->violation < b->violation;
    for (uint32_t i = 0; i < n; i++) {
        if (a->losses[i] > b->losses[i])
            return false;
        is_better = is_better || a->losses[i] < b->losses[i];
    }
    return is_better;
}
