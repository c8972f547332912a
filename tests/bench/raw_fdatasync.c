// SPDX-License-Identifier: MIT
// raw_fdatasync.c - what a durable write costs: append and fdatasync.
//
//   raw_fdatasync FILE BYTES SECONDS
//
// Prints one JSON line: syncs a second and the times of one.  FILE is made
// anew and removed.
//
// Threads    Single.

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SYNCS_MAX = 1 << 20, BYTES_MAX = 1 << 24 };

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    size_t bytes = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;

    if (bytes < 1 || bytes > BYTES_MAX) {
        fprintf(stderr, "usage: raw_fdatasync FILE BYTES SECONDS\n");
        return 2;
    }
    int64_t limit = (int64_t)(strtod(argv[3], NULL) * 1e9);
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    char *block = calloc(1, bytes);
    uint32_t *took = calloc(SYNCS_MAX, sizeof took[0]);
    size_t n = 0;

    if (fd < 0 || !block || !took) {
        perror(argv[1]);
        return 1;
    }
    int64_t start = now_ns(), end = start;
    while (n < SYNCS_MAX && end - start < limit) {
        int64_t before = end;

        if (write(fd, block, bytes) != (ssize_t)bytes || fdatasync(fd)) {
            perror(argv[1]);
            return 1;
        }
        end = now_ns();
        took[n++] = (uint32_t)(end - before);
    }
    qsort(took, n, sizeof took[0], by_size);
    printf("{\"syncs_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (double)n * 1e9 / (double)(end - start), took[n / 2] / 1e3,
           took[n * 99 / 100] / 1e3);
    close(fd);
    unlink(argv[1]);
    free(took);
    free(block);
    return 0;
}
