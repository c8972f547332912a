// SPDX-License-Identifier: MIT
// replay.c - run a fuzz target over its corpus without a fuzzer.
//
// Linked with one fuzz_*.c and built by any compiler, so that `make test` shows
// every input that ever broke something to the gcc build too.  Each file is
// also tried cut short at every eighth and with one byte turned over: cheap
// neighbours that a decoder has to survive.
//
// Threads    Single.

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Larger files are no minimised inputs and would make the replay slow.
enum { INPUT_MAX = 1 << 20 };

// A copy of exactly `size` bytes, so that AddressSanitizer sees a read past it.
static void try(const uint8_t *data, size_t size, size_t turn)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    memcpy(copy, data, size);
    if (turn < size)
        copy[turn] ^= 0xff;
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "rb");

    if (!f) {
        perror(path);
        return 0;
    }
    size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    fprintf(stderr, "%s\n", path); // the log's last line names the file that crashed
    try(data, size, SIZE_MAX);
    for (size_t i = 0; i < 8; i++)
        try(data, size * i / 8, SIZE_MAX);
    for (size_t i = 0; i < size && i < 64; i++)
        try(data, size, i);
    return 1;
}

static int replay_folder(const char *folder)
{
    DIR *d = opendir(folder);
    int n = 0;

    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        struct stat st;

        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            n += replay_file(path);
    }
    closedir(d);
    return n;
}

// A crash or an abort of the target ends the program, so whoever gets to the
// end has passed; without any input there was no test.
int main(int argc, char **argv)
{
    int n = 0;

    for (int i = 1; i < argc; i++)
        n += replay_folder(argv[i]);
    if (n == 0) {
        fprintf(stderr, "no inputs in %s\n", argc > 1 ? argv[1] : "(no folder)");
        return 1;
    }
    printf("1 passed, 0 failed\n");
    return 0;
}
