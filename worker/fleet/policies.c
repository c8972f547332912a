// SPDX-License-Identifier: MIT
#include <string.h>

#include "worker/fleet/policy.h"

// clang-format off
const struct policy *const policies[] = {
    &policy_random,
    &policy_greedy,
    &policy_greedy_rate,
    &policy_schedule,
    &policy_external,
    &policy_network,
    NULL,
};

const char *const policy_names[] = {
    "random",
    "greedy",
    "greedy_rate",
    "schedule",
    "external",
    "policy",
    NULL,
};
// clang-format on

const struct policy *policy_find(const char *name)
{
    for (const struct policy *const *p = policies; *p; p++)
        if (strcmp((*p)->name, name) == 0)
            return *p;
    return NULL;
}
