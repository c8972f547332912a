// SPDX-License-Identifier: MIT
#include "worker/link.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/version.h"
#include "worker/link_state.h"

// Unanswered, a HELLO is repeated after this long, doubling up to HELLO_MAX: a
// coordinator that is away finds few of them in its queue.
#define HELLO_AGAIN (500 * CLOCK_MS)
#define HELLO_MAX   (10 * CLOCK_SECOND)
// Without an ACK for this long the coordinator is asked what it has (by HELLO);
// doubling up to RESEND_MAX, since a slow disk is no reason to send more.
#define RESEND_NS  CLOCK_SECOND
#define RESEND_MAX (16 * CLOCK_SECOND)
// Until the coordinator says how often.
#define BEAT_NS (2 * CLOCK_SECOND)
// An idle coordinator has nothing to say: it is asked this often before
// `lonely_ns` is over.
enum { PROBES = 4, RECORDS_DEFAULT = 32, BEAT_MS_MAX = 60000 };

// ---- effects -------------------------------------------------------------------

struct link_effect *link_add(struct link_effects *fx, enum link_effect_type type)
{
    if (fx->n == fx->cap) {
        uint32_t cap = fx->cap ? fx->cap * 2 : 16;
        struct link_effect *list = arena_alloc(fx->arena, cap * sizeof *list);
        for (uint32_t i = 0; i < fx->n; i++)
            list[i] = fx->list[i];
        fx->list = list;
        fx->cap = cap;
    }
    struct link_effect *e = &fx->list[fx->n++];
    *e = (struct link_effect){.type = type};
    return e;
}

struct message *link_send(struct link_effects *fx, enum message_type type)
{
    struct message *m = arena_alloc(fx->arena, sizeof *m);
    m->type = type;
    link_add(fx, LINK_EFFECT_SEND)->message = m;
    return m;
}

static void end(struct link *l, const char *why, bool failed, struct link_effects *fx)
{
    struct link_effect *e = link_add(fx, LINK_EFFECT_END);
    e->why = why;
    e->failed = failed;
    l->ended = true;
}

// ---- life ----------------------------------------------------------------------

static const char *own(struct arena *a, const char *s)
{
    return s ? arena_str(a, s, strlen(s)) : NULL;
}

static struct bin own_bin(struct arena *a, struct bin b)
{
    return b.n ? (struct bin){arena_copy(a, b.p, b.n), b.n} : (struct bin){0};
}

struct link *link_create(const struct link_options *o)
{
    struct link *l = mem_alloc(sizeof *l);
    l->arena = arena_create();
    l->o = *o;
    l->o.host = own(l->arena, o->host);
    l->o.numerics = own(l->arena, o->numerics);
    l->o.catalog = own_bin(l->arena, o->catalog);
    l->o.resources = own_bin(l->arena, o->resources);
    if (!l->o.records_max)
        l->o.records_max = RECORDS_DEFAULT;
    if (l->o.records_max > RECORDS_CAP)
        l->o.records_max = RECORDS_CAP;
    map_init(&l->lease_by_number);
    map_init(&l->jobs);
    map_init(&l->needs);
    l->hello_at = INT64_MIN;
    l->went_at = INT64_MAX;
    l->hello_again = HELLO_AGAIN;
    l->beat_ns = BEAT_NS;
    l->heard = INT64_MIN;
    l->need_at = INT64_MAX;
    l->next_seq = 1;
    return l;
}

static void free_list(struct link_lease *x)
{
    for (struct link_lease *next; x; x = next) {
        next = x->next;
        mem_free(x->waits);
        mem_free(x);
    }
}

void link_destroy(struct link *l)
{
    if (!l)
        return;
    link_outbox_fini(l);
    free_list(l->held);
    free_list(l->free_leases); // those of the outbox are among them by now
    map_fini(&l->lease_by_number);
    map_fini(&l->jobs);
    map_fini(&l->needs);
    arena_destroy(l->arena);
    mem_free(l);
}

bool link_is_welcome(const struct link *l)
{
    return l->welcome;
}

// ---- HELLO, BEAT ---------------------------------------------------------------

static void hello(struct link *l, struct link_effects *fx)
{
    struct message *m = link_send(fx, MSG_HELLO);
    m->hello = (struct msg_hello){
        .instance = l->o.instance,
        .rank = l->o.rank,
        .n_ranks = l->o.n_ranks,
        .pid = l->o.pid,
        .host = str_of(l->o.host),
        .version = str_of(SHOAL_VERSION),
        .numerics = str_of(l->o.numerics),
        .cpus = l->o.cpus,
        .memory_mb = l->o.memory_mb,
        .catalog = l->o.rank == 0 ? l->o.catalog : (struct bin){0},
        .incarnation = l->incarnation,
        .next_seq = link_outbox_next_seq(l),
        .resources = l->o.resources,
    };
    m->hello.n_held = link_lease_list(l, fx->arena, &m->hello.held);
    l->welcome = false;
    l->hello_at = l->now + l->hello_again;
    l->hello_again = l->hello_again * 2 < HELLO_MAX ? l->hello_again * 2 : HELLO_MAX;
}

static void say_hello_for(struct link *l, uint64_t incarnation, struct link_effects *fx)
{
    if (!l->welcome && l->said_for == incarnation)
        return; // the answer is on its way, or the HELLO is repeated in time
    l->said_for = incarnation;
    l->hello_again = HELLO_AGAIN;
    hello(l, fx);
}

static void pace(struct link *l, uint32_t beat_ms)
{
    if (!beat_ms)
        return;
    l->beat_ns = (beat_ms < BEAT_MS_MAX ? beat_ms : BEAT_MS_MAX) * CLOCK_MS;
    if (l->beat_at > l->now + l->beat_ns)
        l->beat_at = l->now + l->beat_ns;
}

static void on_welcome(struct link *l, const struct msg_welcome *w, struct link_effects *fx)
{
    pace(l, w->beat_ms);
    if (l->welcome && l->incarnation == w->incarnation)
        return;       // late or repeated
    if (l->welcome) { // of a coordinator that we have not told anything yet
        say_hello_for(l, w->incarnation, fx);
        return;
    }
    if (l->incarnation && l->incarnation != w->incarnation)
        link_gang_on_restart(l);
    l->incarnation = l->said_for = w->incarnation;
    l->welcome = true;
    l->hello_at = INT64_MAX;
    l->hello_again = HELLO_AGAIN;
    l->beat_at = l->now + l->beat_ns;
    link_outbox_rewind(l);
    link_outbox_flush(l, fx);
}

static void beat(struct link *l, struct link_effects *fx)
{
    struct message *m = link_send(fx, MSG_BEAT);
    uint32_t n = 0;
    for (const struct link_lease *x = l->held; x; x = x->next)
        n += !x->revoked;
    m->beat.progress = l->progress;
    m->beat.lease = l->working;
    m->beat.n_held = n;
    l->beat_at = l->now + l->beat_ns;
}

static int64_t resend_ns(const struct link *l)
{
    return l->resend_ns ? l->resend_ns : RESEND_NS;
}

static bool is_unanswered(const struct link *l)
{
    return l->oldest && l->oldest != l->unsent && l->now - l->acked >= resend_ns(l);
}

static int64_t probe_at(const struct link *l)
{
    return l->o.lonely_ns > 0 ? l->heard + l->o.lonely_ns / PROBES : INT64_MAX;
}

static int64_t lonely_at(const struct link *l)
{
    return l->o.lonely_ns > 0 ? l->heard + l->o.lonely_ns : INT64_MAX;
}

static void timers(struct link *l, struct link_effects *fx)
{
    if (l->now >= lonely_at(l)) {
        end(l, "no coordinator has answered for too long", true, fx);
        return;
    }
    if (l->welcome && is_unanswered(l)) {
        l->resend_ns = resend_ns(l) * 2 < RESEND_MAX ? resend_ns(l) * 2 : RESEND_MAX;
        l->hello_at = l->now;
    } else if (l->welcome && l->now >= probe_at(l)) {
        l->hello_at = l->now;
    }
    if (l->now >= l->hello_at)
        hello(l, fx);
    if (l->welcome && l->now >= l->beat_at)
        beat(l, fx);
    link_lease_tick(l, fx);
    link_gang_tick(l, fx);
}

int64_t link_next_deadline(const struct link *l)
{
    int64_t at = l->hello_at;
    if (l->ended)
        return INT64_MAX;
    at = lonely_at(l) < at ? lonely_at(l) : at;
    at = l->need_at < at ? l->need_at : at;
    if (!l->welcome)
        return at;
    at = l->beat_at < at ? l->beat_at : at;
    at = probe_at(l) < at ? probe_at(l) : at;
    at = l->went_at < at ? l->went_at : at;
    if (l->oldest && l->oldest != l->unsent && l->acked + resend_ns(l) < at)
        at = l->acked + resend_ns(l);
    return at;
}

// ---- the step ------------------------------------------------------------------

static void on_goodbye(struct link *l, const struct msg_goodbye *g, struct link_effects *fx)
{
    end(l, arena_str(fx->arena, g->why.p, g->why.n), false, fx);
}

static void on_message(struct link *l, const struct message *m, struct link_effects *fx)
{
    l->heard = l->now;
    switch (m->type) {
    case MSG_WELCOME:
        on_welcome(l, &m->welcome, fx);
        break;
    case MSG_WHO:
        say_hello_for(l, m->who.incarnation, fx);
        break;
    case MSG_PACE:
        pace(l, m->pace.beat_ms);
        break;
    case MSG_GOODBYE:
        on_goodbye(l, &m->goodbye, fx);
        break;
    case MSG_JOB:
        link_lease_on_job(l, m, fx);
        break;
    case MSG_FORGET:
        link_lease_on_forget(l, m->forget.job, fx);
        link_gang_check(l, fx);
        break;
    case MSG_GRANT:
        link_lease_on_grant(l, &m->grant, fx);
        break;
    case MSG_REVOKE:
        link_lease_on_revoke(l, &m->revoke, fx);
        link_gang_check(l, fx);
        break;
    case MSG_PREPARE:
        link_gang_on_prepare(l, &m->prepare, fx);
        break;
    case MSG_GO:
        link_gang_on_go(l, m, fx);
        break;
    case MSG_DISARM:
        link_gang_on_disarm(l, m->disarm.gang);
        break;
    case MSG_SERVE:
        link_add(fx, LINK_EFFECT_SERVE)->message = m;
        break;
    case MSG_ACK:
        link_outbox_on_ack(l, m->ack.upto);
        break;
    default: // FAIL and whatever a newer coordinator may say
        LOG_WARN("link.unexpected", "type=%s", message_name(m->type));
        break;
    }
}

// Live output is for watching: nothing waits for it, and a full outbox goes first.
static void forward_log(struct link *l, const struct msg_log *log, struct link_effects *fx)
{
    if (!l->welcome || link_is_congested(l))
        return;
    struct message *m = link_send(fx, MSG_LOG);
    m->log = *log;
    m->log.bytes.p = arena_copy(fx->arena, log->bytes.p, log->bytes.n);
}

// Whoever asked begins anew what shows a gap.
static void
forward_served(const struct link *l, const struct msg_served *s, struct link_effects *fx)
{
    if (l->welcome)
        link_send(fx, MSG_SERVED)->served = *s;
}

static void on_main(struct link *l, const struct link_event *e, struct link_effects *fx)
{
    switch (e->type) {
    case LINK_EVENT_RESULT:
        link_outbox_add(l, e->result, fx);
        break;
    case LINK_EVENT_DROPPED:
        link_lease_on_dropped(l, e->lease);
        break;
    case LINK_EVENT_STARTED:
        l->working = e->lease;
        return;
    case LINK_EVENT_GANG_DONE:
        link_gang_on_done(l, e->gang);
        break;
    case LINK_EVENT_NEED:
        (void)map_remove(&l->jobs, e->job);
        link_lease_need(l, e->job, fx);
        return;
    case LINK_EVENT_LOG:
        forward_log(l, e->log, fx);
        return;
    case LINK_EVENT_SERVED:
        forward_served(l, e->served, fx);
        return;
    default:
        return;
    }
    if (l->armed_for)
        link_gang_check(l, fx);
}

void link_step(struct link *l, const struct link_event *e, struct link_effects *fx)
{
    if (l->ended)
        return;
    l->now = e->now;
    l->progress = e->progress;
    if (l->hello_at == INT64_MIN) { // the first step: HELLO comes before everything
        l->heard = l->acked = l->now;
        hello(l, fx);
    }
    switch (e->type) {
    case LINK_EVENT_MESSAGE:
        on_message(l, e->message, fx);
        break;
    case LINK_EVENT_TURN_END:
    case LINK_EVENT_TICK:
        link_outbox_flush(l, fx);
        timers(l, fx);
        break;
    default:
        on_main(l, e, fx);
        break;
    }
}
