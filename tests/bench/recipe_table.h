// SPDX-License-Identifier: MIT
// recipe_table.h - every recipe of five passes on a circuit, looked up.
//
// The fixtures' CIRCUIT.l5.tab: a state a line, "number area delay gates nodes levels" and
// the state behind each of the seven passes.
//
// Ownership  The caller's.
// Threads    Single.

#ifndef TESTS_BENCH_RECIPE_TABLE_H
#define TESTS_BENCH_RECIPE_TABLE_H

#include "tests/bench/lab.h"

struct recipe_table {
    uint32_t n;
    struct {
        double adp;
        int32_t next[7];
    } states[8192];
};

static inline void recipe_table_read(const char *path, struct recipe_table *t)
{
    FILE *f = fopen(path, "r");
    char line[512];

    if (!f)
        lab_die(path, "cannot be opened");
    for (t->n = 0; t->n < 8192 && fgets(line, sizeof line, f);) {
        double column[13]; // number, area, delay, three of no use here, then a pass each
        if (!lab_numbers(line, column, 13))
            continue;
        for (int i = 0; i < 7; i++)
            t->states[t->n].next[i] = (int32_t)column[6 + i];
        t->states[t->n++].adp = column[1] * column[2];
    }
    (void)fclose(f);
}

static inline bool recipe_table_look_up(void *ctx, const struct value *params, double *y)
{
    const struct recipe_table *t = ctx;
    const struct value *recipe = lab_get(params, "recipe");
    int32_t at = 0;

    for (uint32_t i = 0; i < recipe->n; i++)
        at = t->states[at].next[recipe->s[i] - '0'];
    *y = t->states[at].adp;
    return true;
}

static const char *const adp_metrics[] = {"adp", NULL};

#define RECIPES(length)                                                                        \
    "space: {recipe: {type: sequence, length: " length ", join: '', of: {type: choice, "       \
    "values: ['0', '1', '2', '3', '4', '5', '6']}}}\n"                                         \
    "objectives: [{metric: adp}]"

#endif
