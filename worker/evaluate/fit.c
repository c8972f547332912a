// SPDX-License-Identifier: MIT
#include "worker/evaluate/fit.h"

#include <math.h>

#include "common/math.h"

// Divided by the time, each measurement says a * (1/t) + b * (bytes/t) = 1.
struct sums {
    double uu, uv, vv, u, v; // u = 1/t, v = bytes/t
};

static struct sums sums_of(const double *bytes, const double *seconds, size_t n)
{
    struct sums s = {0, 0, 0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        double u = 1 / seconds[i], v = bytes[i] / seconds[i];
        s.uu += u * u;
        s.uv += u * v;
        s.vv += v * v;
        s.u += u;
        s.v += v;
    }
    return s;
}

static double
residual(const struct fit *f, const double *bytes, const double *seconds, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double e = (f->latency + f->per_byte * bytes[i]) / seconds[i] - 1;
        sum += e * e;
    }
    return math_sqrt(sum / (double)n);
}

struct fit fit_line(const double *bytes, const double *seconds, size_t n)
{
    struct sums s = sums_of(bytes, seconds, n);
    double det = s.uu * s.vv - s.uv * s.uv;
    struct fit f = {0, 0, 0};
    // Of one size there is no line: all of its time is latency.
    if (det > 1e-12 * s.uu * s.vv) {
        f.latency = (s.u * s.vv - s.v * s.uv) / det;
        f.per_byte = (s.v * s.uu - s.u * s.uv) / det;
    } else
        f.latency = s.u / s.uu;
    if (f.latency < 0)
        f = (struct fit){0, s.v / s.vv, 0};
    else if (f.per_byte < 0)
        f = (struct fit){s.u / s.uu, 0, 0};
    f.residual = residual(&f, bytes, seconds, n);
    return f;
}
