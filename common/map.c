// SPDX-License-Identifier: MIT
#include "common/map.h"

#include "common/mem.h"

// Grow at 3/4: probes stay short and an entry costs at most 34 bytes.
enum { SLOTS_MIN = 16 };

static uint64_t spread(uint64_t k)
{
    k ^= k >> 32;
    k *= UINT64_C(0x9E3779B97F4A7C15);
    return k ^ (k >> 29);
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_fini(struct map *m)
{
    mem_free(m->slots);
    mem_free(m->used);
    *m = (struct map){0};
}

// Index of the key, or of the free slot where it would go.
static size_t probe(const struct map *m, uint64_t key)
{
    size_t i = (size_t)spread(key) & (m->n_slots - 1);
    while (m->used[i] && m->slots[i].key != key)
        i = (i + 1) & (m->n_slots - 1);
    return i;
}

bool map_find(const struct map *m, uint64_t key, uint64_t *value)
{
    if (!m->n)
        return false;
    size_t i = probe(m, key);
    if (m->used[i] && value)
        *value = m->slots[i].value;
    return m->used[i];
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->n_slots = old.n_slots ? old.n_slots * 2 : SLOTS_MIN;
    m->slots = mem_alloc(m->n_slots * sizeof *m->slots);
    m->used = mem_alloc(m->n_slots);
    for (size_t i = 0; i < old.n_slots; i++) {
        if (!old.used[i])
            continue;
        size_t j = probe(m, old.slots[i].key);
        m->used[j] = 1;
        m->slots[j] = old.slots[i];
    }
    mem_free(old.slots);
    mem_free(old.used);
}

void map_set(struct map *m, uint64_t key, uint64_t value)
{
    if ((m->n + 1) * 4 > m->n_slots * 3)
        grow(m);
    size_t i = probe(m, key);
    m->n += !m->used[i];
    m->used[i] = 1;
    m->slots[i] = (struct map_slot){key, value};
}

bool map_remove(struct map *m, uint64_t key)
{
    if (!m->n)
        return false;
    size_t i = probe(m, key);
    if (!m->used[i])
        return false;
    m->used[i] = 0;
    m->n--;
    // Close the gap: move back every entry whose probe passed over it.
    for (size_t j = (i + 1) & (m->n_slots - 1); m->used[j]; j = (j + 1) & (m->n_slots - 1)) {
        size_t home = (size_t)spread(m->slots[j].key) & (m->n_slots - 1);
        bool stays = i <= j ? (i < home && home <= j) : (i < home || home <= j);
        if (stays)
            continue;
        m->slots[i] = m->slots[j];
        m->used[i] = 1;
        m->used[j] = 0;
        i = j;
    }
    return true;
}

bool map_next(const struct map *m, size_t *at, uint64_t *key, uint64_t *value)
{
    for (; *at < m->n_slots; ++*at) {
        if (!m->used[*at])
            continue;
        *key = m->slots[*at].key;
        *value = m->slots[*at].value;
        ++*at;
        return true;
    }
    return false;
}
