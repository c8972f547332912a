// SPDX-License-Identifier: MIT
// serve_load.c - many streams at once from a model that serves, each compared with the
// text that `generate` made of its prompt.
//
//   serve_load PORT KEY RESULTS.jsonl TOKENS STREAMS SECONDS
//
// Prompt i (from 0) is "Story number i", its text the results' row i.  A thread for each
// stream asks again and again; one request in four goes away in the middle.  Prints a
// line of JSON: finished, gone, busy (429 and 503, which must name a Retry-After and
// explain themselves), wrong.  0: nothing was wrong and something finished.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/rng.h"

enum { STREAMS_MAX = 1024, TEXTS_MAX = 256, ANSWER_MAX = 64 << 20, WAIT_S = 60 };

static const char *key;
static uint16_t port;
static int tokens;
static int64_t end;
static struct value texts[TEXTS_MAX];
static uint32_t n_texts;
static atomic_ulong n_finished, n_gone, n_busy, n_wrong;

static void wrong(uint32_t prompt, const char *what, const char *shown)
{
    n_wrong++;
    (void)fprintf(stderr, "prompt %u: %s: %.400s\n", prompt, what, shown);
}

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0
        && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool ask(int fd, uint32_t prompt)
{
    char body[256], head[768];
    int n = snprintf(body, sizeof body,
                     "{\"prompt\":\"Story number %u\",\"max_tokens\":%d,\"temperature\":0,"
                     "\"ignore_eos\":true,\"stream\":true}",
                     prompt, tokens);
    int m = snprintf(head, sizeof head,
                     "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                     "Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
                     key, n, body);
    return send(fd, head, (size_t)m, MSG_NOSIGNAL) == m;
}

// Up to `most` bytes; false: it broke.
static bool read_all(int fd, size_t most, struct buf *out)
{
    char part[16384];
    ssize_t n = 1;
    while (out->n < most && (n = recv(fd, part, sizeof part, 0)) > 0)
        buf_put(out, part, (size_t)n);
    return n >= 0;
}

// The body, of its chunks where it comes in such; empty when the last is missing.
static void body_of(const char *raw, struct buf *out)
{
    const char *at = strstr(raw, "\r\n\r\n");
    if (!at)
        return;
    bool chunked = memmem(raw, (size_t)(at - raw), "hunked", 6) != NULL;
    at += 4;
    if (!chunked) {
        buf_puts(out, at);
        return;
    }
    for (;;) {
        char *next;
        size_t n = strtoul(at, &next, 16);
        if (next == at || strncmp(next, "\r\n", 2) != 0 || strlen(next + 2) < n) {
            buf_reset(out);
            return;
        }
        if (!n)
            return;
        buf_put(out, next + 2, n);
        at = next + 2 + n;
        at += strncmp(at, "\r\n", 2) == 0 ? 2 : 0;
    }
}

// Events in a row; true when the last said that it is done.
static bool join(const char *body, struct arena *a, struct buf *text)
{
    bool done = false;
    for (const char *at = body; (at = strstr(at, "data: ")); at++) {
        const char *line = at + 6, *stop = strchr(line, '\n');
        size_t n = stop ? (size_t)(stop - line) : strlen(line);
        struct value v;
        done = n >= 6 && strncmp(line, "[DONE]", 6) == 0;
        if (done || json_parse(line, n, a, &v, NULL))
            continue;
        const struct value *list = value_find(&v, "choices");
        const struct value *t = list && list->type == VALUE_LIST && list->n
                                    ? value_find(list->items, "text")
                                    : NULL;
        if (t && t->type == VALUE_STR)
            buf_put(text, t->s, t->n);
    }
    return done;
}

static void check(uint32_t prompt, const char *raw, struct arena *a)
{
    struct buf body, text;
    buf_init(&body, ANSWER_MAX);
    buf_init(&text, ANSWER_MAX);
    body_of(raw, &body);
    bool busy = strncmp(raw, "HTTP/1.1 429", 12) == 0 || strncmp(raw, "HTTP/1.1 503", 12) == 0;
    if (busy) {
        const char *retry = strcasestr(raw, "\r\nretry-after: ");
        struct value v;
        bool fine = retry && strtol(retry + 15, NULL, 10) > 0
                    && json_parse(buf_cstr(&body), body.n, a, &v, NULL) == OK
                    && value_find(&v, "error");
        n_busy++;
        if (!fine)
            wrong(prompt, "a refusal that is not well-formed", raw);
        (void)usleep(100000);
    } else if (strncmp(raw, "HTTP/1.1 200", 12) != 0 || !join(buf_cstr(&body), a, &text)) {
        wrong(prompt, "an answer without its end", raw);
    } else if (text.n != texts[prompt].n || memcmp(text.bytes, texts[prompt].s, text.n) != 0) {
        wrong(prompt, "another text", buf_cstr(&text));
    } else {
        n_finished++;
    }
    buf_fini(&body);
    buf_fini(&text);
}

static void *stream(void *arg)
{
    struct rng r = rng_at(1, 0, 0, (uint32_t)(uintptr_t)arg);
    struct arena *a = arena_create();
    while (clock_now() < end) {
        uint32_t prompt = (uint32_t)rng_below(&r, n_texts);
        bool leaves = rng_below(&r, 4) == 0;
        size_t most = leaves ? (size_t)rng_below(&r, 12000) : ANSWER_MAX;
        struct buf raw;
        int fd = dial();
        buf_init(&raw, ANSWER_MAX);
        bool whole = fd >= 0 && ask(fd, prompt) && read_all(fd, most, &raw);
        if (fd >= 0)
            (void)close(fd);
        if (leaves)
            n_gone++;
        else if (!whole)
            wrong(prompt, "a connection that broke", buf_cstr(&raw));
        else
            check(prompt, buf_cstr(&raw), a);
        buf_fini(&raw);
        arena_reset(a);
    }
    arena_destroy(a);
    return NULL;
}

static bool read_texts(const char *path, struct arena *a)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    FILE *f = fopen(path, "re");
    while (f && n_texts < TEXTS_MAX && (n = getline(&line, &size, f)) > 0) {
        struct value v;
        const struct value *t = NULL;
        if (json_parse(arena_str(a, line, (size_t)n), (size_t)n, a, &v, NULL) == OK)
            t = value_find(&v, "text");
        if (!t || t->type != VALUE_STR)
            break;
        texts[n_texts++] = *t;
    }
    free(line);
    if (f)
        (void)fclose(f);
    return n_texts > 0;
}

int main(int argc, char **argv)
{
    struct arena *a = arena_create();
    pthread_t threads[STREAMS_MAX];
    if (argc != 7 || !read_texts(argv[3], a)) {
        (void)fprintf(stderr, "usage: serve_load PORT KEY RESULTS TOKENS STREAMS SECONDS\n");
        return 2;
    }
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    key = argv[2];
    tokens = (int)strtol(argv[4], NULL, 10);
    unsigned long n = strtoul(argv[5], NULL, 10);
    n = n < STREAMS_MAX ? n : STREAMS_MAX;
    end = clock_now() + strtol(argv[6], NULL, 10) * CLOCK_SECOND;
    for (unsigned long i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, stream, (void *)i) != 0)
            n = i;
    for (unsigned long i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    printf("{\"finished\": %lu, \"gone\": %lu, \"busy\": %lu, \"wrong\": %lu}\n", n_finished,
           n_gone, n_busy, n_wrong);
    arena_destroy(a);
    return n_wrong || !n_finished;
}
