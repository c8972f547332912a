// SPDX-License-Identifier: MIT
#include "common/math.h"
#include "worker/evaluate/function.h"

#define PI 3.14159265358979323846
#define E  2.71828182845904523536

static double square(double x)
{
    return x * x;
}

// Coordinate i less the shift 0.1 (high - low) cos(1.7 (i + 1)), which keeps
// the optimum away from the box's centre.
static double shifted(const struct point *p, size_t i, double width)
{
    return p->x[i] - 0.10 * width * math_cos(1.7 * (double)(i + 1));
}

static enum error sphere(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double sum = 0;
    for (size_t i = 0; i < p->n; i++)
        sum += square(shifted(p, i, 10.24));
    *y = sum;
    return OK;
}

static enum error rosenbrock(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double sum = 0;
    for (size_t i = 0; i + 1 < p->n; i++)
        sum += 100 * square(p->x[i + 1] - square(p->x[i])) + square(1 - p->x[i]);
    *y = sum;
    return OK;
}

static enum error rastrigin(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        double z = shifted(p, i, 10.24);
        sum += z * z - 10 * math_cos(2 * PI * z);
    }
    *y = 10 * (double)p->n + sum;
    return OK;
}

static enum error ackley(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double squares = 0, cosines = 0, n = (double)p->n;
    for (size_t i = 0; i < p->n; i++) {
        double z = shifted(p, i, 65.536);
        squares += z * z;
        cosines += math_cos(2 * PI * z);
    }
    *y = -20 * math_exp(-0.2 * math_sqrt(squares / n)) - math_exp(cosines / n) + 20 + E;
    return OK;
}

static enum error griewank(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double sum = 0, product = 1;
    for (size_t i = 0; i < p->n; i++) {
        double z = shifted(p, i, 1200);
        sum += z * z;
        product *= math_cos(z / math_sqrt((double)(i + 1)));
    }
    *y = 1 + sum / 4000 - product;
    return OK;
}

static enum error levy(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double w = 1 + (p->x[0] - 1) / 4;
    double sum = square(math_sin(PI * w));
    for (size_t i = 0; i + 1 < p->n; i++) {
        w = 1 + (p->x[i] - 1) / 4;
        sum += square(w - 1) * (1 + 10 * square(math_sin(PI * w + 1)));
    }
    w = 1 + (p->x[p->n - 1] - 1) / 4;
    *y = sum + square(w - 1) * (1 + square(math_sin(2 * PI * w)));
    return OK;
}

static enum error schwefel(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        double size = p->x[i] < 0 ? -p->x[i] : p->x[i];
        sum += p->x[i] * math_sin(math_sqrt(size));
    }
    *y = 418.9828872724338 * (double)p->n - sum;
    return OK;
}

static enum error styblinski_tang(const struct point *p, double *y, struct errtext *t)
{
    (void)t;
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        double s = square(p->x[i]);
        sum += s * s - 16 * s + 5 * p->x[i];
    }
    *y = 0.5 * sum + 39.16616570377142 * (double)p->n;
    return OK;
}

const struct function function_continuous[] = {
    {"sphere", sphere, 1, FUNCTION_DIM_MAX, {"value"}},
    {"rosenbrock", rosenbrock, 2, FUNCTION_DIM_MAX, {"value"}},
    {"rastrigin", rastrigin, 1, FUNCTION_DIM_MAX, {"value"}},
    {"ackley", ackley, 1, FUNCTION_DIM_MAX, {"value"}},
    {"griewank", griewank, 1, FUNCTION_DIM_MAX, {"value"}},
    {"levy", levy, 1, FUNCTION_DIM_MAX, {"value"}},
    {"schwefel", schwefel, 1, FUNCTION_DIM_MAX, {"value"}},
    {"styblinski_tang", styblinski_tang, 1, FUNCTION_DIM_MAX, {"value"}},
    {.name = NULL},
};
