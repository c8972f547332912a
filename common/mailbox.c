// SPDX-License-Identifier: MIT
#include "common/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"

struct mailbox {
    pthread_mutex_t lock;
    void **ring; // power of two
    uint32_t size;
    uint32_t head;
    _Atomic uint32_t n;
    _Atomic bool dozing; // the receiver; whoever clears it writes to fd
    int fd;
};

enum { RING_MIN = 64 };

struct mailbox *mailbox_create(void)
{
    struct mailbox *m = mem_alloc(sizeof *m);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0)
        abort(); // out of descriptors at start: crash-only
    (void)pthread_mutex_init(&m->lock, NULL);
    m->size = RING_MIN;
    m->ring = mem_alloc(m->size * sizeof *m->ring);
    return m;
}

void mailbox_destroy(struct mailbox *m)
{
    if (!m)
        return;
    (void)close(m->fd);
    (void)pthread_mutex_destroy(&m->lock);
    mem_free(m->ring);
    mem_free(m);
}

static void grow(struct mailbox *m, uint32_t n)
{
    void **ring = mem_alloc(m->size * 2 * sizeof *ring);
    for (uint32_t i = 0; i < n; i++)
        ring[i] = m->ring[(m->head + i) & (m->size - 1)];
    mem_free(m->ring);
    m->ring = ring;
    m->size *= 2;
    m->head = 0;
}

void mailbox_send(struct mailbox *m, void *p)
{
    (void)pthread_mutex_lock(&m->lock);
    uint32_t n = atomic_load(&m->n);
    if (n == m->size)
        grow(m, n);
    m->ring[(m->head + n) & (m->size - 1)] = p;
    atomic_store(&m->n, n + 1);
    // Either we see that it dozes, or it sees the message before it sleeps.
    bool wake = atomic_load(&m->dozing) && atomic_exchange(&m->dozing, false);
    (void)pthread_mutex_unlock(&m->lock);
    // Not before: whom we wake takes the lock next, often on this very CPU.
    if (wake) {
        uint64_t one = 1;
        ssize_t wrote = write(m->fd, &one, sizeof one);
        (void)wrote; // EAGAIN: the counter is not zero, so the receiver wakes anyway
    }
}

void *mailbox_take(struct mailbox *m)
{
    if (!atomic_load(&m->n))
        return NULL;
    (void)pthread_mutex_lock(&m->lock);
    void *p = m->ring[m->head];
    m->head = (m->head + 1) & (m->size - 1);
    atomic_store(&m->n, atomic_load(&m->n) - 1);
    (void)pthread_mutex_unlock(&m->lock);
    return p;
}

bool mailbox_is_empty(const struct mailbox *m)
{
    return !atomic_load(&((struct mailbox *)(uintptr_t)m)->n);
}

int mailbox_fd(const struct mailbox *m)
{
    return m->fd;
}

bool mailbox_doze(struct mailbox *m)
{
    atomic_store(&m->dozing, true);
    if (mailbox_is_empty(m))
        return true;
    mailbox_rouse(m, false);
    return false;
}

// A sender that has just cleared the flag may write later still: then the next
// sleep is short.
void mailbox_rouse(struct mailbox *m, bool readable)
{
    uint64_t count;
    atomic_store(&m->dozing, false);
    if (!readable)
        return;
    ssize_t got = read(m->fd, &count, sizeof count);
    (void)got; // EAGAIN: read before
}

void mailbox_wait(struct mailbox *m, int64_t timeout_ns, int64_t spin_ns)
{
    int64_t until = clock_now() + spin_ns;
    do {
        if (!mailbox_is_empty(m))
            return;
    } while (spin_ns > 0 && clock_now() < until);
    if (!mailbox_doze(m))
        return;
    struct pollfd fd = {.fd = m->fd, .events = POLLIN};
    struct timespec ts = {timeout_ns / CLOCK_SECOND, timeout_ns % CLOCK_SECOND};
    int n = ppoll(&fd, 1, timeout_ns < 0 ? NULL : &ts, NULL);
    mailbox_rouse(m, n > 0);
}
