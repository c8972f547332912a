// SPDX-License-Identifier: MIT
#include "worker/fleet/trace.h"

#include <inttypes.h>

#include "common/value.h"

const char *const trace_event_names[TRACE_EVENTS] = {
    "DECIDE",   "HOLD", "DISPATCH", "TAKEOFF", "LAND", "FAIL",
    "REPAIRED", "WAIT", "CHARGE",   "CHARGED", "SWAP", "RETIRE",
};

// splitmix64's finaliser.
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

uint64_t trace_digest(uint64_t hash, uint64_t episode)
{
    return mix(hash ^ episode * TRACE_HASH_MUL);
}

void trace_put_head(struct buf *out, const struct trace_head *h)
{
    buf_printf(out,
               "{\"spec\": \"fleet/1\", \"scenario\": \"%s\", \"seed\": %" PRIu64
               ", \"episode\": %" PRIu64 ", \"policy\": \"%s\"}\n",
               h->scenario, h->seed, h->episode, h->policy);
}

void trace_put_record(struct buf *out, const struct record *r)
{
    buf_printf(out,
               "{\"t\":%" PRId64 ",\"a\":%" PRId64 ",\"ev\":\"%s\",\"from\":%" PRId64
               ",\"to\":%" PRId64 ",\"pax\":%" PRId64 ",\"lane\":%" PRId64 ",\"E\":%" PRId64
               ",\"money\":%" PRId64 "}\n",
               r->t, r->a, trace_event_names[r->ev], r->from, r->to, r->pax, r->lane,
               r->energy_j, r->money_uusd);
}

void trace_put_pairs(struct buf *out, const struct metrics *m, uint64_t hash)
{
    for (const struct metrics_row *row = metrics_rows; row->name; row++)
        buf_printf(out, "\"%s\": %" PRId64 ", ", row->name, metrics_get(m, row));
    buf_printf(out, "\"trace_hash\": \"%016" PRIx64 "\"", hash);
}

void trace_put_metrics(struct buf *out, const struct metrics *m, uint64_t hash)
{
    buf_puts(out, "{\"metrics\": {");
    trace_put_pairs(out, m, hash);
    buf_puts(out, "}}\n");
}
