// SPDX-License-Identifier: MIT
// settle.c - which answer counts: the first committed for an item, whoever sent it.
#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "common/outcome.h"
#include "coordinator/core_state.h"
#include "protocol/codec.h"
#include "protocol/pack.h"

// Weight of the newest shard in the moving average of an item's time.
#define ITEM_NS_WEIGHT 0.25
// First back-off after a worker's fault; doubles with each.
#define FAULT_BACKOFF (200 * INT64_C(1000000))

static void charge(struct core *c, struct job *j, struct rank *r, const struct rec_result *res)
{
    double ns = (double)res->elapsed_ns / res->count;
    j->item_ns = j->item_ns <= 0 ? ns + 1 : j->item_ns + ITEM_NS_WEIGHT * (ns - j->item_ns);
    j->rank_ns += res->elapsed_ns;
    c->owner_ns[j->owner] += res->elapsed_ns;
    if (r)
        r->n_items_done += res->count;
}

static const struct value *outputs_value(const struct rec_result *res, struct arena *a)
{
    if (!res->n_outputs)
        return NULL;
    struct value *list = arena_alloc(a, sizeof *list);
    *list = value_list();
    for (uint32_t i = 0; i < res->n_outputs; i++) {
        const struct rec_output *o = &res->outputs[i];
        struct value m = value_map();
        (void)value_set(a, &m, "item", value_uint(o->item));
        (void)value_set(a, &m, "name", value_strn(a, o->name.p, o->name.n));
        (void)value_set(a, &m, "hash", value_bin(a, o->hash.p, o->hash.n));
        (void)value_set(a, &m, "size", value_uint(o->size));
        (void)value_push(a, list, m);
    }
    return list;
}

static void tell(struct job *j, const struct rec_result *res, struct effects *fx)
{
    struct arena *a = fx->arena;
    struct effect *e = effects_add(fx, EFFECT_TELL);
    e->after = true;
    e->job = j->spec.number;
    e->outcome = (struct outcome){
        .first = res->first,
        .count = res->count,
        .data = arena_copy(a, res->data.p, res->data.n),
        .n_data = res->data.n,
        .n_faults = res->n_faults,
        .outputs = outputs_value(res, a),
    };
    if (!res->n_faults)
        return;
    struct outcome_fault *f = arena_alloc(a, res->n_faults * sizeof *f);
    for (uint32_t i = 0; i < res->n_faults; i++) {
        f[i].item = res->faults[i].item;
        f[i].text = arena_str(a, res->faults[i].text.p, res->faults[i].text.n);
    }
    e->outcome.faults = f;
}

// Leases that overlap what is settled now have nothing left to win.
static void end_overlapping(struct core *c,
                            struct job *j,
                            const struct lease *but,
                            const struct rec_result *res,
                            struct effects *fx)
{
    uint64_t end = res->first + res->count;
    for (struct lease *l = j->leases, *next; l; l = next) {
        next = l->job_next;
        if (l == but || l->unit.first >= end || l->unit.first + l->unit.count <= res->first)
            continue;
        struct unit u = l->unit;
        lease_revoke(c, l, "settled by another", fx);
        lease_give_back(c, l, &u);
        lease_end(c, l);
        next = j->leases; // the list changed: start over (rare)
    }
}

static void
worker_fault(struct core *c, struct lease *l, const struct rec_result *res, struct effects *fx)
{
    struct unit u = l->unit;
    struct job *j = l->job;
    LOG_WARN("shard.worker_fault", "job=%" PRIu64 " first=%" PRIu64 " count=%u why=%.*s",
             j->spec.number, u.first, u.count, (int)res->worker_fault.n, res->worker_fault.p);
    u.faults++;
    u.not_before = c->now + (FAULT_BACKOFF << (u.faults < 8 ? u.faults - 1 : 7));
    j->n_retries++;
    if (u.count == 1 && u.faults > WORKER_FAULTS_MAX) {
        char *text = arena_printf(fx->arena, "no rank could do it: %.*s",
                                  (int)res->worker_fault.n, res->worker_fault.p);
        lease_end(c, l);
        settle_failed(c, j, u.first, text, fx);
        return;
    }
    if (u.count > 1 && !l->is_copy && !l->has_copy)
        job_push_halves(j, &u);
    else
        lease_give_back(c, l, &u);
    lease_end(c, l);
}

// A fault of the job that the job wants to see tried again.
static bool
wants_retry(const struct job *j, const struct lease *l, const struct rec_result *res)
{
    return j->spec.max_attempts > 1 && res->n_faults && res->count == 1
           && (!l || l->unit.attempt + 1 < j->spec.max_attempts);
}

static void retry(struct core *c, struct lease *l)
{
    struct unit u = l->unit;
    u.attempt++;
    u.not_before = c->now + (l->job->spec.backoff_ns << (u.attempt < 8 ? u.attempt - 1 : 7));
    l->job->n_retries++;
    lease_give_back(c, l, &u);
    lease_end(c, l);
}

static bool is_sound(const struct job *j, const struct rec_result *res)
{
    struct outcome_view v;
    if (!res->count || res->first >= j->n_items || res->count > j->n_items - res->first)
        return false;
    for (uint32_t i = 0; i < res->n_faults; i++)
        if (res->faults[i].item < res->first || res->faults[i].item - res->first >= res->count
            || (i && res->faults[i].item <= res->faults[i - 1].item))
            return false;
    return !outcome_view(res->data.p, res->data.n, res->count, &v);
}

static void accept(struct core *c,
                   struct job *j,
                   struct rank *r,
                   struct lease *l,
                   const struct rec_result *res,
                   struct effects *fx)
{
    for (uint32_t i = 0; i < res->n_faults; i++)
        ranges_add(&j->failed, res->faults[i].item, res->faults[i].item + 1);
    job_settle(j, res->first, res->first + res->count);
    if (!l || l->is_copy || l->has_copy || j->may_overlap)
        end_overlapping(c, j, l, res, fx);
    if (res->elapsed_ns)
        charge(c, j, r, res);
    tell(j, res, fx);
    if (l)
        lease_end(c, l);
}

// A fault of the worker, or nonsense, which is one: the shard is tried elsewhere.
static bool is_refused(struct core *c,
                       struct job *j,
                       struct lease *l,
                       const struct rec_result *res,
                       struct effects *fx)
{
    if (res->worker_fault.n) {
        if (l)
            worker_fault(c, l, res, fx);
        return true;
    }
    if (is_sound(j, res))
        return false;
    struct rec_result bad = *res;
    bad.worker_fault = str_of("its result made no sense");
    LOG_WARN("result.refused", "job=%" PRIu64 " first=%" PRIu64, res->job, res->first);
    if (l)
        worker_fault(c, l, &bad, fx);
    return true;
}

// True: the result counts and must be kept.
static bool settle_one(struct core *c,
                       struct rank *r,
                       const struct rec_result *res,
                       struct effects *fx,
                       bool recovering)
{
    struct lease *l = lease_find(c, res->lease);
    struct job *j = l && l->job->spec.number == res->job ? l->job : job_find(c, res->job);
    if (!recovering)
        gang_on_result(c, res->lease, fx);
    if (!j || j->state != JOB_RUNNING)
        return false;
    if (l && (l->job != j || l->unit.first != res->first || l->unit.count != res->count))
        l = NULL;
    if (is_refused(c, j, l, res, fx))
        return false;
    uint64_t covered = ranges_covered(&j->settled, res->first, res->first + res->count);
    if (covered) { // somebody was first
        if (l) {
            struct unit u = l->unit;
            lease_give_back(c, l, &u);
            lease_end(c, l);
        }
        return false;
    }
    if (!recovering && wants_retry(j, l, res)) {
        if (l)
            retry(c, l);
        return false;
    }
    accept(c, j, r, l, res, fx);
    return true;
}

static void journal_results(struct job *j, struct bin bytes, struct effects *fx)
{
    if (j->spec.durability == DURABILITY_NONE)
        return;
    struct effect *e = effects_add(fx, EFFECT_JOURNAL);
    e->job = j->spec.number;
    e->kind = JOURNAL_RESULT;
    e->bytes = bytes;
    if (j->spec.durability > fx->durability)
        fx->durability = j->spec.durability;
}

// Encode results [from, from + n) anew: only some counted, or several jobs are in it.
static struct bin encode(const struct rec_result *list, uint32_t n, struct arena *a)
{
    struct message m = {.type = MSG_RESULT};
    struct buf b;
    m.result_batch.seq = 0;
    m.result_batch.results = arena_copy(a, list, n * sizeof *list);
    m.result_batch.n_results = n;
    buf_init(&b, FRAME_PAYLOAD_MAX);
    codec_encode(&m, &b);
    struct bin out = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    return out;
}

static void fail_if_too_many(struct core *c, struct job *j, struct effects *fx)
{
    if (j->state != JOB_RUNNING || j->failed.total <= j->spec.max_failures)
        return;
    char *why = arena_printf(fx->arena, "%" PRIu64 " items failed, max_failures is %" PRIu64,
                             j->failed.total, j->spec.max_failures);
    job_end(c, j, JOB_FAILED, why, (struct bin){0}, fx);
}

void settle_result(struct core *c,
                   struct rank *r,
                   const struct message *m,
                   struct effects *fx,
                   bool recovering)
{
    const struct msg_result_batch *b = &m->result_batch;
    struct rec_result *kept = arena_alloc(fx->arena, b->n_results * sizeof *kept);
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_results; i++)
        if (settle_one(c, r, &b->results[i], fx, recovering))
            kept[n++] = b->results[i];
    for (uint32_t from = 0, to; from < n && !recovering; from = to) {
        struct job *j = job_find(c, kept[from].job);
        for (to = from + 1; to < n && kept[to].job == kept[from].job;)
            to++;
        if (j->spec.durability == DURABILITY_NONE)
            continue;
        bool whole = to - from == b->n_results && m->payload.n;
        journal_results(j,
                        whole ? (struct bin){arena_copy(fx->arena, m->payload.p, m->payload.n),
                                             m->payload.n}
                              : encode(kept + from, to - from, fx->arena),
                        fx);
    }
    for (uint32_t i = 0; i < n && !recovering; i++)
        if (kept[i].n_faults)
            fail_if_too_many(c, job_find(c, kept[i].job), fx);
}

void settle_failed(
    struct core *c, struct job *j, uint64_t item, const char *text, struct effects *fx)
{
    static const uint8_t none[] = {OUTCOME_NONE};
    struct rec_fault f = {.item = item, .blame = 2, .text = str_of(text)};
    struct rec_result res = {
        .job = j->spec.number,
        .first = item,
        .count = 1,
        .data = {none, sizeof none},
        .faults = &f,
        .n_faults = 1,
    };
    j->n_quarantined++;
    accept(c, j, NULL, NULL, &res, fx);
    journal_results(j, encode(&res, 1, fx->arena), fx);
    fail_if_too_many(c, j, fx);
}
