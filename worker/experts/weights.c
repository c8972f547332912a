// SPDX-License-Identifier: MIT
#include "worker/experts/weights.h"

#include <assert.h>
#include <sys/mman.h>

#include "common/map.h"
#include "common/mem.h"
#include "worker/shared_memory.h"

// What a huge page needs, so that all of ours can be ones.
enum { HUGE_PAGE = 2 << 20 };

struct weights_entry {
    struct weights_share s;
    enum packed_kind kind;
    size_t n_groups, group_bytes; // of a slice, of a group
    size_t at;                    // in the pool
    const uint8_t *groups;
};

struct weights {
    struct weights_entry *shares;
    uint32_t n;
    struct map by_tensor; // its address -> which of the shares
    uint8_t *pool;
    size_t bytes, mapped;
    bool rounds;
};

struct packing {
    const struct weights_entry *s;
    uint8_t *pool;
    uint32_t first; // group of ours
};

static void pack_group(void *arg, uint32_t i, uint32_t member)
{
    const struct packing *a = arg;
    const struct weights_entry *s = a->s;
    uint32_t part = a->first + i;
    (void)member;
    const struct gguf_tensor *t = s->s.tensor;
    uint32_t z = s->s.slices.from + (uint32_t)(part / s->n_groups);
    uint32_t row = s->s.rows.from + (uint32_t)(part % s->n_groups) * PACKED_ROWS;
    size_t left = s->s.rows.to - row;
    packed_fill(t->format, t->data + (z * t->dims[1] + row) * t->row_bytes,
                left < PACKED_ROWS ? left : PACKED_ROWS, t->dims[0],
                a->pool + s->at + part * s->group_bytes);
}

static enum packed_kind kind_of(const struct gguf_tensor *t)
{
    return t && t->dims[0] % PACKED_BLOCK == 0 ? packed_kind(t->format) : PACKED_NONE;
}

// Activations have one form in a model: codes, unless no weights want them.
static bool all_round(const struct weights_share *shares, uint32_t n)
{
    bool some = false;
    for (uint32_t i = 0; i < n; i++) {
        enum packed_kind kind = kind_of(shares[i].tensor);
        if (kind != PACKED_NONE && kind != PACKED_BF16)
            return false;
        some = some || kind == PACKED_BF16;
    }
    return some;
}

static void lay_out(struct weights *w, const struct weights_share *shares, uint32_t n)
{
    w->rounds = all_round(shares, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct gguf_tensor *t = shares[i].tensor;
        enum packed_kind kind = kind_of(t);
        if (kind == PACKED_NONE || (kind == PACKED_BF16) != w->rounds)
            continue;
        struct weights_entry s = {
            .s = shares[i],
            .kind = kind,
            .n_groups = (range_n(shares[i].rows) + PACKED_ROWS - 1) / PACKED_ROWS,
            .group_bytes = packed_group_bytes(kind, t->dims[0]),
            .at = w->bytes,
        };
        w->bytes += range_n(shares[i].slices) * s.n_groups * s.group_bytes;
        w->shares[w->n++] = s;
    }
}

// A step looks for hundreds of them while nothing else goes on.
static void enter_all(struct weights *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        w->shares[i].groups = w->pool + w->shares[i].at;
        map_set(&w->by_tensor, (uintptr_t)w->shares[i].s.tensor, i);
    }
}

// Zeroed; the system gives huge pages where it has them.
static uint8_t *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    (void)madvise(p, size, MADV_HUGEPAGE);
    return p;
}

// Each rank of a node a part of every matrix.
static void pack(struct weights *w, struct team *team, struct group *node)
{
    uint64_t rank = node ? group_rank(node) : 0, size = node ? group_size(node) : 1;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct weights_entry *s = &w->shares[i];
        uint64_t n = range_n(s->s.slices) * s->n_groups;
        struct packing a = {s, w->pool, (uint32_t)(n * rank / size)};
        team_run(team, pack_group, &a, (uint32_t)(n * (rank + 1) / size) - a.first);
    }
    if (node)
        group_barrier(node);
}

enum error weights_create(const struct weights_share *shares,
                          uint32_t n,
                          struct team *team,
                          struct group *node,
                          struct weights **out,
                          struct errtext *t)
{
    struct weights *w = mem_alloc(sizeof *w);
    map_init(&w->by_tensor);
    w->shares = mem_alloc(n * sizeof *w->shares);
    lay_out(w, shares, n);
    w->mapped = w->bytes + HUGE_PAGE;
    if (node) {
        void *p = NULL;
        enum error e = shared_memory_map(node, w->mapped, &p);
        if (e) {
            weights_destroy(w);
            return e;
        }
        w->pool = p;
    } else {
        w->pool = map(w->mapped);
    }
    if (!w->pool) {
        weights_destroy(w);
        return errtext_set(t, ERR_LIMIT, "no memory for %zu bytes of packed weights", w->bytes);
    }
    enter_all(w);
    pack(w, team, node);
    *out = w;
    return OK;
}

void weights_destroy(struct weights *w)
{
    if (!w)
        return;
    if (w->pool)
        (void)munmap(w->pool, w->mapped);
    map_fini(&w->by_tensor);
    mem_free(w->shares);
    mem_free(w);
}

size_t weights_bytes(const struct weights *w)
{
    return w->bytes;
}

void weights_each(const struct weights *w, weights_fn fn, void *arg)
{
    for (uint32_t i = 0; i < w->n; i++)
        fn(w->shares[i].s.tensor, arg);
}

bool weights_round(const struct weights *w)
{
    return w->rounds;
}

const struct weights_entry *weights_find(const struct weights *w, const struct gguf_tensor *t)
{
    uint64_t i;
    return w && map_find(&w->by_tensor, (uintptr_t)t, &i) ? &w->shares[i] : NULL;
}

const uint8_t *weights_at(const struct weights_entry *s, uint32_t z, uint32_t row)
{
    assert(row >= s->s.rows.from && (row - s->s.rows.from) % PACKED_ROWS == 0);
    assert(z >= s->s.slices.from && z < s->s.slices.to);
    size_t group = (row - s->s.rows.from) / PACKED_ROWS;
    return s->groups + ((z - s->s.slices.from) * s->n_groups + group) * s->group_bytes;
}
