// SPDX-License-Identifier: MIT
// fleet_agent.c - an agent for policy `external`: flies to the first feasible vertiport.
// One argument, the socket.  A process a rank; ends 3 s after the last rank has closed.
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/pack.h"

static int serve(int fd, struct arena *a) // until the peer closes
{
    static uint8_t in[1 << 16], out[] = "\0\0\0\x09\x81\xa6\141ction"; // {action: 0-127}
    struct value message;
    for (size_t n; recv(fd, in, 4, MSG_WAITALL) == 4; arena_reset(a)) {
        n = (size_t)in[2] << 8 | in[3]; // these messages are short
        if (recv(fd, in, n, MSG_WAITALL) != (ssize_t)n || pack_read(in, n, a, &message, NULL))
            break;
        const struct value *mask = value_find(&message, "mask"); // only a step has one
        const char *first = mask ? memchr(mask->s, 1, mask->n) : NULL;
        out[12] = first ? (uint8_t)(first - mask->s) : 0;
        if (mask && send(fd, out, 13, MSG_NOSIGNAL) != 13)
            break;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = 3};
    int door = socket(AF_UNIX, SOCK_STREAM, 0), fd;
    (void)strncpy(at.sun_path, argc == 2 ? argv[1] : "", sizeof at.sun_path - 1);
    if (bind(door, (const struct sockaddr *)&at, sizeof at) || listen(door, 64))
        return 1;
    (void)signal(SIGCHLD, SIG_IGN); // nobody waits for them: none is left once waitpid fails
    while ((fd = accept(door, NULL, NULL)) >= 0 || waitpid(-1, NULL, WNOHANG) == 0) {
        if (fd >= 0 && fork() == 0)
            return serve(fd, arena_create());
        (void)setsockopt(door, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)close(fd);
    }
    return unlink(at.sun_path) != 0;
}
