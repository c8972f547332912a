// SPDX-License-Identifier: MIT
#include "coordinator/drivers/told.h"

#include <string.h>

#include "common/outcome.h"
#include "protocol/pack.h"

struct value told_list(const struct outcome *o, struct arena *a)
{
    struct outcome_view v;
    struct value list;
    if (outcome_view(o->data, o->n_data, o->count, &v) || v.form != OUTCOME_NAMED
        || pack_read(v.body, v.n_body, a, &list, NULL))
        return value_null();
    return list;
}

struct value told_map(const struct value *list, uint32_t i)
{
    if (list->type == VALUE_LIST && i < list->n && list->items[i].type == VALUE_MAP)
        return list->items[i];
    return value_null();
}

const char *told_fault(const struct outcome *o, uint64_t item)
{
    for (uint32_t i = 0; i < o->n_faults; i++)
        if (o->faults[i].item == item)
            return o->faults[i].text;
    return NULL;
}

uint32_t told_n_blobs(const struct outcome *o)
{
    return o->outputs && o->outputs->type == VALUE_LIST ? o->outputs->n : 0;
}

bool told_blob(const struct outcome *o, uint32_t i, struct told_blob *out)
{
    const struct value *one = &o->outputs->items[i];
    const struct value *name = value_find(one, "name"), *hash = value_find(one, "hash");
    const struct value *item = value_find(one, "item"), *size = value_find(one, "size");
    if (!item || !name || name->type != VALUE_STR || !hash || hash->type != VALUE_BIN
        || hash->n != sizeof out->hash.bytes)
        return false;
    out->item = (uint64_t)value_number(item);
    out->name = name->s;
    out->size = size ? (uint64_t)value_number(size) : 0;
    memcpy(out->hash.bytes, hash->s, hash->n);
    return out->item - o->first < o->count;
}
