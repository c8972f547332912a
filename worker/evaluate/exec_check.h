// SPDX-License-Identifier: MIT
// exec_check.h - whether the parameters of the exec workload make sense: what
// its table cannot say.
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_EXEC_CHECK_H
#define WORKER_EVALUATE_EXEC_CHECK_H

#include "common/error.h"
#include "common/value.h"

#define EXEC_PARAMS_FILE "params.json"

// ERR_PARSE, text "line:column: parameter: what was expected".
MUST_CHECK enum error exec_check(const struct value *params, struct errtext *t);

#endif
