// SPDX-License-Identifier: MIT
#include "worker/evaluate/command_run.h"

#include <string.h>

#include "worker/printable.h"

enum { SAID_MAX = 4096 };

bool command_poll(void *watch, const char *output, size_t n)
{
    const struct command_watch *w = watch;
    run_progress(w->r);
    if (n > 0)
        run_log(w->r, w->item, output, n);
    return run_cancelled(w->r);
}

void command_fault(const struct command_watch *w,
                   enum error blame,
                   int64_t code,
                   const char *text,
                   const char *said,
                   size_t n)
{
    struct arena *a = w->r->arena;
    run_fault(w->r, &(struct item_fault){
                        .item = w->item,
                        .blame = blame,
                        .code = code,
                        .text = arena_str(a, text, strlen(text)),
                        .detail = n > 0 ? printable_tail(a, said, n, SAID_MAX).s : NULL});
}

enum error
command_each(enum error (*item)(void *state, struct run *r, uint32_t i, struct errtext *t),
             void *state,
             struct run *r,
             struct errtext *t)
{
    for (uint32_t i = 0; i < r->count && !run_cancelled(r); i++) {
        run_progress(r);
        enum error e = item(state, r, i, t);
        if (e)
            return e == ERR_CANCELLED ? OK : FAULT_WORKER;
    }
    return OK;
}
