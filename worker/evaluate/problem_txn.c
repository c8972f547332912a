// SPDX-License-Identifier: MIT
// Transactions as a problem for programs: number of workloads; for each its number of
// transactions, then for every one its length and operations, and of these 0 (reads) or
// 1 (writes), key and position.  An answer is a list of all transactions in order.
#include <inttypes.h>

#include "worker/evaluate/problem.h"
#include "worker/evaluate/txn_model.h"

static enum error read_txn(
    const struct value *data, struct arena *a, void **state, uint32_t *n, struct errtext *t)
{
    struct txn_set *s = arena_alloc(a, sizeof *s);
    enum error e = txn_read(data, a, s, t);

    *state = s;
    *n = s->n;
    return e;
}

static void print_one(const struct txn *x, struct buf *out)
{
    buf_printf(out, "%" PRId32 " %" PRIu32, x->len, x->n);
    for (uint32_t i = 0; i < x->n; i++)
        buf_printf(out, " %d %" PRIu32 " %" PRId32, x->ops[i].writes, x->ops[i].key,
                   x->ops[i].pos);
    buf_puts(out, "\n");
}

static void print_txn(const void *state, struct buf *out)
{
    const struct txn_set *s = state;

    buf_printf(out, "%" PRIu32 "\n", s->n);
    for (uint32_t k = 0; k < s->n; k++) {
        buf_printf(out, "%" PRIu32 "\n", s->workloads[k].n);
        for (uint32_t i = 0; i < s->workloads[k].n; i++)
            print_one(&s->workloads[k].txns[i], out);
    }
}

static enum error judge_txn(const void *state,
                            uint32_t i,
                            const struct value *answer,
                            struct arena *scratch,
                            double *value,
                            struct errtext *t)
{
    const struct txn_workload *w = &((const struct txn_set *)state)->workloads[i];
    uint32_t order[TXN_COUNT_MAX];
    enum error e = txn_verify(w, answer, order, t);

    if (e)
        return e;
    struct txn_time room = txn_begin(w, scratch);
    *value = txn_makespan(w, order, &room, INT32_MAX);
    return OK;
}

const struct problem problem_txn = {
    .name = "txn",
    .less_is_better = true,
    .read = read_txn,
    .print = print_txn,
    .judge = judge_txn,
};
