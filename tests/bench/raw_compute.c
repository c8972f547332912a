// SPDX-License-Identifier: MIT
// raw_compute.c - what the machine gives alone: reading memory, multiplying floats and
// bytes in registers.
//
//   raw_compute THREADS
//
// One JSON line: read_gb_s (each thread one stream over 512 MB of its own, best of some
// passes), f32_gflops and int8_gops (independent sums in registers; 0 where the CPU
// has no such instructions).  All threads begin together; the slowest one counts.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/clock.h"

enum { BYTES = 512 << 20, PASSES = 5, LOOPS = 20 << 20, SUMS = 24, THREADS_MAX = 64 };

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx512f"))) static uint64_t read_all(const uint8_t *p)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (size_t i = 0; i < BYTES; i += 256) {
        for (size_t j = 0; j < 256; j += 64) // asking ahead gives more than waiting for it
            _mm_prefetch((const char *)p + i + j + 2048, _MM_HINT_T0);
        a = _mm512_xor_si512(a, _mm512_load_si512((const void *)(p + i)));
        b = _mm512_xor_si512(b, _mm512_load_si512((const void *)(p + i + 64)));
        c = _mm512_xor_si512(c, _mm512_load_si512((const void *)(p + i + 128)));
        d = _mm512_xor_si512(d, _mm512_load_si512((const void *)(p + i + 192)));
    }
    a = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
    return (uint64_t)_mm512_reduce_or_epi64(a);
}

__attribute__((target("avx512f"))) static uint64_t multiply_floats(void)
{
    __m512 s[SUMS], x = _mm512_set1_ps(1.5F);
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        s[i] = _mm512_set1_ps((float)i);
    for (int i = 0; i < LOOPS; i++)
#pragma GCC unroll 24
        for (int j = 0; j < SUMS; j++)
            __asm__ volatile("vfmadd231ps %1, %1, %0" : "+v"(s[j]) : "v"(x));
    float sum = 0;
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        sum += _mm512_reduce_add_ps(s[i]);
    return (uint64_t)sum;
}

__attribute__((target("avx512f,avx512vnni"))) static uint64_t multiply_bytes(void)
{
    __m512i s[SUMS], x = _mm512_set1_epi8(3);
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        s[i] = _mm512_set1_epi32(i);
    for (int i = 0; i < LOOPS; i++)
#pragma GCC unroll 24
        for (int j = 0; j < SUMS; j++)
            __asm__ volatile("vpdpbusd %1, %1, %0" : "+v"(s[j]) : "v"(x));
    int sum = 0;
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        sum += _mm512_reduce_add_epi32(s[i]);
    return (uint64_t)sum;
}

static int has(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}
#else
static uint64_t read_all(const uint8_t *p)
{
    uint64_t sum = 0, word;
    for (size_t i = 0; i < BYTES; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        sum ^= word;
    }
    return sum;
}

static uint64_t multiply_floats(void)
{
    return 0;
}

static uint64_t multiply_bytes(void)
{
    return 0;
}

static int has(void)
{
    return 0;
}
#endif

static pthread_barrier_t gate;
static volatile uint64_t sink;

struct thread {
    pthread_t id;
    uint8_t *room;
    int64_t read_ns, f32_ns, int8_ns;
};

static void *work(void *arg)
{
    struct thread *t = arg;
    memset(t->room, 1, BYTES);
    t->read_ns = INT64_MAX;
    for (int i = 0; i < PASSES; i++) {
        (void)pthread_barrier_wait(&gate);
        int64_t start = clock_now();
        sink = read_all(t->room);
        int64_t ns = clock_now() - start;
        t->read_ns = ns < t->read_ns ? ns : t->read_ns;
    }
    if (!has())
        return NULL;
    (void)pthread_barrier_wait(&gate);
    int64_t start = clock_now();
    sink = multiply_floats();
    t->f32_ns = clock_now() - start;
    (void)pthread_barrier_wait(&gate);
    start = clock_now();
    sink = multiply_bytes();
    t->int8_ns = clock_now() - start;
    return NULL;
}

int main(int argc, char **argv)
{
    static struct thread threads[THREADS_MAX];
    int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;
    int64_t read_ns = 1, f32_ns = 0, int8_ns = 0;
    if (n < 1 || n > THREADS_MAX || pthread_barrier_init(&gate, NULL, (unsigned)n))
        return 2;
    for (int i = 0; i < n; i++) {
        threads[i].room =
            mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (threads[i].room == MAP_FAILED)
            return 1;
        (void)madvise(threads[i].room, BYTES, MADV_HUGEPAGE);
        if (pthread_create(&threads[i].id, NULL, work, &threads[i]))
            return 1;
    }
    for (int i = 0; i < n; i++) {
        const struct thread *t = &threads[i];
        (void)pthread_join(t->id, NULL);
        read_ns = t->read_ns > read_ns ? t->read_ns : read_ns;
        f32_ns = t->f32_ns > f32_ns ? t->f32_ns : f32_ns;
        int8_ns = t->int8_ns > int8_ns ? t->int8_ns : int8_ns;
    }
    double ops = (double)n * SUMS * LOOPS;
    printf("{\"read_gb_s\": %.2f, \"f32_gflops\": %.1f, \"int8_gops\": %.1f}\n",
           (double)n * BYTES / (double)read_ns, f32_ns ? ops * 32 / (double)f32_ns : 0,
           int8_ns ? ops * 128 / (double)int8_ns : 0);
    return 0;
}
