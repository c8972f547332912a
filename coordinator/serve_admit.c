// SPDX-License-Identifier: MIT
#include "coordinator/serve_admit.h"

#include <math.h>
#include <string.h>

#include "common/mem.h"

enum { RETRY_MAX_S = 60 };
// How much of the last sequence's time enters the mean.
#define SMOOTHING 0.1

void serve_admit_init(struct serve_admit *a, const struct serve_admit_options *o)
{
    *a = (struct serve_admit){.o = *o};
    a->places = mem_alloc(((size_t)o->running_max + o->waiting_max + 1) * sizeof *a->places);
}

void serve_admit_fini(struct serve_admit *a)
{
    mem_free(a->places);
}

enum error serve_admit_ask(struct serve_admit *a, uint64_t id, uint64_t n_tokens, int64_t now)
{
    uint64_t pages = n_tokens / a->o.page_tokens + (n_tokens % a->o.page_tokens != 0);
    if (pages > a->o.n_pages)
        return ERR_LIMIT;
    if (a->n - a->n_running >= a->o.waiting_max)
        return ERR_BUSY;
    a->places[a->n++] =
        (struct serve_place){.id = id, .n_pages = (uint32_t)pages, .since = now};
    return OK;
}

bool serve_admit_next(struct serve_admit *a, int64_t now, uint64_t *id)
{
    uint32_t i = 0;
    while (i < a->n && a->places[i].running)
        i++;
    if (i == a->n || a->n_running == a->o.running_max
        || a->places[i].n_pages > a->o.n_pages - a->pages_used)
        return false;
    a->places[i].running = true;
    a->places[i].since = now;
    a->n_running++;
    a->pages_used += a->places[i].n_pages;
    *id = a->places[i].id;
    return true;
}

bool serve_admit_leave(struct serve_admit *a, uint64_t id, int64_t now)
{
    uint32_t i = 0;
    while (i < a->n && a->places[i].id != id)
        i++;
    if (i == a->n)
        return false;
    const struct serve_place *p = &a->places[i];
    if (p->running) {
        double seconds = (double)(now - p->since) / 1e9;
        a->seconds_each +=
            a->seconds_each > 0 ? SMOOTHING * (seconds - a->seconds_each) : seconds;
        a->n_running--;
        a->pages_used -= p->n_pages;
    }
    a->n--;
    memmove(&a->places[i], &a->places[i + 1], (a->n - i) * sizeof *a->places);
    return true;
}

// Until about one of those that run has left for each that waits.
uint32_t serve_admit_retry_s(const struct serve_admit *a)
{
    uint32_t running = a->n_running ? a->n_running : 1;
    double s = ceil(a->seconds_each * (a->n - a->n_running + 1) / running);
    return s < 1 ? 1 : s > RETRY_MAX_S ? RETRY_MAX_S : (uint32_t)s;
}
