// SPDX-License-Identifier: MIT
// generate_prefix.c - a prompt begins with the pages of another that begins alike:
// of one that is at work, or of one that has ended and was kept.
//
// Every rank of a gang keeps and finds the same, from the prompts alone.  What was
// reused is not computed again, so its routing is copied from the other's.
#include <string.h>

#include "common/mem.h"
#include "worker/evaluate/generate_state.h"
#include "worker/experts/model.h"
#include "worker/group.h"

// The token behind them must be fed, for its logits.
static uint32_t whole_pages(const struct stream *s, uint32_t common)
{
    uint32_t most = s->prompt.n ? (uint32_t)s->prompt.n - 1 : 0;
    return (common < most ? common : most) / ENGINE_PAGE * ENGINE_PAGE;
}

// Positions 0 to n - 1 of a routing of `all` positions.
static void take_routing(
    struct generator *g, struct stream *s, const uint16_t *from, uint32_t all, uint32_t n)
{
    const struct hyper *h = &g->model->h;
    size_t k = h->top_k;
    for (uint32_t l = 0; s->routing && l < generate_moe_layers(g); l++, from += all * k) {
        for (size_t i = 0; i < n * k; i++)
            s->load[(size_t)l * h->n_experts + from[i]]++;
        memcpy(s->routing + l * s->prompt.n * k, from, n * k * sizeof *from);
    }
}

static void reuse(struct generator *g,
                  struct stream *s,
                  uint32_t from,
                  uint32_t n,
                  const uint16_t *routing,
                  uint32_t all)
{
    s->n_fed = s->n_reused = engine_reuse(g->engine, s->sequence, from, n);
    take_routing(g, s, routing, all, s->n_fed);
}

bool generate_prefix_begin(struct generator *g, struct stream *const *active, uint32_t i)
{
    struct stream *s = active[i];
    const struct stream *best = NULL;
    uint32_t most = 0, common = 0;
    if (s->n_fed || s->nll) // a score wants the logits of all positions
        return true;
    for (uint32_t k = 0; k < i; k++) {
        uint32_t n =
            whole_pages(s, prefix_common(active[k]->prompt.ids, (uint32_t)active[k]->prompt.n,
                                         s->prompt.ids, (uint32_t)s->prompt.n));
        if (n > most) {
            most = n;
            best = active[k];
        }
    }
    const struct prefix_entry *kept = prefix_find(
        g->prefix, s->prompt.ids, (uint32_t)s->prompt.n, most + ENGINE_PAGE, &common);
    if (kept && whole_pages(s, common) > most)
        reuse(g, s, kept->sequence, whole_pages(s, common), kept->note, kept->n);
    else if (best && best->n_fed < most)
        return false; // soon
    else if (best)
        reuse(g, s, best->sequence, most, best->routing, (uint32_t)best->prompt.n);
    return true;
}

static bool drop_oldest(struct generator *g)
{
    uint32_t sequence;
    if (!prefix_oldest(g->prefix, &sequence))
        return false;
    engine_close(g->engine, sequence);
    return true;
}

void generate_prefix_end(struct generator *g, struct stream *s)
{
    if (s->prompt.n < ENGINE_PAGE || s->n_fed < s->prompt.n) {
        engine_close(g->engine, s->sequence);
        return;
    }
    if (prefix_n(g->prefix) == PREFIX_KEPT_MAX)
        (void)drop_oldest(g);
    size_t bytes =
        (size_t)generate_moe_layers(g) * s->prompt.n * g->model->h.top_k * sizeof *s->routing;
    void *note = NULL;
    if (s->routing) {
        note = mem_alloc(bytes + 1);
        memcpy(note, s->routing, bytes);
    }
    prefix_keep(g->prefix, &(struct prefix_entry){.sequence = s->sequence,
                                                  .tokens = s->prompt.ids,
                                                  .n = (uint32_t)s->prompt.n,
                                                  .note = note});
}

void generate_prefix_room(struct generator *g, uint32_t positions)
{
    while (engine_free(g->engine) < positions && drop_oldest(g))
        ;
}

void generate_prefix_agree(struct generator *g, struct group *group, struct arena *a)
{
    uint64_t own[2] = {prefix_mark(g->prefix), engine_free(g->engine)};
    uint64_t *all = arena_alloc(a, group_size(group) * sizeof own);
    bool same = true;
    group_allgather(group, own, sizeof own, all);
    for (uint32_t r = 0; r < group_size(group); r++)
        same = same && memcmp(all + (size_t)2 * r, own, sizeof own) == 0;
    while (!same && drop_oldest(g))
        ;
}
