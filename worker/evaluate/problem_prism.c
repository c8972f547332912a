// SPDX-License-Identifier: MIT
// Models on GPUs as a problem for programs: memory, number of instances; for each its
// GPUs and models, then size, rate and slo of every model.  An answer is a list with the
// models of each GPU.
#include <inttypes.h>

#include "worker/evaluate/prism_model.h"
#include "worker/evaluate/problem.h"

static enum error read_prism(
    const struct value *data, struct arena *a, void **state, uint32_t *n, struct errtext *t)
{
    struct prism *p = arena_alloc(a, sizeof *p);
    enum error e = prism_read(data, a, p, t);

    *state = p;
    *n = p->n;
    return e;
}

static void print_prism(const void *state, struct buf *out)
{
    const struct prism *p = state;

    buf_printf(out, "%" PRId64 " %" PRIu32 "\n", p->memory, p->n);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct prism_instance *k = &p->instances[i];
        buf_printf(out, "%" PRIu32 " %" PRIu32 "\n", k->n_gpus, k->n_models);
        for (uint32_t m = 0; m < k->n_models; m++) {
            const struct value *v = k->text->items[m].items;
            buf_printf(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n", v[0].i, v[1].i, v[2].i);
        }
    }
}

static enum error judge_prism(const void *state,
                              uint32_t i,
                              const struct value *answer,
                              struct arena *scratch,
                              double *value,
                              struct errtext *t)
{
    const struct prism *p = state;

    (void)scratch;
    return prism_verify(p, &p->instances[i], answer, value, t);
}

const struct problem problem_prism = {
    .name = "prism",
    .less_is_better = true,
    .read = read_prism,
    .print = print_prism,
    .judge = judge_prism,
};
