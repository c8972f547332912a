// SPDX-License-Identifier: MIT
#include "worker/shared_memory.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"

// Where the others find rank 0's file.
struct address {
    int64_t pid;
    int64_t fd; // -1: there is none
};

// Without the room taken now, a write could later find none and end the process.
static int make_file(size_t n)
{
    int fd = memfd_create("shoal", MFD_CLOEXEC);
    if (fd >= 0 && posix_fallocate(fd, 0, (off_t)n) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int open_file(const struct address *a)
{
    char path[64];
    if (a->fd < 0)
        return -1;
    (void)snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)a->pid,
                   (long long)a->fd);
    return open(path, O_RDWR | O_CLOEXEC);
}

static bool all_have(struct group *node, bool mine)
{
    uint8_t own = mine, *all = mem_alloc(group_size(node));
    bool every = true;
    group_allgather(node, &own, 1, all);
    for (uint32_t r = 0; r < group_size(node); r++)
        every = every && all[r];
    mem_free(all);
    return every;
}

enum error shared_memory_map(struct group *node, size_t n, void **out)
{
    bool first = group_rank(node) == 0;
    struct address a = {getpid(), -1};
    int fd = -1;
    if (first)
        a.fd = fd = make_file(n);
    group_bcast(node, &a, sizeof a, 0);
    if (!first)
        fd = open_file(&a);
    void *p = MAP_FAILED;
    if (fd >= 0)
        p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    bool every = all_have(node, p != MAP_FAILED); // after which nobody needs the number
    if (fd >= 0)
        (void)close(fd);
    if (!every && p != MAP_FAILED)
        (void)munmap(p, n);
    if (!every)
        return ERR_AGAIN;
    *out = p;
    return OK;
}

void shared_memory_unmap(void *p, size_t n)
{
    if (p)
        (void)munmap(p, n);
}
