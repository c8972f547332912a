// SPDX-License-Identifier: MIT
// runner_outcome.c - from what run() returned to the bytes of a result.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/outcome.h"
#include "protocol/pack.h"
#include "worker/propose.h"
#include "worker/runner_state.h"

enum {
    // So few items travel as rows: smaller than folds and cheaper at both ends.
    FEW_ITEMS = 8,
    TEXT_MAX = 500,
    DETAIL_MAX = 4096,
    // Above this the faults of a result lose their details.
    FAULT_BYTES_MAX = 4 << 20,
    NAMED_TEXT_MAX = 4096,     // bytes of a string metric
    NAMED_BYTES_MAX = 8 << 20, // of a binary one
};

void runner_outcome_start(struct runner_call *c)
{
    struct runner *r = c->runner;
    struct runner_job *j = c->job;

    buf_reset(&r->data);
    c->bare = j->workload->totals_only && !j->def.rows;
    c->by_names = j->n_metrics == 0 || propose_has_any(c->maps);
    c->by_rows = j->def.rows || (c->lease->count <= FEW_ITEMS && !c->bare);
    if (j->n_totals)
        memset(j->totals, 0, j->n_totals * sizeof *j->totals);
    if (c->by_names) {
        uint32_t n = c->lease->count;
        uint8_t head[6] = {OUTCOME_NAMED,     0xdd,      (uint8_t)(n >> 24), (uint8_t)(n >> 16),
                           (uint8_t)(n >> 8), (uint8_t)n};
        buf_put(&r->data, head, sizeof head);
        return;
    }
    if (c->by_rows) {
        outcome_put_rows(&r->data, NULL, 0, j->n_metrics); // the prefix
        return;
    }
    for (uint32_t m = 0; m < j->n_metrics; m++)
        fold_reset(j->folds[m]);
}

static void add_totals(struct runner_call *c)
{
    struct runner_job *j = c->job;
    for (uint32_t i = 0; i < j->n_totals; i++)
        totals_add(&j->totals[i], (struct total){.low = j->run_totals[i], .high = 0});
}

// ---- faults ----------------------------------------------------------------------

static struct str keep_text(struct arena *a, const char *s, size_t max)
{
    size_t n = s ? strlen(s) : 0;
    if (n > max) { // the tail: where the reason stands
        s += n - max;
        n = max;
        while (n && ((uint8_t)*s & 0xc0) == 0x80) { // not into a character
            s++;
            n--;
        }
    }
    return (struct str){arena_str(a, s ? s : "", n), (uint32_t)n};
}

void runner_outcome_fault(struct runner_call *c, const struct item_fault *f)
{
    struct arena *a = c->out;
    uint64_t i = f->item - c->as_seen;

    if (f->blame == FAULT_WORKER || i >= c->count) {
        if (!c->worker_fault)
            c->worker_fault = i >= c->count ? "the workload spoke of an item that is not its"
                                            : keep_text(a, f->text, TEXT_MAX).p;
        return;
    }
    if (c->n_faults == FAULTS_MAX) {
        c->worker_fault = "more items failed than one result can tell";
        return;
    }
    if (c->n_faults == c->cap_faults) {
        c->cap_faults = c->cap_faults ? c->cap_faults * 2 : 8;
        struct rec_fault *list = arena_alloc(a, c->cap_faults * sizeof *list);
        if (c->n_faults)
            memcpy(list, c->faults, c->n_faults * sizeof *list);
        c->faults = list;
    }
    bool brief = c->fault_bytes > FAULT_BYTES_MAX;
    struct rec_fault *out = &c->faults[c->n_faults++];
    *out = (struct rec_fault){
        .item = c->first + i,
        .blame = 1,
        .code = f->code,
        .text = keep_text(a, f->text, brief ? 80 : TEXT_MAX),
        .detail = keep_text(a, brief ? NULL : f->detail, DETAIL_MAX),
    };
    c->fault_bytes += out->text.n + out->detail.n;
}

static void fail_chunk(struct runner_call *c, const char *why)
{
    for (uint32_t i = 0; i < c->count && !c->worker_fault; i++) {
        struct item_fault f = {.item = c->as_seen + i, .blame = FAULT_JOB, .text = why};
        runner_outcome_fault(c, &f);
    }
}

void runner_outcome_fail_lease(struct runner_call *c, const char *why)
{
    c->first = c->as_seen = c->lease->first;
    c->count = c->lease->count;
    c->n_faults = 0;
    c->n_outputs = 0;
    fail_chunk(c, why);
    c->n_failed = c->count;
}

void runner_outcome_output(struct runner_call *c, const struct item_output *o)
{
    struct arena *a = c->out;
    if (o->item - c->as_seen >= c->count || c->n_outputs == OUTPUTS_MAX) {
        c->worker_fault = "outputs of an item that is not its, or too many";
        return;
    }
    if (c->n_outputs == c->cap_outputs) {
        c->cap_outputs = c->cap_outputs ? c->cap_outputs * 2 : 4;
        struct rec_output *list = arena_alloc(a, c->cap_outputs * sizeof *list);
        if (c->n_outputs)
            memcpy(list, c->outputs, c->n_outputs * sizeof *list);
        c->outputs = list;
    }
    c->outputs[c->n_outputs++] = (struct rec_output){
        .item = c->first + (o->item - c->as_seen),
        .name = keep_text(a, o->name, TEXT_MAX),
        .hash = {arena_copy(a, o->hash.bytes, sizeof o->hash.bytes), sizeof o->hash.bytes},
        .size = o->size,
    };
}

static int by_item(const void *x, const void *y)
{
    const struct rec_fault *a = x;
    const struct rec_fault *b = y;
    return a->item < b->item ? -1 : a->item > b->item;
}

// Faults of the chunk, from `from` on, in order and each item once.
static void sort_faults(struct runner_call *c, uint32_t from)
{
    uint32_t n = from;
    if (c->n_faults - from > 1)
        qsort(c->faults + from, c->n_faults - from, sizeof *c->faults, by_item);
    for (uint32_t i = from; i < c->n_faults; i++)
        if (n == from || c->faults[i].item != c->faults[n - 1].item)
            c->faults[n++] = c->faults[i];
    c->n_faults = n;
}

// ---- metrics ---------------------------------------------------------------------

static void one_nan(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            x[i] = (double)NAN;
}

// Rows between the faults, into the folds.
static void fold_rows(struct runner_call *c, const double *rows, uint32_t from_fault)
{
    struct runner_job *j = c->job;
    uint32_t at = 0;
    for (uint32_t f = from_fault; f <= c->n_faults; f++) {
        uint32_t end = f < c->n_faults ? (uint32_t)(c->faults[f].item - c->first) : c->count;
        for (uint32_t m = 0; m < j->n_metrics && end > at; m++)
            fold_add(j->folds[m], rows + (size_t)at * j->n_metrics + m, end - at, j->n_metrics);
        at = end + 1;
    }
}

static void blank_failed(struct runner_call *c, double *rows, uint32_t from_fault)
{
    uint32_t n = c->job->n_metrics;
    for (uint32_t f = from_fault; f < c->n_faults; f++)
        for (uint32_t m = 0; m < n; m++)
            rows[(c->faults[f].item - c->first) * n + m] = (double)NAN;
}

// NULL, or what is wrong with an item's metrics.
static const char *check_named(struct value *v, struct arena *a)
{
    if (v->type != VALUE_MAP || !v->n)
        return "it has no metrics";
    if (v->n > METRICS_MAX)
        return arena_printf(a, "it has %u metrics, at most %d", v->n, METRICS_MAX);
    for (uint32_t i = 0; i < v->n; i++) {
        struct value_pair *p = &v->pairs[i];
        if (p->value.type == VALUE_BOOL)
            p->value = value_int(p->value.b);
        if (p->value.type == VALUE_STR && p->value.n > NAMED_TEXT_MAX)
            return arena_printf(a, "metric '%.60s' is a string of %u bytes, at most %d", p->key,
                                p->value.n, NAMED_TEXT_MAX);
        if (p->value.type == VALUE_BIN && p->value.n > NAMED_BYTES_MAX)
            return arena_printf(a, "metric '%.60s' has %u bytes, at most %d", p->key,
                                p->value.n, NAMED_BYTES_MAX);
        if (!value_is_number(&p->value) && p->value.type != VALUE_STR
            && p->value.type != VALUE_BIN)
            return arena_printf(a, "metric '%.60s' is %s, expected a number or a string",
                                p->key, value_type_name(p->value.type));
    }
    return NULL;
}

static bool has_failed(const struct runner_call *c, uint32_t from_fault, uint64_t item)
{
    for (uint32_t f = from_fault; f < c->n_faults; f++)
        if (c->faults[f].item == item)
            return true;
    return false;
}

bool runner_outcome_has_failed(const struct runner_call *c, uint32_t i)
{
    return has_failed(c, c->chunk_faults, c->first + i);
}

static void add_named(struct runner_call *c, struct run *run, uint32_t from_fault)
{
    static const struct value nothing = {.type = VALUE_NULL};
    for (uint32_t i = 0; i < c->count; i++) {
        bool failed = has_failed(c, from_fault, c->first + i);
        const char *wrong = failed ? NULL : check_named(&run->named[i], run->arena);
        if (wrong) {
            struct item_fault f = {.item = c->as_seen + i, .blame = FAULT_JOB, .text = wrong};
            runner_outcome_fault(c, &f);
        }
        pack_write(failed || wrong ? &nothing : &run->named[i], &c->runner->data);
    }
}

void runner_outcome_add(struct runner_call *c, struct run *run, const char *all_failed)
{
    uint32_t from = c->chunk_faults;
    size_t n = (size_t)c->count * c->job->n_metrics;

    if (all_failed) {
        c->n_faults = from;
        fail_chunk(c, all_failed);
    }
    if (c->worker_fault)
        return;
    sort_faults(c, from);
    if (!all_failed)
        add_totals(c);
    if (c->bare) {
        c->n_failed += c->n_faults - from;
        c->chunk_faults = c->n_faults;
        return;
    }
    if (c->by_names) {
        add_named(c, run, from);
        sort_faults(c, from);
    } else if (c->by_rows) {
        one_nan(run->metrics, n);
        blank_failed(c, run->metrics, from);
        buf_put(&c->runner->data, run->metrics, n * sizeof *run->metrics);
    } else {
        fold_rows(c, run->metrics, from);
    }
    c->n_failed += c->n_faults - from;
    c->chunk_faults = c->n_faults;
}

// ---- the result ------------------------------------------------------------------

static void put_folds(struct runner_call *c)
{
    struct runner_job *j = c->job;
    struct buf *b = &c->runner->data;
    uint8_t head[3] = {OUTCOME_FOLDS, (uint8_t)j->n_metrics, (uint8_t)(j->n_metrics >> 8)};
    buf_put(b, head, sizeof head);
    for (uint32_t m = 0; m < j->n_metrics; m++)
        fold_pack(j->folds[m], b);
}

// In front of what the lease gave besides.
static struct bin with_totals(struct runner_call *c)
{
    static const uint8_t none[] = {OUTCOME_NONE};
    struct runner_job *j = c->job;
    struct buf *data = &c->runner->data, b;
    uint8_t head[3] = {OUTCOME_TOTALS, (uint8_t)j->n_totals, (uint8_t)(j->n_totals >> 8)};
    if (!j->n_totals)
        return (struct bin){arena_copy(c->out, data->bytes, data->n), (uint32_t)data->n};
    buf_init(&b, RESULT_BYTES_MAX);
    buf_put(&b, head, sizeof head);
    totals_pack(j->totals, j->n_totals, &b);
    buf_put(&b, c->bare ? none : data->bytes, c->bare ? sizeof none : data->n);
    struct bin out = {arena_copy(c->out, b.bytes, b.n), (uint32_t)b.n};
    c->runner->data.full = c->runner->data.full || b.full;
    buf_fini(&b);
    return out;
}

static struct bin bytes_of(struct runner_call *c)
{
    static const uint8_t none[] = {OUTCOME_NONE};
    struct bin out = {none, sizeof none};
    if (c->worker_fault || c->n_failed == c->lease->count)
        return out;
    if (!c->by_rows && !c->by_names && !c->bare)
        put_folds(c);
    return with_totals(c);
}

void runner_outcome_end(struct runner_call *c, struct rec_result *out)
{
    const struct rec_lease *l = c->lease;
    struct bin data = bytes_of(c);

    *out = (struct rec_result){
        .lease = l->lease, .job = l->job, .first = l->first, .count = l->count};
    if (!c->worker_fault && c->runner->data.full)
        c->worker_fault = arena_printf(
            c->out, "the result is larger than %d bytes; smaller shards are needed",
            RESULT_BYTES_MAX);
    if (c->worker_fault) {
        out->worker_fault = str_of(*c->worker_fault ? c->worker_fault : "unknown reason");
        return;
    }
    out->faults = c->faults;
    out->n_faults = c->n_faults;
    out->outputs = c->outputs;
    out->n_outputs = c->n_outputs;
    out->data = data;
}
