// SPDX-License-Identifier: MIT
// test_warm_table.c - tables of trials as a search's warm start.
#include <string.h>

#include "common/buf.h"
#include "common/yaml.h"
#include "protocol/warm_table.h"
#include "tests/unit/harness.h"

static const char space_text[] =
    "{x: {type: float, low: 0, high: 1}, c: {type: categorical, choices: ['31', on]},"
    " model: {type: choice, values: {tree: {depth: {type: int, low: 1, high: 12}}, flat: {}}},"
    " s: {type: sequence, length: 2, of: {type: int, low: 0, high: 3}},"
    " r: {type: sequence, length: 4, join: '', of: {type: int, low: 0, high: 9}}}";

static const struct {
    const char *table, *json, *says;
} tables[] = {
    {"x,y\n0.5,1e-3\n", "[{\"params\":{\"x\":0.5},\"metrics\":{\"y\":0.001}}]", NULL},
    {"x,y\r\n0.5,2\r\n\r\n1,3", // other line ends, an empty line, no last one
     "[{\"params\":{\"x\":0.5},\"metrics\":{\"y\":2}},"
     "{\"params\":{\"x\":1},\"metrics\":{\"y\":3}}]",
     NULL},
    // As `shoal results --history csv` writes it: a failed trial, a condition, a sequence.
    {"trial,state,x,model,depth,s,y\n0,ok,0.5,tree,3,\"[1,2]\",7\n1,failed,0.5,flat,,,\n"
     "2,ok,0.25,flat,,\"[0,0]\",8\n",
     "[{\"params\":{\"x\":0.5,\"model\":\"tree\",\"depth\":3,\"s\":[1,2]},\"metrics\":{\"y\":7}"
     "},"
     "{\"params\":{\"x\":0.25,\"model\":\"flat\",\"s\":[0,0]},\"metrics\":{\"y\":8}}]",
     NULL},
    // Texts that look like numbers; metrics that are none; names that say what they are.
    {"c,y,note,metrics.x\n31,5,good,6\n",
     "[{\"params\":{\"c\":\"31\"},\"metrics\":{\"y\":5,\"x\":6}}]", NULL},
    // A joined sequence of digits was taken for a number.
    {"r,y\n1121,5\n0011,6\n",
     "[{\"params\":{\"r\":\"1121\"},\"metrics\":{\"y\":5}},"
     "{\"params\":{\"r\":\"0011\"},\"metrics\":{\"y\":6}}]",
     NULL},
    {"c,y\n\"a \"\"b\"\",\n\",5\n",
     "[{\"params\":{\"c\":\"a \\\"b\\\",\\n\"},\"metrics\":{\"y\":5}}]", NULL},
    {"x,y\n0.5,nan\n0.5,1\n", "[{\"params\":{\"x\":0.5},\"metrics\":{\"y\":1}}]", NULL},
    {"x,y\n0.5\n", NULL, "f.csv:2: 1 cells, expected 2 as in the first line"},
    {"x,y\n0.5,1,2\n", NULL, "f.csv:2: 3 cells"},
    {"x,y\n\"0.5,1\n", NULL, "f.csv:2: a quote is not closed"},
    {"x,y\n\"0.5\"1,1\n", NULL, "f.csv:2: text behind a closed quote"},
    {"x,y\n1,\xff\n", NULL, "f.csv:2: not UTF-8"},
    {"x,y\n", NULL, "f.csv:1: no row"},
    {"", NULL, "f.csv:1: no row"},
    {"x,y\n1,none\n", NULL, "f.csv:1: no row"},
};

START_TEST(a_table_is_a_list_of_trials)
{
    struct arena *a = arena_create();
    struct errtext t = {{0}};
    struct value space, list;
    struct buf b;
    const char *table = tables[_i].table;

    ck_assert(!yaml_parse(space_text, strlen(space_text), "s", a, &space, &t));
    struct warm_table source = {table, strlen(table), "f.csv", &space};
    enum error e = warm_table_read(&source, a, &list, &t);
    buf_init(&b, 1 << 16);
    if (!e)
        value_json(&list, &b);
    if (tables[_i].says)
        ck_assert_msg(e == ERR_PARSE && strstr(t.text, tables[_i].says), "%s", t.text);
    else
        ck_assert_msg(!e && strcmp(buf_cstr(&b), tables[_i].json) == 0, "%s%s", buf_cstr(&b),
                      t.text);
    buf_fini(&b);
    arena_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("warm_table");
    TCase *c = tcase_create("warm_table");
    tcase_add_loop_test(c, a_table_is_a_list_of_trials, 0,
                        (int)(sizeof tables / sizeof *tables));
    suite_add_tcase(s, c);
    return harness_run(s);
}
