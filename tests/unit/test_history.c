// SPDX-License-Identifier: MIT
// test_history.c - the history of a search as a table.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/history.h"
#include "tests/unit/harness.h"

static const struct {
    const char *lines, *table;
} tables[] = {
    {"", "trial,state\n"},
    {"{\"trial\":0,\"params\":{\"x\":0.5,\"k\":3},\"metrics\":{\"y\":-1e-300},\"state\":\"ok\"}"
     "\n",
     "trial,state,x,k,y\n0,ok,0.5,3,-1e-300\n"},
    // Conditional parameters, a failed trial, a later metric.
    {"{\"trial\":0,\"params\":{\"a\":1},\"metrics\":null,\"state\":\"failed\"}\n"
     "{\"trial\":1,\"params\":{\"b\":true,\"a\":2},\"metrics\":{\"y\":1,\"z\":2},"
     "\"state\":\"ok\"}\n"
     "{\"trial\":2,\"params\":{\"a\":3},\"metrics\":{\"z\":4},\"state\":\"infeasible\"}",
     "trial,state,a,b,y,z\n0,failed,1,,,\n1,ok,2,true,1,2\n2,infeasible,3,,,4\n"},
    // Quotes, commas and line ends: RFC 4180, section 2, rules 5 to 7.
    {"{\"trial\":0,\"params\":{\"a,b\":\"say "
     "\\\"x\\\"\",\"c\":\"1\\n2\",\"d\":\"\\r\",\"e\":\"p q\"},"
     "\"metrics\":{},\"state\":\"ok\"}\n",
     "trial,state,\"a,b\",c,d,e\n0,ok,\"say \"\"x\"\"\",\"1\n2\",\"\r\",p q\n"},
    // A sequence is JSON in a cell.
    {"{\"trial\":0,\"params\":{\"s\":[1,\"u\"]},\"metrics\":{},\"state\":\"ok\"}\n",
     "trial,state,s\n0,ok,\"[1,\"\"u\"\"]\"\n"},
    // Names that are taken.
    {"{\"trial\":0,\"params\":{\"trial\":1,\"y\":2},\"metrics\":{\"y\":3,\"state\":4},"
     "\"state\":\"ok\"}\n",
     "trial,state,params.trial,y,metrics.y,metrics.state\n0,ok,1,2,3,4\n"},
};

static char *out;
static size_t n_out;

static enum error convert(const char *lines, struct errtext *t)
{
    FILE *in = tmpfile(), *to = open_memstream(&out, &n_out);
    ck_assert_ptr_nonnull(in);
    ck_assert_ptr_nonnull(to);
    ck_assert_int_ge(fputs(lines, in), 0);
    rewind(in);
    enum error e = history_to_csv(in, "h", to, t);
    ck_assert_int_eq(fclose(in), 0);
    ck_assert_int_eq(fclose(to), 0);
    return e;
}

START_TEST(a_history_becomes_a_table)
{
    struct errtext t = {{0}};
    ck_assert_msg(!convert(tables[_i].lines, &t), "%s", t.text);
    ck_assert_str_eq(out, tables[_i].table);
    ck_assert_uint_eq(n_out, strlen(tables[_i].table));
    free(out);
}
END_TEST

START_TEST(a_line_that_is_no_trial_is_named)
{
    struct errtext t = {{0}};
    ck_assert_int_eq(convert("{\"trial\":0}\n{\"trial\"\n", &t), ERR_PARSE);
    ck_assert_msg(strncmp(t.text, "h:2: not a trial: ", 18) == 0, "%s", t.text);
    free(out);
    ck_assert_int_eq(convert("[1]\n", &t), ERR_PARSE);
    ck_assert_msg(strncmp(t.text, "h:1: not a trial", 16) == 0, "%s", t.text);
    free(out);
}
END_TEST

START_TEST(formats_have_names)
{
    ck_assert(history_is_format("csv"));
    ck_assert(history_is_format("jsonl"));
    ck_assert(!history_is_format("json"));
    ck_assert(!history_is_format(""));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("history");
    TCase *c = tcase_create("history");
    tcase_add_loop_test(c, a_history_becomes_a_table, 0, (int)(sizeof tables / sizeof *tables));
    tcase_add_test(c, a_line_that_is_no_trial_is_named);
    tcase_add_test(c, formats_have_names);
    suite_add_tcase(s, c);
    return harness_run(s);
}
