// SPDX-License-Identifier: MIT
// test_dram.c - the DRAM controller: ArchGym's space, and knobs that do what they say.
#include <stdio.h>
#include <string.h>

#include "common/yaml.h"
#include "coordinator/search/space.h"
#include "tests/unit/harness.h"
#include "worker/evaluate/dram.h"

enum { N = 4000 };

static const struct dram_config usual = {PAGE_OPEN,
                                         SCHEDULER_FR_FCFS,
                                         BUFFER_BANKWISE,
                                         RESPONSE_REORDER,
                                         REFRESH_ALL_BANK,
                                         ARBITER_FIFO,
                                         8,
                                         4,
                                         4,
                                         64};

static struct dram_result run_one(struct dram_config c, enum dram_trace trace)
{
    struct dram_result r;
    dram_run(&c, trace, N, 1, &r);
    ck_assert(r.energy_uj > 0 && r.power_w > 0 && r.latency_ns > 0);
    return r;
}

// The job of cluster/jobs, and its other form.
START_TEST(the_space_has_archgym_s_sizes)
{
    struct arena *a = arena_create();
    char text[8192];
    FILE *f = fopen("cluster/jobs/search-dram.yaml", "r");
    struct value v;
    struct errtext t;
    const struct space *s;

    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    (void)fclose(f);
    if (_i) {
        char *ints = strstr(text, "  MaxActiveTransactions:"),
             *powers = strstr(text, "  # Max");
        ck_assert(ints && powers);
        memset(ints, ' ', strcspn(ints, "\n"));
        memcpy(powers, "    ", 4);
        memmove(powers + 2, powers + 4, strlen(powers + 4) + 1);
    }
    ck_assert_msg(yaml_parse(text, strlen(text), "job", a, &v, &t) == OK, "%s", t.text);
    struct spec job = spec_of(&v, "job", &t);
    ck_assert_msg(space_parse(&job, a, &s) == OK, "%s", t.text);
    ck_assert_double_eq(s->n_points, _i ? 1769472 : 28311552);
    arena_destroy(a);
}
END_TEST

START_TEST(the_same_run_gives_the_same_bits)
{
    struct dram_result a = run_one(usual, (enum dram_trace)_i);
    struct dram_result b = run_one(usual, (enum dram_trace)_i);
    ck_assert(equal_bytes(&a, &b, sizeof a));
}
END_TEST

START_TEST(every_knob_moves_something)
{
    for (int knob = 0; knob < 10; knob++) {
        bool moves = false;
        for (int trace = 0; trace < 4 && !moves; trace++)
            for (int base = 0; base < 4 && !moves; base++) {
                struct dram_config c = usual;
                c.page = base;
                c.buffer_size = base % 2 ? 2 : 8;
                struct dram_config d = c;
                int *fields[] = {&d.page,     &d.scheduler, &d.buffer,
                                 &d.response, &d.refresh,   &d.arbiter};
                int64_t *counts[] = {&d.buffer_size, &d.max_postponed, &d.max_pulled_in,
                                     &d.max_active};
                if (knob < 6)
                    *fields[knob] = *fields[knob] == 0;
                else
                    *counts[knob - 6] = 1;
                struct dram_result a = run_one(c, (enum dram_trace)trace);
                struct dram_result b = run_one(d, (enum dram_trace)trace);
                moves = !equal_bytes(&a, &b, sizeof a);
            }
        ck_assert_msg(moves, "knob %d", knob);
    }
}
END_TEST

START_TEST(physics_holds)
{
    struct dram_config c = usual, d = usual;

    c.page = PAGE_CLOSED; // a stream has rows to come back to
    ck_assert(run_one(c, TRACE_STREAM).energy_uj > run_one(usual, TRACE_STREAM).energy_uj);
    d.refresh = REFRESH_NONE;
    ck_assert(run_one(d, TRACE_RANDOM).energy_uj < run_one(usual, TRACE_RANDOM).energy_uj);
    d = usual;
    d.max_active = 1; // nothing overlaps
    ck_assert(run_one(d, TRACE_RANDOM).latency_ns > run_one(usual, TRACE_RANDOM).latency_ns);
    ck_assert(run_one(usual, TRACE_RANDOM).latency_ns
              > run_one(usual, TRACE_STREAM).latency_ns);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dram");
    TCase *tc = tcase_create("all");

    tcase_add_loop_test(tc, the_space_has_archgym_s_sizes, 0, 2);
    tcase_add_loop_test(tc, the_same_run_gives_the_same_bits, 0, 4);
    tcase_add_test(tc, every_knob_moves_something);
    tcase_add_test(tc, physics_holds);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
