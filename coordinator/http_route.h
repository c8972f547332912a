// SPDX-License-Identifier: MIT
// http_route.h - what an HTTP request asks for, in the words of the API's verbs.
//
// Threads    Any; pure.

#ifndef COORDINATOR_HTTP_ROUTE_H
#define COORDINATOR_HTTP_ROUTE_H

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "coordinator/http.h"

struct http_route {
    enum http_what { ROUTE_VERB, ROUTE_INDEX, ROUTE_HEALTH, ROUTE_METRICS, ROUTE_SERVE } what;
    const char *verb; // ROUTE_VERB
    // ROUTE_SERVE: serve_desk.h looks at the rest, the key included
    struct value args; // of the verb; lives in the arena
    bool writes;       // only with the token
    unsigned refused;  // else 0: the status; `allow` beside 405
    const char *allow;
};

// OK, or why not, with out->refused set.
MUST_CHECK enum error http_route(const struct http_request *r,
                                 struct arena *a,
                                 struct http_route *out,
                                 struct errtext *t);
// A page of another site that found our port by its own name must not read us: on a
// loopback address only the machine's own names are answered.
bool http_route_host_is_ours(const char *host);
// The Bearer token of an Authorization header, or NULL.
const char *http_route_bearer(const char *authorization);
// Compares all bytes, whatever they are.
bool http_route_same_token(const char *a, const char *b);
unsigned http_route_status(enum error e);
// All paths, for GET /.
struct value http_route_index(struct arena *a);

#endif
