// SPDX-License-Identifier: MIT
// test_outcome.c - rows come back; wrong lengths are refused.
#include "common/outcome.h"
#include "tests/unit/harness.h"

START_TEST(rows_come_back)
{
    static const double rows[6] = {1, 2.5, -3, 4e300, 5e-324, 0};
    struct buf b;
    struct outcome_view v;

    buf_init(&b, 1000);
    outcome_put_rows(&b, rows, 3, 2);
    ck_assert_uint_eq(b.n, 3 + 48);
    ck_assert_int_eq(outcome_view(b.bytes, b.n, 3, &v), OK);
    ck_assert_int_eq(v.form, OUTCOME_ROWS);
    ck_assert_uint_eq(v.n_metrics, 2);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t j = 0; j < 2; j++)
            ck_assert(outcome_row_value(&v, i, j) == rows[2 * i + j]);
    ck_assert_int_eq(outcome_view(b.bytes, b.n, 2, &v), ERR_PROTO);
    ck_assert_int_eq(outcome_view(b.bytes, b.n - 1, 3, &v), ERR_PROTO);
    ck_assert_int_eq(outcome_view(b.bytes, b.n, UINT32_MAX, &v), ERR_PROTO);
    buf_fini(&b);
}
END_TEST

static const struct {
    uint8_t bytes[12];
    size_t n;
    uint32_t count;
    enum error e;
} edge[] = {
    {{0}, 0, 0, ERR_PROTO},
    {{OUTCOME_NONE}, 1, 5, OK},
    {{OUTCOME_NONE, 0}, 2, 5, ERR_PROTO},
    {{5}, 1, 0, ERR_PROTO},
    {{OUTCOME_TOTALS}, 1, 0, ERR_PROTO},
    {{OUTCOME_TOTALS, 0, 0, OUTCOME_NONE}, 4, 0, ERR_PROTO}, // no totals
    {{OUTCOME_TOTALS, 1, 0, 5}, 4, 0, ERR_PROTO},            // nothing behind them
    {{OUTCOME_TOTALS, 1, 0, 5, OUTCOME_NONE}, 5, 0, OK},
    {{OUTCOME_TOTALS, 1, 0, 0x85, OUTCOME_NONE}, 5, 0, ERR_PROTO}, // not the shortest
    {{OUTCOME_TOTALS, 2, 0, 5, 0x80, 1, OUTCOME_ROWS, 0, 0}, 9, 7, OK},
    {{OUTCOME_TOTALS, 1, 0, 5, OUTCOME_TOTALS, 1, 0, 5, OUTCOME_NONE}, 9, 0, ERR_PROTO},
    {{OUTCOME_ROWS, 1}, 2, 1, ERR_PROTO},
    {{OUTCOME_ROWS, 1, 0}, 3, 0, OK},
    {{OUTCOME_ROWS, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 11, 1, OK},
    {{OUTCOME_ROWS, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 11, 1, ERR_PROTO}, // 256 metrics
    {{OUTCOME_NAMED}, 1, 1, ERR_PROTO},
    {{OUTCOME_NAMED, 0x90}, 2, 0, OK},
    {{OUTCOME_FOLDS, 1}, 2, 9, ERR_PROTO},
    {{OUTCOME_FOLDS, 1, 0, 7}, 4, 9, OK},
};

START_TEST(forms_have_their_lengths)
{
    struct outcome_view v;
    ck_assert_int_eq(outcome_view(edge[_i].bytes, edge[_i].n, edge[_i].count, &v), edge[_i].e);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("outcome");
    TCase *c = tcase_create("outcome");
    tcase_add_test(c, rows_come_back);
    tcase_add_loop_test(c, forms_have_their_lengths, 0, sizeof edge / sizeof *edge);
    suite_add_tcase(s, c);
    return harness_run(s);
}
