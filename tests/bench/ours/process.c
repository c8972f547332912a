// SPDX-License-Identifier: MIT
#include "tests/bench/ours/process.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// The number behind `name` in a /proc file of lines "name:  number".
static int64_t field(const char *path, const char *name)
{
    char line[256];
    int64_t value = 0;
    FILE *f = fopen(path, "re");
    size_t n = strlen(name);

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':')
            value = strtoll(line + n + 1, NULL, 10);
    if (f)
        (void)fclose(f);
    return value;
}

static int64_t status(pid_t pid, const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return field(path, name);
}

int64_t process_resident(pid_t pid)
{
    return status(pid, "VmRSS") * 1024;
}

int64_t process_resident_own(pid_t pid)
{
    return status(pid, "RssAnon") * 1024;
}

int64_t process_wakeups(pid_t pid)
{
    char path[300];
    int64_t n = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", (int)pid, e->d_name);
        n += field(path, "voluntary_ctxt_switches");
    }
    if (d)
        (void)closedir(d);
    return n;
}

pid_t process_child(pid_t pid, int nth)
{
    char path[64];
    char word[16] = "";
    long child = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "re");
    for (int i = 0; f && i <= nth; i++)
        child = fscanf(f, "%15s", word) == 1 ? strtol(word, NULL, 10) : 0;
    if (f)
        (void)fclose(f);
    return (pid_t)child;
}
