// SPDX-License-Identifier: MIT
#include "tests/tools/model/hot.h"

#include "common/mem.h"
#include "common/rng.h"

struct hot {
    struct model *m;
    uint32_t top_k;
    const struct gguf_tensor **before; // [n_layers]
    struct gguf_tensor *routers;       // [n_layers]
};

static float *rows_of(const struct model *m, uint32_t layer, float factor)
{
    size_t d = m->h.d;
    float *w = mem_alloc(m->h.n_experts * d * sizeof *w);
    for (uint32_t i = 0; i < m->h.n_experts; i++) {
        struct rng r = rng_at(7, layer, 0, i);
        for (size_t k = 0; k < d; k++) // uniform: their sum is as good as normal
            w[i * d + k] = (float)(rng_f64(&r) - 0.5) * (i ? 1 : factor);
    }
    return w;
}

struct hot *hot_create(struct model *m, float factor)
{
    uint32_t n = m->h.n_layers;
    struct hot *h = mem_alloc(sizeof *h);
    *h = (struct hot){.m = m,
                      .top_k = m->h.top_k,
                      .before = mem_alloc(n * sizeof(const struct gguf_tensor *)),
                      .routers = mem_alloc(n * sizeof *h->routers)};
    m->h.top_k = 1;
    for (uint32_t l = m->h.n_dense; l < n; l++) {
        h->before[l] = m->layers[l].router;
        h->routers[l] = *h->before[l];
        h->routers[l].data = (const uint8_t *)rows_of(m, l, factor);
        m->layers[l].router = &h->routers[l];
    }
    return h;
}

void hot_destroy(struct hot *h)
{
    for (uint32_t l = h->m->h.n_dense; l < h->m->h.n_layers; l++) {
        h->m->layers[l].router = h->before[l];
        mem_free((void *)(uintptr_t)h->routers[l].data);
    }
    h->m->h.top_k = h->top_k;
    mem_free((void *)h->before);
    mem_free(h->routers);
    mem_free(h);
}
