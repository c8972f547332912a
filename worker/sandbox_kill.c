// SPDX-License-Identifier: MIT
#include "worker/sandbox_kill.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"

// Stopping goes on until a pass finds nobody who runs, at most so long; the
// caller comes again in a few milliseconds.
#define STOPPING_NS (2 * CLOCK_SECOND)

struct process {
    pid_t pid;
    pid_t parent;
    pid_t group;
    bool stopped;
};

struct table {
    struct process *all;   // by parent
    struct process *below; // descendants, breadth first
    size_t n_all, cap;
    size_t n_below;
};

static int by_parent(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->parent > y->parent) - (x->parent < y->parent);
}

static int by_group(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->group > y->group) - (x->group < y->group);
}

// From "PID (NAME) STATE PARENT GROUP …"; the name may hold anything, also ')'.
static bool read_process(int proc, const char *name, struct process *out)
{
    char path[32], text[512];
    snprintf(path, sizeof path, "%.16s/stat", name);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *behind = strrchr(text, ')');
    if (!behind || strlen(behind) < 5 || behind[2] == 'Z')
        return false;
    char *next;
    out->pid = (pid_t)strtol(name, NULL, 10);
    out->stopped = behind[2] == 'T';
    out->parent = (pid_t)strtol(behind + 4, &next, 10);
    out->group = (pid_t)strtol(next, NULL, 10);
    return true;
}

static void add_children(struct table *t, pid_t parent)
{
    size_t low = 0, high = t->n_all;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->all[middle].parent < parent)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < t->n_all && t->all[low].parent == parent; low++)
        t->below[t->n_below++] = t->all[low];
}

static void find_below(struct table *t)
{
    *t = (struct table){0};
    DIR *proc = opendir("/proc");
    struct dirent *e;
    while (proc && (e = readdir(proc))) {
        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        if (t->n_all == t->cap) {
            t->cap = t->cap ? 2 * t->cap : 256;
            t->all = mem_realloc(t->all, t->cap * sizeof *t->all);
        }
        t->n_all += read_process(dirfd(proc), e->d_name, &t->all[t->n_all]);
    }
    if (proc)
        closedir(proc);
    if (t->n_all == 0)
        return;
    qsort(t->all, t->n_all, sizeof *t->all, by_parent);
    t->below = mem_alloc(t->n_all * sizeof *t->below);
    add_children(t, getpid());
    for (size_t i = 0; i < t->n_below; i++)
        add_children(t, t->below[i].pid);
}

static void free_table(struct table *t)
{
    mem_free(t->all);
    mem_free(t->below);
}

// A process group is reached in one call, also its members born meanwhile, and
// every group of a descendant has only descendants: each command begins a
// session.  Returns how many ran.
static size_t signal_below(int signal)
{
    struct table t;
    size_t n_running = 0;
    pid_t done = 0, own = getpgrp();

    find_below(&t);
    if (t.n_below > 0)
        qsort(t.below, t.n_below, sizeof *t.below, by_group);
    for (size_t i = 0; i < t.n_below; i++) {
        const struct process *p = &t.below[i];
        n_running += !p->stopped;
        if (p->group <= 1 || p->group == own)
            kill(p->pid, signal);
        else if (p->group != done)
            kill(-p->group, signal);
        done = p->group;
    }
    free_table(&t);
    return n_running;
}

void sandbox_kill(bool first_of_namespace, int signal)
{
    if (first_of_namespace) {
        kill(-1, signal); // everybody in the namespace but us
        return;
    }
    int64_t until = clock_now() + STOPPING_NS;
    while (signal == SIGKILL && signal_below(SIGSTOP) > 0 && clock_now() < until)
        continue;
    signal_below(signal);
}

static uint32_t count_namespace(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    uint32_t n = 0;
    while (proc && (e = readdir(proc)))
        n += isdigit((unsigned char)e->d_name[0]) != 0;
    if (proc)
        closedir(proc);
    return n > 0 ? n - 1 : 0;
}

uint32_t sandbox_kill_count(bool first_of_namespace)
{
    if (first_of_namespace)
        return count_namespace();
    struct table t;
    find_below(&t);
    free_table(&t);
    return (uint32_t)t.n_below;
}
