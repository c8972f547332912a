// SPDX-License-Identifier: MIT
#include "coordinator/prometheus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// The first bound in seconds; each of the others is twice the one before: 0.5 ms … 65 s.
#define FIRST_BOUND 0.0005

void prometheus_family(struct buf *b,
                       const char *name,
                       enum prometheus_type type,
                       const char *help)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void label_value(struct buf *b, const char *s)
{
    for (size_t n; *s; s += n) {
        n = strcspn(s, "\\\"\n");
        buf_put(b, s, n);
        if (!s[n])
            return;
        buf_puts(b, s[n] == '\n' ? "\\n" : s[n] == '"' ? "\\\"" : "\\\\");
        n++;
    }
}

static void number(struct buf *b, double x)
{
    if (isnan(x))
        buf_puts(b, "NaN");
    else if (isinf(x))
        buf_puts(b, x > 0 ? "+Inf" : "-Inf");
    else
        buf_printf(b, "%.17g", x);
}

void prometheus_sample(struct buf *b,
                       const char *name,
                       const struct prometheus_label *labels,
                       double x)
{
    buf_puts(b, name);
    for (const struct prometheus_label *l = labels; l && l->name; l++) {
        buf_printf(b, "%c%s=\"", l == labels ? '{' : ',', l->name);
        label_value(b, l->value);
        buf_puts(b, "\"");
    }
    buf_puts(b, labels && labels->name ? "} " : " ");
    number(b, x);
    buf_puts(b, "\n");
}

void prometheus_one(
    struct buf *b, const char *name, enum prometheus_type type, const char *help, double x)
{
    prometheus_family(b, name, type, help);
    prometheus_sample(b, name, NULL, x);
}

void prometheus_observe(struct prometheus_histogram *h, double seconds)
{
    double bound = FIRST_BOUND;
    uint32_t i = 0;
    for (; i < PROMETHEUS_BUCKETS && seconds > bound; i++)
        bound *= 2;
    h->counts[i]++;
    h->sum += seconds;
}

void prometheus_histogram(struct buf *b,
                          const char *name,
                          const char *help,
                          const struct prometheus_histogram *h)
{
    char part[128];
    char bound_text[32];
    double bound = FIRST_BOUND;
    uint64_t n = 0;
    prometheus_family(b, name, PROMETHEUS_HISTOGRAM, help);
    (void)snprintf(part, sizeof part, "%s_bucket", name);
    for (uint32_t i = 0; i <= PROMETHEUS_BUCKETS; i++) {
        n += h->counts[i];
        (void)snprintf(bound_text, sizeof bound_text, "%g", bound);
        const struct prometheus_label le[] = {
            {"le", i < PROMETHEUS_BUCKETS ? bound_text : "+Inf"}, {0}};
        prometheus_sample(b, part, le, (double)n);
        bound *= 2;
    }
    (void)snprintf(part, sizeof part, "%s_sum", name);
    prometheus_sample(b, part, NULL, h->sum);
    (void)snprintf(part, sizeof part, "%s_count", name);
    prometheus_sample(b, part, NULL, (double)n);
}
