// SPDX-License-Identifier: MIT
// docket.c - jobs by number, by id, by name.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "coordinator/shell_state.h"
#include "protocol/pack.h"

enum {
    ID_LEAST = 4,
    // Final documents that stay in memory though the journal has them: the last ones.
    DOCUMENTS_KEPT = 64,
    // Ended jobs that the journal does not have (durability none) are forgotten
    // beyond so many.
    UNJOURNALED_KEPT = 1000,
};

// Letters and digits that are not mistaken for one another, read aloud or in print.
static const char alphabet[] = "23456789abcdefghjkmnpqrstuvwxyz";

const char *docket_state_name(enum job_state s)
{
    static const char *const names[] = {"running", "done", "failed", "cancelled"};
    return s <= JOB_CANCELLED ? names[s] : "unknown";
}

struct docket *docket_get(const struct shell *s, uint64_t number)
{
    uint64_t p;
    return map_find(&s->docket_by_number, number, &p) ? (struct docket *)(uintptr_t)p : NULL;
}

static uint64_t id_key(const char *id)
{
    return hash_bytes(id, strlen(id), 0);
}

static bool id_is_taken(const struct shell *s, const char *id)
{
    return map_find(&s->docket_by_id, id_key(id), NULL);
}

// Short, and hard to guess from the one before: a slip of the finger finds no job.
// A letter first, so that no id looks like a number.
static void make_id(const struct shell *s, uint64_t number, char out[ID_SIZE])
{
    uint64_t seed = journal_salt(s->journal);
    uint32_t n = ID_LEAST;
    for (uint32_t tries = 0;; tries++) {
        uint64_t bits = hash_mix64(seed ^ hash_mix64(number + ((uint64_t)tries << 48)));
        for (uint32_t i = 0; i < n; i++) {
            uint32_t base = (uint32_t)(sizeof alphabet - 1);
            out[i] = i ? alphabet[bits % base] : alphabet[8 + bits % (base - 8)];
            bits /= base;
        }
        out[n] = 0;
        if (!id_is_taken(s, out))
            return;
        if (tries % 4 == 3 && n < ID_SIZE - 4)
            n++;
    }
}

static void insert(struct shell *s, struct docket *r)
{
    if (s->n_dockets == s->cap_dockets) {
        s->cap_dockets = s->cap_dockets ? s->cap_dockets * 2 : 16;
        s->dockets = mem_realloc(s->dockets, s->cap_dockets * sizeof(struct docket *));
    }
    s->dockets[s->n_dockets++] = r;
    map_set(&s->docket_by_number, r->number, (uintptr_t)r);
    map_set(&s->docket_by_id, id_key(r->id), (uintptr_t)r);
}

// Numbers are set aside in the journal well before they are given.
static void reserve(struct shell *s)
{
    enum { AHEAD = 1024, BLOCK = 65536 };
    if (s->next_number + AHEAD < s->reserved)
        return;
    uint64_t meta[2] = {META_NUMBERS, s->reserved + BLOCK};
    turn_journal(s, 0, JOURNAL_META,
                 (struct bin){arena_copy(s->turn->arena, meta, sizeof meta), sizeof meta},
                 DURABILITY_NORMAL);
    s->reserved += BLOCK;
}

struct docket *docket_create(struct shell *s, const char *name)
{
    struct docket *r = mem_alloc(sizeof *r);
    reserve(s);
    r->number = s->next_number++;
    make_id(s, r->number, r->id);
    r->name = mem_dup(name && *name ? name : r->id);
    r->submitted = clock_wall_now();
    r->started = s->now;
    insert(s, r);
    return r;
}

struct docket *docket_restore(struct shell *s, const struct journal_job *j)
{
    struct docket *r = mem_alloc(sizeof *r);
    r->number = j->number;
    (void)snprintf(r->id, sizeof r->id, "%s", j->id);
    r->name = mem_dup(j->name);
    r->kind = mem_dup(j->kind);
    r->workload = mem_dup(j->workload);
    r->owner = mem_dup(j->owner);
    r->submitted = j->submitted;
    r->state = j->ended_seq ? j->state : JOB_RUNNING;
    r->ended = j->ended;
    r->n_items = j->n_items;
    r->n_failed = j->n_failed;
    r->journaled = true;
    insert(s, r);
    return r;
}

void docket_destroy(struct docket *r)
{
    drive_detach(r);
    for (struct watch *w = r->watches, *next; w; w = next) {
        next = w->next;
        mem_free(w);
    }
    mem_free(r->name);
    mem_free(r->kind);
    mem_free(r->workload);
    mem_free(r->owner);
    mem_free((void *)(uintptr_t)r->document.p);
    mem_free(r);
}

// They stand by number.
static uint32_t place_of(const struct shell *s, uint64_t number)
{
    uint32_t lo = 0, hi = s->n_dockets - 1;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (s->dockets[middle]->number < number)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

void docket_remove(struct shell *s, struct docket *r)
{
    uint32_t at = place_of(s, r->number);
    memmove(s->dockets + at, s->dockets + at + 1,
            (s->n_dockets - at - 1) * sizeof(struct docket *));
    s->n_dockets--;
    (void)map_remove(&s->docket_by_number, r->number);
    (void)map_remove(&s->docket_by_id, id_key(r->id));
    docket_destroy(r);
}

// ---- looking up --------------------------------------------------------------------

// The job of exactly this id, else the newest of this name, else the only one whose id
// begins so.
enum error
docket_find(const struct shell *s, const char *word, struct docket **out, struct errtext *t)
{
    struct docket *by_name = NULL;
    struct docket *by_prefix = NULL;
    uint32_t n_prefix = 0;
    uint64_t p;
    size_t n = strlen(word);
    if (map_find(&s->docket_by_id, id_key(word), &p)
        && strcmp(((struct docket *)(uintptr_t)p)->id, word) == 0) {
        *out = (struct docket *)(uintptr_t)p;
        return OK;
    }
    for (uint32_t i = s->n_dockets; i-- > 0;) {
        struct docket *r = s->dockets[i];
        if (!by_name && strcmp(r->name, word) == 0)
            by_name = r;
        if (n && strncmp(r->id, word, n) == 0) {
            by_prefix = r;
            n_prefix++;
        }
    }
    *out = by_name ? by_name : by_prefix;
    if (!*out)
        return errtext_set(t, ERR_NOT_FOUND, "no job '%s'; 'shoal jobs' lists them", word);
    if (!by_name && n_prefix > 1)
        return errtext_set(t, ERR_NOT_FOUND, "'%s' begins the ids of %u jobs; say more of it",
                           word, n_prefix);
    return OK;
}

// ---- the end -------------------------------------------------------------------------

void docket_set_document(struct docket *r, enum job_state state, const struct value *v)
{
    struct buf b;
    buf_init(&b, DOCUMENT_MAX);
    pack_write(v, &b);
    mem_free((void *)(uintptr_t)r->document.p);
    r->document = (struct bin){NULL, 0};
    if (b.full) { // its lists should have been blobs
        LOG_ERROR("document.limit", "job=%s", r->id);
    } else {
        r->document = (struct bin){mem_copy(b.bytes, b.n), (uint32_t)b.n};
        r->document_state = state;
    }
    buf_fini(&b);
}

static void recent_put(struct shell *s, struct recent *list, uint32_t size, struct docket *r)
{
    if (!list->ring) {
        list->ring = mem_alloc(size * sizeof *list->ring);
        list->size = size;
    }
    struct ended *at = &list->ring[list->n++ % list->size];
    struct ended last = *at;
    struct docket *old = docket_get(s, last.number);
    *at = (struct ended){r->number, r->end_number};
    if (!old || old->end_number != last.end_number || old->state == JOB_RUNNING || old->live)
        return; // gone, or tried again since
    if (!old->journaled) {
        docket_remove(s, old);
    } else {
        mem_free((void *)(uintptr_t)old->document.p);
        old->document = (struct bin){NULL, 0};
    }
}

// What the journal has need not be here; what it has not cannot stay for ever.
static void forget_oldest(struct shell *s, struct docket *r)
{
    r->end_number = ++s->n_ends;
    if (!r->journaled)
        recent_put(s, &s->unjournaled, UNJOURNALED_KEPT, r);
    else
        recent_put(s, &s->with_document, DOCUMENTS_KEPT, r);
}

void docket_ended(struct shell *s, struct docket *r, enum job_state state, const char *why)
{
    if (!r->document.n || r->document_state != state) {
        struct arena *a = arena_create();
        struct value v = document_ended(s, r, state, why, a);
        docket_set_document(r, state, &v);
        arena_destroy(a);
    }
    r->state = state;
    LOG_INFO("job.ended", "job=%s name=%s state=%s items=%" PRIu64 " failed=%" PRIu64, r->id,
             r->name, docket_state_name(state), r->n_items, r->n_failed);
    watch_ended(s, r);
    item_log_ended(s, r);
    drive_detach(r);
    if (s->n_undropped == s->cap_undropped) {
        s->cap_undropped = s->cap_undropped ? s->cap_undropped * 2 : 16;
        s->undropped = mem_realloc(s->undropped, s->cap_undropped * sizeof *s->undropped);
    }
    s->undropped[s->n_undropped++] = r->number;
    forget_oldest(s, r);
    s->drop_at = s->now + QUIET_NS;
}

void docket_drop_ended(struct shell *s)
{
    struct job_view v;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_undropped; i++) {
        core_drop_job(s->core, s->undropped[i]);
        if (core_job_view(s->core, s->undropped[i], &v) && v.state != JOB_RUNNING)
            s->undropped[n++] = s->undropped[i];
    }
    s->n_undropped = n;
}
