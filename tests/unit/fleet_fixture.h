// SPDX-License-Identifier: MIT
// fleet_fixture.h - days of the golden scenarios, for tests.
//
// Threads    Single.

#ifndef TESTS_UNIT_FLEET_FIXTURE_H
#define TESTS_UNIT_FLEET_FIXTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "tests/unit/harness.h"
#include "worker/fleet/day.h"
#include "worker/fleet/policy.h"
#include "worker/fleet/scenario.h"
#include "worker/fleet/world.h"

#define FLEET_GOLDEN "tests/golden/fleet"

// The whole file, NUL behind it; NULL: it is not there.  The arena's.
static inline char *fleet_read(struct arena *a, const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    ck_assert_int_ge(size, 0);
    ck_assert_int_eq(fseek(f, 0, SEEK_SET), 0);
    char *text = arena_alloc(a, (size_t)size + 1);
    *n = fread(text, 1, (size_t)size, f);
    (void)fclose(f);
    return text;
}

struct fleet {
    struct arena *arena;
    struct scenario scenario;
    struct world *world;
    struct day *day;
};

static inline void fleet_start(struct fleet *f, const char *text, size_t n, const char *file)
{
    struct errtext t = {{0}};
    f->arena = arena_create();
    ck_assert_msg(!scenario_parse(text, n, file, f->arena, &f->scenario, &t), "%s", t.text);
    ck_assert_msg(!world_create(&f->scenario, &f->world, &t), "%s", t.text);
    f->day = day_create(f->world);
}

// The scenario of that name in a directory; false: it is not there.
static inline bool fleet_open(struct fleet *f, const char *dir, const char *name)
{
    struct arena *a = arena_create();
    size_t n = 0;
    char *path = arena_printf(a, "%s/%s.json", dir, name);
    char *text = fleet_read(a, path, &n);
    if (text)
        fleet_start(f, text, n, path);
    arena_destroy(a);
    return text != NULL;
}

static inline void fleet_stop(struct fleet *f)
{
    day_destroy(f->day);
    world_destroy(f->world);
    arena_destroy(f->arena);
    *f = (struct fleet){0};
}

static inline void
fleet_run(struct fleet *f, const char *policy, uint64_t seed, uint32_t episode)
{
    const struct policy *p = policy_find(policy);
    ck_assert_ptr_nonnull(p);
    day_reset(f->day, seed, episode);
    day_run(f->day, p, NULL);
}

#endif
