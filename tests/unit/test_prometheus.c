// SPDX-License-Identifier: MIT
// test_prometheus.c - what we write is what the format's rules allow, whatever the labels.
#include <string.h>

#include "coordinator/prometheus.h"
#include "tests/unit/harness.h"
#include "tests/unit/prometheus_check.h"

static struct buf b;

static void set_up(void)
{
    buf_init(&b, 1 << 20);
}

static void tear_down(void)
{
    buf_fini(&b);
}

START_TEST(a_family_and_its_samples_are_valid)
{
    const struct prometheus_label one[] = {{"state", "idle"}, {"job", "k7f3"}, {0}};
    const struct prometheus_label two[] = {
        {"state", "a \"b\" \\ \n c"}, {"job", "\xc3\xa9"}, {0}};
    prometheus_family(&b, "shoal_ranks", PROMETHEUS_GAUGE, "Ranks.");
    prometheus_sample(&b, "shoal_ranks", one, 2);
    prometheus_sample(&b, "shoal_ranks", two, -0.5);
    prometheus_one(&b, "shoal_x_total", PROMETHEUS_COUNTER, "Count.", 1e300);
    ck_assert_ptr_null(prometheus_wrong(buf_cstr(&b)));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "state=\"a \\\"b\\\" \\\\ \\n c\""));
    ck_assert_ptr_nonnull(
        strstr(buf_cstr(&b), "\nshoal_ranks{state=\"idle\",job=\"k7f3\"} 2\n"));
}
END_TEST

START_TEST(buckets_count_up_and_end_with_all)
{
    struct prometheus_histogram h = {.sum = 0};
    prometheus_observe(&h, 0.0005); // a bound belongs to its bucket
    prometheus_observe(&h, 0.00051);
    prometheus_observe(&h, 1e6);
    prometheus_histogram(&b, "shoal_t_seconds", "Time.", &h);
    const char *s = buf_cstr(&b);
    ck_assert_ptr_null(prometheus_wrong(s));
    ck_assert_ptr_nonnull(strstr(s, "shoal_t_seconds_bucket{le=\"0.0005\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(s, "shoal_t_seconds_bucket{le=\"0.001\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(s, "shoal_t_seconds_bucket{le=\"65.536\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(s, "shoal_t_seconds_bucket{le=\"+Inf\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(s, "shoal_t_seconds_count 3\n"));
}
END_TEST

// The checker itself must be able to say no.
static const char *const wrong[] = {
    "x 1\n",                                                         // no family
    "# HELP x h\n# TYPE x gauge\nx 1",                               // no line end
    "# HELP x h\n# TYPE x gauge\nx{a=\"b} 1\n",                      // open quote
    "# HELP x h\n# TYPE x gauge\nx 1\nx 2\n",                        // twice
    "# HELP x h\n# TYPE x gauge\nx one\n",                           // no number
    "# HELP x h\n# TYPE x counter\nx 1\n",                           // not _total
    "# HELP x h\n# TYPE x gauge\nx 1\n# HELP x h\n# TYPE x gauge\n", // family twice
    "# TYPE x gauge\nx 1\n",                                         // no help
    "# HELP x h\n# TYPE x gauge\nx{1a=\"b\"} 1\n",                   // label's name
};

START_TEST(the_checker_sees_what_is_wrong)
{
    ck_assert_ptr_nonnull(prometheus_wrong(wrong[_i]));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prometheus");
    TCase *c = tcase_create("prometheus");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_family_and_its_samples_are_valid);
    tcase_add_test(c, buckets_count_up_and_end_with_all);
    tcase_add_loop_test(c, the_checker_sees_what_is_wrong, 0, sizeof wrong / sizeof wrong[0]);
    suite_add_tcase(s, c);
    return harness_run(s);
}
