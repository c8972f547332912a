// SPDX-License-Identifier: MIT
// team.c - every member has its own run of parts, claimed from one word that holds the
// round's number and how many parts are left; who has none left helps the others.
//
// So a member's parts lie side by side (its reads go on where they were) and its claims
// stay in its own cache.  A claim only succeeds in the round whose word was read and
// while parts are left, and a round does not end before all its parts are done: so what
// a claimer read of the round (function, argument) before the claim belongs to it.
#include "worker/tensor/team.h"

#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"

// Looks before sleeping: a few tens of microseconds, longer than the caller's own
// work between two rounds of a step.
enum { SPINS = 4000 };

enum { LINE = 128 }; // words of different writers lie in different pairs of cache lines

struct member {
    struct team *team;
    pthread_t thread;
    uint32_t number;
    _Atomic uint32_t end;                 // past its parts of this round
    _Alignas(LINE) _Atomic uint64_t left; // round << 32 | parts not yet claimed
};

struct team {
    uint32_t size;
    struct member *members; // [size], the first has no thread of its own
    uint8_t *room;          // of the members
    _Atomic(team_fn) fn;
    _Atomic(void *) arg;
    char apart_1[LINE];
    _Atomic uint32_t done; // parts of this round
    _Atomic uint32_t caller_sleeps;
    char apart_2[LINE];
    _Atomic uint32_t round; // what members sleep on
    _Atomic uint32_t n_asleep;
    _Atomic bool stop;
};

static void pause_cpu(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word, int n)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

// The parts of `owner` that are left in round `round`; how many they were.
static uint32_t take(struct team *t, struct member *owner, uint32_t round, uint32_t member)
{
    uint32_t n = 0;
    for (;;) {
        uint64_t at = atomic_load(&owner->left);
        team_fn fn = atomic_load_explicit(&t->fn, memory_order_relaxed);
        void *arg = atomic_load_explicit(&t->arg, memory_order_relaxed);
        uint32_t end = atomic_load_explicit(&owner->end, memory_order_relaxed);
        uint32_t left = (uint32_t)at;
        if (at >> 32 != round || !left)
            return n;
        if (!atomic_compare_exchange_weak(&owner->left, &at, at - 1))
            continue;
        fn(arg, end - left, member);
        n++;
    }
}

// Parts of round `round` until there are none, its own first.
static void work(struct team *t, uint32_t round, uint32_t member)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->size; i++)
        n += take(t, &t->members[(member + i) % t->size], round, member);
    if (!n)
        return;
    atomic_fetch_add(&t->done, n);
    if (atomic_load(&t->caller_sleeps))
        wake(&t->done, 1);
}

// The next round after `round`.
static uint32_t await_round(struct team *t, uint32_t round)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t now = atomic_load(&t->round);
        if (now != round)
            return now;
        pause_cpu();
    }
    atomic_fetch_add(&t->n_asleep, 1);
    uint32_t now;
    while ((now = atomic_load(&t->round)) == round)
        sleep_while(&t->round, round);
    atomic_fetch_sub(&t->n_asleep, 1);
    return now;
}

static void *member_main(void *arg)
{
    struct member *m = arg;
    uint32_t round = 0;
    while (!atomic_load(&m->team->stop)) {
        round = await_round(m->team, round);
        work(m->team, round, m->number);
    }
    return NULL;
}

struct team *team_create(uint32_t n)
{
    assert(n >= 1 && n <= TEAM_MAX);
    struct team *t = mem_alloc(sizeof *t);
    t->room = mem_alloc(n * sizeof *t->members + LINE);
    t->members = (void *)(t->room + (-(uintptr_t)t->room & (LINE - 1)));
    t->size = 1;
    while (t->size < n) {
        struct member *m = &t->members[t->size];
        *m = (struct member){.team = t, .number = t->size};
        if (pthread_create(&m->thread, NULL, member_main, m))
            break;
        t->size++;
    }
    return t;
}

static uint32_t first_of(const struct team *t, uint32_t member, uint32_t n_parts)
{
    return (uint32_t)((uint64_t)n_parts * member / t->size);
}

static void begin_round(struct team *t, uint32_t n_parts)
{
    uint32_t round = atomic_load(&t->round) + 1;
    for (uint32_t i = 0; i < t->size; i++) {
        uint32_t from = first_of(t, i, n_parts), end = first_of(t, i + 1, n_parts);
        atomic_store_explicit(&t->members[i].end, end, memory_order_relaxed);
        atomic_store_explicit(&t->members[i].left, (uint64_t)round << 32 | (end - from),
                              memory_order_release);
    }
    atomic_store(&t->round, round);
    if (atomic_load(&t->n_asleep))
        wake(&t->round, TEAM_MAX);
}

void team_destroy(struct team *t)
{
    if (!t)
        return;
    atomic_store(&t->stop, true);
    begin_round(t, 0);
    for (uint32_t i = 1; i < t->size; i++)
        (void)pthread_join(t->members[i].thread, NULL);
    mem_free(t->room);
    mem_free(t);
}

uint32_t team_size(const struct team *t)
{
    return t->size;
}

static void await_parts(struct team *t, uint32_t n)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&t->done) == n)
            return;
        pause_cpu();
    }
    atomic_store(&t->caller_sleeps, 1);
    uint32_t done;
    while ((done = atomic_load(&t->done)) != n)
        sleep_while(&t->done, done);
    atomic_store(&t->caller_sleeps, 0);
}

void team_run(struct team *t, team_fn fn, void *arg, uint32_t n_parts)
{
    if (t->size == 1 || n_parts < 2) {
        for (uint32_t i = 0; i < n_parts; i++)
            fn(arg, i, 0);
        return;
    }
    atomic_store_explicit(&t->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&t->arg, arg, memory_order_relaxed);
    atomic_store(&t->done, 0);
    begin_round(t, n_parts);
    work(t, atomic_load(&t->round), 0);
    await_parts(t, n_parts);
}
