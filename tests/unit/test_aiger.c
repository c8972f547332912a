// SPDX-License-Identifier: MIT
// test_aiger.c - features of circuits: read right, alike for those alike, no bad file read.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/aiger.h"
#include "tests/unit/harness.h"

static struct aiger_summary out;
static struct errtext t;

static struct aiger_summary of_file(const char *name)
{
    static uint8_t bytes[1 << 16];
    char path[256];
    (void)snprintf(path, sizeof path, "cluster/jobs/circuits/%s.aig", name);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    ck_assert_msg(aiger_read(bytes, n, &out, &t) == OK, "%s", t.text);
    return out;
}

// Nodes and levels are those that the circuits' README says abc counts.
START_TEST(sizes_are_those_of_abc)
{
    static const struct {
        const char *name;
        uint32_t inputs, outputs, ands, levels;
    } known[] = {{"multiplier", 16, 16, 624, 60},
                 {"alu", 19, 11, 414, 44},
                 {"control", 11, 23, 106, 12}};
    for (int i = 0; i < 3; i++) {
        struct aiger_summary s = of_file(known[i].name);
        ck_assert_uint_eq(s.n_inputs, known[i].inputs);
        ck_assert_uint_eq(s.n_outputs, known[i].outputs);
        ck_assert_uint_eq(s.n_ands, known[i].ands);
        ck_assert_uint_eq(s.n_levels, known[i].levels);
    }
}
END_TEST

// c = a and not b; one output, inverted; a latch that keeps it.
START_TEST(a_small_circuit_is_counted_by_hand)
{
    static const char text[] = "aig 4 2 1 1 1\n8\n9\n\x03\x03";
    ck_assert_msg(aiger_read((const uint8_t *)text, sizeof text - 1, &out, &t) == OK, "%s",
                  t.text);
    ck_assert_uint_eq(out.n_inputs, 3);
    ck_assert_uint_eq(out.n_outputs, 2);
    ck_assert_uint_eq(out.n_ands, 1);
    ck_assert_uint_eq(out.n_levels, 1);
    ck_assert_double_eq(out.features[0], 0);     // log2 of 1
    ck_assert_double_eq(out.features[2], 0.25);  // log2(1 + 3) / 8
    ck_assert_double_eq(out.features[5], 0.5);   // gate 8 = 5 and 2: one of two is inverted
    ck_assert_double_eq(out.features[6 + 1], 1); // it feeds the latch and the output
}
END_TEST

static double distance(const double *x, const double *y)
{
    double xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < AIGER_FEATURES; i++) {
        xy += x[i] * y[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
    }
    return 1 - xy / sqrt(xx * yy);
}

// Histograms sum to one; different circuits are well beyond the threshold of 0.007.
START_TEST(features_tell_circuits_apart)
{
    static const int ends[] = {6, 12, 16, 24};
    struct aiger_summary a = of_file("alu"), m = of_file("multiplier"), c = of_file("control");
    for (int h = 0; h < 3; h++) {
        double sum = 0;
        for (int i = ends[h]; i < ends[h + 1]; i++)
            sum += a.features[i];
        ck_assert_double_eq_tol(sum, 1, 1e-12);
    }
    ck_assert_double_lt(distance(a.features, a.features), 1e-12);
    ck_assert_double_gt(distance(a.features, m.features), 0.03);
    ck_assert_double_gt(distance(a.features, c.features), 0.03);
    ck_assert_double_gt(distance(c.features, m.features), 0.03);
}
END_TEST

static const struct {
    const char *text;
    size_t n;
    const char *says;
} bad[] = {
#define BAD(text, says)                                                                        \
    {                                                                                          \
        text, sizeof text - 1, says                                                            \
    }
    BAD("", "byte 0: no binary AIGER file"),
    BAD("aag 1 1 0 0 0\n", "no binary AIGER file"),
    BAD("aig 1 1 0 0\n", "the header is not"),
    BAD("aig 1 1 0 0 0 1\n", "the header is not"),
    BAD("aig 99999999999 1 0 0 0\n", "the header is not"),
    BAD("aig 5 2 0 1 1\n6\n\x02\x02", "M is not I + L + A"),
    BAD("aig 2 2 0 0 0\n", "no gate"),
    BAD("aig 4294967295 0 0 0 4294967295\n", "more than 16777216 nodes"),
    BAD("aig 3 2 0 1 1\n8\n\x02\x02", "beyond the last variable"),
    BAD("aig 3 2 0 1 1\n\x02\x02", "expected a literal"),
    BAD("aig 3 2 0 1 1\n6\n\x02", "ends within its gates"),
    BAD("aig 3 2 0 1 1\n6\n\xff\xff\xff\xff\xff\xff", "ends within its gates"),
    BAD("aig 3 2 0 1 1\n6\n\x07\x02", "not behind its inputs"),
    BAD("aig 3 2 0 1 1\n6\n\x01\x06", "not behind its inputs"),
    BAD("aig 3 2 0 1 1\n6\n\0\x02", "not behind its inputs"),
};

START_TEST(bad_files_are_refused)
{
    t.text[0] = 0;
    ck_assert(aiger_read((const uint8_t *)bad[_i].text, bad[_i].n, &out, &t) != OK);
    ck_assert_msg(strstr(t.text, bad[_i].says), "%s", t.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("aiger");
    TCase *c = tcase_create("aiger");
    tcase_add_test(c, sizes_are_those_of_abc);
    tcase_add_test(c, a_small_circuit_is_counted_by_hand);
    tcase_add_test(c, features_tell_circuits_apart);
    tcase_add_loop_test(c, bad_files_are_refused, 0, (int)(sizeof bad / sizeof *bad));
    suite_add_tcase(s, c);
    return harness_run(s);
}
