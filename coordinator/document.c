// SPDX-License-Identifier: MIT
// document.c - what programs read of a job: a row, its status, its final document.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "coordinator/shell_state.h"
#include "protocol/pack.h"

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

static struct value text_or_null(struct arena *a, const char *s)
{
    return s ? value_str(a, s) : value_null();
}

static struct value head(const struct docket *r, enum job_state state, struct arena *a)
{
    struct value m = value_map();
    put(a, &m, "job", value_str(a, r->id));
    put(a, &m, "name", value_str(a, r->name));
    put(a, &m, "kind", value_str(a, r->kind));
    put(a, &m, "state", value_str(a, docket_state_name(state)));
    return m;
}

static double unix_seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static double elapsed(const struct shell *s, const struct docket *r)
{
    int64_t ns = r->ended ? r->ended - r->submitted : s->now - r->started;
    return ns > 0 ? (double)ns / 1e9 : 0;
}

// Of the core while it knows the job, else what was kept.
static struct job_view view_of(const struct shell *s, const struct docket *r)
{
    struct job_view v = {0};
    if (!r->live || !core_job_view(s->core, r->number, &v)) {
        v.n_items = v.n_done = r->n_items;
        v.n_failed = r->n_failed;
    }
    return v;
}

// Those of a search that are not asked yet count: people wait for all of them.
static uint64_t items_in_all(const struct docket *r, const struct job_view *v)
{
    uint64_t n = r->live ? r->live->n_expected : 0;
    return n > v->n_items ? n : v->n_items;
}

struct value document_row(struct shell *s, const struct docket *r, struct arena *a)
{
    struct job_view v = view_of(s, r);
    struct value m = head(r, r->state, a);
    put(a, &m, "workload", value_str(a, r->workload));
    put(a, &m, "owner", value_str(a, r->owner));
    put(a, &m, "items", value_uint(items_in_all(r, &v)));
    put(a, &m, "done", value_uint(v.n_done));
    put(a, &m, "failed", value_uint(v.n_failed));
    put(a, &m, "submitted", value_float(unix_seconds(r->submitted)));
    put(a, &m, "elapsed_s", value_float(elapsed(s, r)));
    return m;
}

static struct value failures(const struct live *l, struct arena *a)
{
    struct value list = value_list();
    for (uint32_t i = 0; i < l->n_failures; i++) {
        struct value m = value_map();
        put(a, &m, "item", value_uint(l->plan->checked->first + l->failures[i].item));
        put(a, &m, "text", value_str(a, l->failures[i].text));
        (void)value_push(a, &list, m);
    }
    return list;
}

// Items a second since the older of the two samples.
static double rate_of(const struct shell *s, const struct docket *r, uint64_t n_done)
{
    int64_t at = r->live->before.at ? r->live->before.at : r->started;
    double ns = (double)(s->now - at);
    uint64_t n = n_done > r->live->before.n_done ? n_done - r->live->before.n_done : 0;
    return ns > 0 ? (double)n / ns * 1e9 : 0;
}

struct value document_status(struct shell *s, const struct docket *r, struct arena *a)
{
    struct job_view v = view_of(s, r);
    struct value m = document_row(s, r, a);
    double rate = r->live ? rate_of(s, r, v.n_done) : 0;
    uint64_t left = items_in_all(r, &v) - v.n_done;
    put(a, &m, "leased", value_uint(v.n_leased));
    put(a, &m, "retries", value_uint(v.n_retries));
    put(a, &m, "copies", value_uint(v.n_copies));
    put(a, &m, "lost", value_uint(v.n_lost));
    put(a, &m, "quarantined", value_uint(v.n_quarantined));
    put(a, &m, "priority", value_int(v.priority));
    put(a, &m, "gang", value_uint(v.gang));
    put(a, &m, "ranks", value_uint(core_n_ranks(s->core)));
    put(a, &m, "rate", value_float(rate));
    put(a, &m, "eta_s", rate > 0 && left ? value_float((double)left / rate) : value_null());
    put(a, &m, "why", value_str(a, core_why(s->core, r->number, s->now, a)));
    put(a, &m, "progress", r->live ? value_copy(a, &r->live->progress) : value_null());
    if (r->live && r->live->n_failures)
        put(a, &m, "failures", failures(r->live, a));
    return m;
}

// ---- the end ---------------------------------------------------------------------

static struct value
stats(const struct shell *s, const struct docket *r, const struct job_view *v, struct arena *a)
{
    struct value m = value_map();
    double seconds = elapsed(s, r);
    put(a, &m, "elapsed_s", value_float(seconds));
    put(a, &m, "rank_s", value_float((double)v->rank_ns / 1e9));
    put(a, &m, "items_per_s", value_float(seconds > 0 ? (double)v->n_done / seconds : 0));
    put(a, &m, "retries", value_uint(v->n_retries));
    put(a, &m, "copies", value_uint(v->n_copies));
    put(a, &m, "lost", value_uint(v->n_lost));
    put(a, &m, "quarantined", value_uint(v->n_quarantined));
    return m;
}

static void note_end(struct docket *r, const struct job_view *v)
{
    r->ended = clock_wall_now();
    r->n_items = v->n_items;
    r->n_failed = v->n_failed;
}

static struct value artefacts(const struct live *l, struct arena *a)
{
    struct value list = value_list();
    const struct driver_output *o = &l->step.output;
    for (uint32_t i = 0; i < o->n_blobs; i++) {
        struct value m = value_map();
        char hex[65];
        sha256_hex(&l->blob_hashes[i], hex);
        put(a, &m, "name", value_str(a, o->blobs[i].name));
        put(a, &m, "hash", value_str(a, hex));
        put(a, &m, "size", value_uint(o->blobs[i].n));
        if (o->blobs[i].is_list)
            put(a, &m, "list", value_bool(true));
        (void)value_push(a, &list, m);
    }
    return list;
}

static const char *why_no_digest(struct docket *r, const struct job_view *v, struct arena *a)
{
    uint64_t quarantined = v->n_quarantined + r->live->n_quarantined;
    if (r->live->step.output.why_no_digest)
        return r->live->step.output.why_no_digest;
    if (quarantined && v->n_failed)
        return arena_printf(a, "items were given up after losing their workers (%" PRIu64 ")",
                            quarantined);
    return NULL;
}

struct value document_done(struct shell *s, struct docket *r, struct arena *a)
{
    const struct driver_output *o = &r->live->step.output;
    struct job_view v = view_of(s, r);
    char hex[65];
    note_end(r, &v);
    // Nothing came out at all: that is no success.
    bool failed = o->why_failed || (v.n_items && v.n_failed == v.n_items);
    struct value m = head(r, failed ? JOB_FAILED : JOB_DONE, a);
    const char *why = why_no_digest(r, &v, a);
    struct sha256 digest = pack_digest(&o->result);
    sha256_hex(&digest, hex);
    put(a, &m, "items", value_uint(v.n_items));
    put(a, &m, "failed", value_uint(v.n_failed));
    put(a, &m, "digest", text_or_null(a, why ? NULL : hex));
    if (why)
        put(a, &m, "why_no_digest", value_str(a, why));
    if (o->why_failed)
        put(a, &m, "why", value_str(a, o->why_failed));
    else if (failed)
        put(a, &m, "why",
            value_printf(a, "all %" PRIu64 " items failed: %s", v.n_items,
                         r->live->n_failures ? r->live->failures[0].text : "no reason known"));
    put(a, &m, "result", o->result);
    struct value all = stats(s, r, &v, a);
    for (uint32_t i = 0; o->stats.type == VALUE_MAP && i < o->stats.n; i++)
        put(a, &all, o->stats.pairs[i].key, o->stats.pairs[i].value);
    put(a, &m, "stats", all);
    put(a, &m, "artefacts", artefacts(r->live, a));
    if (r->live->n_failures)
        put(a, &m, "failures", failures(r->live, a));
    return m;
}

struct value document_ended(
    struct shell *s, struct docket *r, enum job_state state, const char *why, struct arena *a)
{
    struct job_view v = view_of(s, r);
    note_end(r, &v);
    struct value m = head(r, state, a);
    put(a, &m, "items", value_uint(v.n_items));
    put(a, &m, "failed", value_uint(v.n_failed));
    put(a, &m, "digest", value_null());
    put(a, &m, "why_no_digest",
        value_printf(a, "the job %s",
                     state == JOB_CANCELLED ? "was cancelled" : "failed before its end"));
    put(a, &m, "why", value_str(a, why ? why : docket_state_name(state)));
    put(a, &m, "result", value_null());
    put(a, &m, "stats", stats(s, r, &v, a));
    put(a, &m, "artefacts", value_list());
    if (r->live && r->live->n_failures)
        put(a, &m, "failures", failures(r->live, a));
    if (r->live && r->live->progress.type == VALUE_MAP)
        put(a, &m, "progress", value_copy(a, &r->live->progress));
    return m;
}

// What stands in the journal may be of the core alone ({state, why}), when the
// coordinator died between the end and the document.
struct value document_unpack(const struct docket *r, struct bin packed, struct arena *a)
{
    struct value v;
    if (packed.n && !pack_read(packed.p, packed.n, a, &v, NULL) && value_find(&v, "job"))
        return v;
    v = head(r, r->state, a);
    put(a, &v, "items", value_uint(r->n_items));
    put(a, &v, "failed", value_uint(r->n_failed));
    put(a, &v, "digest", value_null());
    put(a, &v, "why_no_digest", value_str(a, "its document is not in the journal"));
    put(a, &v, "result", value_null());
    put(a, &v, "stats", value_map());
    put(a, &v, "artefacts", value_list());
    return v;
}

struct value document_final(struct shell *s, const struct docket *r, struct arena *a)
{
    if (!r->live)
        return document_unpack(r, r->document, a);
    struct job_view v = view_of(s, r);
    struct value m = head(r, JOB_RUNNING, a);
    put(a, &m, "items", value_uint(v.n_items));
    put(a, &m, "failed", value_uint(v.n_failed));
    put(a, &m, "digest", value_null());
    put(a, &m, "why_no_digest", value_str(a, "the job is still running"));
    put(a, &m, "result", value_null());
    put(a, &m, "stats", stats(s, r, &v, a));
    put(a, &m, "artefacts", value_list());
    put(a, &m, "progress", value_copy(a, &r->live->progress));
    if (r->live->n_failures)
        put(a, &m, "failures", failures(r->live, a));
    return m;
}
