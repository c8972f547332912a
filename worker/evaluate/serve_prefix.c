// SPDX-License-Identifier: MIT
// serve_prefix.c - a prompt begins with the pages of another that begins alike: the
// choices of one request, and requests after one another.
//
// Rank 0's alone: the others follow its plan.
#include "common/mem.h"
#include "worker/evaluate/serve_state.h"

// The token behind them must be fed, for its logits.
static uint32_t whole_pages(const struct serve_stream *x, uint32_t common)
{
    uint32_t most = (uint32_t)x->prompt.n - 1;
    return (common < most ? common : most) / ENGINE_PAGE * ENGINE_PAGE;
}

bool serve_prefix_begin(struct server *s, uint32_t i)
{
    struct serve_stream *x = s->streams[i];
    const struct serve_stream *best = NULL;
    uint32_t most = 0, common = 0, n = (uint32_t)x->prompt.n;
    if (x->n_fed)
        return true;
    for (uint32_t k = 0; k < i; k++) {
        const struct serve_stream *y = s->streams[k];
        uint32_t pages = whole_pages(
            x, prefix_common(y->prompt.ids, (uint32_t)y->prompt.n, x->prompt.ids, n));
        if (pages > most && !y->done) {
            most = pages;
            best = y;
        }
    }
    const struct prefix_entry *kept =
        prefix_find(s->g->prefix, x->prompt.ids, n, most + ENGINE_PAGE, &common);
    if (kept && whole_pages(x, common) > most)
        x->n_fed = serve_plan_reuse(s, x->sequence, kept->sequence, whole_pages(x, common));
    else if (best && best->n_fed < most)
        return false; // soon
    else if (best)
        x->n_fed = serve_plan_reuse(s, x->sequence, best->sequence, most);
    s->n_reused += x->n_fed;
    return true;
}

static bool drop_oldest(struct server *s)
{
    uint32_t sequence;
    if (!prefix_oldest(s->g->prefix, &sequence))
        return false;
    serve_plan_close(s, sequence);
    return true;
}

// All that was fed, of the text that grew too: the next turn of a chat begins with it.
void serve_prefix_end(struct server *s, struct serve_stream *x)
{
    if (x->n_fed < ENGINE_PAGE) {
        serve_plan_close(s, x->sequence);
        return;
    }
    struct tokens all = {0};
    for (uint32_t i = 0; i < x->n_fed; i++)
        tokens_push(&all, i < x->prompt.n ? x->prompt.ids[i] : x->new.ids[i - x->prompt.n]);
    if (prefix_n(s->g->prefix) == PREFIX_KEPT_MAX)
        (void)drop_oldest(s);
    prefix_keep(s->g->prefix, &(struct prefix_entry){
                                  .sequence = x->sequence, .tokens = all.ids, .n = x->n_fed});
    tokens_fini(&all);
}

void serve_prefix_room(struct server *s, uint32_t positions)
{
    while (engine_free(s->g->engine) < positions && drop_oldest(s))
        ;
}
