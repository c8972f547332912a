// SPDX-License-Identifier: MIT
// link_outbox.c - results on their way: collected into frames, numbered, kept
// until the coordinator says that they are safe.
#include <string.h>

#include "common/mem.h"
#include "worker/link_state.h"

enum {
    // A frame is sealed at this size; a larger result travels alone.
    FRAME_BYTES = 4 * 1024 * 1024,
    // Unacknowledged bytes that make main pause.
    CONGESTED_BYTES = 64 * 1024 * 1024,
    // Around each record on the wire: numbers and keys.
    RECORD_BYTES = 64,
    // Empty frames kept: a window's worth of records.
    FREE_RECORDS_MAX = 1024,
    // A frame whose arena grew beyond this is not kept for the next one.
    FREE_ARENA_MAX = 256 * 1024,
};

static struct link_frame *take_frame(struct link *l)
{
    struct link_frame *f = l->free_frames;
    if (f) {
        l->free_frames = f->next;
        l->n_free_frames--;
    } else {
        f = mem_alloc(sizeof *f);
        f->arena = arena_create();
        f->records = mem_alloc(l->o.records_max * sizeof *f->records);
    }
    f->n = 0;
    f->bytes = 0;
    f->leases = NULL;
    f->next = NULL;
    return f;
}

static void destroy_frame(struct link_frame *f)
{
    arena_destroy(f->arena);
    mem_free(f->records);
    mem_free(f);
}

static void give_frame(struct link *l, struct link_frame *f)
{
    if (l->n_free_frames * l->o.records_max >= FREE_RECORDS_MAX
        || arena_used(f->arena) > FREE_ARENA_MAX) {
        destroy_frame(f);
        return;
    }
    arena_reset(f->arena);
    f->next = l->free_frames;
    l->free_frames = f;
    l->n_free_frames++;
}

static size_t size_of(const struct rec_result *r)
{
    size_t n = RECORD_BYTES + (size_t)r->data.n + r->worker_fault.n;
    for (uint32_t i = 0; i < r->n_faults; i++)
        n += RECORD_BYTES + (size_t)r->faults[i].text.n + r->faults[i].detail.n;
    for (uint32_t i = 0; i < r->n_outputs; i++)
        n += RECORD_BYTES + (size_t)r->outputs[i].name.n + r->outputs[i].hash.n;
    return n;
}

static struct str copy_str(struct arena *a, struct str s)
{
    return s.n ? (struct str){arena_copy(a, s.p, s.n), s.n} : s;
}

static struct bin copy_bin(struct arena *a, struct bin b)
{
    return b.n ? (struct bin){arena_copy(a, b.p, b.n), b.n} : b;
}

static void copy_lists(struct rec_result *r, struct arena *a)
{
    if (r->n_faults)
        r->faults = arena_copy(a, r->faults, r->n_faults * sizeof *r->faults);
    for (uint32_t i = 0; i < r->n_faults; i++) {
        r->faults[i].text = copy_str(a, r->faults[i].text);
        r->faults[i].detail = copy_str(a, r->faults[i].detail);
    }
    if (r->n_outputs)
        r->outputs = arena_copy(a, r->outputs, r->n_outputs * sizeof *r->outputs);
    for (uint32_t i = 0; i < r->n_outputs; i++) {
        r->outputs[i].name = copy_str(a, r->outputs[i].name);
        r->outputs[i].hash = copy_bin(a, r->outputs[i].hash);
    }
}

static void seal(struct link *l)
{
    struct link_frame *f = l->open;
    if (!f)
        return;
    l->open = NULL;
    f->seq = l->next_seq++;
    if (!l->oldest)
        l->acked = l->now;
    *(l->newest ? &l->newest->next : &l->oldest) = f;
    l->newest = f;
    if (!l->unsent)
        l->unsent = f;
    l->n_unacknowledged += f->n;
    l->bytes += f->bytes;
}

static void send_unsent(struct link *l, struct link_effects *fx)
{
    if (!l->welcome)
        return;
    for (; l->unsent; l->unsent = l->unsent->next) {
        struct link_frame *f = l->unsent;
        f->message = (struct message){.type = MSG_RESULT};
        f->message.result_batch.seq = f->seq;
        f->message.result_batch.results = f->records;
        f->message.result_batch.n_results = f->n;
        f->message.result_batch.progress = l->progress;
        link_add(fx, LINK_EFFECT_SEND)->message = &f->message;
    }
}

void link_outbox_add(struct link *l, const struct rec_result *r, struct link_effects *fx)
{
    struct link_lease *x = link_lease_find(l, r->lease);
    size_t bytes = size_of(r);
    uint32_t most = l->o.records_max;

    if (x && x->state == LEASE_ANSWERED)
        return; // main said it twice: the first counts
    if (l->open && (l->open->n >= most || l->open->bytes + bytes > FRAME_BYTES)) {
        seal(l);
        send_unsent(l, fx);
    }
    if (!l->open)
        l->open = take_frame(l);
    struct link_frame *f = l->open;
    struct rec_result *copy = &f->records[f->n++];
    *copy = *r;
    copy->data = copy_bin(f->arena, r->data);
    copy->worker_fault = copy_str(f->arena, r->worker_fault);
    copy_lists(copy, f->arena);
    f->bytes += bytes;
    if (l->working == r->lease)
        l->working = 0;
    if (!x)
        return; // of a lease that was taken back: it is sent all the same
    link_lease_unhold(l, x);
    x->state = LEASE_ANSWERED;
    x->next = f->leases;
    f->leases = x;
}

void link_outbox_flush(struct link *l, struct link_effects *fx)
{
    seal(l);
    send_unsent(l, fx);
}

void link_outbox_rewind(struct link *l)
{
    l->unsent = l->oldest;
    l->acked = l->now;
}

static void free_leases(struct link *l, struct link_frame *f)
{
    for (struct link_lease *x = f->leases, *next; x; x = next) {
        next = x->next;
        link_lease_free(l, x);
    }
    f->leases = NULL;
}

void link_outbox_on_ack(struct link *l, uint64_t upto)
{
    while (l->oldest && l->oldest->seq <= upto) {
        struct link_frame *f = l->oldest;
        l->oldest = f->next;
        if (l->unsent == f)
            l->unsent = f->next;
        l->n_unacknowledged -= f->n;
        l->bytes -= f->bytes;
        l->acked = l->now;
        l->resend_ns = 0;
        free_leases(l, f);
        give_frame(l, f);
    }
    if (!l->oldest)
        l->newest = NULL;
}

uint64_t link_outbox_next_seq(const struct link *l)
{
    return l->oldest ? l->oldest->seq : l->next_seq;
}

void link_outbox_fini(struct link *l)
{
    seal(l);
    link_outbox_on_ack(l, UINT64_MAX);
    for (struct link_frame *f = l->free_frames, *next; f; f = next) {
        next = f->next;
        destroy_frame(f);
    }
}

uint32_t link_n_unacknowledged(const struct link *l)
{
    return l->n_unacknowledged + (l->open ? l->open->n : 0);
}

bool link_is_congested(const struct link *l)
{
    return l->bytes + (l->open ? l->open->bytes : 0) > CONGESTED_BYTES;
}
