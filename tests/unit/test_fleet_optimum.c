// SPDX-License-Identifier: MIT
// test_fleet_optimum.c - the genetic algorithm finds the best plan of a day so small that
// every plan of it can be tried, and nothing beats that plan (specification fleet/1, 11).
#include "common/outcome.h"
#include "common/yaml.h"
#include "coordinator/drivers/search.h"
#include "protocol/message.h"
#include "protocol/pack.h"
#include "tests/unit/fleet_fixture.h"

enum { DEPTH_MAX = 64, ROW = 6, AIRCRAFT = 2, SEEDS = 50, EPISODE = 0 };

#define DAY_SEED UINT64_C(20240109)

static const char *const profit[] = {"profit_uusd", NULL};

// Section 11's numbers: mutation 1/(8 * rows) a gene is 12 / 16 of a child here.
static const char job[] =
    "space: {schedule: {type: sequence, length: 12, of: {type: choice, values: [0, 1, 2]}}}\n"
    "objectives: [{metric: profit_uusd, goal: maximize}]\n"
    "algorithm: {name: generational, population: 100, tournament: 3, crossover: 0.9,\n"
    "            mutations: 0.75, elite: 4}\n"
    "trials: 9604\n"
    "window: 100\n";

static void replace(char *text, const char *from, const char *to)
{
    char *at = strstr(text, from);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(strlen(from), strlen(to));
    while (*to) // within a text: no end of its own
        *at++ = *to++;
}

// uam3x5 with two aircraft, and only the morning from 7:30 to 9:00: who only holds
// decides six times, who flies less often.
static void open_tiny(struct fleet *f)
{
    struct arena *a = arena_create();
    size_t n = 0;
    char *text = fleet_read(a, FLEET_GOLDEN "/uam3x5.json", &n);
    ck_assert_ptr_nonnull(text);
    text[n] = 0;
    replace(text, "\"n_aircraft\": 5", "\"n_aircraft\": 2");
    replace(text, "\"t_start_ms\": 21600000", "\"t_start_ms\": 27000000");
    replace(text, "\"t_end_ms\": 64800000", "\"t_end_ms\": 32400000");
    fleet_start(f, text, n, "tiny");
    arena_destroy(a);
}

// ---- every plan ------------------------------------------------------------------

struct plans {
    uint32_t pick[DEPTH_MAX], choices[DEPTH_MAX];
    uint32_t depth;
    uint64_t n;
    int64_t best;
};

// One day by the picks so far, then by the first choice of each decision.
static int64_t try_plan(struct plans *p, struct day *d)
{
    uint32_t k = 0;

    day_reset(d, DAY_SEED, EPISODE);
    for (; day_next(d); k++) {
        ck_assert_uint_lt(k, DEPTH_MAX);
        ck_assert_uint_lt(day_epoch(d)->number, ROW);
        p->choices[k] = day_epoch(d)->n_feasible;
        if (k >= p->depth)
            p->pick[k] = 0;
        ck_assert_int_eq(day_act(d, day_feasible(d, p->pick[k])), OK);
    }
    p->depth = k;
    return day_metrics(d)->profit_uusd;
}

// Depth first, over the decisions in the order of the day.
static void try_all(struct plans *p, struct day *d)
{
    *p = (struct plans){.best = INT64_MIN};
    do {
        int64_t y = try_plan(p, d);
        p->best = y > p->best ? y : p->best;
        p->n++;
        while (p->depth && p->pick[p->depth - 1] + 1 == p->choices[p->depth - 1])
            p->depth--;
        if (p->depth)
            p->pick[p->depth - 1]++;
    } while (p->depth);
}

// ---- the search ------------------------------------------------------------------

static int64_t judge(struct fleet *f, const struct value *params)
{
    const struct policy *policy = policy_find("schedule");
    struct policy_setup setup = {.world = f->world, .params = params};
    struct errtext t = {{0}};
    void *state = NULL;

    ck_assert_msg(!policy->create(&setup, &state, &t), "%s", t.text);
    day_reset(f->day, DAY_SEED, EPISODE);
    day_run(f->day, policy, state);
    policy->destroy(state);
    return day_metrics(f->day)->profit_uusd;
}

static void tell(void *search, uint64_t item, double y)
{
    struct outcome o = {.first = item, .count = 1};
    struct buf b;

    buf_init(&b, SIZE_MAX / 4);
    outcome_put_rows(&b, &y, 1, 1);
    o.data = b.bytes;
    o.n_data = b.n;
    search_driver.tell(search, &o);
    buf_fini(&b);
}

// What a policy decides on that day, as a point of the space.
static void put_plan(struct buf *out, struct day *d, const char *name)
{
    const struct policy *policy = policy_find(name);
    uint32_t gene[AIRCRAFT][ROW] = {{0}};

    day_reset(d, DAY_SEED, EPISODE);
    while (day_next(d)) {
        const struct epoch *e = day_epoch(d);
        uint32_t j = policy->choose(NULL, d);
        gene[e->aircraft][e->number] = j;
        ck_assert_int_eq(day_act(d, j), OK);
    }
    buf_puts(out, "- {schedule: [");
    for (uint32_t k = 0; k < AIRCRAFT * ROW; k++)
        buf_printf(out, "%s%u", k ? ", " : "", (unsigned)gene[k / ROW][k % ROW]);
    buf_puts(out, "]}\n");
}

// The search of section 11: it starts from greedy_rate, greedy and 98 random plans.
static void put_job(struct buf *out, struct day *d)
{
    buf_init(out, SIZE_MAX / 4);
    buf_puts(out, job);
    buf_puts(out, "enqueue:\n");
    put_plan(out, d, "greedy_rate");
    put_plan(out, d, "greedy");
}

// The most that any trial of a search with this seed earns.
static int64_t search_best(struct fleet *f, uint64_t seed)
{
    struct arena *a = arena_create(), *turn = arena_create();
    struct value spec;
    struct errtext t = {{0}};
    struct driver_setup s = {.spec = &spec, .file = "job", .seed = seed};
    void *search = NULL;
    uint64_t n = 0;
    int64_t best = INT64_MIN;

    s.workload.metrics = profit;
    struct buf text;
    put_job(&text, f->day);
    ck_assert_msg(!yaml_parse((const char *)text.bytes, text.n, "job", a, &spec, &t), "%s",
                  t.text);
    ck_assert_msg(!search_driver.create(&s, &search, &t), "%s", t.text);
    for (;;) {
        arena_reset(turn);
        struct driver_output o = {.arena = turn, .n_items = n};
        search_driver.step(search, &o);
        if (o.finished)
            break;
        ck_assert_uint_gt(o.n_items, n);
        for (uint64_t first = n; n < o.n_items; n++) {
            struct value params;
            const struct bin *b = &o.packed[n - first];
            ck_assert(!pack_read(b->p, b->n, turn, &params, NULL));
            int64_t y = judge(f, &params);
            best = y > best ? y : best;
            tell(search, n, (double)y);
        }
    }
    search_driver.destroy(search);
    buf_fini(&text);
    arena_destroy(a);
    arena_destroy(turn);
    return best;
}

START_TEST(search_finds_the_best_plan)
{
    struct fleet f;
    struct plans all;
    uint32_t found = 0;

    open_tiny(&f);
    try_all(&all, f.day);
    ck_assert_uint_gt(all.n, 1000);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int64_t best = search_best(&f, seed);
        ck_assert_int_le(best, all.best);
        found += best == all.best;
    }
    printf("%u plans, the best earns %lld; found by %u of %d seeds\n", (unsigned)all.n,
           (long long)all.best, (unsigned)found, SEEDS);
    ck_assert_uint_ge(found * 100, SEEDS * 95);
    fleet_stop(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fleet_optimum");
    TCase *c = tcase_create("tiny");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, search_finds_the_best_plan);
    suite_add_tcase(s, c);
    return harness_run(s);
}
