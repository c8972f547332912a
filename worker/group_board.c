// SPDX-License-Identifier: MIT
#include "worker/group_board.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/shared_memory.h"

// A slot stays in a core's own cache; all slots together are bounded.
enum { SLOT_MOST = 256 << 10, SLOT_LEAST = 4 << 10, ALL_SLOTS = 32 << 20 };

// Looks before the core is given away, some tens of microseconds, and before `idle`.
enum { SPINS = 2000, IDLE_EACH = 256 };

enum { LINE = 128 }; // words of different writers lie in different pairs of cache lines

struct count {
    _Alignas(LINE) _Atomic uint64_t n; // gathers' pieces that this rank has given
    _Atomic int64_t came[2];           // when, of the last two
};

struct group_board {
    uint32_t rank, size;
    bool crowded;
    group_board_idle_fn idle;
    void *arg;
    void *memory;
    size_t mapped, slot;
    struct count *counts; // [size]
    uint8_t *slots;       // [size][2][slot]
    uint64_t done;        // pieces
};

static size_t slot_of(uint32_t size)
{
    size_t slot = ALL_SLOTS / (2 * (size_t)size) / LINE * LINE;
    return slot > SLOT_MOST ? SLOT_MOST : slot < SLOT_LEAST ? SLOT_LEAST : slot;
}

struct group_board *
group_board_create(struct group *node, bool crowded, group_board_idle_fn idle, void *arg)
{
    struct group_board b = {.rank = group_rank(node),
                            .size = group_size(node),
                            .crowded = crowded,
                            .idle = idle,
                            .arg = arg};
    b.slot = slot_of(b.size);
    b.mapped = b.size * (sizeof *b.counts + 2 * b.slot);
    if (shared_memory_map(node, b.mapped, &b.memory))
        return NULL;
    b.counts = b.memory;
    b.slots = (uint8_t *)(b.counts + b.size);
    struct group_board *out = mem_alloc(sizeof *out);
    *out = b;
    return out;
}

void group_board_destroy(struct group_board *b)
{
    if (!b)
        return;
    shared_memory_unmap(b->memory, b->mapped);
    mem_free(b);
}

static void pause_cpu(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

// Until rank r has given this piece.
static void await(const struct group_board *b, uint32_t r)
{
    for (uint32_t i = 1;; i++) {
        if (atomic_load_explicit(&b->counts[r].n, memory_order_acquire) > b->done)
            return;
        if (i % IDLE_EACH == 0)
            b->idle(b->arg);
        if (i > SPINS || b->crowded)
            (void)sched_yield();
        else
            pause_cpu();
    }
}

static uint8_t *slot(const struct group_board *b, uint32_t r)
{
    return b->slots + (2 * r + b->done % 2) * b->slot;
}

// `n` rows of `width` bytes.
static void copy_rows(uint8_t *to,
                      size_t to_stride,
                      const uint8_t *from,
                      size_t from_stride,
                      size_t n,
                      size_t width)
{
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * to_stride, from + i * from_stride, width);
}

// A piece: n rows from `row` on, of each rank's bytes those from `at` to `at` + `step`.
struct piece {
    size_t row, n, at, step;
};

static size_t width_of(const struct piece *p, size_t bytes)
{
    size_t left = bytes > p->at ? bytes - p->at : 0;
    return left < p->step ? left : p->step;
}

// How long the last rank was awaited.
static int64_t gather_piece(struct group_board *b,
                            const struct piece *p,
                            const uint8_t *in,
                            const size_t *bytes,
                            uint8_t *out)
{
    size_t mine = bytes[b->rank], width = width_of(p, mine), stride = 0;
    const uint8_t *from = in + p->row * mine + p->at;
    struct count *own = &b->counts[b->rank];
    int64_t came = clock_now(), last = came;
    atomic_store_explicit(&own->came[b->done % 2], came, memory_order_relaxed);
    copy_rows(slot(b, b->rank), width, from, mine, p->n, width);
    atomic_store_explicit(&own->n, b->done + 1, memory_order_release);
    for (uint32_t r = 0; r < b->size; r++)
        stride += bytes[r];
    uint8_t *to = out + p->row * stride + p->at;
    for (uint32_t r = 0; r < b->size; r++) {
        width = width_of(p, bytes[r]);
        if (r == b->rank) {
            copy_rows(to, stride, from, mine, p->n, width);
        } else {
            await(b, r);
            int64_t other =
                atomic_load_explicit(&b->counts[r].came[b->done % 2], memory_order_relaxed);
            last = other > last ? other : last;
            copy_rows(to, stride, slot(b, r), width, p->n, width);
        }
        to += bytes[r];
    }
    b->done++;
    return last - came;
}

int64_t group_board_gather(
    struct group_board *b, const void *in, size_t n, const size_t *bytes, void *out)
{
    size_t most = 1;
    int64_t waited = 0;
    for (uint32_t r = 0; r < b->size; r++)
        most = bytes[r] > most ? bytes[r] : most;
    struct piece p = {.step = most < b->slot ? most : b->slot};
    size_t rows = b->slot / p.step;
    for (; p.row < n; p.row += p.n) {
        p.n = n - p.row < rows ? n - p.row : rows;
        for (p.at = 0; p.at < most; p.at += p.step)
            waited += gather_piece(b, &p, in, bytes, out);
    }
    return waited;
}
