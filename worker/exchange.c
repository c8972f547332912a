// SPDX-License-Identifier: MIT
#include "worker/exchange.h"

#include "common/mem.h"

enum { LOG_BYTES_MAX = 4 << 20 };

// `list` with room for one more of `size` bytes.
static void *grown(void *list, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    *cap = *cap ? *cap * 2 : 16;
    return mem_realloc(list, *cap * size);
}

struct orders *orders_create(void)
{
    struct orders *o = mem_alloc(sizeof *o);
    o->arena = arena_create();
    return o;
}

void orders_destroy(struct orders *o)
{
    for (struct orders *next; o; o = next) {
        next = o->next;
        report_destroy(o->spent);
        arena_destroy(o->arena);
        mem_free(o->list);
        mem_free(o);
    }
}

void orders_reset(struct orders *o)
{
    arena_reset(o->arena);
    o->n = o->at = 0;
    o->spent = NULL;
    o->next = NULL;
}

struct order *orders_add(struct orders *o, enum order_type type)
{
    o->list = grown(o->list, o->n, &o->cap, sizeof *o->list);
    struct order *x = &o->list[o->n++];
    x->type = type;
    return x;
}

struct report *report_create(void)
{
    struct report *r = mem_alloc(sizeof *r);
    r->arena = arena_create();
    return r;
}

void report_destroy(struct report *r)
{
    for (struct report *next; r; r = next) {
        next = r->next;
        orders_destroy(r->spent);
        arena_destroy(r->arena);
        mem_free(r->results);
        mem_free(r->dropped);
        mem_free(r->gangs_done);
        mem_free(r->logs);
        mem_free(r->served.pieces);
        mem_free(r);
    }
}

void report_reset(struct report *r)
{
    arena_reset(r->arena);
    r->n_results = r->n_dropped = r->n_gangs_done = r->n_logs = 0;
    r->log_bytes = 0;
    r->served.n_pieces = 0;
    r->spent = NULL;
    r->next = NULL;
}

bool report_is_empty(const struct report *r)
{
    return !r->n_results && !r->n_dropped && !r->n_gangs_done && !r->n_logs
           && !r->served.n_pieces;
}

struct rec_result *report_add_result(struct report *r)
{
    r->results = grown(r->results, r->n_results, &r->cap_results, sizeof *r->results);
    return &r->results[r->n_results++];
}

void report_add_dropped(struct report *r, uint64_t lease)
{
    r->dropped = grown(r->dropped, r->n_dropped, &r->cap_dropped, sizeof *r->dropped);
    r->dropped[r->n_dropped++] = lease;
}

void report_add_gang_done(struct report *r, uint64_t gang)
{
    r->gangs_done =
        grown(r->gangs_done, r->n_gangs_done, &r->cap_gangs_done, sizeof *r->gangs_done);
    r->gangs_done[r->n_gangs_done++] = gang;
}

void report_add_log(struct report *r, const struct msg_log *m)
{
    if (r->log_bytes + m->bytes.n > LOG_BYTES_MAX)
        return;
    r->log_bytes += m->bytes.n;
    r->logs = grown(r->logs, r->n_logs, &r->cap_logs, sizeof *r->logs);
    struct msg_log *copy = &r->logs[r->n_logs++];
    *copy = *m;
    copy->bytes.p = arena_copy(r->arena, m->bytes.p, m->bytes.n);
}

void report_add_piece(struct report *r, uint64_t lease, const struct rec_piece *p)
{
    struct msg_served *s = &r->served;
    s->lease = lease;
    s->pieces = grown(s->pieces, s->n_pieces, &r->cap_pieces, sizeof *s->pieces);
    struct rec_piece *copy = &s->pieces[s->n_pieces++];
    *copy = *p;
    copy->bytes.p = arena_copy(r->arena, p->bytes.p, p->bytes.n);
    copy->text.p = arena_str(r->arena, p->text.p, p->text.n);
    copy->more.p = arena_copy(r->arena, p->more.p, p->more.n);
}
