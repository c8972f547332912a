// SPDX-License-Identifier: MIT
// job.c - a job's items: fresh, waiting again, out, settled.
#include <string.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/version.h"
#include "coordinator/core_state.h"
#include "protocol/codec.h"
#include "protocol/pack.h"

// Items a shard at most: a lease's count is 32 bits and a result's folds are
// checked against it.
#define ASKED_TIME (4 * CLOCK_MS) // of a shard of items that were asked for
#define SHARD_MAX  UINT64_C(16777216)

struct job *job_find(const struct core *c, uint64_t number)
{
    uint64_t p;
    return map_find(&c->job_by_number, number, &p) ? (struct job *)(uintptr_t)p : NULL;
}

// The JOB message, kept decoded: its bytes are ours.
static enum error decode_message(struct job *j, struct errtext *t)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct frame_header h = {
        .version = WIRE_VERSION, .type = MSG_JOB, .length = j->spec.job_message.n};
    frame_put_header(&h, header);
    return codec_decode((struct bin){header, sizeof header}, j->spec.job_message, j->arena,
                        &j->message, t);
}

static uint32_t owner_of(struct core *c, const char *name)
{
    uint64_t hash = hash_bytes(name, strlen(name), 0);
    uint64_t i;
    if (map_find(&c->owner_by_hash, hash, &i))
        return (uint32_t)i;
    if (c->n_owners == c->cap_owners) {
        c->cap_owners = c->cap_owners ? c->cap_owners * 2 : 8;
        c->owner_ns = mem_realloc(c->owner_ns, c->cap_owners * sizeof *c->owner_ns);
    }
    c->owner_ns[c->n_owners] = 0;
    map_set(&c->owner_by_hash, hash, c->n_owners);
    return c->n_owners++;
}

enum error job_submit(struct core *c, const struct job_spec *s, struct errtext *t)
{
    if (job_find(c, s->number))
        return errtext_set(t, ERR_EXISTS, "job %llu exists", (unsigned long long)s->number);
    if (c->o.jobs_max && c->n_open >= c->o.jobs_max)
        return errtext_set(t, ERR_BUSY, "%u jobs are open, the most allowed; try again later",
                           c->n_open);
    struct arena *a = arena_create();
    struct job *j = mem_alloc(sizeof *j);
    j->arena = a;
    j->spec = *s;
    j->spec.name = arena_str(a, s->name, strlen(s->name));
    j->spec.owner = arena_str(a, s->owner ? s->owner : "", s->owner ? strlen(s->owner) : 0);
    j->spec.workload = arena_str(a, s->workload, strlen(s->workload));
    j->spec.job_message.p = arena_copy(a, s->job_message.p, s->job_message.n);
    if (s->resources) {
        struct value *r = arena_alloc(a, sizeof *r);
        *r = value_copy(a, s->resources);
        j->spec.resources = r;
    }
    map_init(&j->params);
    enum error e = decode_message(j, t);
    if (e) {
        job_destroy(j);
        return e;
    }
    j->owner = owner_of(c, j->spec.owner);
    j->submitted = c->now;
    j->n_items = s->n_items;
    ranges_init(&j->settled);
    ranges_init(&j->failed);
    if (c->n_jobs == c->cap_jobs) {
        c->cap_jobs = c->cap_jobs ? c->cap_jobs * 2 : 16;
        c->jobs = mem_realloc(c->jobs, c->cap_jobs * sizeof(struct job *));
    }
    c->jobs[c->n_jobs++] = j;
    map_set(&c->job_by_number, s->number, (uintptr_t)j);
    c->n_open++;
    c->work_changed = true;
    return OK;
}

void job_add_items(struct job *j, uint64_t n_items, const struct bin *params)
{
    for (uint64_t i = j->n_items; params && i < n_items; i++) {
        struct bin b = params[i - j->n_items];
        if (ranges_covered(&j->settled, i, i + 1))
            continue;
        struct params_entry *e = mem_alloc(sizeof *e + b.n);
        e->n = b.n;
        memcpy(e->bytes, b.p, b.n);
        map_set(&j->params, i, (uintptr_t)e);
    }
    if (n_items > j->n_items)
        j->n_items = n_items;
}

void job_push_unit(struct job *j, const struct unit *u, bool front)
{
    if (j->n_units == j->cap_units) {
        j->cap_units = j->cap_units ? j->cap_units * 2 : 8;
        j->units = mem_realloc(j->units, j->cap_units * sizeof *j->units);
    }
    if (front) {
        memmove(j->units + 1, j->units, j->n_units * sizeof *j->units);
        j->units[0] = *u;
    } else {
        j->units[j->n_units] = *u;
    }
    j->n_units++;
}

static void push_range(struct job *j, struct range r)
{
    while (r.lo < r.hi) {
        uint64_t n = r.hi - r.lo < SHARD_MAX ? r.hi - r.lo : SHARD_MAX;
        struct unit u = {.first = r.lo, .count = (uint32_t)n};
        job_push_unit(j, &u, false);
        r.lo += n;
    }
}

static void push_gaps(struct job *j, const struct ranges *busy, uint64_t end)
{
    struct range gap;
    for (uint64_t at = 0; ranges_gap(busy, at, end, &gap); at = gap.hi)
        push_range(j, gap);
}

void job_reopen(struct job *j)
{
    struct ranges busy;
    ranges_init(&busy);
    for (uint32_t i = 0; i < j->settled.n; i++)
        ranges_add(&busy, j->settled.list[i].lo, j->settled.list[i].hi);
    for (struct lease *l = j->leases; l; l = l->job_next)
        ranges_add(&busy, l->unit.first, l->unit.first + l->unit.count);
    j->n_units = 0;
    j->fresh = busy.n ? busy.list[busy.n - 1].hi : 0;
    push_gaps(j, &busy, j->fresh);
    ranges_fini(&busy);
}

void job_push_halves(struct job *j, const struct unit *u)
{
    struct unit low = *u;
    struct unit high = *u;
    low.count = u->count / 2;
    high.first += low.count;
    high.count -= low.count;
    bool front = !u->not_before;
    job_push_unit(j, front ? &high : &low, front);
    job_push_unit(j, front ? &low : &high, front);
}

// As many items as take the time, of those that are `left`.
static uint64_t
adapted_size(const struct core *c, const struct job *j, uint64_t left, int64_t time_ns)
{
    if (j->item_ns <= 0)
        return 1; // unknown: feel the way
    double want = (double)time_ns / j->item_ns;
    uint64_t n = want < 1 ? 1 : want > (double)SHARD_MAX ? SHARD_MAX : (uint64_t)want;
    // Towards the end smaller ones, so that all ranks end together.
    uint64_t n_ranks = core_n_ranks(c) ? core_n_ranks(c) : 1;
    uint64_t share = left / (n_ranks * 2) + 1;
    return n < share ? n : share;
}

uint64_t job_shard_size(const struct core *c, const struct job *j, uint64_t first)
{
    const struct job_spec *s = &j->spec;
    uint64_t left = j->n_items - first;
    uint64_t n = s->shard;
    // Somebody waits for each of the items with params of their own: only short ones, of
    // which a lease costs more than the work, go together.
    bool is_asked = s->params_of || j->params.n;
    if (s->max_attempts > 1 || (!n && is_asked && s->gang > 1))
        n = 1; // retried one by one, or by a whole gang
    if (!n)
        n = adapted_size(c, j, left, is_asked ? ASKED_TIME : c->o.shard_target_ns);
    n = n < SHARD_MAX ? n : SHARD_MAX;
    if (s->per_point) {
        uint64_t in_point = s->per_point - first % s->per_point;
        n = n < in_point ? n : in_point;
    }
    return n < left ? n : left;
}

bool job_has_work(const struct core *c, const struct job *j)
{
    if (j->state != JOB_RUNNING || j->finishing)
        return false;
    if (j->fresh < j->n_items)
        return true;
    for (uint32_t i = 0; i < j->n_units; i++)
        if (j->units[i].not_before <= c->now)
            return true;
    return false;
}

int64_t job_next_due(const struct job *j)
{
    int64_t due = INT64_MAX;
    for (uint32_t i = 0; i < j->n_units; i++)
        if (j->units[i].not_before < due)
            due = j->units[i].not_before;
    return due;
}

// The first that job_take would take of a job that has work.
static uint64_t next_item(const struct core *c, const struct job *j)
{
    for (uint32_t i = 0; i < j->n_units; i++)
        if (j->units[i].not_before <= c->now)
            return j->units[i].first;
    struct range gap;
    return ranges_gap(&j->settled, j->fresh, j->n_items, &gap) ? gap.lo : j->fresh;
}

// Most jobs have items of one sort only: then there is no need to look which is next.
bool job_goes_ganged(const struct core *c, const struct job *j)
{
    return job_gangs_item(j, j->spec.is_solo ? next_item(c, j) : 0);
}

bool job_take(struct core *c, struct job *j, bool alone, struct unit *out)
{
    for (uint32_t i = 0; i < j->n_units; i++) {
        if (j->units[i].not_before > c->now || j->units[i].alone != alone)
            continue;
        *out = j->units[i];
        uint64_t most = job_shard_size(c, j, out->first);
        if (!out->alone && !out->attempt && out->count > most && most) {
            out->count = (uint32_t)most; // a gap found after a restart
            j->units[i].first += most;
            j->units[i].count -= (uint32_t)most;
            return true;
        }
        j->n_units--;
        memmove(j->units + i, j->units + i + 1, (j->n_units - i) * sizeof *j->units);
        return true;
    }
    if (alone)
        return false;
    // After a restart parts of the fresh items may be settled or adopted.
    struct range gap;
    if (!ranges_gap(&j->settled, j->fresh, j->n_items, &gap)) {
        j->fresh = j->n_items;
        return false;
    }
    uint64_t n = job_shard_size(c, j, gap.lo);
    n = n < gap.hi - gap.lo ? n : gap.hi - gap.lo;
    *out = (struct unit){.first = gap.lo, .count = (uint32_t)n};
    j->fresh = gap.lo + n;
    return true;
}

struct bin job_params(struct job *j, const struct unit *u, struct arena *a)
{
    if (!j->params.n && !j->spec.params_of)
        return (struct bin){0};
    // A MessagePack list head (array 32), then each item's packed map.
    struct bin *parts = arena_alloc(a, u->count * sizeof *parts);
    size_t total = 5;
    for (uint32_t i = 0; i < u->count; i++) {
        uint64_t p;
        if (map_find(&j->params, u->first + i, &p)) {
            struct params_entry *e = (struct params_entry *)(uintptr_t)p;
            parts[i] = (struct bin){e->bytes, e->n};
        } else if (j->spec.params_of) {
            parts[i] = j->spec.params_of(j->spec.ctx, u->first + i, a);
        }
        if (!parts[i].n)
            parts[i] = (struct bin){(const uint8_t *)"\x80", 1}; // an empty map
        total += parts[i].n;
    }
    uint8_t *out = arena_alloc(a, total);
    out[0] = 0xdd;
    for (uint32_t k = 0; k < 4; k++)
        out[1 + k] = (uint8_t)(u->count >> (24 - 8 * k));
    size_t at = 5;
    for (uint32_t i = 0; i < u->count; at += parts[i++].n)
        memcpy(out + at, parts[i].p, parts[i].n);
    return (struct bin){out, (uint32_t)total};
}

static void forget_params(struct job *j)
{
    size_t at = 0;
    uint64_t key;
    uint64_t p;
    while (map_next(&j->params, &at, &key, &p))
        mem_free((void *)(uintptr_t)p);
    map_fini(&j->params);
}

// Take [first, end) out of what waits to be granted again.
static void trim_units(struct job *j, uint64_t first, uint64_t end)
{
    for (uint32_t i = 0; i < j->n_units; i++) {
        struct unit u = j->units[i];
        uint64_t hi = u.first + u.count;
        if (hi <= first || u.first >= end)
            continue;
        j->n_units--;
        memmove(j->units + i, j->units + i + 1, (j->n_units - i) * sizeof *j->units);
        i--;
        struct unit rest = u;
        if (hi > end) {
            rest.first = end;
            rest.count = (uint32_t)(hi - end);
            job_push_unit(j, &rest, false);
        }
        if (u.first < first) {
            rest = u;
            rest.count = (uint32_t)(first - u.first);
            job_push_unit(j, &rest, false);
        }
    }
}

void job_claim(struct job *j, uint64_t first, uint64_t end)
{
    trim_units(j, first, end);
    if (end <= j->fresh)
        return;
    struct range gap;
    for (uint64_t at = j->fresh; ranges_gap(&j->settled, at, first, &gap); at = gap.hi)
        push_range(j, gap);
    j->fresh = end;
}

void job_settle(struct job *j, uint64_t first, uint64_t end)
{
    ranges_add(&j->settled, first, end);
    if (j->n_units)
        trim_units(j, first, end);
    for (uint64_t i = first; j->params.n && i < end; i++) {
        uint64_t p;
        // Of a failed one they are needed again when it is retried.
        if (!map_find(&j->params, i, &p) || ranges_covered(&j->failed, i, i + 1))
            continue;
        mem_free((void *)(uintptr_t)p);
        (void)map_remove(&j->params, i);
    }
    j->changed = true;
}

void job_destroy(struct job *j)
{
    if (!j)
        return;
    forget_params(j);
    ranges_fini(&j->settled);
    ranges_fini(&j->failed);
    mem_free(j->units);
    arena_destroy(j->arena);
    mem_free(j);
}

// Ranks close their workloads; gangs of the job dissolve.
static void tell_ranks(struct core *c, struct job *j)
{
    for (uint32_t i = 0; i < c->n_pods; i++)
        for (uint32_t k = 0; k < c->pods[i]->n_ranks; k++) {
            struct rank *r = c->pods[i]->ranks[k];
            if (!r || !map_remove(&r->jobs, j->spec.number))
                continue;
            r->told = 0;
            schedule_forget(c, r, j->spec.number);
        }
}

// How a job ended when its driver did not say it: {"state", "why"}.
static void journal_end(
    struct job *j, enum job_state s, const char *why, struct bin bytes, struct effects *fx)
{
    struct effect *e = effects_add(fx, EFFECT_JOURNAL);
    e->job = j->spec.number;
    e->kind = JOURNAL_STATE;
    if (!bytes.n) {
        struct value v = value_map();
        struct buf b;
        buf_init(&b, 4096);
        (void)value_set(fx->arena, &v, "state", value_int(s));
        (void)value_set(fx->arena, &v, "why", value_str(fx->arena, why ? why : ""));
        pack_write(&v, &b);
        bytes = (struct bin){arena_copy(fx->arena, b.bytes, b.n), (uint32_t)b.n};
        buf_fini(&b);
    }
    e->bytes = bytes;
    if (j->spec.durability > fx->durability)
        fx->durability = j->spec.durability;
}

void job_end(struct core *c,
             struct job *j,
             enum job_state s,
             const char *why,
             struct bin bytes,
             struct effects *fx)
{
    if (j->state != JOB_RUNNING)
        return;
    if (j->spec.durability != DURABILITY_NONE)
        journal_end(j, s, why, bytes, fx);
    j->state = s;
    c->n_open--;
    while (j->leases) {
        struct lease *l = j->leases;
        lease_revoke(c, l, "the job has ended", fx);
        lease_end(c, l); // a gang that has gone stays held until its root answers
    }
    for (struct gang *g = c->gangs, *next; g; g = next) {
        next = g->next;
        if (g->job == j && g->state != GANG_GOING)
            gang_dissolve(c, g, fx);
    }
    tell_ranks(c, j);
    forget_params(j);
    j->n_units = 0;
    if (c->alone_job == j) {
        c->alone_job = NULL;
        c->alone_pod = NULL;
    }
    struct effect *e = effects_add(fx, EFFECT_JOB);
    e->after = true;
    e->job = j->spec.number;
    e->state = s;
    e->why = why ? arena_str(fx->arena, why, strlen(why)) : NULL;
    c->work_changed = true;
}
