// SPDX-License-Identifier: MIT
// test_fleet_demand.c - imported passengers are those of every day; bad files are refused
// with their line.
#include "tests/unit/fleet_fixture.h"
#include "worker/fleet/demand.h"

#define H "bin,from,to,passengers\n"
static const struct {
    const char *text, *message; // NULL: it is good
} files[] = {
    {H, NULL},
    {H "0,0,1,31\r\n\n47,2,1,0", NULL},
    {"", "f:1: expected the header bin,from,to,passengers"},
    {"bin,from,to\n", "f:1: expected the header bin,from,to,passengers"},
    {H "0,0,1,1\nx,0,1,1\n", "f:3: column bin: expected an integer from 0 to 4095"},
    {H "4096,0,1,1\n", "f:2: column bin: expected an integer from 0 to 4095"},
    {H "99999999999999999999999,0,1,1\n",
     "f:2: column bin: expected an integer from 0 to 4095"},
    {H "0,-1,1,1\n", "f:2: column from: expected an integer from 0 to 2047"},
    {H "0,1 ,2,1\n", "f:2: column from: expected a comma behind the number"},
    {H "0,0,,1\n", "f:2: column to: expected an integer from 0 to 2047"},
    {H "0,0,1\n", "f:2: column to: expected a comma behind the number"},
    {H "0,0,1,\n", "f:2: column passengers: expected an integer from 0 to 31"},
    {H "0,0,1,32\n", "f:2: column passengers: expected an integer from 0 to 31"},
    {H "0,0,1,1.5\n", "f:2: column passengers: expected a line's end behind the number"},
    {H "0,0,1,1,1\n", "f:2: column passengers: expected a line's end behind the number"},
    {H "0,3,1,1\n",
     "f:2: bin 0 from 3 to 1 names no vertiport, expected numbers below their count"},
    {H "0,0,1,1\n48,0,1,1\n",
     "f:3: bin 48 from 0 to 1 lies behind the day's last bin (see bin_ms)"},
    {H "0,1,1,1\n",
     "f:2: bin 0 from 1 to 1 is one place, or a pair farther apart than od_max_m"},
    {H "0,0,1,1\n\n0,0,1,1\n",
     "f:4: bin 0 from 0 to 1 is there twice, expected one line a cell"},
};
enum { N_FILES = sizeof files / sizeof *files };

// The golden scenario with a demand; its day is made anew.
static enum error import(struct fleet *f, const char *csv, struct errtext *t)
{
    enum error e = demand_parse(csv, strlen(csv), "f", f->arena, &f->scenario, t);
    struct world *w = NULL;

    if (!e)
        e = world_create(&f->scenario, &w, t);
    if (e)
        return e;
    day_destroy(f->day);
    world_destroy(f->world);
    f->world = w;
    f->day = day_create(w);
    return OK;
}

START_TEST(a_file_is_read_or_refused_with_its_line)
{
    struct fleet f;
    struct errtext t = {{0}};

    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam3x5"));
    enum error e = import(&f, files[_i].text, &t);
    ck_assert_str_eq(e ? t.text : "good", files[_i].message ? files[_i].message : "good");
    fleet_stop(&f);
}
END_TEST

START_TEST(every_day_has_the_passengers_of_the_file)
{
    struct fleet f;
    struct errtext t = {{0}};

    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam3x5"));
    struct sha256 drawn = scenario_hash(&f.scenario);
    ck_assert(!import(&f, H "0,0,1,5\n9,2,1,31\n10,2,0,31\n11,1,2,7\n", &t));
    struct sha256 given = scenario_hash(&f.scenario);
    ck_assert(memcmp(&drawn, &given, sizeof drawn) != 0);
    day_reset(f.day, 1, 0);
    ck_assert_uint_eq(day_waiting(f.day, 0, 1), 5);
    ck_assert_uint_eq(day_waiting(f.day, 1, 0), 0);
    for (uint32_t episode = 0; episode < 20; episode++) {
        fleet_run(&f, "greedy", 3, episode);
        const struct metrics *m = day_metrics(f.day);
        ck_assert_int_eq(m->generated, 74);
        ck_assert_int_gt(m->served, 0);
        ck_assert_int_eq(m->served + m->unserved, 74);
    }
    fleet_stop(&f);
}
END_TEST

// A row's eight bytes are summed in one byte.
START_TEST(full_cells_do_not_overflow_their_sum)
{
    struct fleet f;
    struct errtext t = {{0}};
    char text[256] = H;

    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam3x5"));
    f.scenario.bin_ms = 300000;
    for (int b = 0; b < 9; b++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%d,0,1,31\n", b);
    ck_assert_msg(!import(&f, text, &t), "%s", t.text);
    day_reset(f.day, 1, 0);
    uint32_t most = 0;
    for (bool on = day_next(f.day); on; on = day_next(f.day)) {
        uint32_t n = day_waiting(f.day, 0, 1);
        most = n > most ? n : most;
        ck_assert_uint_eq(n % 31, 0);
        ck_assert(!day_act(f.day, day_epoch(f.day)->place));
    }
    ck_assert_uint_eq(most, 9 * 31);
    fleet_stop(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fleet_demand");
    TCase *c = tcase_create("demand");
    tcase_add_loop_test(c, a_file_is_read_or_refused_with_its_line, 0, N_FILES);
    tcase_add_test(c, every_day_has_the_passengers_of_the_file);
    tcase_add_test(c, full_cells_do_not_overflow_their_sum);
    suite_add_tcase(s, c);
    return harness_run(s);
}
