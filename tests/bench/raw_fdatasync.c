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
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/timing.h"

enum { SYNCS_MAX = 1 << 20, BYTES_MAX = 1 << 24 };

// One append made durable; false says so on stderr.
static bool append(int fd, const char *file, const void *block, size_t bytes)
{
    if (write(fd, block, bytes) == (ssize_t)bytes && fdatasync(fd) == 0)
        return true;
    perror(file);
    return false;
}

static void report(uint32_t *took, size_t n, int64_t elapsed)
{
    timing_sort(took, n);
    printf("{\"syncs_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (double)n * 1e9 / (double)elapsed, timing_us(took, n, 50), timing_us(took, n, 99));
}

int main(int argc, char **argv)
{
    static const char block[BYTES_MAX];
    size_t bytes = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    size_t n = 0;

    if (bytes < 1 || bytes > BYTES_MAX) {
        fprintf(stderr, "usage: raw_fdatasync FILE BYTES SECONDS\n");
        return 2;
    }
    int64_t limit = (int64_t)(strtod(argv[3], NULL) * 1e9);
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    uint32_t *took = timing_alloc(SYNCS_MAX);
    bool going = true;
    int64_t start = timing_now(), end = start;
    while (going && n < SYNCS_MAX && end - start < limit) {
        int64_t before = end;

        going = append(fd, argv[1], block, bytes);
        end = timing_now();
        took[n++] = (uint32_t)(end - before);
    }
    if (going)
        report(took, n, end - start);
    close(fd);
    unlink(argv[1]);
    free(took);
    return going ? 0 : 1;
}
