// SPDX-License-Identifier: MIT
// prometheus.h - the text that Prometheus reads, version 0.0.4 of the format.
//
// A family (name, type, help) comes first, then its samples.  Names are ours and
// right by construction; label values are anybody's and are escaped.
//
// Threads    Confined to the buffer's owner.

#ifndef COORDINATOR_PROMETHEUS_H
#define COORDINATOR_PROMETHEUS_H

#include <stdint.h>

#include "common/buf.h"

enum prometheus_type { PROMETHEUS_COUNTER, PROMETHEUS_GAUGE, PROMETHEUS_HISTOGRAM };

struct prometheus_label {
    const char *name; // NULL: the list ends
    const char *value;
};

void prometheus_family(struct buf *b,
                       const char *name,
                       enum prometheus_type type,
                       const char *help);
// labels: NULL, or ended by a row without a name.
void prometheus_sample(struct buf *b,
                       const char *name,
                       const struct prometheus_label *labels,
                       double x);
void prometheus_one( // a family of one sample
    struct buf *b,
    const char *name,
    enum prometheus_type type,
    const char *help,
    double x);

// Seconds in buckets that double; bounds are part of the metric's meaning.
enum { PROMETHEUS_BUCKETS = 18 };
struct prometheus_histogram {
    uint64_t counts[PROMETHEUS_BUCKETS + 1]; // the last one: above all bounds
    double sum;
};
void prometheus_observe(struct prometheus_histogram *h, double seconds);
void prometheus_histogram(struct buf *b,
                          const char *name,
                          const char *help,
                          const struct prometheus_histogram *h);

#endif
