// SPDX-License-Identifier: MIT
// fuzz_safetensors.c - any bytes: what is accepted lies within the file, and written and
// read again it is the same.
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/tensor/safetensors.h"

static size_t bytes_of(const struct safetensors *s)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < s->n; i++)
        sum += s->list[i].n * sizeof(float);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create();
    struct safetensors s, back;
    if (!safetensors_read(data, size, a, &s, NULL)) {
        struct buf b;
        buf_init(&b, 1 << 24);
        demand(bytes_of(&s) < size, "the data is the file's");
        safetensors_write(&s, &b);
        demand(!safetensors_read(b.bytes, b.n, a, &back, NULL), "what we write is read");
        demand(back.n == s.n && bytes_of(&back) == bytes_of(&s), "the same tensors");
        for (uint32_t i = 0; i < s.n; i++)
            demand(!memcmp(back.list[i].x, s.list[i].x, s.list[i].n * sizeof(float)),
                   "the same floats");
        buf_fini(&b);
    }
    arena_destroy(a);
    return 0;
}
