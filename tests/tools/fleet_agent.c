// SPDX-License-Identifier: MIT
// fleet_agent.c SOCKET - an agent for policy `external`: to the first feasible vertiport.
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
static int answer(int rank) // its next message; 0: it has closed
{
    static unsigned char in[1 << 16], out[] = "\0\0\0\x09\x81\xa6\141ction"; // {action: 0-127}
    ssize_t n = recv(rank, in, 4, MSG_WAITALL) == 4 ? in[2] << 8 | in[3] : 0;
    n = n ? recv(rank, in, (size_t)n, MSG_WAITALL) : 0;
    char *mask = n > 0 ? memmem(in, (size_t)n, "\xa4mask\xc4", 6) : NULL; // only of a step
    if (mask) // of this length, 1 where it is feasible
        out[12] = (unsigned char)((char *)memchr(mask + 7, 1, 255 & mask[6]) - mask - 7);
    return n > 0 && (!mask || send(rank, out, 13, MSG_NOSIGNAL) == 13);
}
int main(int argc, char **argv)
{
    int door = socket(AF_UNIX, SOCK_STREAM, 0), rank;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)strncpy(at.sun_path, argc == 2 ? argv[1] : "", sizeof at.sun_path - 1);
    if (bind(door, (const struct sockaddr *)&at, sizeof at) || listen(door, 64))
        return 1;
    for (; (rank = accept(door, NULL, NULL)) >= 0; (void)close(rank))
        for (pid_t child = fork(); child == 0;) // one for each rank
            if (!answer(rank))
                return 0;
    return 1;
}
