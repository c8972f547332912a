// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "coordinator/drivers/search_state.h"

// The front shown while the search runs is cut; the result has it whole.
enum { FRONT_SHOWN = 20, CURVE_SHOWN = 200 };

static const char *const verdicts[] = {
    [SCORE_FEASIBLE] = "ok",
    [SCORE_INFEASIBLE] = "infeasible",
    [SCORE_FAILED] = "failed",
};

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

// --- the curve ----------------------------------------------------------------------
static void take_into_curve(struct search *s, uint32_t trial)
{
    if (s->objectives.n > 1)
        return;
    if (s->n_curve == s->cap_curve) {
        s->cap_curve = s->cap_curve ? s->cap_curve * 2 : 16;
        s->curve = mem_realloc(s->curve, s->cap_curve * sizeof *s->curve);
    }
    s->curve[s->n_curve++] = trial;
}

// [[trial, value], …]: the best so far, from each trial that made it better; of a long
// curve its last points and, thinned, those before.
static struct value curve_value(const struct search *s, struct arena *a)
{
    struct value list = value_list();
    uint32_t first = s->n_curve > CURVE_SHOWN ? s->n_curve - CURVE_SHOWN / 2 : 0;
    uint32_t step = first / (CURVE_SHOWN / 2) + 1;
    for (uint32_t i = 0; i < s->n_curve; i++) {
        if (i < first && i % step)
            continue;
        double loss = search_record(s, s->curve[i])->score.losses[0];
        struct value point = value_list();
        (void)value_push(a, &point, value_uint(s->curve[i]));
        (void)value_push(a, &point,
                         value_float(s->objectives.goals[0].is_maximized ? -loss : loss));
        (void)value_push(a, &list, point);
    }
    return list;
}

// --- the best -----------------------------------------------------------------------
static void take_into_best(struct search *s, uint32_t trial)
{
    const struct score *score = &search_record(s, trial)->score;
    uint32_t n_goals = s->objectives.n, n = 0;

    // Less than a whole evaluation is no result.
    if (score->verdict != SCORE_FEASIBLE
        || !point_is_full(s->space, &search_record(s, trial)->point))
        return;
    for (uint32_t i = 0; i < s->n_best; i++) {
        const struct score *other = &search_record(s, s->best[i])->score;
        if (n_goals == 1 ? score_compare(other, score, 1) <= 0
                         : score_dominates(other, score, n_goals))
            return;
    }
    for (uint32_t i = 0; i < s->n_best; i++)
        if (!score_dominates(score, &search_record(s, s->best[i])->score, n_goals))
            s->best[n++] = s->best[i];
    s->n_best = n;
    if (s->n_best == s->cap_best) {
        s->cap_best = s->cap_best ? s->cap_best * 2 : 8;
        s->best = mem_realloc(s->best, s->cap_best * sizeof *s->best);
    }
    s->best[s->n_best++] = trial;
    take_into_curve(s, trial);
}

void search_score(struct search *s, uint32_t trial)
{
    struct record *r = search_record(s, trial);
    struct value params = value_map();
    struct trial *own = &s->trials[trial];

    if (s->objectives.n_derived && !own->is_copy)
        params = space_decode(s->space, &r->point, s->scratch);
    if (own->is_copy)
        r->score = search_record(s, own->of)->score;
    else
        r->score = objective_score(&s->objectives,
                                   own->metrics.type == VALUE_MAP ? &own->metrics : NULL,
                                   &params, s->arena);
    s->n_failed += r->score.verdict == SCORE_FAILED;
    s->n_infeasible += r->score.verdict == SCORE_INFEASIBLE;
    take_into_best(s, trial);
}

void search_rescore(struct search *s)
{
    s->n_failed = s->n_infeasible = s->n_best = s->n_curve = 0;
    for (uint32_t i = 0; i < s->n_scored; i++)
        search_score(s, i);
}

// --- what people and programs read ----------------------------------------------------
static struct value trial_value(const struct search *s, uint32_t trial, struct arena *a)
{
    struct value v = value_map();

    put(a, &v, "trial", value_uint(trial));
    put(a, &v, "params", space_decode(s->space, &search_record(s, trial)->point, a));
    put(a, &v, "metrics", search_metrics(s, trial, a));
    return v;
}

static struct value front_value(const struct search *s, uint32_t n_most, struct arena *a)
{
    struct value list = value_list();
    for (uint32_t i = 0; i < s->n_best && i < n_most; i++)
        (void)value_push(a, &list, trial_value(s, s->best[i], a));
    return list;
}

static void
put_best(const struct search *s, uint32_t n_most, struct value *map, struct arena *a)
{
    if (s->objectives.n > 1)
        put(a, map, "front", front_value(s, n_most, a));
    else
        put(a, map, "best", s->n_best ? trial_value(s, s->best[0], a) : value_null());
}

// The metrics that count, so that a view need not know the job file.
static struct value goal_names(const struct search *s, struct arena *a)
{
    struct value list = value_list();
    for (uint32_t i = 0; i < s->objectives.n; i++)
        (void)value_push(a, &list, value_str(a, s->objectives.goals[i].metric));
    return list;
}

struct value search_progress(const struct search *s, struct arena *a)
{
    struct value v = value_map();

    put(a, &v, "trials", value_uint(s->n_trials));
    put(a, &v, "told", value_uint(s->n_scored));
    put(a, &v, "failed", value_uint(s->n_failed));
    put(a, &v, "infeasible", value_uint(s->n_infeasible));
    if (s->objectives.n > 1)
        put(a, &v, "front_size", value_uint(s->n_best));
    put(a, &v, "goals", goal_names(s, a));
    put_best(s, FRONT_SHOWN, &v, a);
    if (s->objectives.n == 1)
        put(a, &v, "curve", curve_value(s, a));
    return v;
}

// One line of JSON a trial, in order.
static void write_history(struct search *s)
{
    struct buf *out = &s->lines;
    buf_reset(out);
    for (uint32_t i = 0; i < s->n_scored; i++) {
        const struct score *score = &search_record(s, i)->score;
        struct value v = trial_value(s, i, s->scratch);
        put(s->scratch, &v, "state", value_str(s->scratch, verdicts[score->verdict]));
        if (s->trials[i].is_copy)
            put(s->scratch, &v, "memo", value_uint(s->trials[i].of));
        search_add_answer(s, i, &v, s->scratch);
        value_json(&v, out);
        buf_puts(out, "\n");
        arena_reset(s->scratch);
    }
}

static struct value algorithm_value(const struct search *s, struct arena *a)
{
    struct value v = value_map(), options = value_map();

    for (uint32_t i = 0; s->algorithm->knobs[i].name; i++) {
        const struct knob *k = &s->algorithm->knobs[i];
        double x = s->knobs[i];
        put(a, &options, k->name,
            k->type == KNOB_BOOL  ? value_bool(x != 0)
            : k->type == KNOB_INT ? value_int((int64_t)x)
                                  : value_float(x));
    }
    put(a, &v, "name", value_str(a, s->algorithm->name));
    put(a, &v, "version", value_str(a, s->algorithm->version));
    put(a, &v, "options", options);
    return v;
}

static struct value stats_value(const struct search *s, struct arena *a)
{
    struct value v = value_map();
    const char *remark = s->algorithm->remark ? s->algorithm->remark(s->chooser) : NULL;

    put(a, &v, "space_points",
        isfinite(s->space->n_points) ? value_float(s->space->n_points)
                                     : value_str(a, "infinite"));
    put(a, &v, "space_parameters", value_uint(s->space->n_slots));
    if (s->is_pure)
        put(a, &v, "memo_hits", value_uint(s->n_copies));
    if (s->objectives.n == 1)
        put(a, &v, "curve", curve_value(s, a));
    if (remark)
        put(a, &v, "remark", value_str(a, remark));
    return v;
}

static struct value exhausted_note(const struct search *s, struct arena *a)
{
    if (!s->n_copies)
        return value_printf(a, "the space has no further point; %u of %u trials were made",
                            s->n_scored, s->n_trials);
    return value_printf(
        a, "the space has no further point; %u of %u trials were made, %u of them distinct",
        s->n_scored, s->n_trials, s->n_scored - s->n_copies);
}

void search_finish(struct search *s, struct driver_output *out)
{
    struct arena *a = out->arena;
    struct value v = value_map();
    char hex[65];

    write_history(s);
    out->blobs = arena_alloc(a, sizeof *out->blobs);
    driver_add_blob(out, "history.jsonl", &s->lines, hex);

    put_best(s, UINT32_MAX, &v, a);
    put(a, &v, "trials", value_uint(s->n_scored));
    put(a, &v, "failed", value_uint(s->n_failed));
    put(a, &v, "infeasible", value_uint(s->n_infeasible));
    put(a, &v, "algorithm", algorithm_value(s, a));
    if (s->endpoint)
        put(a, &v, "endpoint", search_endpoint_value(s, a));
    put(a, &v, "window", value_uint(s->window));
    put(a, &v, "history", value_str(a, hex));
    if (s->is_exhausted)
        put(a, &v, "note", exhausted_note(s, a));
    out->result = v;
    out->stats = stats_value(s, a);
    out->why_no_digest = s->why_no_digest;
    // Failed copies are no failed items, by which a job would be known to have failed.
    if (s->n_copies && s->n_failed == s->n_scored)
        out->why_failed = "every trial failed";
    if (!s->is_reproducible)
        out->why_no_digest = "the job says reproducible: false";
}
