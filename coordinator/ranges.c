// SPDX-License-Identifier: MIT
#include "coordinator/ranges.h"

#include <string.h>

#include "common/mem.h"

void ranges_init(struct ranges *r)
{
    *r = (struct ranges){0};
}

void ranges_fini(struct ranges *r)
{
    mem_free(r->list);
    *r = (struct ranges){0};
}

// Index of the first interval that ends at or behind `x`.
static uint32_t find(const struct ranges *r, uint64_t x)
{
    if (!r->n || r->list[r->n - 1].hi < x)
        return r->n;
    uint32_t lo = 0;
    uint32_t hi = r->n - 1;
    // The usual case: near the end.
    if (r->n > 8 && r->list[r->n - 8].hi < x)
        lo = r->n - 7;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (r->list[mid].hi < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

// Replace intervals [i, j) by k new ones (k <= 2).
static void
splice(struct ranges *r, uint32_t i, uint32_t j, const struct range *with, uint32_t k)
{
    uint32_t n = r->n - (j - i) + k;
    if (n > r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->list = mem_realloc(r->list, r->cap * sizeof *r->list);
    }
    if (r->n > j)
        memmove(r->list + i + k, r->list + j, (r->n - j) * sizeof *r->list);
    if (k)
        memcpy(r->list + i, with, k * sizeof *with);
    r->n = n;
}

void ranges_add(struct ranges *r, uint64_t lo, uint64_t hi)
{
    if (lo >= hi)
        return;
    uint32_t i = find(r, lo);
    uint32_t j = i;
    struct range merged = {lo, hi};
    uint64_t before = 0;
    while (j < r->n && r->list[j].lo <= hi) {
        before += r->list[j].hi - r->list[j].lo;
        merged.lo = r->list[j].lo < merged.lo ? r->list[j].lo : merged.lo;
        merged.hi = r->list[j].hi > merged.hi ? r->list[j].hi : merged.hi;
        j++;
    }
    r->total += merged.hi - merged.lo - before;
    splice(r, i, j, &merged, 1);
}

void ranges_remove(struct ranges *r, uint64_t lo, uint64_t hi)
{
    if (lo >= hi)
        return;
    uint32_t i = find(r, lo + 1);
    uint32_t j = i;
    struct range rest[2];
    uint32_t k = 0;
    uint64_t before = 0;
    uint64_t left = 0;
    for (; j < r->n && r->list[j].lo < hi; j++) {
        struct range x = r->list[j];
        before += x.hi - x.lo;
        if (x.lo < lo) {
            rest[k++] = (struct range){x.lo, lo};
            left += lo - x.lo;
        }
        if (x.hi > hi) {
            rest[k++] = (struct range){hi, x.hi};
            left += x.hi - hi;
        }
    }
    r->total -= before - left;
    splice(r, i, j, rest, k);
}

uint64_t ranges_covered(const struct ranges *r, uint64_t lo, uint64_t hi)
{
    uint64_t sum = 0;
    for (uint32_t i = find(r, lo + 1); i < r->n && r->list[i].lo < hi; i++) {
        uint64_t a = r->list[i].lo > lo ? r->list[i].lo : lo;
        uint64_t b = r->list[i].hi < hi ? r->list[i].hi : hi;
        sum += b - a;
    }
    return sum;
}

bool ranges_gap(const struct ranges *r, uint64_t lo, uint64_t hi, struct range *gap)
{
    uint32_t i = find(r, lo + 1);
    if (i < r->n && r->list[i].lo <= lo)
        lo = r->list[i++].hi;
    if (lo >= hi)
        return false;
    *gap = (struct range){lo, i < r->n && r->list[i].lo < hi ? r->list[i].lo : hi};
    return true;
}
