// SPDX-License-Identifier: MIT
#include "cluster/client/view.h"

#include <stdio.h>
#include <unistd.h>

#include "common/mem.h"

struct view {
    bool terminal;
};

struct view *view_open(void)
{
    struct view *v = mem_alloc(sizeof *v);
    v->terminal = isatty(STDERR_FILENO);
    return v;
}

void view_close(struct view *v)
{
    mem_free(v);
}

void view_update(struct view *v, const struct value *status)
{
    (void)v;
    (void)status;
}

void view_note(struct view *v, const char *text)
{
    (void)v;
    (void)fprintf(stderr, "shoal: %s\n", text);
}

void view_tick(struct view *v)
{
    (void)v;
}

void view_clear(struct view *v)
{
    (void)v;
}
