// SPDX-License-Identifier: MIT
// fuzz_scenario.c - a scenario of any bytes is refused with a text, or is good for a world.
#include "common/arena.h"
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/fleet/day.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create();
    struct scenario s;
    struct errtext t = {{0}};
    enum error e = scenario_parse((const char *)data, size, "f", a, &s, &t);

    if (e) {
        demand(t.text[0] && !strchr(t.text, 10), "one line says why");
    } else if (s.n_ports <= 16 && s.n_aircraft <= 64
               && (s.t_end_ms - s.t_start_ms) / s.hold_ms < 1000) {
        struct world *w;
        if (!world_create(&s, &w, &t)) {
            struct day *d = day_create(w);
            day_reset(d, 1, 2);
            for (int i = 0; i < 2000 && day_next(d); i++)
                demand(!day_act(d, day_feasible(d, 0)), "what is feasible is done");
            day_destroy(d);
            world_destroy(w);
        }
    }
    arena_destroy(a);
    return 0;
}
