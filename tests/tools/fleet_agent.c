// SPDX-License-Identifier: MIT
// fleet_agent.c - an agent for policy `external`, as short as one can be: it flies to the
// feasible vertiport with the largest number.  One argument: the socket to listen at.
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/pack.h"

static uint8_t bytes[1 << 16];

static void serve(int fd, struct arena *a)
{
    uint8_t length[4];
    while (recv(fd, length, 4, MSG_WAITALL) == 4) {
        size_t n = (size_t)length[2] << 8 | length[3]; // our messages are short
        struct value in, answer = value_map();
        struct buf out;
        if (recv(fd, bytes, n, MSG_WAITALL) != (ssize_t)n || pack_read(bytes, n, a, &in, NULL))
            return;
        const struct value *mask = value_find(&in, "mask"); // only a step has one
        for (uint32_t v = 0; mask && v < mask->n; v++)
            if (mask->s[v])
                value_set(a, &answer, "action", value_uint(v));
        buf_init(&out, sizeof bytes);
        buf_put(&out, (const uint8_t[4]){0}, 4);
        pack_write(&answer, &out);
        out.bytes[3] = (uint8_t)(out.n - 4);
        if (mask && send(fd, out.bytes, out.n, MSG_NOSIGNAL) != (ssize_t)out.n)
            return;
        buf_fini(&out);
        arena_reset(a);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int door = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argc != 2 || strlen(argv[1]) >= sizeof at.sun_path)
        return 2;
    memcpy(at.sun_path, argv[1], strlen(argv[1]));
    if (bind(door, (const struct sockaddr *)&at, sizeof at) || listen(door, 8))
        return 1;
    for (int fd; (fd = accept(door, NULL, NULL)) >= 0; (void)close(fd))
        serve(fd, arena_create());
    return 0;
}
