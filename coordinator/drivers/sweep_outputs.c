// SPDX-License-Identifier: MIT
// sweep_outputs.c - files that the first items of a sweep returned, among its artefacts.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"
#include "coordinator/drivers/sweep_state.h"
#include "coordinator/drivers/told.h"

struct sweep_output {
    uint64_t item; // over the job
    const char *name;
    struct sha256 hash;
};

void sweep_take_outputs(struct sweep *s, const struct outcome *o)
{
    struct told_blob b;
    for (uint32_t i = 0; i < told_n_blobs(o); i++) {
        // By number, not by arrival: which ones are kept is the job's.
        if (!told_blob(o, i, &b) || b.item >= SWEEP_OUTPUT_ITEMS)
            continue;
        if (s->n_outputs == s->cap_outputs) {
            s->cap_outputs = s->cap_outputs ? 2 * s->cap_outputs : 16;
            s->outputs = mem_realloc(s->outputs, s->cap_outputs * sizeof *s->outputs);
        }
        s->outputs[s->n_outputs++] =
            (struct sweep_output){.item = b.item,
                                  .name = arena_str(s->arena, b.name, strlen(b.name)),
                                  .hash = b.hash};
    }
}

static int by_item(const void *x, const void *y)
{
    const struct sweep_output *a = x, *b = y;
    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bool is_shared(const struct sweep *s, uint32_t i)
{
    for (uint32_t k = 0; k < s->n_outputs; k++)
        if (k != i && strcmp(s->outputs[k].name, s->outputs[i].name) == 0)
            return true;
    return false;
}

void sweep_put_outputs(struct sweep *s, struct driver_output *out, struct value *result)
{
    struct arena *a = out->arena;
    struct value list = value_list();

    if (!s->n_outputs)
        return;
    qsort(s->outputs, s->n_outputs, sizeof *s->outputs, by_item);
    for (uint32_t i = 0; i < s->n_outputs; i++) {
        const struct sweep_output *o = &s->outputs[i];
        struct value one = value_map();
        char *hex = arena_alloc(a, 66);
        const char *name =
            is_shared(s, i) ? arena_printf(a, "%" PRIu64 ".%s", o->item, o->name) : o->name;
        sha256_hex(&o->hash, hex);
        value_set(a, &one, "item", value_uint(s->first + o->item % s->per_point));
        value_set(a, &one, "name", value_str(a, name));
        value_set(a, &one, "hash", value_str(a, hex));
        value_push(a, &list, one);
        out->blobs[out->n_blobs++] =
            (struct driver_blob){.name = name, .bytes = hex, .n = 64, .is_list = true};
    }
    value_set(a, result, "outputs", list);
}
