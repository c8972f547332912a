// SPDX-License-Identifier: MIT
// search.h - the row of `kind: search` in the table of drivers.
//
// Threads    Constant.

#ifndef COORDINATOR_DRIVERS_SEARCH_H
#define COORDINATOR_DRIVERS_SEARCH_H

#include "coordinator/driver.h"

extern const struct driver search_driver;

#endif
