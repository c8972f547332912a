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

enum { HUGE_PAGE = 2 << 20 };

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

// A view that begins as a huge page does, where it is large enough to have some.
static void *map_file(int fd, size_t n)
{
    if (n < HUGE_PAGE)
        return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint8_t *room = mmap(NULL, n + HUGE_PAGE, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return MAP_FAILED;
    size_t skip = -(uintptr_t)room & (HUGE_PAGE - 1);
    void *p = mmap(room + skip, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (p == MAP_FAILED) {
        (void)munmap(room, n + HUGE_PAGE);
        return p;
    }
    if (skip)
        (void)munmap(room, skip);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), end = skip + (n + page - 1) / page * page;
    if (end < n + HUGE_PAGE)
        (void)munmap(room + end, n + HUGE_PAGE - end);
    return p;
}

// Systems have no huge pages in memory files unless asked for each, and make one out of
// what is there: a small page of it is enough.  The room of all of
// it is taken now: without, a write could later find none and end the process.
static void *take_room(int fd, size_t n)
{
    if (ftruncate(fd, (off_t)n))
        return MAP_FAILED;
    void *p = map_file(fd, n);
    if (p == MAP_FAILED)
        return p;
    for (size_t at = 0; at + HUGE_PAGE <= n; at += HUGE_PAGE)
        if (posix_fallocate(fd, (off_t)at, 1))
            break;
    (void)madvise(p, n / HUGE_PAGE * HUGE_PAGE, MADV_COLLAPSE);
    if (posix_fallocate(fd, 0, (off_t)n) == 0)
        return p;
    (void)munmap(p, n);
    return MAP_FAILED;
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
    int fd = first ? memfd_create("shoal", MFD_CLOEXEC) : -1;
    void *p = MAP_FAILED;
    if (first && fd >= 0)
        p = take_room(fd, n);
    if (p != MAP_FAILED)
        a.fd = fd;
    group_bcast(node, &a, sizeof a, 0);
    if (!first)
        fd = open_file(&a);
    if (!first && fd >= 0)
        p = map_file(fd, n);
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
