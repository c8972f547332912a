// SPDX-License-Identifier: MIT
// function.h - the test functions behind the `function` workload.
//
// All are minimised and pure; all arithmetic goes through common/math, so that
// their values are the same bits on every machine.  A function that names its
// parameters takes them from a struct point; the others take the vector x.
//
// Ownership  Texts are static or the arena's.
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_FUNCTION_H
#define WORKER_EVALUATE_FUNCTION_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/value.h"

enum { FUNCTION_DIM_MAX = 1024, FUNCTION_METRICS_MAX = 4 };

// Where a function finds its parameters: the trial's map over the job's.
struct point {
    const struct value *over; // NULL: none
    const struct value *base;
    double x[FUNCTION_DIM_MAX]; // of a function on a vector
    size_t n;
};

// y[i] belongs to the function's metric i.
typedef enum error (*function_fn)(const struct point *p, double *y, struct errtext *t);

struct function {
    const char *name;
    function_fn evaluate;
    size_t dim_min, dim_max;                       // of x; 0, 0: named parameters
    const char *metrics[FUNCTION_METRICS_MAX + 1]; // NULL-ended
};

// The tables, NULL-ended by name, one per file.
extern const struct function function_continuous[]; // function_continuous.c
extern const struct function function_fronts[];     // function_fronts.c
extern const struct function function_models[];     // function_models.c

// A named number or choice of the point; errors name the parameter.
MUST_CHECK enum error
function_number(const struct point *p, const char *name, double *out, struct errtext *t);
MUST_CHECK enum error function_choice(const struct point *p,
                                      const char *name,
                                      const char *const *choices,
                                      int *out,
                                      struct errtext *t);
const struct value *function_find(const struct point *p, const char *name); // NULL: absent

#endif
