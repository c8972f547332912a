// SPDX-License-Identifier: MIT
// place.c - a candidate for the workload judge: models on GPUs, the largest pressure
// first, each where the KVPR is least once it is there.  With -DCHEAT=n it cheats.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 256, EXIT_HARD = 3, HARD_GPUS = 9, FOREVER_S = 1000 };
#ifndef CHEAT
#define CHEAT 0
#endif
enum { HONEST, THROWS, ADDS_GPUS, DUPLICATES, TIMES_OUT };

struct model {
    double pressure;
    int size, number;
};

static int by_pressure(const void *a, const void *b)
{
    const struct model *x = a, *y = b;
    if (x->pressure != y->pressure)
        return x->pressure > y->pressure ? -1 : 1;
    return x->number - y->number;
}

static void answer(const int *gpu_of, int gpus, int models)
{
    putchar('[');
    for (int g = 0; g < gpus; g++) {
        const char *comma = "";
        printf("%s[", g ? "," : "");
        for (int m = 0; m < models; m++)
            if (gpu_of[m] == g) {
                printf("%s%d", comma, m);
                comma = ",";
            }
        // The first model once more, where it harms nobody.
        if (CHEAT == DUPLICATES && g == gpus - 1 && gpu_of[0] != g)
            printf("%s0", comma);
        putchar(']');
    }
    puts("]");
}

static void place(int memory, int gpus, int models)
{
    struct model list[MOST];
    int gpu_of[MOST], size[MOST] = {0};
    double pressure[MOST] = {0};

    for (int m = 0; m < models; m++) {
        int rate, slo;
        if (scanf("%d %d %d", &list[m].size, &rate, &slo) != 3)
            exit(1);
        list[m].pressure = (double)rate / slo;
        list[m].number = m;
    }
    if (CHEAT == THROWS && gpus == HARD_GPUS)
        exit(EXIT_HARD);
    if (CHEAT == ADDS_GPUS)
        gpus++;
    qsort(list, (size_t)models, sizeof list[0], by_pressure);
    for (int m = 0; m < models; m++) {
        int best = 0;
        double least = 1e300;
        for (int g = 0; g < gpus; g++) {
            int left = memory - size[g] - list[m].size;
            double kvpr = left > 0 ? (pressure[g] + list[m].pressure) / left : 1e300;
            if (kvpr < least) {
                least = kvpr;
                best = g;
            }
        }
        gpu_of[list[m].number] = best;
        size[best] += list[m].size;
        pressure[best] += list[m].pressure;
    }
    answer(gpu_of, gpus, models);
}

int main(void)
{
    int memory, n, gpus, models;

    if (scanf("%d %d", &memory, &n) != 2)
        return 1;
    if (CHEAT == TIMES_OUT)
        sleep(FOREVER_S);
    for (int i = 0; i < n; i++) {
        if (scanf("%d %d", &gpus, &models) != 2 || gpus >= MOST || models > MOST)
            return 1;
        place(memory, gpus, models);
    }
    return 0;
}
