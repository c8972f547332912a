// SPDX-License-Identifier: MIT
#include "cluster/client/likeness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/job_text.h"
#include "cluster/client/show.h"
#include "common/buf.h"

enum { HASH_DIGITS_LEAST = 8, HASH_ROOM = 65, TEXT_MAX = 64 << 20 };
#define WHOLE_MAX 9007199254740992.0 // 2^53: above it not every whole number is a double

struct seeker {
    struct caller *caller;
    struct arena *scratch;     // of one job file
    const char *like, *tag;    // or NULL
    char like_hash[HASH_ROOM]; // of the job that `like` names; "": none
    bool needs_space;          // to decide, not only to show
};

// ---- the hash of a space -----------------------------------------------------------

static int by_key(const void *a, const void *b)
{
    const struct value_pair *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static struct value canonical(struct arena *a, const struct value *v)
{
    struct value out = value_copy(a, v);

    if (v->type == VALUE_FLOAT && fabs(v->f) < WHOLE_MAX && v->f == floor(v->f))
        return value_int((int64_t)v->f);
    for (uint32_t i = 0; v->type == VALUE_LIST && i < v->n; i++)
        out.items[i] = canonical(a, &v->items[i]);
    for (uint32_t i = 0; v->type == VALUE_MAP && i < v->n; i++)
        out.pairs[i].value = canonical(a, &v->pairs[i].value);
    if (v->type == VALUE_MAP && v->n)
        qsort(out.pairs, out.n, sizeof *out.pairs, by_key);
    return out;
}

struct sha256 likeness_space_hash(const struct value *space)
{
    struct arena *a = arena_create();
    struct value v = canonical(a, space);
    struct buf b;

    buf_init(&b, TEXT_MAX);
    value_json(&v, &b);
    struct sha256 hash = sha256_of(b.bytes, b.n);
    buf_fini(&b);
    arena_destroy(a);
    return hash;
}

// ---- job files ---------------------------------------------------------------------

// Null: it is not kept, or makes no sense to us.
static enum error
read_spec(struct seeker *s, const char *job, struct value *spec, struct errtext *t)
{
    struct value reply;
    enum error e = job_text(s->caller, job, s->scratch, &reply, spec, t);

    if (e == ERR_DENIED || e == ERR_CLOSED || e == ERR_TIMEOUT)
        return e;
    if (e)
        *spec = value_null();
    return OK;
}

static void hash_of(const struct value *spec, char out[HASH_ROOM])
{
    const struct value *space = value_find(spec, "space");

    out[0] = 0;
    if (!space || space->type != VALUE_MAP)
        return;
    struct sha256 hash = likeness_space_hash(space);
    sha256_hex(&hash, out);
}

static bool has_tag(const struct value *spec, const char *tag)
{
    const struct value *list = value_find(spec, "tags");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++)
        if (list->items[i].type == VALUE_STR && strcmp(list->items[i].s, tag) == 0)
            return true;
    return false;
}

// ---- rows --------------------------------------------------------------------------

static bool is_hash_start(const char *s)
{
    size_t n = strlen(s);
    return n >= HASH_DIGITS_LEAST && n < HASH_ROOM && strspn(s, "0123456789abcdef") == n;
}

// Who may not read job files still finds names.
static enum error seek_space(struct seeker *s, struct errtext *t)
{
    struct value spec;
    enum error e = s->like ? read_spec(s, s->like, &spec, t) : OK;

    if (e == ERR_DENIED)
        return OK;
    if (!e && s->like)
        hash_of(&spec, s->like_hash);
    s->needs_space = s->like && (s->like_hash[0] || is_hash_start(s->like));
    return e;
}

static bool is_like(const struct seeker *s, const struct value *row, const char *hash)
{
    if (!s->like || strstr(show_text(row, "name"), s->like))
        return true;
    if (!s->needs_space || !hash[0])
        return false;
    return strcmp(hash, s->like_hash) == 0
           || (is_hash_start(s->like) && strncmp(hash, s->like, strlen(s->like)) == 0);
}

static enum error take_row(struct seeker *s,
                           const struct value *row,
                           struct arena *a,
                           struct value *list,
                           struct errtext *t)
{
    bool is_search = strcmp(show_text(row, "kind"), "search") == 0;
    struct value spec = value_null(), own;
    char hash[HASH_ROOM] = "";
    enum error e = OK;

    arena_reset(s->scratch);
    if (s->tag || (is_search && s->needs_space))
        e = read_spec(s, show_text(row, "job"), &spec, t);
    if (e)
        return e;
    if (is_search)
        hash_of(&spec, hash);
    if (!is_like(s, row, hash) || (s->tag && !has_tag(&spec, s->tag)))
        return OK;
    own = value_copy(a, row);
    if (hash[0])
        (void)value_set(a, &own, "space", value_str(a, hash));
    (void)value_push(a, list, own);
    return OK;
}

enum error likeness_filter(struct caller *c,
                           const struct value *jobs,
                           const struct likeness *wanted,
                           struct arena *a,
                           struct value *out,
                           struct errtext *t)
{
    struct seeker s = {
        .caller = c, .scratch = arena_create(), .like = wanted->like, .tag = wanted->tag};
    enum error e = seek_space(&s, t);
    uint32_t n = jobs && jobs->type == VALUE_LIST ? jobs->n : 0;

    *out = value_list();
    for (uint32_t i = 0; !e && i < n; i++)
        e = take_row(&s, &jobs->items[i], a, out, t);
    arena_destroy(s.scratch);
    return e;
}
