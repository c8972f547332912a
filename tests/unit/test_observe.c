// SPDX-License-Identifier: MIT
// test_observe.c - features of whole days: in range, and what the day itself says.
#include "tests/unit/fleet_fixture.h"
#include "worker/fleet/observe.h"

enum { PORTS = 8, AIRCRAFT = 44 };

static float ports[PORTS][OBSERVE_PORT], aircraft[AIRCRAFT][OBSERVE_AIRCRAFT];
static float series[PORTS][OBSERVE_HOURS][OBSERVE_SERIES], pairs[PORTS][OBSERVE_PAIR];
static uint8_t mask[PORTS];
static const struct observation all = {ports[0], aircraft[0], series[0][0], pairs[0], mask};

static void check_epoch(const struct fleet *f)
{
    const struct epoch *e = day_epoch(f->day);
    uint32_t n_feasible = 0, deciding = 0;
    for (uint32_t v = 0; v < f->world->n_ports; v++) {
        for (int k = 0; k < OBSERVE_PORT; k++)
            ck_assert(ports[v][k] >= 0 && ports[v][k] <= 8);
        ck_assert(ports[v][11] == (float)mask[v]);
        ck_assert(ports[v][12] == (float)(v == e->place));
        ck_assert(!(ports[v][10] > 0 && mask[v])); // closed: not feasible
        ck_assert(v == e->place || !mask[v] || pairs[v][3] > 0);
        n_feasible += mask[v];
    }
    for (uint32_t i = 0; i < f->world->n_aircraft; i++) {
        float status = aircraft[i][5] + aircraft[i][6] + aircraft[i][7] + aircraft[i][8];
        ck_assert(status == 1 && aircraft[i][3] >= 0 && aircraft[i][3] <= 1);
        deciding += aircraft[i][9] > 0;
    }
    ck_assert_uint_eq(n_feasible, e->n_feasible);
    ck_assert(deciding == 1 && aircraft[e->aircraft][9] == 1 && aircraft[e->aircraft][5] == 1);
}

START_TEST(features_say_what_the_day_says)
{
    static const char *const names[] = {"uam3x5", "uam8x40", "uam8x40-tight"};
    struct fleet f;
    ck_assert(fleet_open(&f, FLEET_GOLDEN, names[_i]));
    ck_assert(f.world->n_ports <= PORTS && f.world->n_aircraft <= AIRCRAFT);
    struct observer *o = observe_create(f.world);
    uint32_t n = 0;
    float most = 0;
    day_reset(f.day, 3, 5);
    while (day_next(f.day)) {
        observe(o, f.day, &all);
        check_epoch(&f);
        most = series[0][0][0] > most ? series[0][0][0] : most;
        uint32_t k = day_policy_draw(f.day) % day_epoch(f.day)->n_feasible;
        ck_assert(day_act(f.day, day_feasible(f.day, k)) == OK);
        n++;
    }
    ck_assert(n > 50 && most > 0);
    // In the last hour nothing is expected after it.
    ck_assert(series[0][OBSERVE_HOURS - 1][3] == 0);
    observe_destroy(o);
    fleet_stop(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("observe");
    TCase *c = tcase_create("days");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, features_say_what_the_day_says, 0, 3);
    suite_add_tcase(s, c);
    return harness_run(s);
}
