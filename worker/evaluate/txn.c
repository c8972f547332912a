// SPDX-License-Identifier: MIT
// Transaction scheduling as an evaluator: an order that a search proposes, or a
// heuristic with knobs.
#include <inttypes.h>
#include <string.h>

#include "worker/evaluate/attached.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/txn_rule.h"

static const char *const rules[] = {"order", "greedy", NULL}; // enum txn_rule

#define WEIGHT(name_, least, most, help_)                                                      \
    {                                                                                          \
        .name = name_, .type = PARAM_FLOAT, .searchable = true, .min = least, .max = most,     \
        .fallback = "0", .help = help_                                                         \
    }
#define COUNT(name_, least, most, first, help_)                                                \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .searchable = true, .min = least, .max = most,       \
        .fallback = first, .help = help_                                                       \
    }

static const struct param params[] = {
    {.name = "data",
     .type = PARAM_ANY,
     .required = true,
     .help = "{workloads: [[{len, ops: [[r or w, key, pos], …]}, …], …]}, a transaction also "
             "as a text \"w-17 r-5 *\"; or the name of a file of the job with that as JSON"},
    COUNT("workload", 0, TXN_WORKLOADS_MAX, "0", "which of them, from 1 on; 0: all"),
    {.name = "rule",
     .type = PARAM_STR,
     .searchable = true,
     .choices = rules,
     .fallback = "\"order\"",
     .help = "take the order as it is; or next whichever costs least: the makespan with it"},
    {.name = "order",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "a permutation of the transactions, from 0 on, verified; of equal costs its first "
             "comes first; left out: as they stand"},
    WEIGHT("start_weight", -1000, 1000, "of the step at which it starts, in the cost"),
    WEIGHT("hot_weight", -10000, 10000, "of the part of the others that it conflicts with"),
    WEIGHT("noise", 0, 10000, "added to the cost in every try but the first"),
    COUNT("tries", 1, 100000, "1", "of the greedy rule; the best is kept"),
    COUNT("moves", 0, 10000000, "0", "then so many random moves of one transaction"),
    WEIGHT("slack", 0, 10000, "steps that a move may lose, falling to 0"),
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "makespan", .help = "steps, summed over the workloads", .integer = true},
    {.name = "longest", .help = "the largest makespan of one", .integer = true},
    {.name = NULL},
};

struct state {
    struct attached_state in;
    struct txn_set set;
};

static enum error read_data(void *state, struct errtext *t)
{
    struct state *s = state;
    return txn_read(&s->in.data, s->in.arena, &s->set, t);
}

static enum error open_txn(const struct workload_job *job, void **out, struct errtext *t)
{
    return attached_open(job, sizeof(struct state), read_data, out, t);
}

static struct txn_knobs read_knobs(const struct state *s, const struct value *over)
{
    const struct value *rule = evaluate_find(over, &s->in.params, "rule");
    return (struct txn_knobs){
        .rule = rule && strcmp(rule->s, rules[TXN_GREEDY]) == 0 ? TXN_GREEDY : TXN_ORDER,
        .start_weight = evaluate_number(over, &s->in.params, "start_weight"),
        .hot_weight = evaluate_number(over, &s->in.params, "hot_weight"),
        .noise = evaluate_number(over, &s->in.params, "noise"),
        .slack = evaluate_number(over, &s->in.params, "slack"),
        .tries = (uint32_t)evaluate_int(over, &s->in.params, "tries", 1),
        .moves = (uint32_t)evaluate_int(over, &s->in.params, "moves", 0),
    };
}

static enum error given_order(const struct txn_workload *w,
                              const struct value *order,
                              uint32_t *out,
                              struct errtext *t)
{
    if (order && order->type != VALUE_NULL)
        return txn_verify(w, order, out, t);
    for (uint32_t i = 0; i < w->n; i++)
        out[i] = i;
    return OK;
}

static enum error evaluate_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    const struct value *order = evaluate_find(over, &s->in.params, "order");
    uint32_t only = (uint32_t)evaluate_int(over, &s->in.params, "workload", 0);
    struct txn_knobs knobs = read_knobs(s, over);
    double *y = r->metrics + (size_t)i * 2;

    if (only > s->set.n)
        return errtext_set(t, FAULT_JOB, "workload %" PRIu32 " of %" PRIu32, only, s->set.n);
    y[0] = y[1] = 0;
    for (uint32_t k = only ? only - 1 : 0; k < (only ? only : s->set.n); k++) {
        const struct txn_workload *w = &s->set.workloads[k];
        uint32_t places[TXN_COUNT_MAX];
        if (given_order(w, order, places, t))
            return errtext_prefix(t, FAULT_JOB, "workload %" PRIu32, k + 1);
        double made = txn_order(w, &knobs, s->in.seed, k, places, r->arena);
        y[0] += made;
        y[1] = made > y[1] ? made : y[1];
        run_progress(r);
    }
    return OK;
}

static enum error run_txn(void *state, struct run *r, struct errtext *t)
{
    return evaluate_or_fault(evaluate_item, state, r, t);
}

const struct workload workload_txn = {
    .name = "txn",
    .help = "Puts transactions in order (the ADRS suite's scheduling problem) and says when "
            "the last one ends.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 600000, // ten million moves of a large workload
    .open = open_txn,
    .close = attached_close,
    .run = run_txn,
};
