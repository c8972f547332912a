// SPDX-License-Identifier: MIT
// sweep_tell.c - one settled run of items into the folds of its grid points.
//
// A run that a lease made lies within one point; one that recovery put together
// may not, so that rows and named metrics are dealt with point by point.
// What cannot be read counts as failed: it is committed and will not change.
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "common/outcome.h"
#include "coordinator/drivers/sweep_state.h"
#include "protocol/pack.h"

enum { BLOCK = 256 };

// A run and which of its items failed.
struct tale {
    const struct outcome *o;
    struct outcome_view view;
    struct value named;    // list of maps and nulls
    const uint8_t *failed; // [count], NULL: none
};

static bool has_failed(const struct tale *t, uint32_t i)
{
    return t->failed && t->failed[i];
}

static void mark_failed(struct sweep *s, struct tale *t)
{
    const struct outcome *o = t->o;
    uint8_t *failed;

    if (!o->n_faults)
        return;
    t->failed = failed = arena_alloc(s->scratch, o->count);
    for (uint32_t i = 0; i < o->n_faults; i++)
        if (o->faults[i].item - o->first < o->count)
            failed[o->faults[i].item - o->first] = 1;
}

static void fail_all(struct sweep *s, struct tale *t)
{
    uint8_t *failed = arena_alloc(s->scratch, t->o->count);
    memset(failed, 1, t->o->count);
    t->failed = failed;
    t->view = (struct outcome_view){.form = OUTCOME_NONE};
}

// ---- folds ------------------------------------------------------------------

static struct fold *fold_of(struct sweep *s, struct sweep_point *p, uint32_t metric)
{
    uint32_t n = s->metrics ? s->n_metrics : s->n_names;

    if (p->n_folds < n) {
        p->folds = mem_realloc(p->folds, n * sizeof(struct fold *));
        for (; p->n_folds < n; p->n_folds++)
            p->folds[p->n_folds] = NULL;
    }
    if (!p->folds[metric])
        p->folds[metric] = fold_create(s->exact);
    return p->folds[metric];
}

// One metric of items [from, to), those that failed left out.
static void
add_column(struct fold *f, const struct tale *t, uint32_t metric, uint32_t from, uint32_t to)
{
    size_t step = t->view.n_metrics * sizeof(double);
    const uint8_t *at = t->view.body + from * step + metric * sizeof(double);
    double x[BLOCK];
    uint32_t n = 0;

    for (uint32_t i = from; i < to; i++, at += step) {
        memcpy(&x[n], at, sizeof *x);
        n += !has_failed(t, i);
        if (n == BLOCK || i + 1 == to) {
            fold_add(f, x, n, 1);
            n = 0;
        }
    }
}

static void add_rows(
    struct sweep *s, const struct tale *t, struct sweep_point *p, uint32_t from, uint32_t to)
{
    for (uint32_t m = 0; m < t->view.n_metrics; m++)
        add_column(fold_of(s, p, m), t, m, from, to);
}

static uint32_t name_of(struct sweep *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_names; i++)
        if (strcmp(s->names[i], name) == 0)
            return i;
    if (s->n_names == SWEEP_NAMES_MAX) {
        s->too_many_names = true;
        return UINT32_MAX;
    }
    if (s->n_names == s->cap_names) {
        s->cap_names = s->cap_names ? 2 * s->cap_names : 8;
        s->names = mem_realloc(s->names, s->cap_names * sizeof(const char *));
    }
    s->names[s->n_names] = arena_str(s->arena, name, strlen(name));
    return s->n_names++;
}

static void add_map(struct sweep *s, struct sweep_point *p, const struct value *map)
{
    for (uint32_t i = 0; i < map->n; i++) {
        const struct value_pair *metric = &map->pairs[i];
        if (!value_is_number(&metric->value))
            continue;
        uint32_t k = name_of(s, metric->key);
        double x = value_number(&metric->value);
        if (k != UINT32_MAX)
            fold_add(fold_of(s, p, k), &x, 1, 1);
    }
}

static void add_named(
    struct sweep *s, const struct tale *t, struct sweep_point *p, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (!has_failed(t, i))
            add_map(s, p, &t->named.items[i]);
}

// Folds are looked at in full before any is merged: one that lies leaves no trace.
static bool merge_folds(struct sweep *s, const struct tale *t, struct sweep_point *p)
{
    const uint8_t *at = t->view.body;
    size_t left = t->view.n_body, used;

    for (uint32_t m = 0; m < s->n_metrics; m++) {
        if (!s->incoming[m])
            s->incoming[m] = fold_create(s->exact);
        fold_reset(s->incoming[m]);
        if (fold_merge_packed(s->incoming[m], at, left, &used)
            || fold_count(s->incoming[m]) > t->o->count)
            return false;
        at += used;
        left -= used;
    }
    // An exact fold that is full has been told more values than it has items.
    for (uint32_t m = 0; m < s->n_metrics; m++)
        if (fold_count(fold_of(s, p, m)) + fold_count(s->incoming[m]) > s->per_point)
            return false;
    for (uint32_t m = 0; m < s->n_metrics; m++)
        if (fold_merge(fold_of(s, p, m), s->incoming[m]))
            return false;
    return left == 0;
}

// ---- rows -------------------------------------------------------------------

static void keep_row(struct sweep *s, const struct tale *t, uint32_t i)
{
    uint64_t item = t->o->first + i;
    struct sweep_row *row = &s->rows[item];
    struct buf json;

    row->state = has_failed(t, i) ? ROW_FAILED : ROW_HERE;
    if (row->state == ROW_FAILED)
        return;
    if (t->view.form == OUTCOME_ROWS) {
        size_t n = s->n_metrics * sizeof *s->values;
        memcpy(s->values + item * s->n_metrics, t->view.body + (size_t)i * n, n);
        return;
    }
    buf_init(&json, UINT32_MAX);
    value_json(&t->named.items[i], &json);
    row->json = arena_str(s->arena, buf_cstr(&json), json.n);
    row->n = (uint32_t)json.n;
    buf_fini(&json);
}

// ---- all of it --------------------------------------------------------------

// What the run holds is what the job is about, or all of it failed.
static void read_outcome(struct sweep *s, struct tale *t)
{
    const struct outcome *o = t->o;
    enum error e = outcome_view(o->data, o->n_data, o->count, &t->view);
    bool one_point = o->count <= s->per_point - o->first % s->per_point;
    bool readable = false;

    if (!e && t->view.form == OUTCOME_ROWS)
        readable = s->metrics && t->view.n_metrics == s->n_metrics;
    if (!e && t->view.form == OUTCOME_FOLDS)
        readable = s->metrics && t->view.n_metrics == s->n_metrics && !s->rows && one_point;
    if (!e && t->view.form == OUTCOME_NONE)
        readable = t->view.n_totals && sweep_totals_only(s->totals) && !s->rows;
    if (!e && t->view.form == OUTCOME_NAMED)
        readable = !s->metrics
                   && !pack_read(t->view.body, t->view.n_body, s->scratch, &t->named, NULL)
                   && t->named.type == VALUE_LIST && t->named.n == o->count;
    readable = readable && t->view.n_totals == sweep_totals_count(s->totals)
               && (one_point || !t->view.n_totals);
    mark_failed(s, t);
    if (!readable)
        fail_all(s, t);
    if (t->view.form != OUTCOME_NAMED)
        return;
    uint8_t *failed = arena_alloc(s->scratch, o->count);
    for (uint32_t i = 0; i < o->count; i++)
        failed[i] = has_failed(t, i) || t->named.items[i].type != VALUE_MAP;
    t->failed = failed;
}

static uint32_t count_failed(const struct tale *t, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t i = from; t->failed && i < to; i++)
        n += t->failed[i];
    return n;
}

// What is left of the view after the rest was found good.
static void tell_totals(struct sweep *s, const struct tale *t, struct sweep_point *p)
{
    if (!t->view.n_totals)
        return;
    if (!p->totals)
        p->totals = arena_alloc(s->arena, t->view.n_totals * sizeof *p->totals);
    sweep_totals_add(s->totals, p->totals, &t->view, s->scratch);
}

// Items [from, to) of the run, all of one point.
static void tell_point(struct sweep *s, struct tale *t, uint32_t from, uint32_t to)
{
    struct sweep_point *p =
        s->n_points == 1 ? s->state : &s->state[(t->o->first + from) / s->per_point];

    if (t->view.form == OUTCOME_ROWS)
        add_rows(s, t, p, from, to);
    else if (t->view.form == OUTCOME_NAMED)
        add_named(s, t, p, from, to);
    else if (t->view.form == OUTCOME_FOLDS && !merge_folds(s, t, p))
        fail_all(s, t);
    tell_totals(s, t, p);
    uint32_t n_failed = count_failed(t, from, to);
    p->n_failed += n_failed;
    s->n_failed += n_failed;
    if (t->o->again) { // each of them was told before, as failed
        uint64_t n = to - from < p->n_failed ? to - from : p->n_failed;
        p->n_failed -= n;
        s->n_failed -= n;
    } else {
        p->n_told += to - from;
        s->n_told += to - from;
    }
    // One with failures may be told of them again; a single one waits for the end.
    if (s->n_points > 1 && p->n_told == s->per_point && !p->n_failed)
        sweep_finish_point(s, p);
}

void sweep_tell(struct sweep *s, const struct outcome *o)
{
    struct tale t = {.o = o};

    if (!o->count || o->first >= s->n_items || o->count > s->n_items - o->first)
        return;
    read_outcome(s, &t);
    for (uint32_t from = 0, to; from < o->count; from = to) {
        uint64_t left = s->per_point - (o->first + from) % s->per_point;
        to = left < o->count - from ? from + (uint32_t)left : o->count;
        tell_point(s, &t, from, to);
    }
    for (uint32_t i = 0; s->rows && i < o->count; i++)
        keep_row(s, &t, i);
    if (t.failed || s->totals)
        arena_reset(s->scratch);
}
