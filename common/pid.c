// SPDX-License-Identifier: MIT
// pid.c - getpid() without a system call.
//
// libzmq asks for the process id around every look at a mailbox between threads, to
// notice a fork; glibc asks the kernel each time, which is a third of all the system
// calls of a message.  Here it is remembered in a page that the kernel clears in every
// child (MADV_WIPEONFORK), so that a forked child asks anew.  A child that still shares
// our memory (vfork, posix_spawn before its exec) is told its parent's.
//
// There is no header: this stands in for the library's function by its name.
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic(_Atomic pid_t *) page;

static _Atomic pid_t *remember(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (madvise(p, size, MADV_WIPEONFORK)) { // before Linux 4.14
        (void)munmap(p, size);
        return NULL;
    }
    _Atomic pid_t *mine = p, *none = NULL;
    if (!atomic_compare_exchange_strong(&page, &none, mine)) {
        (void)munmap(p, size);
        mine = none;
    }
    return mine;
}

__attribute__((visibility("default"))) pid_t getpid(void)
{
    _Atomic pid_t *known = atomic_load_explicit(&page, memory_order_acquire);
    if (!known)
        known = remember();
    pid_t pid = known ? atomic_load_explicit(known, memory_order_relaxed) : 0;
    if (pid)
        return pid;
    pid = (pid_t)syscall(SYS_getpid);
    if (known)
        atomic_store_explicit(known, pid, memory_order_relaxed);
    return pid;
}
