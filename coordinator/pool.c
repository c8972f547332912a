// SPDX-License-Identifier: MIT
#include "coordinator/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/mem.h"

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct pool_task *first, *last;
    struct mailbox *done;
    pthread_t *threads;
    uint32_t n_threads;
    bool started;
    _Atomic bool stopping;
};

struct pool *pool_create(uint32_t n_threads, struct mailbox *done)
{
    struct pool *p = mem_alloc(sizeof *p);
    p->n_threads = n_threads;
    p->threads = mem_alloc(n_threads * sizeof *p->threads);
    p->done = done;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->more, NULL);
    return p;
}

bool pool_is_stopping(const struct pool *p)
{
    return atomic_load(&((struct pool *)(uintptr_t)p)->stopping);
}

// NULL: the end.
static struct pool_task *take(struct pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    while (!p->first && !atomic_load(&p->stopping))
        (void)pthread_cond_wait(&p->more, &p->lock);
    struct pool_task *task = atomic_load(&p->stopping) ? NULL : p->first;
    if (task)
        p->first = task->next;
    (void)pthread_mutex_unlock(&p->lock);
    return task;
}

static void *pool_thread(void *arg)
{
    struct pool *p = arg;
    for (struct pool_task *task; (task = take(p));) {
        task->run(task);
        mailbox_send(p->done, task);
    }
    return NULL;
}

static void start(struct pool *p)
{
    for (uint32_t i = 0; i < p->n_threads; i++)
        if (pthread_create(&p->threads[i], NULL, pool_thread, p))
            abort(); // no thread to be had: crash-only
    p->started = true;
}

void pool_add(struct pool *p, struct pool_task *task)
{
    if (!p->started)
        start(p);
    task->next = NULL;
    (void)pthread_mutex_lock(&p->lock);
    if (p->first)
        p->last->next = task;
    else
        p->first = task;
    p->last = task;
    (void)pthread_cond_signal(&p->more);
    (void)pthread_mutex_unlock(&p->lock);
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    atomic_store(&p->stopping, true);
    (void)pthread_cond_broadcast(&p->more);
    (void)pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; p->started && i < p->n_threads; i++)
        (void)pthread_join(p->threads[i], NULL);
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_cond_destroy(&p->more);
    mem_free(p->threads);
    mem_free(p);
}
