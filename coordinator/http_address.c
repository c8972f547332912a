// SPDX-License-Identifier: MIT
// http_address.c - where HTTP clients come in: the address, bound and listening.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "coordinator/http_state.h"

enum { BACKLOG = 64, PORT_DIGITS = 5 };

static enum error wrong(const char *text, struct errtext *t)
{
    return errtext_set(
        t, ERR_INVALID,
        "'%.100s' is no address for HTTP, expected PORT, IPV4:PORT or [IPV6]:PORT", text);
}

static bool read_port(const char *s, uint16_t *out)
{
    uint32_t port = 0;
    size_t n = strspn(s, "0123456789");
    if (!n || n > PORT_DIGITS || s[n])
        return false;
    for (size_t i = 0; i < n; i++)
        port = port * 10 + (uint32_t)(s[i] - '0');
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

enum error
http_parse_address(const char *text, char host[256], uint16_t *port, struct errtext *t)
{
    const char *colon = strrchr(text, ':');
    const char *from = text;
    const char *to = colon;
    if (!colon || colon == text) {
        (void)snprintf(host, 256, "127.0.0.1");
        return read_port(colon ? colon + 1 : text, port) ? OK : wrong(text, t);
    }
    if (*from == '[') {
        from++;
        to--;
        if (*to != ']')
            return wrong(text, t);
    }
    size_t n = (size_t)(to - from);
    if (n == strlen("localhost") && strncmp(from, "localhost", n) == 0) {
        from = "127.0.0.1";
        n = strlen(from);
    }
    unsigned char bytes[16];
    if (n >= INET6_ADDRSTRLEN || !read_port(colon + 1, port))
        return wrong(text, t);
    (void)snprintf(host, 256, "%.*s", (int)n, from);
    int family = *text == '[' ? AF_INET6 : AF_INET;
    return inet_pton(family, host, bytes) == 1 ? OK : wrong(text, t);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t fill(union address *a, const char *host, uint16_t port)
{
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(port);
        return sizeof a->v4;
    }
    (void)inet_pton(AF_INET6, host, &a->v6.sin6_addr);
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_port = htons(port);
    return sizeof a->v6;
}

static bool is_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

// The port may have been 0: the system's choice.
static void name(struct http *h, const char *host)
{
    union address a;
    socklen_t n = sizeof a;
    memset(&a, 0, sizeof a);
    (void)getsockname(h->fd, &a.any, &n);
    bool six = a.any.sa_family == AF_INET6;
    unsigned port = ntohs(six ? a.v6.sin6_port : a.v4.sin_port);
    (void)snprintf(h->url, sizeof h->url, six ? "http://[%s]:%u" : "http://%s:%u", host, port);
    h->loopback = is_loopback(&a);
}

enum error http_listen(struct http *h, const char *address, struct errtext *t)
{
    char host[256];
    uint16_t port = 0;
    union address a;
    enum error e = http_parse_address(address, host, &port, t);
    if (e)
        return e;
    socklen_t n = fill(&a, host, port);
    h->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (h->fd < 0)
        return errtext_set(t, ERR_IO, "no socket for HTTP: %s", strerror(errno));
    int on = 1;
    (void)setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(h->fd, &a.any, n) || listen(h->fd, BACKLOG))
        return errtext_set(t, errno == EADDRINUSE ? ERR_BUSY : ERR_IO,
                           "HTTP cannot listen on %s: %s", address, strerror(errno));
    name(h, host);
    return OK;
}
