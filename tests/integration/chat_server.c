// SPDX-License-Identifier: MIT
// chat_server - a language model of some lines: answers chat completions by the first word
// of the path and nothing but the bytes of the request, so that a request that is sent
// again is answered alike.
//
//   chat_server          prints its port on 127.0.0.1, serves until it is killed
//
//   good      a program made of the request's hash
//   fenced    the same as JSON, in a fence
//   key       good, for who sends the key "sesame"; else status 401
//   broken    status 500
//   garbage   no JSON
//   prose     words that are no program
//   foreign   a program of a name that the space has not
//   large     a program beyond the space's size
//   long      an answer of 5,000 bytes
//   flood     a body without end
//   slow      nothing for a minute
//   mixed     one of those by the hash, good ones most often
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"

enum { REQUEST_MAX = 1 << 20, LONG = 5000, FLOOD = 64 << 20 };

static const char *const bad[] = {"broken", "garbage", "prose", "foreign",
                                  "large",  "long",    "flood", "fenced"};

static uint32_t hash_of(const char *p, size_t n)
{
    uint32_t h = 2166136261u; // FNV-1a

    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)p[i]) * 16777619u;
    return h ^ h >> 15;
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

static void answer(int fd, const char *status, const char *body)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    buf_printf(&b, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
               strlen(body), body);
    send_all(fd, (const char *)b.bytes, b.n);
    buf_fini(&b);
}

// `content` is JSON text without quotes.
static void complete(int fd, const char *content)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    buf_printf(&b,
               "{\"id\": \"1\", \"object\": \"chat.completion\", \"choices\": [{\"index\": 0, "
               "\"message\": {\"role\": \"assistant\", \"content\": \"%s\"}}]}",
               content);
    answer(fd, "200 OK", buf_cstr(&b));
    buf_fini(&b);
}

static void flood(int fd)
{
    static char zeros[65536];

    send_all(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 38);
    for (size_t i = 0; i < FLOOD; i += sizeof zeros)
        send_all(fd, zeros, sizeof zeros);
}

static void large(int fd)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    for (int i = 0; i < 50; i++)
        buf_puts(&b, "left + ");
    buf_puts(&b, "left");
    complete(fd, buf_cstr(&b));
    buf_fini(&b);
}

static void respond(int fd, const char *mode, const char *head, uint32_t hash)
{
    char text[LONG + 1];

    if (strcmp(mode, "mixed") == 0)
        mode = hash % 4 == 0 ? bad[hash / 4 % (sizeof bad / sizeof *bad)] : "good";
    if (strcmp(mode, "key") == 0)
        mode = strcasestr(head, "authorization: bearer sesame\r\n") ? "good" : "locked";
    (void)snprintf(text, sizeof text, "0.%u * item - left", hash % 1000 + 1000);
    if (strcmp(mode, "good") == 0) {
        complete(fd, text);
    } else if (strcmp(mode, "fenced") == 0) {
        (void)snprintf(
            text, sizeof text,
            "Here:\\n```json\\n{\\\"program\\\": \\\"left - %u * room\\\"}\\n```\\nIt "
            "is better.",
            hash % 90 + 2);
        complete(fd, text);
    } else if (strcmp(mode, "long") == 0) {
        memset(text, 'x', LONG);
        text[LONG] = 0;
        complete(fd, text);
    } else if (strcmp(mode, "slow") == 0) {
        (void)sleep(60);
    } else if (strcmp(mode, "garbage") == 0) {
        answer(fd, "200 OK", "<html>{\"choices\": [}");
    } else if (strcmp(mode, "prose") == 0) {
        complete(fd, "I would rather not.");
    } else if (strcmp(mode, "foreign") == 0) {
        complete(fd, "{\\\"program\\\": \\\"left - secret\\\"}");
    } else if (strcmp(mode, "large") == 0) {
        large(fd);
    } else if (strcmp(mode, "flood") == 0) {
        flood(fd);
    } else {
        answer(fd, strcmp(mode, "locked") == 0 ? "401 Unauthorized" : "500 Oops", "{}");
    }
}

// Head and body, as Content-Length says; the head's bytes, 0: it broke off.
static size_t receive(int fd, char *p, size_t *n)
{
    size_t head = 0, want = SIZE_MAX;

    *n = 0;
    while (*n < want && *n < REQUEST_MAX) {
        ssize_t got = recv(fd, p + *n, REQUEST_MAX - *n, 0);
        if (got <= 0)
            return 0;
        *n += (size_t)got;
        p[*n] = 0;
        char *end = head ? NULL : strstr(p, "\r\n\r\n");
        if (!end)
            continue;
        const char *length = strcasestr(p, "content-length:");
        head = (size_t)(end - p) + 4;
        want = head + (length ? strtoul(length + 15, NULL, 10) : 0);
    }
    return head;
}

static void serve(int fd)
{
    static char request[REQUEST_MAX + 1];
    char mode[32] = "";
    size_t n, head = receive(fd, request, &n);

    if (!head || sscanf(request, "POST /%31[a-z]/chat/completions ", mode) != 1) {
        answer(fd, "404 Not Found", "{}");
        return;
    }
    request[head - 1] = 0; // the head's last line feed: the body keeps its bytes
    respond(fd, mode, request, hash_of(request + head, n - head));
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)signal(SIGCHLD, SIG_IGN);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 || listen(fd, 64) != 0
        || getsockname(fd, (struct sockaddr *)&at, &n) != 0) {
        perror("chat_server");
        return 1;
    }
    printf("%u\n", (unsigned)ntohs(at.sin_port));
    (void)fflush(stdout);
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer >= 0 && fork() == 0) {
            (void)close(fd);
            serve(peer);
            return 0;
        }
        if (peer >= 0)
            (void)close(peer);
    }
}
