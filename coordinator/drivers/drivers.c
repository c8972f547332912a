// SPDX-License-Identifier: MIT
#include <string.h>

#include "coordinator/drivers/generate.h"
#include "coordinator/drivers/search.h"
#include "coordinator/drivers/serve.h"
#include "coordinator/drivers/sweep.h"
#include "coordinator/drivers/train.h"

const struct driver *const drivers[] = {
    &sweep_driver, &search_driver, &generate_driver, &serve_driver, &train_driver, NULL,
};

const struct driver *driver_find(const char *kind)
{
    for (const struct driver *const *d = drivers; *d; d++)
        if (strcmp((*d)->name, kind) == 0)
            return *d;
    return NULL;
}
