// SPDX-License-Identifier: MIT
#include "worker/fleet/draws.h"

#include <stdlib.h>
#include <string.h>

static bool here(void)
{
    return true;
}

static void run(uint64_t seed, struct address at, uint32_t w[4][DRAWS_LANES])
{
    for (uint32_t lane = 0; lane < DRAWS_LANES; lane++, at.index++) {
        uint32_t block[4];
        draws_block(seed, at, block);
        for (int k = 0; k < 4; k++)
            w[k][lane] = block[k];
    }
}

static void words(uint64_t seed,
                  struct address at,
                  uint32_t word,
                  const uint32_t *entity,
                  uint32_t n,
                  uint32_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t block[4];
        at.entity = entity[i];
        draws_block(seed, at, block);
        out[i] = block[word];
    }
}

static uint64_t
cells(uint64_t seed, struct address at, struct demand row, uint32_t n, uint8_t *count)
{
    const uint32_t enough = draws_enough(row.pct);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++, at.index++) {
        uint32_t x = (row.lam[i] < enough ? row.lam[i] : enough) * row.pct;
        uint32_t threshold = (x < DRAWS_TOP ? x : DRAWS_TOP) / 800;
        uint32_t block[4], c = 0;
        draws_block(seed, at, block);
        for (int k = 0; k < 4; k++)
            c += (uint32_t)((block[k] & 0xffff) < threshold)
                 + (uint32_t)((block[k] >> 16) < threshold);
        count[i] = (uint8_t)c;
        sum += c;
    }
    return sum;
}

const struct draws_kernels draws_portable = {
    .name = "portable", .here = here, .run = run, .words = words, .cells = cells};

const struct draws_kernels *draws_choose(const char *name)
{
    static const struct draws_kernels *const classes[] = {&draws_avx512, &draws_avx2,
                                                          &draws_portable};

    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if ((!name || strcmp(name, classes[i]->name) == 0) && classes[i]->here())
            return classes[i];
    return NULL;
}
