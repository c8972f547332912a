// SPDX-License-Identifier: MIT
// A candidate of evolve-c.yaml: packs items into bins as they come.  What stands between
// at-signs is the search's: an expression written in C, some lines of a pool, a number.
#include <math.h>
#include <stdio.h>

enum { BINS_MAX = 10000 };

static double score(double item, double room, double capacity)
{
    const double left = room - item, bonus = @bonus@;
    double s = @score:c@;
    @lines@
    (void)left, (void)bonus, (void)capacity;
    return s;
}

int main(void)
{
    static double rooms[BINS_MAX + 1];
    double capacity, item;
    int n = 0;

    if (scanf("%lf", &capacity) != 1)
        return 1;
    while (n < BINS_MAX && scanf("%lf", &item) == 1) {
        int best = n;
        rooms[n] = capacity; // a new bin, if no other scores higher
        for (int k = n - 1; k >= 0; k--)
            if (rooms[k] >= item
                && (best == n || score(item, rooms[k], capacity) >= score(item, rooms[best], capacity)))
                best = k;
        n += best == n;
        rooms[best] -= item;
        printf("%d\n", best);
    }
    return 0;
}
