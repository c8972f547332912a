// SPDX-License-Identifier: MIT
// http.h - requests of HTTP clients, one by one, and their answers; microhttpd.h's home.
//
// The socket is bound at once; the library is loaded and its thread started when the
// first client comes (http_start), so that whom nobody asks pays for one descriptor.
// A request arrives whole, by mailbox; its connection sleeps until it is answered.
// An answer is either whole (http_answer) or a stream that grows (http_stream).
//
// Limits: connections, bytes of header and body, bytes of all bodies, seconds to send
// a request, seconds to take an answer, bytes that wait in a stream.
//
// Ownership  A request is the receiver's until http_answer, http_stream_end, or, for
//            what still is open then, http_close.
// Threads    All functions: the loop's.  Inside: one thread of the library's.

#ifndef COORDINATOR_HTTP_H
#define COORDINATOR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/mailbox.h"

enum {
    HTTP_CONNECTIONS_MAX = 256,
    HTTP_HEADER_MAX = 16 * 1024,        // of one request, with its URL
    HTTP_BODY_MAX = 4 * 1024 * 1024,    // of one request
    HTTP_BODIES_MAX = 64 * 1024 * 1024, // of all requests together
    HTTP_STREAM_MAX = 256 * 1024,       // waiting for one slow client
    HTTP_QUERY_MAX = 16,                // arguments behind the '?'
};

struct http;

struct http_pair {
    char *key, *value;
};

struct http_request {
    const char *method;
    char *path;          // decoded, without the query
    char *authorization; // NULL: none
    char *host;          // NULL: none
    char *content_type;  // NULL: none
    struct http_pair query[HTTP_QUERY_MAX];
    uint32_t n_query;
    struct buf body;
    // No requests but notes, given back by http_note_free:
    bool gone;     // the client of the request with this mark went away before its answer's end
    bool knock;    // a first connection after none
    uint64_t mark; // the receiver's, set before it answers
    struct http_inside *inside;
};

struct http_options {
    const char *address; // "HOST:PORT", "[::1]:PORT", "PORT": a loopback address of it
    struct mailbox *requests;
};

struct http_answer {
    unsigned status;
    const char *content_type; // lives for ever
    const char *allow;        // NULL, or methods for 405; lives for ever
    uint32_t retry_after_s;   // 0: none
    bool ask_token;           // WWW-Authenticate
    const void *bytes;        // copied
    size_t n;
};

// Bind and listen.  ERR_INVALID: no such address; ERR_BUSY: the port is taken.
MUST_CHECK enum error
http_open(const struct http_options *o, struct http **out, struct errtext *t);
// What is open is cut off, what waits in the mailbox is gone.  NULL is fine.
void http_close(struct http *h);

const char *http_url(const struct http *h);  // "http://127.0.0.1:7421"
bool http_is_loopback(const struct http *h); // only this machine gets here
int http_fd(const struct http *h);           // to be polled until http_start; -1: not any more
void http_start(struct http *h);             // readable: a first client is there
int64_t http_sweep(struct http *h, int64_t now); // end what is overdue; when to come again
uint32_t http_n_connections(const struct http *h);

void http_note_free(struct http_request *note);
void http_answer(struct http_request *r, const struct http_answer *a);
// Status 200 and what is written from now on, until http_stream_end.
void http_stream(struct http_request *r, const char *content_type);
// ERR_CLOSED: the client is gone, or too slow: end it.
MUST_CHECK enum error http_stream_write(struct http_request *r, const void *p, size_t n);
void http_stream_end(struct http_request *r);

// For tests and fuzzers: the address in parts.  *host gets "127.0.0.1" for a bare port.
MUST_CHECK enum error
http_parse_address(const char *text, char host[256], uint16_t *port, struct errtext *t);

#endif
