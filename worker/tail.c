// SPDX-License-Identifier: MIT
#include "worker/tail.h"

#include <assert.h>
#include <string.h>

void tail_init(struct tail *t, size_t max)
{
    *t = (struct tail){.max = max};
    buf_init(&t->kept, 2 * max + TAIL_CHUNK_MAX);
}

void tail_fini(struct tail *t)
{
    buf_fini(&t->kept);
}

// Between one and two maxima are held, so a byte is moved once at most.
void tail_put(struct tail *t, const void *p, size_t n)
{
    assert(n <= TAIL_CHUNK_MAX);
    t->total += n;
    if (t->kept.n + n > t->kept.limit) {
        size_t drop = t->kept.n - t->max;
        memmove(t->kept.bytes, t->kept.bytes + drop, t->max);
        t->kept.n = t->max;
    }
    buf_put(&t->kept, p, n);
}

const char *tail_last(const struct tail *t, size_t *n)
{
    *n = t->kept.n < t->max ? t->kept.n : t->max;
    return buf_cstr(&t->kept) + (t->kept.n - *n);
}
