// SPDX-License-Identifier: MIT
// search.c - the driver of `kind: search`: trials asked within an ordered window.
//
// Trial i is asked when exactly the trials up to i - window were told to the
// algorithm, however many outcomes are here already, so that the window and not
// the cluster defines what is asked.  Outcomes that come early wait.  Points that
// were asked before a restart come back by restore and are not asked again.
#include "coordinator/drivers/search.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "common/outcome.h"
#include "coordinator/drivers/search_state.h"
#include "coordinator/drivers/told.h"
#include "coordinator/spec.h"

static void destroy(void *state);

static void tell_next(struct search *s)
{
    uint32_t record = history_tell(&s->history);
    if (record >= s->history.n_warm)
        search_told(s, record - s->history.n_warm);
    if (s->algorithm->tell)
        s->algorithm->tell(s->chooser, record);
}

// A fresh algorithm, told what the old one knew.
static void start_algorithm(struct search *s, uint32_t n_told)
{
    if (s->chooser)
        s->algorithm->destroy(s->chooser);
    s->history.n_told = 0;
    search_forget_told(s);
    s->chooser = s->algorithm->create(&s->history, s->knobs);
    while (s->history.n_told < n_told)
        tell_next(s);
}

static enum error create(const struct driver_setup *setup, void **state, struct errtext *t)
{
    struct search *s = mem_alloc(sizeof *s);

    s->arena = arena_create();
    s->scratch = arena_create();
    s->requests = arena_create();
    map_init(&s->asked_warm);
    buf_init(&s->lines, SIZE_MAX);
    enum error e = search_parse(s, setup, t);
    if (e) {
        destroy(s);
        return e;
    }
    start_algorithm(s, s->history.n_warm);
    s->has_news = true;
    *state = s;
    return OK;
}

static void destroy(void *state)
{
    struct search *s = state;

    if (!s)
        return;
    if (s->chooser)
        s->algorithm->destroy(s->chooser);
    if (s->history.walk)
        history_fini(&s->history);
    map_fini(&s->asked_warm);
    mem_free(s->trials);
    mem_free(s->best);
    mem_free(s->curve);
    mem_free(s->asking);
    arena_destroy(s->requests);
    buf_fini(&s->lines);
    arena_destroy(s->arena);
    arena_destroy(s->scratch);
    mem_free(s);
}

static enum driver_wants wants(const void *state)
{
    (void)state;
    return DRIVER_ROWS;
}

// --- trials -------------------------------------------------------------------------
// The first trial at the point.  A point of warm_start has a record before the trials.
static bool find_asked(struct search *s, const struct point *p, uint32_t *trial)
{
    uint32_t record;
    uint64_t first;

    if (!p->n || !history_find(&s->history, p, &record))
        return false;
    if (record >= s->history.n_warm) {
        *trial = record - s->history.n_warm;
        return true;
    }
    uint64_t key = point_key(p);
    if (!map_find(&s->asked_warm, key, &first)) {
        map_set(&s->asked_warm, key, s->n_asked);
        return false;
    }
    *trial = (uint32_t)first;
    return true;
}

// A point that was asked before is no work where the evaluator is pure, whether its
// outcome is here or not.  That follows from the points alone, so it is the same in every
// run and after a restart.
static void add_trial(struct search *s, const struct point *p)
{
    struct trial new = {.metrics = value_null()};

    if (s->n_asked == s->cap_trials) {
        s->cap_trials = s->cap_trials ? s->cap_trials * 2 : 64;
        s->trials = mem_realloc(s->trials, s->cap_trials * sizeof *s->trials);
    }
    new.is_copy = s->is_pure &&find_asked(s, p, &new.of);
    s->n_copies += new.is_copy;
    s->n_in_a_row = new.is_copy ? s->n_in_a_row + 1 : 0;
    (void)history_ask(&s->history, p);
    s->trials[s->n_asked++] = new;
}

static void restore(void *state, uint64_t item, const struct value *params)
{
    struct search *s = state;
    struct errtext t;
    struct trial asked;
    struct value point = search_strip(s, params, &asked);
    struct spec at = spec_of(&point, "journal", &t);

    if (item != s->n_asked)
        return;
    // A point of another version's space counts as one without decisions.
    if (space_encode(s->space, &at, s->history.walk, &s->next))
        s->next.n = 0;
    add_trial(s, &s->next);
    if (asked.asks && !s->trials[item].is_copy) {
        s->trials[item].asks = true;
        s->trials[item].of = asked.of;
    }
    s->n_reported = s->n_asked;
}

// A measured time would give every run another history.
static struct value without_volatile(const struct search *s, const struct value *metrics)
{
    struct value map = value_map();
    for (uint32_t i = 0; i < metrics->n; i++)
        if (!search_is_volatile(s, metrics->pairs[i].key))
            value_set(s->arena, &map, metrics->pairs[i].key, metrics->pairs[i].value);
    return map;
}

// What a generate job's driver makes of binary ones is nothing to choose by.
static struct value without_binary(const struct search *s, const struct value *metrics)
{
    struct value map = value_map();
    for (uint32_t i = 0; i < metrics->n; i++)
        if (metrics->pairs[i].value.type != VALUE_BIN)
            value_set(s->arena, &map, metrics->pairs[i].key, metrics->pairs[i].value);
    return map;
}

static void take_outcome(struct search *s, uint64_t item, struct value metrics, bool again)
{
    struct trial *trial = item < s->n_asked ? &s->trials[item] : NULL;

    if (!trial || trial->is_copy || (trial->has_outcome && !again))
        return;
    if (s->is_reproducible && s->volatiles && metrics.type == VALUE_MAP)
        metrics = without_volatile(s, &metrics);
    for (uint32_t i = 0; metrics.type == VALUE_MAP && i < metrics.n; i++)
        if (metrics.pairs[i].value.type == VALUE_BIN)
            metrics = without_binary(s, &metrics);
    if (trial->has_outcome && item < s->n_scored) {
        s->must_retell = true;
        if (s->n_asked > item + s->window)
            s->why_no_digest = "a failed trial was tried again after others had been chosen";
    }
    trial->has_outcome = true;
    trial->metrics = metrics;
    s->has_news = true;
}

static struct value row_of(const struct search *s, const struct outcome_view *v, uint32_t row)
{
    struct value map = value_map();
    for (uint32_t i = 0; s->metrics && s->metrics[i] && i < v->n_metrics; i++)
        value_set(s->arena, &map, s->metrics[i], value_float(outcome_row_value(v, row, i)));
    return map;
}

// What cannot be read counts as failed: it was committed and will not change.
static void tell(void *state, const struct outcome *o)
{
    struct search *s = state;
    struct outcome_view v = {.form = OUTCOME_NONE};
    struct value list = told_list(o, s->arena);

    if (outcome_view(o->data, o->n_data, o->count, &v))
        v.form = OUTCOME_NONE;
    for (uint32_t i = 0; i < o->count; i++) {
        struct value metrics = value_null();
        if (!told_fault(o, o->first + i))
            metrics = v.form == OUTCOME_ROWS ? row_of(s, &v, i) : told_map(&list, i);
        take_outcome(s, o->first + i, metrics, o->again);
    }
}

static enum error extend(void *state, const struct value *args, struct errtext *t)
{
    struct search *s = state;
    const struct value *v = value_find(args, "trials");
    int64_t n = 0;

    if (!v || !spec_is_int(v, &n) || n <= 0 || n > SEARCH_TRIALS_MAX)
        return errtext_set(t, ERR_INVALID, "extend needs the new number of trials, at most %d",
                           SEARCH_TRIALS_MAX);
    if (n <= s->n_trials)
        return errtext_set(t, ERR_INVALID,
                           "the job has %" PRIu32 " trials already; give the new total",
                           s->n_trials);
    if (s->is_exhausted)
        return errtext_set(t, ERR_INVALID, "the space has no further points");
    s->n_trials = (uint32_t)n;
    s->has_news = true;
    return OK;
}

// --- thinking -----------------------------------------------------------------------
static bool ask_next(struct search *s)
{
    const struct point *p = &s->next;

    if (s->n_asked < s->n_enqueued)
        p = &s->enqueued[s->n_asked];
    else if (s->n_in_a_row >= SEARCH_COPIES_MAX)
        return false;
    else if (algorithm_ask(s->algorithm, s->chooser, &s->history, s->n_asked, &s->next))
        return false;
    bool is_enqueued = s->n_asked < s->n_enqueued;
    add_trial(s, p);
    if (!is_enqueued)
        search_asked(s, s->n_asked - 1);
    return true;
}

// Is enough told for the next trial, by the window and by the algorithm?
static bool may_ask(const struct search *s, uint32_t n_told)
{
    const struct algorithm *a = s->algorithm;
    return s->n_asked < n_told + s->window
           && (!a->needs || n_told >= a->needs(s->chooser, s->n_asked));
}

static void score_known(struct search *s)
{
    while (s->n_scored < s->n_asked && search_outcome(s, s->n_scored)->has_outcome)
        search_score(s, s->n_scored++);
}

// Must the next trial be told?  Where what was told is counted, also after a restart at
// the end of all asks.
static bool is_wanted(const struct search *s, uint32_t n_told)
{
    return s->n_asked < s->n_trials || (s->endpoint && n_told + s->window < s->n_asked);
}

// Ask and tell in the order that the window prescribes.  The last trials are told
// only when an extension needs them.
static void advance(struct search *s)
{
    struct history *h = &s->history;

    score_known(s);
    while (!s->is_exhausted) {
        uint32_t n_told = h->n_told - h->n_warm; // trials
        uint32_t n_asked = s->n_asked;           // restored ones may be ahead of the window
        if (n_asked < s->n_trials && may_ask(s, n_told))
            s->is_exhausted = !ask_next(s);
        else if (n_told < s->n_scored && is_wanted(s, n_told))
            tell_next(s);
        else
            break;
        score_known(s); // the one just asked may be a copy
    }
}

static bool answers(const void *state, uint64_t item)
{
    const struct search *s = state;
    return item < s->n_asked && s->trials[item].is_copy;
}

static void step(void *state, struct driver_output *out)
{
    struct search *s = state;

    if (s->must_retell) {
        uint32_t n_told = s->history.n_told;
        search_rescore(s);
        start_algorithm(s, n_told);
        s->must_retell = false;
    }
    advance(s);
    arena_reset(s->scratch);
    uint32_t n_new = s->n_asked - s->n_reported;
    struct value *params = arena_alloc(out->arena, (n_new + 1) * sizeof *params);
    for (uint32_t i = 0; i < n_new; i++) {
        uint32_t trial = s->n_reported + i;
        params[i] = space_decode(s->space, &search_record(s, trial)->point, out->arena);
        search_add_request(s, trial, &params[i], out->arena);
    }
    search_sent(s);
    out->n_items = s->n_reported = s->n_asked;
    out->params = n_new ? params : NULL;
    out->n_expected = s->is_exhausted ? s->n_asked : s->n_trials;
    out->waits_for = s->n_scored < s->n_asked ? s->n_scored : 0;
    if (s->has_news)
        out->progress = search_progress(s, out->arena);
    s->has_news = false;
    bool is_last = s->n_asked >= s->n_trials || s->is_exhausted;
    out->finished = is_last && s->n_scored == s->n_asked;
    if (out->finished)
        search_finish(s, out);
}

static const char *const keys[] = {
    "space",     "where",  "objectives", "constraints", "derived",
    "algorithm", "trials", "window",     "warm_start",  "enqueue",
    "volatile",  "pure",   "prior",      "study",       NULL,
};

const struct driver search_driver = {
    .name = "search",
    .help = "Looks for the point of a space that is best by one or several objectives.  No "
            "algorithm asks a point twice while others are left.  Where the evaluator is pure "
            "(the workload says so; of exec the job, by `pure: true`), a point that comes "
            "again all the same (by `enqueue`, or where only some branches of the space are "
            "finite) is a trial that nobody runs: it counts, it has the outcome of the first "
            "one, failures included, and the algorithm is told it in its turn.  The history's "
            "row says `memo`: the trial it copies; `stats.memo_hits` counts them.  1000 of "
            "them in a row end the job: the space is exhausted.  `warm_start` takes a list of "
            "{params, metrics}, the name of a table (CSV) or that of an SQLite database of "
            "Optuna, of which `study` names the study; what it brings is told before the first "
            "trial and never asked.",
    .keys = keys,
    .wants = wants,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .step = step,
    .restore = restore,
    .extend = extend,
    .answers = answers,
};
