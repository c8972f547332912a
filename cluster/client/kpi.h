// SPDX-License-Identifier: MIT
// kpi.h - a sweep's figures as one table: a row a metric of each policy or grid point.
//
// Its head says what it is of: version, job, seed, items, the scenario's hash (SHA-256 of
// the attachment, or of the params' JSON), the job's digest and those of the traces.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_KPI_H
#define CLUSTER_CLIENT_KPI_H

#include <stdbool.h>

#include "common/value.h"

// "text", "json" or "csv"
bool kpi_is_format(const char *name);
// `file`: what the request of that name answered, or null.  False: it could not be written.
bool kpi_print(const struct value *document, const struct value *file, const char *format);

#endif
