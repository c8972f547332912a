// SPDX-License-Identifier: MIT
// roster.c - pods and ranks, and how they come back.
#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "coordinator/core_state.h"
#include "protocol/pack.h"

enum { POD_RANKS_MAX = 65536 };

struct rank *roster_find(const struct core *c, uint64_t peer)
{
    uint64_t p;
    return map_find(&c->rank_by_peer, peer, &p) ? (struct rank *)(uintptr_t)p : NULL;
}

struct pod *roster_pod(const struct core *c, uint64_t instance)
{
    for (uint32_t i = 0; i < c->n_pods; i++)
        if (c->pods[i]->instance == instance)
            return c->pods[i];
    return NULL;
}

static void copy_text(char *to, size_t size, struct str s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;
    if (n)
        memcpy(to, s.p, n);
    to[n] = 0;
}

static void journal_pod(uint64_t instance, enum pod_record is, struct effects *fx)
{
    struct value v = value_list();
    struct buf b;
    buf_init(&b, 64);
    (void)value_push(fx->arena, &v, value_uint(instance));
    (void)value_push(fx->arena, &v, value_uint((uint64_t)is));
    pack_write(&v, &b);
    struct effect *e = effects_add(fx, EFFECT_JOURNAL);
    e->kind = JOURNAL_POD;
    e->bytes = (struct bin){arena_copy(fx->arena, b.bytes, b.n), (uint32_t)b.n};
    if (fx->durability < DURABILITY_NORMAL)
        fx->durability = DURABILITY_NORMAL;
    buf_fini(&b);
}

static struct pod *pod_create(struct core *c, const struct msg_hello *h, struct effects *fx)
{
    struct pod *p = mem_alloc(sizeof *p);
    p->instance = h->instance;
    p->n_ranks = h->n_ranks;
    p->ranks = mem_alloc(h->n_ranks * sizeof(struct rank *));
    p->arena = arena_create();
    p->cpus = h->cpus;
    p->memory_mb = h->memory_mb;
    copy_text(p->host, sizeof p->host, h->host);
    copy_text(p->version, sizeof p->version, h->version);
    copy_text(p->numerics, sizeof p->numerics, h->numerics);
    if (!h->resources.n
        || pack_read(h->resources.p, h->resources.n, p->arena, &p->resources, NULL))
        p->resources = value_map();
    if (c->n_pods == c->cap_pods) {
        c->cap_pods = c->cap_pods ? c->cap_pods * 2 : 8;
        c->pods = mem_realloc(c->pods, c->cap_pods * sizeof(struct pod *));
    }
    c->pods[c->n_pods++] = p;
    p->draining = map_find(&c->draining_pods, p->instance, NULL);
    journal_pod(p->instance, p->draining ? POD_DRAINING : POD_HERE, fx);
    LOG_INFO("pod.joined", "instance=%016" PRIx64 " ranks=%u host=%s", p->instance, p->n_ranks,
             p->host);
    return p;
}

static void goodbye(uint64_t peer, const char *why, struct effects *fx)
{
    struct message *m;
    (void)core_send(fx, peer, MSG_GOODBYE, &m);
    m->goodbye.why = str_of(why);
}

// What the rank holds from before we started becomes leases again.
static void adopt(struct core *c, struct rank *r, const struct msg_hello *h, struct effects *fx)
{
    for (uint32_t i = 0; i < h->n_held; i++) {
        const struct rec_held *x = &h->held[i];
        struct job *j = job_find(c, x->job);
        if (x->step == 2) { // armed for a gang that we know nothing of
            struct message *m;
            (void)core_send(fx, r->peer, MSG_DISARM, &m);
            continue;
        }
        if (x->step > 2)
            r->adopted_gang = true;
        if (!j || j->state != JOB_RUNNING || !x->count || x->first >= j->n_items
            || x->count > j->n_items - x->first || lease_find(c, x->lease)
            || ranges_covered(&j->settled, x->first, x->first + x->count)
            || (x->step > 1 && r->index % j->spec.gang))
            continue;
        (void)lease_adopt(c, j, r, x);
        map_set(&r->jobs, x->job, 1);
    }
}

static struct rank *rank_create(struct pod *p, uint32_t index)
{
    struct rank *r = mem_alloc(sizeof *r);
    r->pod = p;
    r->index = index;
    r->beat_ms = BEAT_IDLE_MS;
    map_init(&r->jobs);
    p->ranks[index] = r;
    p->n_here++;
    return r;
}

struct rank *
roster_hello(struct core *c, uint64_t peer, const struct msg_hello *h, struct effects *fx)
{
    if (map_find(&c->gone_pods, h->instance, NULL)) {
        goodbye(peer, "this pod was lost; a new one starts afresh", fx);
        return NULL;
    }
    struct pod *p = roster_pod(c, h->instance);
    if (!h->n_ranks || h->n_ranks > POD_RANKS_MAX || h->rank >= h->n_ranks
        || (p && p->n_ranks != h->n_ranks)) {
        goodbye(peer, "HELLO made no sense: rank and n_ranks disagree", fx);
        return NULL;
    }
    bool is_new = !p;
    if (!p)
        p = pod_create(c, h, fx);
    struct rank *r = p->ranks[h->rank];
    struct rank *before = roster_find(c, peer);
    // A connection speaks for one rank: who says that it is another one now has left the
    // first, so that nobody fills the roster, and slows all heartbeats, from one connection.
    if (before && before != r)
        liveness_hint_closed(c, before);
    if (!r)
        r = rank_create(p, h->rank);
    else if (roster_find(c, r->peer) == r)
        (void)map_remove(&c->rank_by_peer, r->peer);
    r->peer = peer;
    r->seen = r->moved = c->now;
    r->suspect = false;
    r->pid = h->pid;
    r->next_seq = h->next_seq;
    map_set(&c->rank_by_peer, peer, (uintptr_t)r);
    (void)map_remove(&c->known_pods, h->instance);
    struct message *m;
    (void)core_send(fx, peer, MSG_WELCOME, &m);
    m->welcome.incarnation = c->o.incarnation;
    m->welcome.beat_ms = r->beat_ms;
    if (is_new || h->incarnation != c->o.incarnation)
        adopt(c, r, h, fx);
    if (!is_new)
        liveness_reconcile(c, r, fx);
    c->work_changed = true;
    return r;
}

// The oldest is forgotten.  Should it come back all the same, it is a new pod: what it
// computes twice costs work, and no result.
static void remember_gone(struct core *c, uint64_t instance)
{
    if (!c->gone_order)
        c->gone_order = mem_alloc(GONE_PODS_MAX * sizeof *c->gone_order);
    uint64_t *oldest = &c->gone_order[c->gone_at];
    if (*oldest)
        (void)map_remove(&c->gone_pods, *oldest);
    *oldest = instance;
    c->gone_at = (c->gone_at + 1) % GONE_PODS_MAX;
    map_set(&c->gone_pods, instance, 1);
}

void roster_drain(struct core *c, struct pod *p, struct effects *fx)
{
    if (!p->draining)
        journal_pod(p->instance, POD_DRAINING, fx);
    p->draining = true;
    map_set(&c->draining_pods, p->instance, 1);
}

void roster_forget(struct core *c, uint64_t instance, struct effects *fx)
{
    (void)map_remove(&c->draining_pods, instance);
    journal_pod(instance, POD_GONE, fx);
}

void roster_remove_pod(struct core *c, struct pod *p)
{
    remember_gone(c, p->instance);
    for (uint32_t i = 0; i < p->n_ranks; i++) {
        struct rank *r = p->ranks[i];
        if (!r)
            continue;
        if (roster_find(c, r->peer) == r)
            (void)map_remove(&c->rank_by_peer, r->peer);
        map_fini(&r->jobs);
        mem_free(r->grant);
        mem_free(r->forget);
        mem_free(r);
    }
    uint32_t at = 0;
    while (c->pods[at] != p)
        at++;
    memmove(c->pods + at, c->pods + at + 1, (c->n_pods - at - 1) * sizeof(struct pod *));
    c->n_pods--;
    if (c->alone_pod == p)
        c->alone_pod = NULL;
    arena_destroy(p->arena);
    mem_free(p->ranks);
    mem_free(p);
}

bool roster_fits(const struct pod *p, const struct job_spec *s)
{
    if (s->gang > p->n_ranks || (s->cpus > 1 && s->cpus > p->cpus)
        || (s->memory_mb && p->memory_mb && s->memory_mb > p->memory_mb))
        return false;
    for (uint32_t i = 0; s->resources && i < s->resources->n; i++) {
        const struct value_pair *want = &s->resources->pairs[i];
        const struct value *have = value_find(&p->resources, want->key);
        if (!have || value_number(have) < value_number(&want->value))
            return false;
    }
    return true;
}
