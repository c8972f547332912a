// SPDX-License-Identifier: MIT
#include "worker/tensor/kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "worker/tensor/kernels_table.h"

// Best first.
static const struct kernels *const classes[] = {
#ifdef __x86_64__
    &kernels_avx512,
    &kernels_avx2,
#endif
    &kernels_portable,
};

enum { N_CLASSES = sizeof classes / sizeof classes[0] };

// The threads of a team may be the first to ask; all of them choose the same.
static const struct kernels *_Atomic chosen;

static void choose(const struct kernels *k)
{
    atomic_store_explicit(&chosen, k, memory_order_relaxed);
}

enum error kernels_force(const char *name, struct errtext *t)
{
    for (int i = 0; i < N_CLASSES; i++) {
        if (name && strcmp(name, classes[i]->name) != 0)
            continue;
        if (classes[i]->here()) {
            choose(classes[i]);
            return OK;
        }
        if (name)
            return errtext_set(t, ERR_UNSUPPORTED, "SHOAL_KERNELS=%s: this CPU lacks it", name);
    }
    return errtext_set(t, ERR_INVALID,
                       "SHOAL_KERNELS=%s: no such class, expected portable, avx2 or avx512",
                       name ? name : "");
}

enum error kernels_choose(struct errtext *t)
{
    const char *name = getenv("SHOAL_KERNELS");
    return kernels_force(name && *name ? name : NULL, t);
}

// Without a start-up call a wrong SHOAL_KERNELS falls back to the reference.
static const struct kernels *get(void)
{
    const struct kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (k)
        return k;
    if (kernels_choose(NULL))
        choose(&kernels_portable);
    return atomic_load_explicit(&chosen, memory_order_relaxed);
}

const char *kernels_class(void)
{
    return get()->name;
}

void kernels_add(float *y, const float *x, size_t n)
{
    get()->add(y, x, n);
}

void kernels_scale(float *y, float a, size_t n)
{
    get()->scale(y, a, n);
}

void kernels_axpy(float *y, float a, const float *x, size_t n)
{
    get()->axpy(y, a, x, n);
}

float kernels_dot(const float *x, const float *y, size_t n)
{
    return get()->dot(x, y, n);
}

float kernels_sum(const float *x, size_t n)
{
    return get()->sum(x, n);
}

void kernels_dots(
    const float *x, const float *rows, size_t stride, size_t n, size_t width, float *out)
{
    get()->dots(x, rows, stride, n, width, out);
}

void kernels_mix(const struct kernels_mix *m)
{
    get()->mix(m);
}

void kernels_exp(float *p, const float *x, float less, size_t n)
{
    get()->exp(p, x, less, n);
}

void kernels_swiglu(float *gate, const float *up, size_t n)
{
    get()->swiglu(gate, up, n);
}
