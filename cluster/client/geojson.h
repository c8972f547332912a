// SPDX-License-Identifier: MIT
// geojson.h - a day's flights as GeoJSON (RFC 7946), a LineString each, in the form that
// viewers of trips take: [longitude, latitude, 0, seconds since midnight].
//
// Beside `features` stand what the trace's first and last lines say: spec, scenario, seed,
// episode, policy, trace_hash, and the version.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_GEOJSON_H
#define CLUSTER_CLIENT_GEOJSON_H

#include "cluster/client/scenario.h"
#include "common/buf.h"
#include "common/error.h"

struct geojson_origin {
    double latitude, longitude; // of x = y = 0, in degrees
};
// "LAT,LON"; NULL is 0,0.
MUST_CHECK enum error
geojson_origin(const char *text, struct geojson_origin *out, struct errtext *t);

// `trace`: JSON Lines.  ERR_PARSE: it is no trace, or names a place that is not there.
MUST_CHECK enum error geojson_trips(const struct buf *trace,
                                    const struct value *scenario,
                                    const struct geojson_origin *origin,
                                    struct buf *out,
                                    struct errtext *t);

#endif
