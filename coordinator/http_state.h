// SPDX-License-Identifier: MIT
// http_state.h - what http.c and http_address.c share; nobody else's.
//
// Threads    The lock guards everything that is not said to be one thread's.

#ifndef COORDINATOR_HTTP_STATE_H
#define COORDINATOR_HTTP_STATE_H

#include <pthread.h>

#include "coordinator/http.h"

struct MHD_Connection;
struct MHD_Daemon;

struct connection {
    struct connection *next;
    int fd;
    int64_t deadline; // the client's, to send or to take; INT64_MAX: none
};

// One request.  It dies when both its connection and its receiver let go.
struct http_inside {
    struct http_request pub;
    struct http *h;
    struct http_inside *next, *prev;
    struct MHD_Connection *mhd;
    struct connection *connection;
    bool asked;     // handed to the receiver
    bool answered;  // status and headers are there
    bool held;      // by the receiver
    bool completed; // its connection has let go
    bool suspended; // by us
    bool streams, ended;
    bool gone_told;
    size_t counted; // of its body, in h->body_bytes
    struct http_answer answer;
    struct buf out; // the answer's bytes, or those of the stream that wait
    size_t taken;   // of out
};

struct http {
    pthread_mutex_t lock;
    int fd;
    bool loopback;
    bool started;
    bool closing;
    char url[300];
    struct mailbox *requests;
    struct http_request knock;
    struct MHD_Daemon *daemon;
    struct connection *connections;
    uint32_t n_connections;
    struct http_inside *all;
    size_t body_bytes;
};

MUST_CHECK enum error http_listen(struct http *h, const char *address, struct errtext *t);

#endif
