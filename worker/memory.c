// SPDX-License-Identifier: MIT
#include "worker/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t memory_machine(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : 0;
}

// memory.max of a directory below /sys/fs/cgroup: a number or "max".
static size_t of_group(const char *group)
{
    char path[4096], text[32] = "";
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    FILE *f = fopen(path, "re");
    char *got = f ? fgets(text, sizeof text, f) : NULL;
    if (f)
        (void)fclose(f);
    unsigned long long n = got ? strtoull(text, NULL, 10) : 0;
    return n ? (size_t)n : SIZE_MAX / 2;
}

// Ours, the second version's, and those above it.
static size_t of_groups(void)
{
    char line[4096] = "";
    size_t n = SIZE_MAX / 2;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f) && strncmp(line, "0::/", 4) != 0)
        line[0] = 0;
    if (f)
        (void)fclose(f);
    char *group = line[0] ? line + 3 : line, *slash;
    group[strcspn(group, "\n")] = 0;
    for (; group[0] && (slash = strrchr(group, '/')) != NULL; *slash = 0)
        n = least(n, of_group(group[1] ? group : ""));
    return n;
}

size_t memory_limit(void)
{
    struct rlimit r;
    size_t n = least(memory_machine() ? memory_machine() : SIZE_MAX / 2, of_groups());
    if (getrlimit(RLIMIT_RSS, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        n = least(n, (size_t)r.rlim_cur);
    return n;
}
