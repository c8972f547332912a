// SPDX-License-Identifier: MIT
#include "worker/evaluate/integers.h"

enum error integers_read(const struct integers *want,
                         const struct value *v,
                         uint32_t *out,
                         uint32_t *n,
                         struct errtext *t)
{
    *n = 0;
    if (v && v->type != VALUE_NULL && v->type != VALUE_LIST)
        return errtext_set(t, FAULT_JOB, "%s is no list of integers", want->name);
    uint32_t count = v && v->type == VALUE_LIST ? v->n : 0;
    if (count < want->least || count > want->most)
        return errtext_set(t, FAULT_JOB, "%s has %u elements, expected %u to %u", want->name,
                           count, want->least, want->most);
    for (uint32_t i = 0; i < count; i++) {
        double x = value_is_number(&v->items[i]) ? value_number(&v->items[i]) : -1;
        if (!(x >= 0 && x < want->below && x == (uint32_t)x))
            return errtext_set(t, FAULT_JOB, "%s[%u] is no integer from 0 to %u", want->name, i,
                               want->below - 1);
        out[i] = (uint32_t)x;
    }
    *n = count;
    return OK;
}
