// SPDX-License-Identifier: MIT
// test_fleet_scenario.c - bad scenarios are refused with their place and a cure; a good one
// means the same however it is written.
#include "tests/unit/fleet_fixture.h"

#define V "version: 1\n"
static const struct {
    const char *text, *message;
} bad[] = {
    {"", "f:1:1: the scenario is null, expected a map of keys and values"},
    {"[1]", "f:1:1: the scenario is a list, expected a map of keys and values"},
    {"name: a", "f:1:1: key 'version' is missing, expected version: 1"},
    {"version: 2", "f:1:10: version is 2, expected 1"},
    {"version: '1'", "f:1:10: version is '1', expected 1"},
    {V "name: 7", "f:2:7: name is 7, expected a word of 1 to 60 bytes"},
    {V "name: ''", "f:2:7: name is '', expected a word of 1 to 60 bytes"},
    {V "name: a/b", "f:2:7: name is 'a/b', expected a word without quotes and slashes"},
    {V "n_aircrafts: 4", "f:2:1: unknown key 'n_aircrafts', did you mean 'n_aircraft'?"},
    {V "fare: 4", NULL},
    {V "n_aircraft: 4.5",
     "f:2:13: n_aircraft is 4.5, expected an integer (scenarios have no fractions)"},
    {V "n_aircraft: 4.0",
     "f:2:13: n_aircraft is 4.0, expected an integer (scenarios have no fractions)"},
    {V "n_aircraft: many", "f:2:13: n_aircraft is 'many', expected an integer"},
    {V "n_aircraft: null", "f:2:13: n_aircraft is null, expected an integer"},
    {V "n_aircraft: 0", "f:2:13: n_aircraft is 0, expected 1 to 1048576"},
    {V "n_aircraft: 99999999999999999999", NULL},
    {V "n_aircraft: 200",
     "f:2:13: n_aircraft 200 is above the 84 stands (park + charge), expected a stand each"},
    {V "close_ppm: 1000001", "f:2:12: close_ppm is 1000001, expected 0 to 1000000 ppm"},
    {V "fail_ppm: -1", "f:2:11: fail_ppm is -1, expected 0 to 1000000 ppm"},
    {V "lanes: 0", "f:2:8: lanes is 0, expected 1 to 64"},
    {V "hold_ms: 0", "f:2:10: hold_ms is 0, expected 1 to 864000000 ms"},
    {V "t_end_ms: 21600000", "f:2:11: t_end_ms is not after t_start_ms"},
    {V "bin_ms: 7000000",
     "f:2:9: bin_ms 7000000 does not divide the day of 43200000 ms, expected a divisor"},
    {V "bin_ms: 1000", "f:1:1: the day has 43200 bins, expected at most 4096"},
    {V "patience_ms: 899999", "f:2:14: patience_ms is below bin_ms, expected at least it"},
    {V "down_max_ms: 1", "f:2:14: down_max_ms is below down_min_ms"},
    {V "od_mult_max_pct: 1", "f:2:18: od_mult_max_pct is below od_mult_min_pct"},
    {V "vertiports: 8", "f:2:13: vertiports is 8, expected a list"},
    {V "vertiports: []", "f:2:13: vertiports has 0 elements, expected 1 to 2048"},
    {V "vertiports:\n- {x: 0, y: 0, park: 9, charge: 9}\n- 5",
     "f:4:3: vertiports[1] is 5, expected a map of keys and values"},
    {V "vertiports:\n- {x: 0, y: 0, park: 9}\n- {x: 1, y: 0, park: 90, charge: 0}",
     "f:3:3: key 'charge' is missing in vertiports[0], expected stands with one"},
    {V "vertiports:\n- {x: 0, y: 0, prak: 9, charge: 9}\n- 5",
     "f:3:16: unknown key 'prak' in vertiports[0], did you mean 'park'?"},
    {V "vertiports:\n- {x: 0, y: 0, park: 9, charge: 9, core: 2}\n- 5",
     "f:3:42: vertiports[0].core is 2, expected 0 to 1"},
    {V "vertiports:\n- {x: 10000001, y: 0, park: 9, charge: 9}\n- 5",
     "f:3:7: vertiports[0].x is 10000001, expected -10000000 to 10000000 m"},
    {V "layout: 1", "f:2:9: layout is 1, expected a map of keys and values"},
    {V "layout: {seed: 1, count: 0}", "f:2:26: layout.count is 0, expected 1 to 2048"},
    {V "layout: {count: 9}",
     "f:2:9: key 'seed' is missing in layout, expected the seed of the places"},
    {V "layout: {seed: 1, counts: 9}",
     "f:2:19: unknown key 'counts' in layout, did you mean 'count'?"},
    {V "vertiports: []\nlayout: {}",
     "f:3:9: layout stands beside vertiports, expected one of them"},
    {V "aircraft_types: []", "f:2:17: aircraft_types has 0 elements, expected 1 to 16"},
    {V "aircraft_types: [{seats: 0}]",
     "f:2:26: aircraft_types[0].seats is 0, expected 1 to 64"},
    {V "aircraft_types: [{speed: 9}]", NULL},
    {V "aircraft_types: [{charge_W: 0}]",
     "f:2:29: aircraft_types[0].charge_W is 0, expected 1000 to 1000000000 W"},
    {V "aircraft_types: [{battery_J: 1e3}]",
     "f:2:30: aircraft_types[0].battery_J is 1000.0, expected an integer (scenarios have no "
     "fractions)"},
    {V "peaks: {}", "f:2:8: peaks is a map, expected a list"},
    {V "peaks: [{center_ms: 1, half_ms: 1}]",
     "f:2:9: key 'dir' is missing in peaks[0], expected in or out"},
    {V "peaks: [{dir: up, center_ms: 1, half_ms: 1}]",
     "f:2:15: peaks[0].dir is 'up', expected in or out"},
    {V "peaks: [{dir: in, center_ms: 1, half_ms: 0}]",
     "f:2:42: peaks[0].half_ms is 0, expected 1 to 864000000 ms"},
    {V "closures: [{i: 3, j: 3, from_ms: 1, to_ms: 2}]",
     "f:2:22: closures[0].j is 3, expected above i"},
    {V "closures: [{i: 3, j: 8, from_ms: 1, to_ms: 2}]",
     "f:2:22: closures[0].j is 8, expected one of the 8 vertiports"},
    {V "closures: [{i: 3, j: 4, from_ms: 2, to_ms: 2}]",
     "f:2:44: closures[0].to_ms is 2, expected after from_ms"},
    {V "closures: [{i: 3, j: 4, from_ms: 2}]",
     "f:2:12: key 'to_ms' is missing in closures[0], expected when it has ended"},
    {V "elec_uusd_per_kwh: [1, 2]",
     "f:2:20: elec_uusd_per_kwh has 2 elements, expected 24 to 24"},
    {V "elec_uusd_per_kwh: 200000", "f:2:20: elec_uusd_per_kwh is 200000, expected a list"},
    {V "name: a\nname: b", NULL},
    {V "name: [", NULL},
    {V "sep_m: 1000000\nn_aircraft: 84\naircraft_types: [{speed_m_per_h: 1000, battery_J: "
       "10000000000, charge_W: 1000}]",
     NULL},
};
enum { N_BAD = sizeof bad / sizeof *bad };

START_TEST(a_bad_scenario_is_refused_with_its_place)
{
    struct arena *a = arena_create();
    struct scenario s;
    struct errtext t = {{0}};
    ck_assert(scenario_parse(bad[_i].text, strlen(bad[_i].text), "f", a, &s, &t) != OK);
    if (bad[_i].message)
        ck_assert_str_eq(t.text, bad[_i].message);
    ck_assert_msg(strncmp(t.text, "f:", 2) == 0, "%s", t.text);
    ck_assert_ptr_null(strchr(t.text, '\n'));
    arena_destroy(a);
}
END_TEST

static struct sha256 hash_of(const char *text)
{
    struct arena *a = arena_create();
    struct scenario s;
    struct errtext t = {{0}};
    ck_assert_msg(!scenario_parse(text, strlen(text), "f", a, &s, &t), "%s", t.text);
    struct sha256 h = scenario_hash(&s);
    arena_destroy(a);
    return h;
}

START_TEST(what_is_left_out_is_the_default_and_the_hash_says_so)
{
    struct fleet f;
    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam8x40"));
    struct sha256 file = scenario_hash(&f.scenario), plain = hash_of("version: 1");
    ck_assert_mem_eq(&file, &plain, sizeof file);
    struct sha256 other = hash_of("{version: 1, lanes: 3}");
    ck_assert_mem_ne(&file, &other, sizeof file);
    struct sha256 again = hash_of("lanes: 3\nversion: 1\nhold_ms: 900000");
    ck_assert_mem_eq(&again, &other, sizeof other);
    fleet_stop(&f);
}
END_TEST

START_TEST(a_layout_takes_a_seed_of_64_bits)
{
    static const char text[] = "{version: 1, layout: {seed: 18446744073709551615, count: 9, "
                               "width_m: 50000, height_m: 50000, core_x: 0, core_y: 0, "
                               "core_r: 9000, park: 5, charge: 5, vertistop_every: 4}}";
    struct fleet f;
    fleet_start(&f, text, strlen(text), "f");
    ck_assert_int_eq(f.scenario.n_ports, 9);
    ck_assert_int_eq(f.scenario.ports[3].charge, 0);
    ck_assert_int_eq(f.scenario.ports[7].charge, 0);
    ck_assert_int_eq(f.scenario.ports[4].charge, 5);
    fleet_stop(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fleet_scenario");
    TCase *c = tcase_create("scenario");
    tcase_add_loop_test(c, a_bad_scenario_is_refused_with_its_place, 0, N_BAD);
    tcase_add_test(c, what_is_left_out_is_the_default_and_the_hash_says_so);
    tcase_add_test(c, a_layout_takes_a_seed_of_64_bits);
    suite_add_tcase(s, c);
    return harness_run(s);
}
