// SPDX-License-Identifier: MIT
// generate_engine.c - an engine on all ranks of a gang, or on none.
#include "common/arena.h"
#include "worker/evaluate/generate_state.h"
#include "worker/group.h"

enum error generate_engine(struct generator *g,
                           struct group *group,
                           uint32_t n_positions,
                           uint32_t n_tokens,
                           struct errtext *t)
{
    struct engine_options o = g->o.engine;
    o.n_positions = n_positions;
    o.n_tokens = n_tokens;
    if (!g->logits)
        return errtext_set(t, FAULT_WORKER, "no memory for %u rows of logits", g->n_rows);
    enum error e = engine_create(g->model, &o, group, &g->engine, t);
    // What does not fit the model will not fit it elsewhere.
    return e && e != ERR_UNSUPPORTED ? FAULT_WORKER : e ? FAULT_JOB : OK;
}

enum error
generate_agree(struct group *group, enum error mine, struct arena *a, struct errtext *t)
{
    uint8_t own = (uint8_t)mine, *all = arena_alloc(a, group_size(group));
    group_allgather(group, &own, 1, all);
    for (uint32_t i = 0; i < group_size(group); i++)
        if (!mine && all[i])
            mine = errtext_set(t, (enum error)all[i], "rank %u of the gang could not begin", i);
    return mine;
}
