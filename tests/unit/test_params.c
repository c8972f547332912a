// SPDX-License-Identifier: MIT
// test_params.c - params against an entry of a catalog, which came over the wire
// and may hold anything; and our own catalog.
#include <string.h>

#include "common/yaml.h"
#include "coordinator/params.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"
#include "worker/catalog.h"

static const char entry_text[] =
    "name: w\n"
    "params:\n"
    "- {name: b, type: bool, default: true}\n"
    "- {name: i, type: int, min: 0, max: 10, searchable: true, unit: s}\n"
    "- {name: f, type: float, min: -1, max: 1.5, searchable: true, default: 0.5}\n"
    "- {name: s, type: str, choices: [red, green], searchable: true}\n"
    "- {name: free, type: str}\n"
    "- {name: l, type: strs}\n"
    "- {name: any, type: any}\n"
    "- {name: must, type: int, min: 0, max: 1, required: true, help: a bit}\n"
    "metrics: [{name: m1}, {name: m2}]\n"
    "collective: true\n";

static struct arena *a;
static struct errtext t;
static struct value entry, full;

static void setup(void)
{
    a = arena_create();
    ck_assert_int_eq(yaml_parse(entry_text, sizeof entry_text - 1, "entry", a, &entry, &t), OK);
}

static void teardown(void)
{
    arena_destroy(a);
}

static enum error check(const struct value *of, const char *text, const char *const *elsewhere)
{
    struct value *v = arena_alloc(a, sizeof *v);
    ck_assert_msg(yaml_parse(text, strlen(text), "f", a, v, &t) == OK, "%s", t.text);
    struct spec s = spec_of(v, "f", &t);
    (void)strcpy(s.path, "params");
    return params_check(of, &s, elsewhere, a, &full);
}

static const struct {
    const char *text;
    const char *says; // NULL: it is fine
} given[] = {
    {"must: 1", NULL},
    {"{must: 0, b: false, i: 10, f: -1, s: red, free: '', l: [a, ''], any: {x: [1]}}", NULL},
    {"{must: 1.0}", NULL},
    {"{}", "f:1:1: params.must is missing, expected a bit"},
    {"{must: ~}", "f:1:1: params.must is missing, expected a bit"},
    {"{must: 1, b: 1}", "f:1:14: params.b is 1, expected true or false"},
    {"{must: 1, i: 11}", "f:1:14: params.i is 11, expected an integer from 0 to 10 s"},
    {"{must: 1, i: 0.5}", "f:1:14: params.i is 0.5, expected an integer from 0 to 10 s"},
    {"{must: 1, f: 2}", "f:1:14: params.f is 2, expected a number from -1 to 1.5"},
    {"{must: 1, f: .nan}", "f:1:14: params.f is nan, expected a number from -1 to 1.5"},
    {"{must: 1, f: x}", "f:1:14: params.f is 'x', expected a number from -1 to 1.5"},
    {"{must: 1, s: gren}",
     "f:1:14: params.s is 'gren', expected one of: red, green (did you mean 'green'?)"},
    {"{must: 1, s: 3}", "f:1:14: params.s is 3, expected a string"},
    {"{must: 1, free: \"a\\0b\"}", "f:1:17: params.free is 'a', expected a string"},
    {"{must: 1, l: a}", "f:1:14: params.l is 'a', expected a list of strings"},
    {"{must: 1, l: [a, 1]}", "f:1:18: params.l[1] is 1, expected a string"},
    {"{must: 1, any: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
     "f:1:16: params.any is nested too deeply, expected at most 16 levels"},
    {"{must: 1, mist: 1}", "f:1:11: unknown key 'mist' in params, did you mean 'must'?"},
};

START_TEST(params_are_checked_against_the_table)
{
    enum error e = check(&entry, given[_i].text, NULL);
    if (!given[_i].says) {
        ck_assert_msg(e == OK, "%s", t.text);
        return;
    }
    ck_assert_int_eq(e, ERR_PARSE);
    ck_assert_str_eq(t.text, given[_i].says);
}
END_TEST

START_TEST(defaults_are_filled_in)
{
    ck_assert_int_eq(check(&entry, "{must: 1.0, i: 3}", NULL), OK);
    ck_assert_uint_eq(full.n, 4);
    ck_assert(value_find(&full, "b")->b);
    ck_assert_double_eq(value_find(&full, "f")->f, 0.5);
    ck_assert_int_eq(value_find(&full, "must")->type, VALUE_INT);
    ck_assert_ptr_null(value_find(&full, "s"));
}
END_TEST

START_TEST(what_comes_from_elsewhere_is_not_missing)
{
    static const char *const elsewhere[] = {"other", "must", NULL};
    ck_assert_int_eq(check(&entry, "{}", elsewhere), OK);
    ck_assert_ptr_null(value_find(&full, "must"));
}
END_TEST

static enum error set(const struct value *of, const char *name, const char *text)
{
    struct value v;
    ck_assert_int_eq(yaml_parse(text, strlen(text), "f", a, &v, &t), OK);
    struct spec root = spec_of(&v, "f", &t);
    struct spec at = spec_at(&root, &v, "grid.%s", name);
    return params_check_set(of, &at, name, &v);
}

START_TEST(a_grid_may_set_what_is_searchable)
{
    ck_assert_int_eq(set(&entry, "i", "3"), OK);
    ck_assert_int_eq(set(&entry, "i", "30"), ERR_PARSE);
    ck_assert_str_eq(t.text, "f:1:1: grid.i is 30, expected an integer from 0 to 10 s");
    ck_assert_int_eq(set(&entry, "b", "true"), ERR_PARSE);
    ck_assert_str_eq(t.text,
                     "f:1:1: 'b' is no parameter that can vary, expected one of: i, f, s");
    ck_assert_int_eq(set(&entry, "ff", "1"), ERR_PARSE);
    ck_assert_str_eq(t.text, "f:1:1: 'ff' is no parameter that can vary, did you mean 'f'?");
    ck_assert_int_eq(set(NULL, "whatever", "1"), OK);
}
END_TEST

START_TEST(a_command_takes_every_name_but_its_own)
{
    struct value commands = value_copy(a, &entry);
    value_set(a, &commands, "commands", value_bool(true));
    ck_assert_int_eq(set(&commands, "recipe", "[1, 2]"), OK);
    ck_assert_int_eq(set(&commands, "b", "true"), ERR_PARSE);
    ck_assert_str_eq(t.text,
                     "f:1:1: 'b' is the same for all items, expected a name of your own");
}
END_TEST

// Entries that no worker of ours sends.
static const char *const odd[] = {
    "{}",
    "[]",
    "3",
    "{params: 3}",
    "{params: [3, x, ~, []]}",
    "{params: [{type: int}]}",
    "{params: [{name: 3, type: int}]}",
    "{params: [{name: k, type: 7}]}",
    "{params: [{name: k, type: int, min: a, max: []}]}",
    "{params: [{name: k, type: str, choices: 3}]}",
    "{params: [{name: k, type: str, choices: [1, 2]}]}",
    "{params: [{name: k, type: int, required: maybe}], metrics: 4}",
    "{params: [{name: k, type: unheard}], metrics: [1, {name: 2}]}",
};

START_TEST(an_odd_entry_hurts_nobody)
{
    struct value v;
    ck_assert_int_eq(yaml_parse(odd[_i], strlen(odd[_i]), "odd", a, &v, &t), OK);
    (void)check(&v, "{}", NULL);
    (void)check(&v, "{k: 3}", NULL);
    (void)check(&v, "{k: x}", NULL);
    (void)set(&v, "k", "3");
    const char *const *metrics = params_metrics(&v, a);
    ck_assert(!metrics || !*metrics);
    ck_assert(!params_flag(&v, "commands"));
}
END_TEST

START_TEST(metrics_and_flags_are_read)
{
    const char *const *metrics = params_metrics(&entry, a);
    ck_assert_str_eq(metrics[0], "m1");
    ck_assert_str_eq(metrics[1], "m2");
    ck_assert_ptr_null(metrics[2]);
    ck_assert(params_flag(&entry, "collective"));
    ck_assert(!params_flag(&entry, "commands"));
    ck_assert(!params_flag(NULL, "commands"));
}
END_TEST

// ---- our own catalog --------------------------------------------------------

START_TEST(the_catalog_travels_and_is_found_again)
{
    struct value list = catalog_value(a), back;
    struct buf b;

    buf_init(&b, 1 << 20);
    pack_write(&list, &b);
    ck_assert_int_eq(pack_read(b.bytes, b.n, a, &back, &t), OK);
    ck_assert(value_equal(&list, &back));
    for (const struct workload *const *w = workloads; *w; w++) {
        const struct value *found = params_find_workload(&back, (*w)->name);
        ck_assert_ptr_nonnull(found);
        ck_assert_int_eq(params_flag(found, "commands"), (*w)->commands);
        ck_assert_int_eq(params_metrics(found, a) != NULL, (*w)->metrics != NULL);
        ck_assert_ptr_eq(workload_find((*w)->name), *w);
    }
    ck_assert_ptr_null(params_find_workload(&back, "nothing"));
    ck_assert_ptr_null(workload_find("nothing"));
    buf_fini(&b);
}
END_TEST

// A table whose own defaults are refused would refuse every job.
START_TEST(defaults_of_our_tables_are_valid)
{
    struct value list = catalog_value(a);

    for (uint32_t i = 0; i < list.n; i++) {
        const struct value *params = value_find(&list.items[i], "params");
        struct value map = value_map();
        const char *required[64] = {NULL};
        uint32_t n = 0;
        for (uint32_t k = 0; k < params->n; k++) {
            const char *name = value_find(&params->items[k], "name")->s;
            const struct value *fallback = value_find(&params->items[k], "default");
            if (fallback)
                value_set(a, &map, name, *fallback);
            else if (n < 63)
                required[n++] = name;
        }
        struct spec root = spec_of(&map, "table", &t);
        struct spec s = spec_at(&root, &map, "params");
        ck_assert_msg(params_check(&list.items[i], &s, required, a, &full) == OK, "%s", t.text);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("params");
    TCase *c = tcase_create("params");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, params_are_checked_against_the_table, 0,
                        sizeof given / sizeof *given);
    tcase_add_test(c, defaults_are_filled_in);
    tcase_add_test(c, what_comes_from_elsewhere_is_not_missing);
    tcase_add_test(c, a_grid_may_set_what_is_searchable);
    tcase_add_test(c, a_command_takes_every_name_but_its_own);
    tcase_add_loop_test(c, an_odd_entry_hurts_nobody, 0, sizeof odd / sizeof *odd);
    tcase_add_test(c, metrics_and_flags_are_read);
    tcase_add_test(c, the_catalog_travels_and_is_found_again);
    tcase_add_test(c, defaults_of_our_tables_are_valid);
    suite_add_tcase(s, c);
    return harness_run(s);
}
