// SPDX-License-Identifier: MIT
#include "coordinator/serve_desk.h"

#include <string.h>

#include "coordinator/serve_state.h"
#include "protocol/pack.h"

// A worker looks at what came after each step.
#define ASKED_NS (30 * CLOCK_SECOND)

enum { PAGE_MAX = 1 << 20, STREAMS_MAX = 4096 };

struct serve_desk *serve_desk_of(struct shell *s)
{
    if (!s->desk) {
        s->desk = mem_alloc(sizeof *s->desk);
        map_init(&s->desk->lines);
        map_init(&s->desk->flows);
    }
    return s->desk;
}

struct serve_model *serve_model_find(const struct serve_desk *d, uint64_t job)
{
    struct serve_model *m = d ? d->models : NULL;
    while (m && m->job != job)
        m = m->next;
    return m;
}

static const struct docket *serving(const struct shell *s, uint64_t job)
{
    const struct docket *r = docket_get(s, job);
    return r && r->live && r->live->plan->driver == &serve_driver ? r : NULL;
}

// ---- room ------------------------------------------------------------------------------

void serve_admit_all(struct shell *s, struct serve_model *m)
{
    uint64_t id, at;
    while (m->open && serve_admit_next(&m->admit, s->now, &id))
        if (map_find(&s->desk->flows, id, &at))
            serve_wire_begin(s, m, (struct serve_flow *)(uintptr_t)at);
}

// All that is under way, in the order in which it came: those that ran are let in again
// before those that waited.
static void ask_again(struct shell *s, struct serve_model *m, struct serve_call *c)
{
    for (uint32_t i = 0; i < c->n_prompts; i++)
        if (!c->prompts[i].tokens)
            serve_wire_encode(s, m, &c->prompts[i]);
    for (uint32_t i = 0; c->queued && i < c->n_flows; i++) {
        struct serve_flow *f = &c->flows[i];
        if (f->done)
            continue;
        s->desk->n_replayed += f->last != 0;
        serve_flow_reset(f);
        if (serve_admit_ask(&m->admit, f->id, f->prompt->n + f->room, s->now)) {
            serve_call_fail(s, c, ERR_BUSY, "the model has less room than before");
            return;
        }
        serve_admit_all(s, m);
    }
}

// ---- workers come and go -----------------------------------------------------------------

static uint32_t number_of(const struct value *v, const char *key, uint32_t most)
{
    const struct value *x = value_find(v, key);
    return x && x->type == VALUE_INT && x->i > 0 && x->i <= most ? (uint32_t)x->i : 0;
}

static void lose(struct shell *s, struct serve_model *m)
{
    struct serve_desk *d = s->desk;
    if (!m->open)
        return;
    m->open = false;
    serve_admit_fini(&m->admit);
    for (struct serve_call *c = d->calls; c; c = c->next) {
        for (uint32_t i = 0; c->job == m->job && i < c->n_prompts; i++) {
            (void)map_remove(&d->lines, c->prompts[i].line.request);
            c->prompts[i].line.request = 0;
        }
        for (uint32_t i = 0; c->job == m->job && i < c->n_flows; i++) {
            (void)map_remove(&d->lines, c->flows[i].line.request);
            c->flows[i].line.request = 0;
        }
    }
    LOG_WARN("serve.lost", "lease=%llu", (unsigned long long)m->lease);
}

static void open_model(struct shell *s,
                       struct serve_model *m,
                       const struct serve_job *job,
                       const struct value *room)
{
    uint32_t page = number_of(room, "page", PAGE_MAX);
    uint32_t positions = number_of(room, "positions", UINT32_MAX);
    struct serve_admit_options o = {.page_tokens = page ? page : 1,
                                    .running_max = number_of(room, "streams", STREAMS_MAX)};
    o.n_pages = positions / o.page_tokens;
    m->n_context = number_of(room, "context", UINT32_MAX);
    m->n_vocab = number_of(room, "vocabulary", INT32_MAX);
    // While it fills again, those that ran wait for a moment too.
    o.waiting_max = job->waiting + o.running_max;
    serve_admit_init(&m->admit, &o);
    m->open = true;
    LOG_INFO("serve.open", "model=%s positions=%u streams=%u", job->model, positions,
             o.running_max);
    for (struct serve_call *c = s->desk->calls, *next; c; c = next) {
        next = c->next;
        if (c->job == m->job)
            ask_again(s, m, c);
    }
    m->admit.o.waiting_max = job->waiting;
}

static bool is_active(const struct value *room, uint64_t request)
{
    const struct value *list = value_find(room, "active");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++)
        if (list->items[i].type == VALUE_INT && list->items[i].u == request)
            return true;
    return false;
}

// The worker says what it works on.  What it took and is not at work on has been
// answered, in vain; what it never took was lost as well.
static bool is_lost(const struct shell *s, const struct serve_line *l, const struct value *room)
{
    const struct value *seen = value_find(room, "seen");
    if (!l->request || !seen || seen->type != VALUE_INT)
        return false;
    if (l->request > seen->u)
        return s->now - l->asked > ASKED_NS;
    return !is_active(room, l->request);
}

static void look_for_lost(struct shell *s, struct serve_model *m, const struct value *room)
{
    for (struct serve_call *c = s->desk->calls; c; c = c->next) {
        for (uint32_t i = 0; c->job == m->job && i < c->n_prompts; i++)
            if (is_lost(s, &c->prompts[i].line, room)) {
                serve_wire_cancel(s, &c->prompts[i].line);
                serve_wire_encode(s, m, &c->prompts[i]);
            }
        for (uint32_t i = 0; c->job == m->job && i < c->n_flows; i++)
            if (is_lost(s, &c->flows[i].line, room))
                serve_flow_again(s, &c->flows[i]);
    }
}

// The worker says how many in all since it opened.
static void count_reused(struct serve_desk *d, struct serve_model *m, const struct value *room)
{
    const struct value *v = value_find(room, "reused");
    if (!v || v->type != VALUE_INT || v->u < m->n_reused)
        return;
    d->n_reused += v->u - m->n_reused;
    m->n_reused = v->u;
}

static void on_open(struct shell *s, uint64_t peer, uint64_t lease, const struct rec_piece *p)
{
    struct arena *a = s->turn->arena;
    struct value room;
    uint64_t at;
    const struct docket *r = NULL;
    for (uint32_t i = 0; i < s->n_dockets && !r; i++)
        if (serving(s, s->dockets[i]->number)
            && core_lease_peer(s->core, lease, s->dockets[i]->number, &at) && at == peer)
            r = s->dockets[i];
    if (!r || pack_read(p->more.p, p->more.n, a, &room, NULL))
        return;
    struct serve_desk *d = serve_desk_of(s);
    struct serve_model *m = serve_model_find(d, r->number);
    if (!m) {
        m = mem_alloc(sizeof *m);
        m->job = r->number;
        m->next = d->models;
        d->models = m;
    }
    if (m->open && m->lease == lease && m->peer == peer) {
        count_reused(d, m, &room);
        look_for_lost(s, m, &room);
        return;
    }
    lose(s, m);
    m->lease = lease;
    m->peer = peer;
    m->n_reused = 0;
    open_model(s, m, serve_job_of(r->live->plan->state), &room);
}

static void end_model(struct shell *s, struct serve_model **at)
{
    struct serve_model *m = *at;
    for (struct serve_call *c = s->desk->calls, *next; c; c = next) {
        next = c->next;
        if (c->job == m->job)
            serve_call_fail(s, c, ERR_CLOSED, "the model is no longer served");
    }
    if (m->open)
        serve_admit_fini(&m->admit);
    *at = m->next;
    mem_free(m);
}

void serve_turn(struct shell *s)
{
    struct serve_desk *d = s->desk;
    uint64_t peer;
    for (struct serve_model **at = d ? &d->models : NULL; at && *at;) {
        struct serve_model *m = *at;
        if (!serving(s, m->job)) {
            end_model(s, at);
            continue;
        }
        if (m->open && (!core_lease_peer(s->core, m->lease, m->job, &peer) || peer != m->peer))
            lose(s, m);
        serve_admit_all(s, m);
        at = &m->next;
    }
}

// ---- what they say -----------------------------------------------------------------------

static void on_encoded(struct shell *s, struct serve_prompt *x, const struct rec_piece *p)
{
    struct serve_call *c = x->line.call;
    (void)map_remove(&s->desk->lines, x->line.request);
    x->line.request = 0;
    x->n = p->bytes.n / (uint32_t)sizeof(int32_t);
    x->tokens = arena_copy(c->arena, p->bytes.p, x->n * sizeof(int32_t));
    if (++c->n_encoded == c->n_prompts)
        serve_call_encoded(s, c);
}

static void on_piece(struct shell *s, uint64_t peer, uint64_t lease, const struct rec_piece *p)
{
    uint64_t at;
    if (p->what == SERVE_OPEN) {
        on_open(s, peer, lease, p);
        return;
    }
    if (!s->desk || !map_find(&s->desk->lines, p->request, &at))
        return; // cancelled, or asked anew, meanwhile
    struct serve_line *l = (struct serve_line *)(uintptr_t)at;
    const struct serve_model *m = serve_model_find(s->desk, l->call->job);
    if (!m || m->peer != peer || m->lease != lease)
        return;
    if (p->what == SERVE_REFUSED)
        serve_call_fail(s, l->call, ERR_INVALID,
                        arena_str(s->turn->arena, p->text.p, p->text.n));
    else if (l->is_prompt && p->what == SERVE_ENCODED)
        on_encoded(s, (struct serve_prompt *)l, p);
    else if (!l->is_prompt && p->what == SERVE_TOKENS)
        serve_flow_take(s, (struct serve_flow *)l, p);
}

void serve_message(struct shell *s, uint64_t peer, const struct msg_served *m)
{
    for (uint32_t i = 0; i < m->n_pieces; i++)
        on_piece(s, peer, m->lease, &m->pieces[i]);
}

void serve_gone(struct shell *s, uint64_t mark)
{
    for (struct serve_call *c = s->desk ? s->desk->calls : NULL; c; c = c->next)
        if (c->mark == mark) {
            serve_call_drop(s, c);
            return;
        }
}

void serve_close(struct shell *s)
{
    struct serve_desk *d = s->desk;
    if (!d)
        return;
    while (d->calls)
        serve_call_free(s, d->calls);
    for (struct serve_model *m = d->models, *next; m; m = next) {
        next = m->next;
        if (m->open)
            serve_admit_fini(&m->admit);
        mem_free(m);
    }
    map_fini(&d->lines);
    map_fini(&d->flows);
    mem_free(d);
    s->desk = NULL;
}

// ---- metrics -----------------------------------------------------------------------------

static void counters(const struct serve_desk *d, struct buf *b)
{
    static const char name[] = "shoal_serve_requests_total";
    const struct {
        const char *label;
        uint64_t n;
    } rows[] = {{"answered", d->n_answered}, {"refused", d->n_refused}, {"gone", d->n_gone}};
    prometheus_family(b, name, PROMETHEUS_COUNTER, "Requests for texts, by how they ended.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct prometheus_label labels[] = {{"end", rows[i].label}, {0}};
        prometheus_sample(b, name, labels, (double)rows[i].n);
    }
    prometheus_one(b, "shoal_serve_replays_total", PROMETHEUS_COUNTER,
                   "Texts that were begun again because their worker was lost.",
                   (double)d->n_replayed);
    prometheus_one(b, "shoal_serve_prompt_tokens_total", PROMETHEUS_COUNTER,
                   "Tokens of the prompts of answered requests.", (double)d->n_prompt_tokens);
    prometheus_one(b, "shoal_serve_prefix_tokens_reused_total", PROMETHEUS_COUNTER,
                   "Tokens of prompts whose keys and values another text had already.",
                   (double)d->n_reused);
    prometheus_one(b, "shoal_serve_tokens_total", PROMETHEUS_COUNTER,
                   "Tokens of the texts of answered requests.", (double)d->n_tokens);
}

void serve_metrics(const struct shell *s, struct buf *b)
{
    const struct serve_desk *d = s->desk;
    uint64_t running = 0, waiting = 0, used = 0, pages = 0;
    if (!d)
        return;
    for (const struct serve_model *m = d->models; m; m = m->next) {
        if (!m->open)
            continue;
        running += m->admit.n_running;
        waiting += m->admit.n - m->admit.n_running;
        used += m->admit.pages_used;
        pages += m->admit.o.n_pages;
    }
    counters(d, b);
    prometheus_one(b, "shoal_serve_running", PROMETHEUS_GAUGE, "Texts that grow now.",
                   (double)running);
    prometheus_one(b, "shoal_serve_waiting", PROMETHEUS_GAUGE, "Texts that wait for room.",
                   (double)waiting);
    prometheus_one(b, "shoal_serve_cache_pages", PROMETHEUS_GAUGE, "Pages of the caches.",
                   (double)pages);
    prometheus_one(b, "shoal_serve_cache_pages_used", PROMETHEUS_GAUGE,
                   "Of them, those promised to texts.", (double)used);
    prometheus_histogram(b, "shoal_serve_first_token_seconds",
                         "From a request to its first token.", &d->first_token);
    prometheus_histogram(b, "shoal_serve_between_tokens_seconds", "Between tokens of one text.",
                         &d->between_tokens);
}
