// SPDX-License-Identifier: MIT
// Several objectives: ZDT 1 to 3 (Zitzler, Deb, Thiele 2000), DTLZ2 (Deb et al.
// 2002).
#include "common/math.h"
#include "worker/evaluate/function.h"

#define PI 3.14159265358979323846

static enum error in_unit_box(const struct point *p, struct errtext *t)
{
    for (size_t i = 0; i < p->n; i++)
        if (!(p->x[i] >= 0 && p->x[i] <= 1))
            return errtext_set(t, FAULT_JOB, "x[%zu] is outside [0, 1]", i);
    return OK;
}

static double zdt_g(const struct point *p)
{
    double sum = 0;
    for (size_t i = 1; i < p->n; i++)
        sum += p->x[i];
    return 1 + 9 * sum / (double)(p->n - 1);
}

static enum error zdt1(const struct point *p, double *y, struct errtext *t)
{
    enum error e = in_unit_box(p, t);
    if (e)
        return e;
    double g = zdt_g(p);
    y[0] = p->x[0];
    y[1] = g * (1 - math_sqrt(p->x[0] / g));
    return OK;
}

static enum error zdt2(const struct point *p, double *y, struct errtext *t)
{
    enum error e = in_unit_box(p, t);
    if (e)
        return e;
    double g = zdt_g(p), ratio = p->x[0] / g;
    y[0] = p->x[0];
    y[1] = g * (1 - ratio * ratio);
    return OK;
}

static enum error zdt3(const struct point *p, double *y, struct errtext *t)
{
    enum error e = in_unit_box(p, t);
    if (e)
        return e;
    double g = zdt_g(p), ratio = p->x[0] / g;
    y[0] = p->x[0];
    y[1] = g * (1 - math_sqrt(ratio) - ratio * math_sin(10 * PI * p->x[0]));
    return OK;
}

static enum error dtlz2(const struct point *p, double *y, struct errtext *t)
{
    enum { M = 3 };
    enum error e = in_unit_box(p, t);
    if (e)
        return e;
    double g = 0;
    for (size_t i = M - 1; i < p->n; i++)
        g += (p->x[i] - 0.5) * (p->x[i] - 0.5);
    for (int i = 0; i < M; i++) {
        double v = 1 + g;
        for (int j = 0; j < M - 1 - i; j++)
            v *= math_cos(p->x[j] * PI / 2);
        if (i > 0)
            v *= math_sin(p->x[M - 1 - i] * PI / 2);
        y[i] = v;
    }
    return OK;
}

const struct function function_fronts[] = {
    {"zdt1", zdt1, 2, FUNCTION_DIM_MAX, {"f1", "f2"}},
    {"zdt2", zdt2, 2, FUNCTION_DIM_MAX, {"f1", "f2"}},
    {"zdt3", zdt3, 2, FUNCTION_DIM_MAX, {"f1", "f2"}},
    {"dtlz2", dtlz2, 3, FUNCTION_DIM_MAX, {"f1", "f2", "f3"}},
    {.name = NULL},
};
