// SPDX-License-Identifier: MIT
// test_deeparchitect.c - what Negrinho and Gordon (arXiv:1704.08792) claim of their
// searchers: tree search and a linear model of n-grams beat chance within 64 evaluations.
//
// The space is that of their convolutional networks: two layers of a number of filters
// and a size, one of units, and a dropout.  Landscapes are sums of a random value for
// every option and, half as large, for every pair of options of two decisions.
#include <math.h>

#include "tests/unit/search_lab.h"

enum { N_SLOTS = 6, OPTIONS_MAX = 5, N_LANDSCAPES = 200, N_EVALUATIONS = 64, N_LEAVES = 2025 };

#define SPACE                                                                                  \
    "space: {filters1: {type: int, low: 0, high: 4}, size1: {type: int, low: 0, high: 2}, "    \
    "filters2: {type: int, low: 0, high: 4}, size2: {type: int, low: 0, high: 2}, units: "     \
    "{type: int, low: 0, high: 2}, dropout: {type: int, low: 0, high: 2}}"

struct landscape {
    double single[N_SLOTS][OPTIONS_MAX];
    double pair[N_SLOTS][N_SLOTS][OPTIONS_MAX][OPTIONS_MAX];
};

static struct lab lab;

static void draw(struct landscape *l, uint32_t number)
{
    struct rng r = rng_at(1704, 8792, 0, number);

    for (uint32_t i = 0; i < N_SLOTS; i++)
        for (uint32_t a = 0; a < OPTIONS_MAX; a++) {
            l->single[i][a] = rng_normal(&r);
            for (uint32_t j = 0; j < i; j++)
                for (uint32_t b = 0; b < OPTIONS_MAX; b++)
                    l->pair[i][j][a][b] = 0.5 * rng_normal(&r);
        }
}

static double height(const struct landscape *l, const struct point *p)
{
    double sum = 0;

    for (uint32_t i = 0; i < N_SLOTS; i++) {
        sum += l->single[i][p->genes[i].k];
        for (uint32_t j = 0; j < i; j++)
            sum += l->pair[i][j][p->genes[i].k][p->genes[j].k];
    }
    return sum;
}

static double best_of(const struct landscape *l, const char *algorithm, uint64_t seed)
{
    double best = INFINITY;

    lab_open(&lab, SPACE, NULL, algorithm);
    lab_start(&lab, seed);
    lab.history.window = 1;
    for (uint32_t i = 0; i < N_EVALUATIONS; i++) {
        ck_assert(lab_ask(&lab));
        double loss = height(l, &lab.next);
        lab_tell(&lab, lab_loss(loss));
        best = fmin(best, loss);
    }
    lab_stop(&lab);
    lab_close(&lab);
    return best;
}

// (a) The space has as many leaves as the paper's source, one by one too.
START_TEST(the_space_has_2025_leaves)
{
    lab_open(&lab, SPACE, NULL, "grid");
    ck_assert(lab.space->is_exact);
    ck_assert_double_eq(lab.space->n_points, N_LEAVES);
    lab_start(&lab, 1);
    uint32_t n = 0;
    for (; lab_ask(&lab); n++)
        lab_tell(&lab, lab_loss(0));
    ck_assert_uint_eq(n, N_LEAVES);
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

// (b) How often each does better than chance with as many evaluations; ties count half.
static const struct {
    const char *algorithm;
    double least;
} claims[] = {
    {"{name: mcts, imitation: 0, exploration: 0.3}", 0.58}, // as the paper has it
    {"{name: mcts, imitation: 0, exploration: 0.3, bisect: true}", 0.58},
    {"mcts", 0.75},
    {"smbo", 0.90},
};

START_TEST(who_searches_beats_chance)
{
    static struct landscape l;
    double wins = 0;

    for (uint32_t i = 0; i < N_LANDSCAPES; i++) {
        draw(&l, i);
        double ours = best_of(&l, claims[_i].algorithm, i + 1);
        double chance = best_of(&l, "random", i + 1001);
        wins += ours < chance ? 1 : ours == chance ? 0.5 : 0;
    }
    printf("%s: wins %.3f\n", claims[_i].algorithm, wins / N_LANDSCAPES);
    ck_assert_msg(wins / N_LANDSCAPES >= claims[_i].least, "%s wins %.3f", claims[_i].algorithm,
                  wins / N_LANDSCAPES);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("deeparchitect");
    TCase *tc = tcase_create("all");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_space_has_2025_leaves);
    tcase_add_loop_test(tc, who_searches_beats_chance, 0, sizeof claims / sizeof claims[0]);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
