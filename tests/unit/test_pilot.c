// SPDX-License-Identifier: MIT
// test_pilot.c - what the network says in a look: the bits of a captain that sees all of
// every day anew, whatever was remembered.
#include "tests/unit/fleet_fixture.h"
#include "worker/fleet/observe.h"
#include "worker/fleet/pilot.h"
#include "worker/fleet/sights.h"

enum { DAYS = 11, LOOKS = 60 };

struct setup {
    struct fleet f;
    const struct captain_shape *shape;
    float *weights;
    struct day *days[DAYS];
    struct observer *observer;
    struct sights sights;
    struct arena *arena;
};

static void start(struct setup *s, const char *shape)
{
    ck_assert(fleet_open(&s->f, FLEET_GOLDEN, "uam8x40"));
    s->shape = captain_find(shape);
    s->weights = mem_alloc(captain_walk(s->shape, NULL, NULL) * sizeof *s->weights);
    captain_init(s->shape, 7, s->weights);
    for (uint32_t i = 0; i < DAYS; i++) {
        s->days[i] = day_create(s->f.world);
        day_reset(s->days[i], 3, i);
        ck_assert(day_next(s->days[i]));
    }
    s->observer = observe_create(s->f.world);
    sights_init(&s->sights, s->f.world, 1);
    s->arena = arena_create();
}

static void stop(struct setup *s)
{
    for (uint32_t i = 0; i < DAYS; i++)
        day_destroy(s->days[i]);
    observe_destroy(s->observer);
    sights_fini(&s->sights);
    arena_destroy(s->arena);
    mem_free(s->weights);
    fleet_stop(&s->f);
}

static void same_as_anew(struct setup *s, const struct pilot_view *v, uint32_t i)
{
    const size_t ports = s->f.world->n_ports;
    sights_take(&s->sights, 0, s->observer, s->days[i]);
    const struct captain_batch one = sights_batch(&s->sights, 0, 1);
    arena_reset(s->arena);
    const struct captain_view w =
        captain_look(s->shape, tape_begin_plain(s->arena), s->arena, s->weights, NULL, &one);
    ck_assert_mem_eq(v->log_p + i * ports, w.log_p->x, ports * sizeof *v->log_p);
    ck_assert_mem_eq(v->mask + i * ports, one.seen.mask, ports);
    ck_assert_mem_eq(v->value + i, w.value->x, sizeof *v->value);
}

START_TEST(remembered_or_not_same_bits)
{
    struct setup s = {0};
    start(&s, _i ? "captain-128" : "captain-64");
    struct pilot *p = pilot_create(s.f.world, s.shape, s.weights, DAYS);
    uint32_t n = 0;
    for (; n < LOOKS; n++) {
        const struct pilot_view v = pilot_look(p, s.days, DAYS);
        for (uint32_t i = n % 4; i < DAYS; i += 4)
            same_as_anew(&s, &v, i);
        for (uint32_t i = 0; i < DAYS; i++) {
            ck_assert(day_act(s.days[i], pilot_best(p, &v, i)) == OK);
            ck_assert(day_next(s.days[i]));
        }
    }
    // Remembering is what this is about: most were known.
    ck_assert_uint_lt(pilot_encoded(p), (uint64_t)n * DAYS * s.f.world->n_ports / 2);
    ck_assert_uint_gt(pilot_encoded(p), 0);
    pilot_destroy(p);
    stop(&s);
}
END_TEST

// A pilot that remembers nothing yet, of one day alone.
START_TEST(another_pilot_says_the_same)
{
    struct setup s = {0};
    start(&s, "captain-64");
    struct pilot *p = pilot_create(s.f.world, s.shape, s.weights, DAYS);
    for (uint32_t n = 0; n < 20; n++) {
        struct pilot *fresh = pilot_create(s.f.world, s.shape, s.weights, 1);
        const struct pilot_view v = pilot_look(p, s.days, DAYS);
        const struct pilot_view w = pilot_look(fresh, s.days + n % DAYS, 1);
        ck_assert_mem_eq(v.log_p + n % DAYS * s.f.world->n_ports, w.log_p,
                         s.f.world->n_ports * sizeof *w.log_p);
        pilot_destroy(fresh);
        for (uint32_t i = 0; i < DAYS; i++) {
            ck_assert(day_act(s.days[i], pilot_best(p, &v, i)) == OK);
            ck_assert(day_next(s.days[i]));
        }
    }
    pilot_destroy(p);
    stop(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pilot");
    TCase *tc = tcase_create("pilot");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, remembered_or_not_same_bits, 0, 2);
    tcase_add_test(tc, another_pilot_says_the_same);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
