// SPDX-License-Identifier: MIT
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/buf.h"
#include "common/hash.h"
#include "common/number.h"
#include "coordinator/search/space.h"
#include "coordinator/search/space_parts.h"

#define SLOT_STEP      UINT64_C(0xD1B54A32D192ED03)
#define KEY_MULTIPLIER UINT64_C(0x9E3779B97F4A7C15)

struct decoder {
    const struct gene **genes;
    struct value *map;
    struct arena *arena;
};

static struct value decode(struct decoder *r, const struct dimension *d, const char *prefix);

static void decode_nest(struct decoder *r, const struct nest *n, const char *prefix)
{
    for (uint32_t i = 0; i < n->n; i++) {
        const struct dimension *d = &n->dimensions[i];
        const char *key = *prefix ? arena_printf(r->arena, "%s%s", prefix, d->name) : d->name;
        struct value *at = value_set(r->arena, r->map, key, value_null());
        size_t place = (size_t)((char *)at - (char *)r->map->pairs);
        struct value v = decode(r, d, prefix);
        // The map may have grown and moved beneath us.
        *(struct value *)((char *)r->map->pairs + place) = v;
    }
}

static struct value decode_number(struct decoder *r, const struct dimension *d)
{
    const struct gene *g = (*r->genes)++;
    if (d->step <= 0)
        return value_float(g->x);
    double v = d->low + (double)g->k * d->step;
    return d->type == DIMENSION_INT ? value_int((int64_t)v) : value_float(v);
}

static void join(struct buf *b, const struct value *v)
{
    char text[NUMBER_TEXT_MAX];

    switch (v->type) {
    case VALUE_STR:
        buf_put(b, v->s, v->n);
        break;
    case VALUE_INT:
        buf_printf(b, "%" PRId64, v->i);
        break;
    case VALUE_UINT:
        buf_printf(b, "%" PRIu64, v->u);
        break;
    case VALUE_FLOAT:
        number_format(v->f, text);
        buf_puts(b, text);
        break;
    default:
        buf_puts(b, v->b ? "true" : "false");
        break;
    }
}

static struct value joined(const struct value *list, const char *separator, struct arena *a)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    for (uint32_t i = 0; i < list->n; i++) {
        if (i)
            buf_puts(&b, separator);
        join(&b, &list->items[i]);
    }
    struct value v = value_strn(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return v;
}

static struct value
decode_sequence(struct decoder *r, const struct dimension *d, const char *prefix)
{
    struct value list;
    uint32_t n = d->min;

    if (d->min < d->max)
        n += (uint32_t)(*r->genes)++->k;
    list = value_list_room(r->arena, n);
    for (uint32_t i = 0; i < n; i++) {
        // Only a nest beneath an element needs the element's name.
        const char *inner = "";
        if (d->of->nests || d->of->type == DIMENSION_SEQUENCE)
            inner =
                arena_printf(r->arena, "%s%s[%" PRIu32 "].", prefix, d->name ? d->name : "", i);
        list.items[i] = decode(r, d->of, inner);
    }
    return d->join ? joined(&list, d->join, r->arena) : list;
}

static struct value decode_places(struct decoder *r, const struct dimension *d)
{
    struct value list = value_list();
    for (uint32_t i = 0; i < d->n_values; i++) {
        uint64_t k = (*r->genes)++->k;
        if (d->type == DIMENSION_PERMUTATION)
            value_push(r->arena, &list, d->values[k]);
        else if (k)
            value_push(r->arena, &list, d->values[i]);
    }
    return list;
}

static struct value decode(struct decoder *r, const struct dimension *d, const char *prefix)
{
    uint64_t k;

    switch (d->type) {
    case DIMENSION_FLOAT:
    case DIMENSION_INT:
        return decode_number(r, d);
    case DIMENSION_CHOICE:
    case DIMENSION_FIDELITY:
        k = (*r->genes)++->k;
        if (d->nests)
            decode_nest(r, &d->nests[k], prefix);
        return d->values[k];
    case DIMENSION_SEQUENCE:
        return decode_sequence(r, d, prefix);
    case DIMENSION_PERMUTATION:
    case DIMENSION_SUBSET:
        return decode_places(r, d);
    case DIMENSION_PROGRAM:
        return space_program_decode(d, r->genes, r->arena);
    }
    return value_null();
}

struct value space_decode_value(const struct dimension *d,
                                const struct gene **genes,
                                struct value *map,
                                const char *prefix,
                                struct arena *a)
{
    struct decoder r = {.genes = genes, .map = map, .arena = a};
    return decode(&r, d, prefix);
}

struct value space_decode(const struct space *s, const struct point *p, struct arena *a)
{
    struct value map = value_map();
    const struct gene *g = p->genes;
    struct decoder r = {.genes = &g, .map = &map, .arena = a};

    decode_nest(&r, &s->root, "");
    assert(g == p->genes + p->n);
    return map;
}

uint64_t point_key(const struct point *p)
{
    uint64_t h = p->n;
    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t bits;
        memcpy(&bits, &p->genes[i].k, sizeof bits);
        // A bijection of h for every gene; the words of different slots are far apart.
        h = (h ^ (bits + p->genes[i].slot * SLOT_STEP)) * KEY_MULTIPLIER;
        h ^= h >> 32;
    }
    return hash_mix64(h);
}

bool point_equal(const struct point *a, const struct point *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->genes[i].slot != b->genes[i].slot || a->genes[i].k != b->genes[i].k)
            return false;
    return true;
}

const struct gene *point_find(const struct point *p, uint32_t slot)
{
    uint32_t low = 0, high = p->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (p->genes[mid].slot < slot)
            low = mid + 1;
        else
            high = mid;
    }
    return low < p->n && p->genes[low].slot == slot ? &p->genes[low] : NULL;
}

void point_copy(struct point *out, const struct point *p)
{
    if (p->n)
        memcpy(out->genes, p->genes, p->n * sizeof *p->genes);
    out->n = p->n;
}
