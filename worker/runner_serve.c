// SPDX-License-Identifier: MIT
// runner_serve.c - what a workload that serves is asked, and what it answers.
#include <string.h>

#include "common/log.h"
#include "protocol/pack.h"
#include "worker/runner_state.h"

bool run_take(struct run *run, int64_t wait_ns, struct arena *a, struct run_request *out)
{
    struct runner_call *c = run->host;
    const struct runner_host *h = &c->runner->host;
    struct msg_serve m;
    struct errtext t;
    while (h->take && h->take(h->ctx, wait_ns, &m)) {
        *out = (struct run_request){m.request, m.what, value_null()};
        if (!m.body.n || !pack_read(m.body.p, m.body.n, a, &out->body, &t))
            return true;
        LOG_WARN("serve.unreadable", "request=%llu why=\"%s\"", (unsigned long long)m.request,
                 t.text);
    }
    return false;
}

void run_tell(struct run *run, const struct run_piece *p)
{
    struct runner_call *c = run->host;
    const struct runner_host *h = &c->runner->host;
    struct rec_piece x = {.request = p->request,
                          .what = (uint32_t)p->what,
                          .at = p->at,
                          .n = p->n,
                          .bytes = {p->bytes, (uint32_t)p->n_bytes},
                          .text = str_of(p->text ? p->text : "")};
    struct buf b;
    if (!h->tell)
        return;
    buf_init(&b, RESULT_BYTES_MAX);
    if (p->more)
        pack_write(p->more, &b);
    x.more = (struct bin){b.bytes, (uint32_t)b.n};
    h->tell(h->ctx, c->lease->lease, &x);
    buf_fini(&b);
}
