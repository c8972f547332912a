// SPDX-License-Identifier: MIT
// A candidate of evolve-c.yaml: packs items into bins as they come.  What stands between
// at-signs is the search's: an expression written in C, some lines of a pool, a number.
#include <math.h>
#include <stdio.h>

enum { BINS_MAX = 10000 };

static double rooms[BINS_MAX + 1], capacity, item;

// How good the bin is for the item.
static double at(int bin)
{
    const double room = rooms[bin], left = room - item, bonus = @bonus@;
    double s = @score:c@;
    @lines@
    (void)left, (void)bonus;
    return s;
}

int main(void)
{
    int n = 0;

    if (scanf("%lf", &capacity) != 1)
        return 1;
    while (n < BINS_MAX && scanf("%lf", &item) == 1) {
        int best = n;
        rooms[n] = capacity; // a new bin, if no other has room
        for (int k = n - 1; k >= 0; k--)
            if (rooms[k] >= item && (best == n || at(k) >= at(best)))
                best = k;
        n += best == n;
        rooms[best] -= item;
        printf("%d\n", best);
    }
    return 0;
}
