// SPDX-License-Identifier: MIT
// test_space.c - a space is one choice tree: every path through it is a point of
// the space, every point of the space is a path.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/yaml.h"
#include "coordinator/search/space.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct errtext t;
static struct value job_value;
static struct spec job;

static void setup(void)
{
    a = arena_create();
    t.text[0] = 0;
}

static void teardown(void)
{
    arena_destroy(a);
}

static enum error parse(const char *text, const struct space **out)
{
    ck_assert_int_eq(yaml_parse(text, strlen(text), "job", a, &job_value, &t), OK);
    job = spec_of(&job_value, "job", &t);
    return space_parse(&job, a, out);
}

static const struct space *must_parse(const char *text)
{
    const struct space *s = NULL;
    enum error e = parse(text, &s);
    ck_assert_msg(e == OK, "%s: %s", text, t.text);
    return s;
}

static struct gene choose_random(void *ctx, const struct decision *d)
{
    struct gene g = decision_random(d, ctx);
    ck_assert(decision_allows(d, g));
    return g;
}

static struct point room(const struct space *s)
{
    return (struct point){.genes = arena_alloc(a, (s->n_genes_max + 1) * sizeof(struct gene))};
}

static const char *json(const struct value *v)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    value_json(v, &b);
    const char *text = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return text;
}

// One of each kind of everything, with something beneath everything.
#define ALL                                                                                    \
    "space:\n"                                                                                 \
    "  f: {type: float, low: -1, high: 2}\n"                                                   \
    "  g: {type: float, low: 1e-4, high: 10, log: true}\n"                                     \
    "  h: {type: float, low: 0, high: 1, step: 0.1}\n"                                         \
    "  i: {type: int, low: -3, high: 17, step: 4}\n"                                           \
    "  j: {type: int, low: 1, high: 1000, log: true}\n"                                        \
    "  c: {type: choice, values: [a, 1, 2.5, true]}\n"                                         \
    "  m: {type: choice, values: {none: {}, tree: {depth: {type: int, low: 1, high: 9},\n"     \
    "      split: {type: choice, values: {best: {k: {type: int, low: 0, high: 3}}, any: "      \
    "{}}}},"                                                                                   \
    " 3: {depth: {type: float, low: 0, high: 1}}}}\n"                                          \
    "  s: {type: sequence, length: 4, join: '', of: {type: choice, values: ['0', '1', "        \
    "'12']}}\n"                                                                                \
    "  v: {type: sequence, min: 0, max: 3, of: {type: choice, values: {conv: {w: {type: int,"  \
    " low: 1, high: 5}}, pool: {}}}}\n"                                                        \
    "  n: {type: sequence, min: 1, max: 3, join: ':', of: {type: int, low: 0, high: 9}}\n"     \
    "  q: {type: sequence, length: 2, of: {type: sequence, min: 1, max: 2, of: {type: float,"  \
    " low: 0, high: 1}}}\n"                                                                    \
    "  p: {type: permutation, values: [x, y, z, 7]}\n"                                         \
    "  u: {type: subset, values: [1, 2, 3, 4, 5], min: 2, max: 3}\n"

START_TEST(every_path_is_a_point_and_comes_back)
{
    const struct space *s = must_parse(ALL "where: ['i != 1 or c == \"a\"', 'm != \"tree\" or "
                                           "depth < 8', 'sum(u) > 4']\n");
    struct walk *w = walk_create(s);
    struct point p = room(s), back = room(s);
    uint32_t n_valid = 0;

    for (uint32_t i = 0; i < 300; i++) {
        struct rng r = rng_at(7, 0, (uint32_t)_i, i);
        if (!walk_run(w, &p, choose_random, &r))
            continue;
        n_valid++;
        struct value params = space_decode(s, &p, a);
        struct spec at = spec_of(&params, "params", &t);
        enum error e = space_encode(s, &at, w, &back);
        ck_assert_msg(e == OK, "%s: %s", json(&params), t.text);
        struct value again = space_decode(s, &back, a);
        ck_assert(point_equal(&p, &back));
        ck_assert_msg(value_equal(&params, &again), "%s\n%s", json(&params), json(&again));
    }
    ck_assert_uint_gt(n_valid, 250); // pruning leaves little to reject
    walk_destroy(w);
}
END_TEST

// Nothing in it has something beneath; keys out of order, lists long, short and empty,
// options too long to be copied as they are.
#define PLAIN                                                                                  \
    "space:\n"                                                                                 \
    "  z: {type: sequence, length: 60, of: {type: choice, values: [0, 1, 2, 300]}}\n"          \
    "  a: {type: sequence, min: 0, max: 9, of: {type: choice, values: [x, 'y\"', 1.5]}}\n"     \
    "  ab: {type: sequence, length: 9, of: {type: choice, values: [aaaaaaaaaaaaaaaaaaaaaaaa,"  \
    " b]}}\n"                                                                                  \
    "  g: {type: float, low: 1e-4, high: 10, log: true}\n"                                     \
    "  i: {type: int, low: -3, high: 17, step: 4}\n"                                           \
    "  b: {type: choice, values: [true, 'a b', -70000]}\n"                                     \
    "  q: {type: sequence, length: 2, of: {type: sequence, min: 1, max: 12, of: {type: int,"   \
    " low: 0, high: 1}}}\n"                                                                    \
    "  s: {type: sequence, length: 4, join: '', of: {type: choice, values: ['0', '1']}}\n"     \
    "  p: {type: permutation, values: [x, y, z, 7]}\n"                                         \
    "  u: {type: subset, values: [1, 2, 3, 4, 5], min: 0, max: 3}\n"

START_TEST(a_point_is_written_as_its_values_are)
{
    const struct space *s = must_parse(_i ? PLAIN : ALL);
    struct walk *w = walk_create(s);
    struct point p = room(s);
    struct buf ours, theirs;

    buf_init(&ours, SIZE_MAX);
    buf_init(&theirs, SIZE_MAX);
    for (uint32_t i = 0; i < 300; i++) {
        struct rng r = rng_at(8, 0, 0, i);
        ck_assert(walk_run(w, &p, choose_random, &r));
        struct value v = space_decode(s, &p, a);
        space_write(s, &p, SPACE_JSON, a, &ours);
        value_json(&v, &theirs);
        ck_assert_str_eq(buf_cstr(&ours), buf_cstr(&theirs));
        buf_reset(&ours);
        buf_reset(&theirs);
        space_write(s, &p, SPACE_PACKED, a, &ours);
        pack_write(&v, &theirs);
        ck_assert_uint_eq(ours.n, theirs.n);
        ck_assert_mem_eq(ours.bytes, theirs.bytes, ours.n);
        buf_reset(&ours);
        buf_reset(&theirs);
    }
    buf_fini(&ours);
    buf_fini(&theirs);
    walk_destroy(w);
}
END_TEST

START_TEST(a_path_resumed_is_the_same_path)
{
    const struct space *s = must_parse(ALL);
    struct walk *w = walk_create(s);
    struct point p = room(s), copy = room(s);
    struct decision d;

    for (uint32_t i = 0; i < 50; i++) {
        struct rng r = rng_at(9, 0, 0, i);
        ck_assert(walk_run(w, &p, choose_random, &r));
        point_copy(&copy, &p);
        ck_assert(walk_resume(w, &copy));
        ck_assert(!walk_next(w, &d));
        ck_assert(walk_is_valid(w));
        ck_assert(point_equal(&p, &copy));
        ck_assert_uint_eq(point_key(&p), point_key(&copy));
        copy.genes[0].slot++;
        ck_assert(!point_equal(&p, &copy));
        ck_assert(!walk_resume(w, &copy));
    }
    walk_destroy(w);
}
END_TEST

static const struct {
    const char *space;
    double n;
} counts[] = {
    {"space: {x: {type: float, low: 0, high: 1}}", INFINITY},
    {"space: {x: {type: float, low: 0, high: 1, step: 0.1}}", 11},
    {"space: {x: {type: int, low: 0, high: 10, step: 4}}", 3},
    {"space: {x: {type: int, low: 5, high: 5}}", 1},
    {"space: {x: {type: int, low: 1, high: 100, log: true}}", 100},
    {"space: {x: {type: choice, values: [1, 2, 3]}, y: {type: choice, values: [a, b]}}", 6},
    {"space: {x: {type: choice, values: {a: {}, b: {y: {type: int, low: 1, high: 4}}}}}", 5},
    {"space: {x: {type: sequence, length: 5, of: {type: int, low: 0, high: 6}}}", 16807},
    {"space: {x: {type: sequence, min: 0, max: 2, of: {type: int, low: 0, high: 2}}}", 13},
    {"space: {x: {type: permutation, values: [a, b, c, d]}}", 24},
    {"space: {x: {type: subset, values: [a, b, c, d]}}", 16},
    {"space: {x: {type: subset, values: [a, b, c, d], min: 2, max: 2}}", 6},
    {"space: {x: {type: int, low: 1, high: 9}, y: {type: int, low: 1, high: 9}}\n"
     "where: ['x < y']",
     36},
    {"space: {x: {type: permutation, values: [1, 2, 3, 4]}}\nwhere: ['x[0] < x[3]']", 12},
};

// Going through a space visits exactly as many distinct valid points as it says.
START_TEST(the_order_of_all_points_visits_each_once)
{
    const struct space *s = must_parse(counts[_i].space);
    struct walk *w = walk_create(s);
    struct point p = room(s);
    struct map seen;
    uint64_t n = 0, budget = 1000000;

    map_init(&seen);
    ck_assert_double_eq(s->n_points, counts[_i].n);
    while (isfinite(s->n_points) && space_successor(w, &p, &budget)) {
        ck_assert(walk_is_valid(w));
        ck_assert(!map_find(&seen, point_key(&p), NULL));
        map_set(&seen, point_key(&p), n++);
    }
    if (isfinite(s->n_points))
        ck_assert_double_eq((double)n, s->n_points);
    map_fini(&seen);
    walk_destroy(w);
}
END_TEST

// A subset of any size is as likely as any other, and so is every point of a
// permutation or a sequence of one length.
START_TEST(random_paths_are_uniform_over_subsets)
{
    const struct space *s =
        must_parse("space: {x: {type: subset, values: [a, b, c, d, e], min: "
                   "1, max: 3}}");
    struct walk *w = walk_create(s);
    struct point p = room(s);
    uint32_t seen[32] = {0}, n = 25000;

    ck_assert_double_eq(s->n_points, 25);
    for (uint32_t i = 0; i < n; i++) {
        struct rng r = rng_at(1, 0, 0, i);
        uint32_t set = 0;
        ck_assert(walk_run(w, &p, choose_random, &r));
        for (uint32_t j = 0; j < 5; j++)
            set |= (uint32_t)p.genes[j].k << j;
        seen[set]++;
    }
    for (uint32_t set = 0; set < 32; set++) {
        int size = __builtin_popcount(set);
        uint32_t want = size >= 1 && size <= 3 ? n / 25 : 0; // sd 31
        ck_assert_int_le(abs((int)seen[set] - (int)want), want ? 160 : 0);
    }
    walk_destroy(w);
}
END_TEST

// With pruning no path of these ends in a place that `where` forbids.
static const char *const pruned[] = {
    "space: {x: {type: int, low: 0, high: 99}, y: {type: int, low: 0, high: 99}}\n"
    "where: ['x + y == 100 or x == 0 and y == 0']",
    "space: {x: {type: permutation, values: [1, 2, 3, 4, 5, 6]}}\nwhere: ['x[5] != 6']",
    "space: {x: {type: sequence, length: 6, of: {type: choice, values: [1, 2, 3]}}}\n"
    "where: ['x[0] != x[1]', 'x[1] != x[2]', 'x[2] != x[3]', 'x[3] != x[4]', 'x[4] != x[5]']",
    "space: {m: {type: choice, values: {a: {}, b: {k: {type: int, low: 1, high: 5}}}}, z: "
    "{type: int, low: 1, high: 9}}\nwhere: ['m != \"b\" or z > k']",
};

START_TEST(where_prunes_what_cannot_become_true)
{
    const struct space *s = must_parse(pruned[_i]);
    struct walk *w = walk_create(s);
    struct point p = room(s);
    uint32_t n_dead = 0;

    for (uint32_t i = 0; i < 400; i++) {
        struct rng r = rng_at(3, 0, 0, i);
        n_dead += !walk_run(w, &p, choose_random, &r);
    }
    // The permutation can only see at its last place but one that 6 must not stay.
    ck_assert_uint_le(n_dead, _i == 1 ? 120 : 0);
    walk_destroy(w);
}
END_TEST

// A joined text must be readable in one way only: else two points are one
// configuration.
static const struct {
    const char *sequence;
    bool is_unique;
} joins[] = {
    {"length: 3, join: '', of: {type: choice, values: [a, b, c]}", true},
    {"length: 3, join: '', of: {type: choice, values: [a, b, ab]}", false},
    {"length: 3, join: ',', of: {type: choice, values: [a, b, ab]}", true},
    {"length: 3, join: ',', of: {type: choice, values: [a, b, 'a,b']}", false},
    {"length: 3, join: '', of: {type: choice, values: [0, 1, 12]}", true},
    {"length: 3, join: '', of: {type: choice, values: ['0', '01', '11']}", true},
    {"length: 3, join: '', of: {type: choice, values: ['010', '0', '10']}", false},
    {"length: 3, join: '', of: {type: choice, values: [car, care, rear, ear, r]}", false},
    {"length: 3, join: '', of: {type: choice, values: [1, '1']}", false},
    {"length: 3, join: '', of: {type: choice, values: ['', a]}", false},
    {"length: 3, join: ';', of: {type: choice, values: ['', a]}", true},
    {"min: 0, max: 3, join: ';', of: {type: choice, values: ['', a]}", false},
    {"min: 0, max: 3, join: '; ', of: {type: choice, values: [b, 'b -z']}", true},
    {"length: 3, join: ',', of: {type: float, low: 0, high: 1}", true},
    {"length: 3, join: '-', of: {type: int, low: -3, high: 3}", false},
    {"length: 3, join: '1', of: {type: int, low: 0, high: 30}", false},
    {"length: 3, join: ' - ', of: {type: int, low: -3, high: 3}", true},
};

START_TEST(a_joined_text_reads_in_one_way)
{
    const char *text = arena_printf(a, "space: {x: {type: sequence, %s}}", joins[_i].sequence);
    const struct space *s;
    ck_assert_msg((parse(text, &s) == OK) == joins[_i].is_unique, "%s", text);
    if (!joins[_i].is_unique) {
        ck_assert_msg(strstr(t.text, "told apart"), "%s", t.text);
        return;
    }
    struct walk *w = walk_create(s);
    struct point p = room(s), back = room(s);
    for (uint32_t i = 0; i < 200; i++) {
        struct rng r = rng_at(13, 0, 0, i);
        ck_assert(walk_run(w, &p, choose_random, &r));
        struct value params = space_decode(s, &p, a);
        struct spec at = spec_of(&params, "params", &t);
        ck_assert_int_eq(space_encode(s, &at, w, &back), OK);
        ck_assert_msg(point_equal(&p, &back), "%s", json(&params));
    }
    walk_destroy(w);
}
END_TEST

START_TEST(slots_have_stable_names)
{
    static const char *const names[] = {"f",      "c.length", "c[0]",  "c[0].k", "c[1]",
                                        "c[1].k", "m",        "depth", "p[0]",   "p[1]"};
    const struct space *s = must_parse(
        "space:\n"
        "  f: {type: float, low: 0, high: 1}\n"
        "  c: {type: sequence, min: 1, max: 2, of: {type: choice, values: {a: {k: {type: int, "
        "low: 0, high: 1}}, b: {}}}}\n"
        "  m: {type: choice, values: {t: {depth: {type: int, low: 0, high: 1}}, u: {}}}\n"
        "  p: {type: permutation, values: [1, 2]}\n");

    ck_assert_uint_eq(s->n_slots, sizeof names / sizeof names[0]);
    for (uint32_t i = 0; i < s->n_slots; i++)
        ck_assert_str_eq(s->slots[i].name, names[i]);
    ck_assert_uint_eq(s->n_genes_max, 10);
}
END_TEST

START_TEST(branches_that_exclude_each_other_share_axes_and_names)
{
    const struct space *s =
        must_parse("space: {m: {type: choice, values: {a: {k: {type: int, low: 0, high: 1}}, "
                   "b: {k: {type: "
                   "float, low: 0, high: 1}, l: {type: int, low: 0, high: 1}}}}}");

    ck_assert_uint_eq(s->n_slots, 4);
    ck_assert_uint_eq(s->n_axes, 3);
    ck_assert_uint_eq(s->n_genes_max, 3);
    ck_assert_uint_eq(s->slots[1].axis, s->slots[2].axis);
    ck_assert_uint_ne(s->slots[1].context, s->slots[2].context);
    ck_assert_uint_eq(s->slots[2].context, s->slots[3].context);
}
END_TEST

// A grid's place on its scale and back, at the ends and in between.
START_TEST(places_on_a_scale_come_back)
{
    const struct space *s =
        must_parse("space: {a: {type: int, low: 1, high: 1000, log: true}, b: "
                   "{type: int, low: -7, high: 12, step: 3}, c: {type: float, "
                   "low: 0.1, high: 0.9, step: 0.1}}");

    for (uint32_t i = 0; i < s->n_slots; i++)
        for (uint64_t k = 0; k < s->slots[i].n; k++) {
            struct gene g = {.slot = i, .k = k};
            double u = slot_unit(&s->slots[i], g);
            ck_assert(u > 0 && u < 1);
            ck_assert_uint_eq(slot_gene(&s->slots[i], i, u).k, k);
        }
}
END_TEST

static const struct {
    const char *params, *message;
} foreign[] = {
    {"{x: 3}", "parameter 's' is missing in params"},
    {"{x: 11, s: ab}", "params.x is 11, expected an integer from 1 to 10"},
    {"{x: 2.5, s: ab}", "params.x is 2.5, expected 1 plus a multiple of the step 1"},
    {"{x: 3, s: abc}", "params.s is 'abc', expected the joined text of 2 to 2 elements"},
    {"{x: 3, s: ad}", "params.s is 'ad', expected the joined text"},
    {"{x: 3, s: ab, y: 1}", "'y' is no parameter of this point"},
    {"{x: 9, s: bb}", "params does not satisfy 'where'"},
    {"[1]", "params is a list, expected a map of parameters"},
};

START_TEST(what_is_no_point_is_named)
{
    const struct space *s =
        must_parse("space: {x: {type: int, low: 1, high: 10}, s: {type: "
                   "sequence, length: 2, join: '', of: {type: choice, values: "
                   "[a, b]}}}\nwhere: ['x < 8 or s != \"bb\"']");
    struct walk *w = walk_create(s);
    struct point p = room(s);
    struct value v;

    ck_assert_int_eq(
        yaml_parse(foreign[_i].params, strlen(foreign[_i].params), "job", a, &v, &t), OK);
    struct spec top = spec_of(&v, "job", &t), at = spec_at(&top, &v, "params");
    ck_assert_int_eq(space_encode(s, &at, w, &p), ERR_PARSE);
    ck_assert_msg(strstr(t.text, foreign[_i].message) != NULL, "%s", t.text);
    walk_destroy(w);
}
END_TEST

static const struct {
    const char *space, *message;
} bad[] = {
    {"space: {x: {type: float, low: 2, high: 1}}", "high"},
    {"space: {x: {type: float, low: 0, high: 1, log: true}}", "low"},
    {"space: {x: {type: floot, low: 0, high: 1}}", "type"},
    {"space: {x: 3}", "expected a map like"},
    {"space: {'a b': {type: int, low: 0, high: 1}}", "no name for a parameter"},
    {"space: {x: {type: choice, values: [a, a]}}", "twice"},
    {"space: {x: {type: choice, values: {}}}", "expected 1 to"},
    {"space: {x: {type: sequence, of: {type: int, low: 0, high: 1}}}", "'length' is missing"},
    {"space: {x: {type: sequence, length: 2, min: 1, of: {type: int, low: 0, high: 1}}}",
     "length alone"},
    {"space: {x: {type: sequence, length: 2, join: '', of: {type: int, low: 0, high: 1}}}",
     "expected a separator"},
    {"space: {x: {type: sequence, length: 9999, of: {type: sequence, length: 9999, of: {type: "
     "int, low: 0, high: 1}}}}",
     "decisions"},
    {"space: {d: {type: int, low: 0, high: 1}, m: {type: choice, values: {a: {d: {type: int, "
     "low: "
     "0, high: 1}}}}}",
     "called 'd'"},
    {"space: {x: {type: int, low: 0, high: 1}}\nwhere: ['x >']", "where[0]"},
    {"space: {x: {type: int, low: 0, high: 1}}\nwhere: ['z > 1']", "no parameter"},
    {"space: {x: {type: int, low: 0, high: 1}}\nwhere: ['x > 1']", "no point of the space"},
    {"space: {x: {type: float, low: 0, high: 1}}\nwhere: ['x > 1']", "no point of the space"},
};

START_TEST(a_bad_space_is_refused_with_its_place)
{
    const struct space *s = NULL;
    ck_assert_int_eq(parse(bad[_i].space, &s), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad[_i].message) != NULL, "%s", t.text);
    ck_assert_msg(strncmp(t.text, "job:", 4) == 0, "%s", t.text);
}
END_TEST

// Found by fuzz_jobfile: the probe was bounded in walks, not in what one costs, and a
// condition on a long list kept the coordinator busy for minutes or hours.
static const struct {
    const char *type; // of x, with %s where its values go
    uint32_t n_values;
    const char *where;
    enum error e;
} long_lists[] = {
    {"{type: sequence, length: 10000, of: {type: choice, values: %s}}", 250, "sum(x) < 9", 1},
    {"{type: sequence, length: 10000, of: {type: choice, values: %s}}", 250, "sum(x) > 9", 0},
    {"{type: sequence, length: 10000, of: {type: choice, values: %s}}", 1, "sum(x) == 0", 0},
    {"{type: permutation, values: %s}", 4096, "x[0] < x[1]", 0},
    {"{type: permutation, values: %s}", 4096, "x[0] > 9999", 1},
    {"{type: subset, values: %s}", 1000, "sum(x) + len(x) < 0", 1},
};

START_TEST(a_where_over_long_lists_costs_the_probe_little)
{
    struct buf values, text;
    int64_t start = clock_cpu_now();
    const struct space *s = NULL;
    buf_init(&values, 1 << 20);
    buf_init(&text, 1 << 20);
    for (uint32_t i = 0; i < long_lists[_i].n_values; i++)
        buf_printf(&values, "%s%u", i ? ", " : "[", i);
    buf_puts(&values, "]");
    const char *type = long_lists[_i].type, *at = strstr(type, "%s");
    buf_printf(&text, "space: {x: %.*s%s%s}\nwhere: [\"%s\"]\n", (int)(at - type), type,
               buf_cstr(&values), at + 2, long_lists[_i].where);
    enum error e = parse(buf_cstr(&text), &s);
    ck_assert_msg(e == (long_lists[_i].e ? ERR_PARSE : OK), "%s", t.text);
    if (e)
        ck_assert_msg(strstr(t.text, "million steps, expected shorter lists") != NULL, "%s",
                      t.text);
    // 0.1 to 1.4 s each when measured; sanitizers take ten times as long.
    ck_assert_int_lt(clock_cpu_now() - start, 20 * CLOCK_SECOND);
    buf_fini(&values);
    buf_fini(&text);
}
END_TEST

// Those walks prune nothing, yet reject what is wrong and find what is right.
START_TEST(an_unpruned_space_still_rejects_points)
{
    const struct space *s = must_parse(
        "space: {x: {type: sequence, length: 5000, of: {type: choice, values: [0, 1, 2, 3, 4, "
        "5, 6, 7, 8, 9]}}}\nwhere: [\"sum(x) % 2 == 0\", \"sum(x) + len(x) > 6\", \"x == x\"]");
    struct walk *w = walk_create(s);
    struct point p = room(s);
    uint32_t n_good = 0;
    ck_assert(!s->is_pruned);
    for (uint32_t i = 0; i < 40; i++) {
        struct rng r = rng_at(3, 0, 0, i);
        uint64_t sum = 0;
        bool good = walk_run(w, &p, choose_random, &r);
        for (uint32_t k = 0; k < p.n; k++)
            sum += p.genes[k].k;
        ck_assert_uint_eq(p.n, 5000);
        ck_assert_int_eq(good, sum % 2 == 0);
        n_good += good;
    }
    ck_assert(n_good > 5 && n_good < 35);
    walk_destroy(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("space");
    TCase *tc = tcase_create("all");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, every_path_is_a_point_and_comes_back, 0, 5);
    tcase_add_loop_test(tc, a_point_is_written_as_its_values_are, 0, 2);
    tcase_add_test(tc, a_path_resumed_is_the_same_path);
    tcase_add_loop_test(tc, the_order_of_all_points_visits_each_once, 0,
                        sizeof counts / sizeof counts[0]);
    tcase_add_test(tc, random_paths_are_uniform_over_subsets);
    tcase_add_loop_test(tc, a_where_over_long_lists_costs_the_probe_little, 0,
                        sizeof long_lists / sizeof *long_lists);
    tcase_add_test(tc, an_unpruned_space_still_rejects_points);
    tcase_add_loop_test(tc, where_prunes_what_cannot_become_true, 0,
                        sizeof pruned / sizeof pruned[0]);
    tcase_add_loop_test(tc, a_joined_text_reads_in_one_way, 0, sizeof joins / sizeof joins[0]);
    tcase_add_test(tc, slots_have_stable_names);
    tcase_add_test(tc, branches_that_exclude_each_other_share_axes_and_names);
    tcase_add_test(tc, places_on_a_scale_come_back);
    tcase_add_loop_test(tc, what_is_no_point_is_named, 0, sizeof foreign / sizeof foreign[0]);
    tcase_add_loop_test(tc, a_bad_space_is_refused_with_its_place, 0,
                        sizeof bad / sizeof bad[0]);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
