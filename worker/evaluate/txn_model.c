// SPDX-License-Identifier: MIT
#include "worker/evaluate/txn_model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"

enum { LEN_MAX = 100000, KEY_MAX = 1000000000 };

// ---- reading ---------------------------------------------------------------------------

struct reader {
    struct arena *arena;
    struct map keys; // as given -> dense
};

static uint32_t dense(struct reader *r, uint64_t key)
{
    uint64_t at;

    if (!map_find(&r->keys, key, &at)) {
        at = r->keys.n;
        map_set(&r->keys, key, at);
    }
    return (uint32_t)at;
}

static bool is_int(const struct value *v, int64_t low, int64_t high)
{
    return v && v->type == VALUE_INT && v->i >= low && v->i <= high;
}

static bool read_op(struct reader *r, const struct value *v, int32_t len, struct txn_op *out)
{
    if (v->type != VALUE_LIST || v->n != 3 || v->items[0].type != VALUE_STR
        || !is_int(&v->items[1], 0, KEY_MAX) || !is_int(&v->items[2], 1, len))
        return false;
    const char *what = v->items[0].s;
    *out = (struct txn_op){.writes = strcmp(what, "w") == 0,
                           .key = dense(r, (uint64_t)v->items[1].i),
                           .pos = (int32_t)v->items[2].i};
    return out->writes || strcmp(what, "r") == 0;
}

static bool read_map(struct reader *r, const struct value *v, struct txn *out)
{
    const struct value *len = value_find(v, "len"), *ops = value_find(v, "ops");

    if (!is_int(len, 1, LEN_MAX) || !ops || ops->type != VALUE_LIST || ops->n > TXN_OPS_MAX)
        return false;
    struct txn_op *list = arena_alloc(r->arena, ops->n * sizeof *list);
    *out = (struct txn){.len = (int32_t)len->i, .n = ops->n, .ops = list};
    for (uint32_t i = 0; i < ops->n; i++)
        if (!read_op(r, &ops->items[i], out->len, &list[i]))
            return false;
    return true;
}

// One word of a text: "w-17", "r-5" or "*", which takes its step and does nothing.
static bool
read_word(struct reader *r, const char *at, size_t n, struct txn_op *op, bool *is_op)
{
    char *end;

    *is_op = !(n == 1 && *at == '*');
    if (!*is_op)
        return true;
    if (n < 3 || n > 11 || (at[0] != 'r' && at[0] != 'w') || at[1] != '-' || at[2] < '0'
        || at[2] > '9')
        return false;
    unsigned long key = strtoul(at + 2, &end, 10);
    op->writes = at[0] == 'w';
    op->key = dense(r, key);
    return end == at + n;
}

static bool read_text(struct reader *r, const char *at, struct txn *out)
{
    struct txn_op ops[TXN_OPS_MAX];

    *out = (struct txn){0};
    for (at += strspn(at, " "); *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        bool is_op;
        if (out->len == TXN_OPS_MAX || !read_word(r, at, n, &ops[out->n], &is_op))
            return false;
        ops[out->n].pos = ++out->len;
        out->n += is_op;
        at += n;
    }
    out->ops = arena_copy(r->arena, ops, out->n * sizeof *ops);
    return out->len > 0;
}

static enum error read_workload(struct reader *r,
                                const struct value *v,
                                uint32_t k,
                                struct txn_workload *out,
                                struct errtext *t)
{
    bool is_list = v->type == VALUE_LIST;

    if ((!is_list && v->type != VALUE_MAP) || v->n < 1 || v->n > TXN_COUNT_MAX)
        return errtext_set(t, ERR_INVALID,
                           "workload %" PRIu32 " is expected to be a list of 1 to %d", k,
                           TXN_COUNT_MAX);
    struct txn *txns = arena_alloc(r->arena, v->n * sizeof *txns);
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *x = is_list ? &v->items[i] : &v->pairs[i].value;
        if (!(x->type == VALUE_STR ? read_text(r, x->s, &txns[i]) : read_map(r, x, &txns[i])))
            return errtext_set(t, ERR_INVALID,
                               "workload %" PRIu32 ": transaction %" PRIu32
                               " is expected to be {len, ops: [[\"r\" or \"w\", key, pos], …]} "
                               "or a text of r-KEY, w-KEY and *",
                               k, i);
    }
    *out = (struct txn_workload){.n = v->n, .n_keys = (uint32_t)r->keys.n, .txns = txns};
    return OK;
}

enum error
txn_read(const struct value *v, struct arena *a, struct txn_set *out, struct errtext *t)
{
    const struct value *list = value_find(v, "workloads");

    if (!list || list->type != VALUE_LIST || list->n < 1)
        return errtext_set(t, ERR_INVALID, "workloads is expected to be a list");
    if (list->n > TXN_WORKLOADS_MAX)
        return errtext_set(t, ERR_LIMIT, "more than %d workloads", TXN_WORKLOADS_MAX);
    struct txn_workload *w = arena_alloc(a, list->n * sizeof *w);
    enum error e = OK;
    for (uint32_t k = 0; k < list->n && !e; k++) {
        struct reader r = {.arena = a};
        map_init(&r.keys);
        e = read_workload(&r, &list->items[k], k, &w[k], t);
        map_fini(&r.keys);
    }
    if (!e)
        *out = (struct txn_set){.n = list->n, .workloads = w};
    return e;
}

// ---- time ------------------------------------------------------------------------------

struct txn_time txn_begin(const struct txn_workload *w, struct arena *a)
{
    return (struct txn_time){.wrote = arena_alloc(a, w->n_keys * sizeof(int32_t)),
                             .used = arena_alloc(a, w->n_keys * sizeof(int32_t))};
}

void txn_clear(const struct txn_workload *w, struct txn_time *t)
{
    memset(t->wrote, 0, w->n_keys * sizeof *t->wrote);
    memset(t->used, 0, w->n_keys * sizeof *t->used);
    t->makespan = 0;
}

int32_t txn_start(const struct txn_time *t, const struct txn *x)
{
    int32_t start = 1;

    for (uint32_t i = 0; i < x->n; i++) {
        const struct txn_op *op = &x->ops[i];
        int32_t after = (op->writes ? t->used : t->wrote)[op->key] - op->pos + 2;
        start = after > start ? after : start;
    }
    return start;
}

void txn_append(struct txn_time *t, const struct txn *x)
{
    int32_t start = txn_start(t, x);

    for (uint32_t i = 0; i < x->n; i++) {
        const struct txn_op *op = &x->ops[i];
        int32_t at = start + op->pos - 1;
        if (at > t->used[op->key])
            t->used[op->key] = at;
        if (op->writes && at > t->wrote[op->key])
            t->wrote[op->key] = at;
    }
    if (start + x->len - 1 > t->makespan)
        t->makespan = start + x->len - 1;
}

int32_t txn_makespan(const struct txn_workload *w,
                     const uint32_t *order,
                     struct txn_time *room,
                     int32_t most)
{
    txn_clear(w, room);
    for (uint32_t i = 0; i < w->n && room->makespan <= most; i++)
        txn_append(room, &w->txns[order[i]]);
    return room->makespan;
}

// ---- the verifier -----------------------------------------------------------------------

enum error txn_verify(const struct txn_workload *w,
                      const struct value *answer,
                      uint32_t *order,
                      struct errtext *t)
{
    bool seen[TXN_COUNT_MAX] = {false};

    if (answer->type != VALUE_LIST || answer->n != w->n)
        return errtext_set(t, ERR_INVALID, "an order is expected to be a list of %" PRIu32,
                           w->n);
    for (uint32_t i = 0; i < w->n; i++) {
        const struct value *v = &answer->items[i];
        if (!is_int(v, 0, (int64_t)w->n - 1))
            return errtext_set(t, ERR_INVALID,
                               "place %" PRIu32 " holds no transaction, expected 0 to %" PRIu32,
                               i, w->n - 1);
        if (seen[v->i])
            return errtext_set(t, ERR_INVALID, "transaction %" PRId64 " stands there twice",
                               v->i);
        seen[v->i] = true;
        order[i] = (uint32_t)v->i;
    }
    return OK;
}
