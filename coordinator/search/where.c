// SPDX-License-Identifier: MIT
#include "coordinator/search/where.h"

#include <string.h>

#include "common/expr.h"

struct where {
    const struct expr *expr;
    const char *const *names;
    uint32_t n_names;
};

struct asker {
    where_lookup_fn lookup;
    void *ctx;
    struct arena *arena;
};

enum error
where_compile(const struct value *text, struct arena *a, struct where **out, struct errtext *t)
{
    struct where *w = arena_alloc(a, sizeof *w);
    enum error e = expr_compile(text->s, text->n, a, &w->expr, t);

    if (e)
        return e;
    w->n_names = expr_names(w->expr, &w->names);
    *out = w;
    return OK;
}

static bool has_name(const char *const *names, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool where_mentions(const struct where *w, const char *name)
{
    return has_name(w->names, w->n_names, name);
}

const char *where_stranger(const struct where *w, const char *const *names, uint32_t n)
{
    for (uint32_t i = 0; i < w->n_names; i++)
        if (!has_name(names, n, w->names[i]))
            return w->names[i];
    return NULL;
}

uint32_t where_size(const struct where *w)
{
    return expr_size(w->expr);
}

static const struct value *look_up(void *ctx, uint32_t i, const char *name)
{
    const struct asker *a = ctx;
    struct value *v = arena_alloc(a->arena, sizeof *v);

    (void)i;
    return a->lookup(a->ctx, name, v) ? v : NULL;
}

bool where_fails(const struct where *w, where_lookup_fn lookup, void *ctx, struct arena *a)
{
    struct asker asker = {lookup, ctx, a};
    return expr_test(w->expr, look_up, &asker, a) == EXPR_FALSE;
}
