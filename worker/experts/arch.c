// SPDX-License-Identifier: MIT
#include "worker/experts/arch.h"

#include <string.h>

const struct arch arch_table[] = {
    {.name = "llama", .pairs = ARCH_NEIGHBOURS, .renormalise = true}, // and Mixtral
    {.name = "olmoe", .pairs = ARCH_HALVES, .qk_norm = ARCH_NORM_WHOLE, .experts = true},
    {.name = "qwen2moe",
     .pairs = ARCH_HALVES,
     .bias = true,
     .shared_gate = true,
     .experts = true},
    {.name = "qwen3", .pairs = ARCH_HALVES, .qk_norm = ARCH_NORM_HEAD},
    {.name = "qwen3moe",
     .pairs = ARCH_HALVES,
     .qk_norm = ARCH_NORM_HEAD,
     .experts = true,
     .renormalise = true},
    {.name = "deepseek2", .pairs = ARCH_NEIGHBOURS, .mla = true, .experts = true},
    {.name = NULL},
};

const struct arch *arch_find(const char *name)
{
    for (const struct arch *a = arch_table; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}
