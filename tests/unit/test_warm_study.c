// SPDX-License-Identifier: MIT
// test_warm_study.c - a study of Optuna as a search's warm start.
//
// The databases are made here by the published schema (optuna/storages/_rdb/models.py,
// releases 2.4 to 4), as its tables stand in SQLite.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/buf.h"
#include "common/yaml.h"
#include "protocol/inline.h"
#include "protocol/warm_study.h"
#include "tests/unit/harness.h"

#define TABLES                                                                                 \
    "CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name VARCHAR(512) NOT NULL);"   \
    "CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);"                       \
    "CREATE TABLE version_info (version_info_id INTEGER PRIMARY KEY, schema_version INTEGER, " \
    "library_version VARCHAR(256));"                                                           \
    "CREATE TABLE study_directions (study_direction_id INTEGER PRIMARY KEY, direction "        \
    "VARCHAR(8) NOT NULL, study_id INTEGER NOT NULL REFERENCES studies, objective INTEGER "    \
    "NOT NULL, UNIQUE (study_id, objective));"                                                 \
    "CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER "     \
    "REFERENCES studies, state VARCHAR(8) NOT NULL, datetime_start DATETIME, "                 \
    "datetime_complete DATETIME);"                                                             \
    "CREATE TABLE trial_params (param_id INTEGER PRIMARY KEY, trial_id INTEGER REFERENCES "    \
    "trials, param_name VARCHAR(512), param_value FLOAT, distribution_json TEXT, UNIQUE "      \
    "(trial_id, param_name));"                                                                 \
    "INSERT INTO version_info VALUES (1, 12, '3.6.1');"
#define VALUES                                                                                 \
    "CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER NOT "     \
    "NULL "                                                                                    \
    "REFERENCES trials, objective INTEGER NOT NULL, value FLOAT, value_type VARCHAR(7) NOT "   \
    "NULL, UNIQUE (trial_id, objective));"
// Before release 3.
#define OLD_VALUES                                                                             \
    "CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER NOT "     \
    "NULL "                                                                                    \
    "REFERENCES trials, objective INTEGER NOT NULL, value FLOAT NOT NULL, step INTEGER);"
#define FLOAT(low, high, log)                                                                  \
    "'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": " low        \
    ", \"high\": " high ", \"log\": " log "}}'"
#define INT                                                                                    \
    "'{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 1, \"low\": " \
    "1, \"high\": 12}}'"
#define CHOICE                                                                                 \
    "'{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [\"tree\", "       \
    "\"linear\"]}}'"

// Two complete trials of different branches among those that count for nothing: one that is
// pruned, one that failed, one that runs, one that is infinite.
#define ONE                                                                                    \
    "INSERT INTO studies VALUES (3, 'fit');"                                                   \
    "INSERT INTO study_directions VALUES (1, 'MINIMIZE', 3, 0);"                               \
    "INSERT INTO trials VALUES (11, 0, 3, 'COMPLETE', NULL, NULL), (12, 1, 3, 'PRUNED', "      \
    "NULL, NULL), (13, 2, 3, 'FAIL', NULL, NULL), (14, 3, 3, 'RUNNING', NULL, NULL), (15, 4, " \
    "3, 'COMPLETE', NULL, NULL), (16, 5, 3, 'COMPLETE', NULL, NULL);"                          \
    "INSERT INTO trial_values VALUES (1, 11, 0, 0.25, 'FINITE'), (2, 12, 0, 9, 'FINITE'), "    \
    "(3, 15, 0, NULL, 'INF_POS'), (4, 16, 0, -1.5, 'FINITE');"                                 \
    "INSERT INTO trial_params VALUES (1, 11, 'model', 0, " CHOICE                              \
    "), (2, 11, 'depth', 5, " INT "), (3, 11, 'leaf', 0.001, " FLOAT(                          \
        "1e-4", "1", "true") "), (4, 12, 'model', 1, " CHOICE "), (5, 16, 'model', 1, " CHOICE \
                             "), (6, 16, 'slope', 2.5, " FLOAT("0.01", "100", "true") ");"
#define OTHER                                                                                  \
    "INSERT INTO studies VALUES (4, 'other');"                                                 \
    "INSERT INTO study_directions VALUES (2, 'MAXIMIZE', 4, 0), (3, 'MINIMIZE', 4, 1);"        \
    "INSERT INTO trials VALUES (21, 0, 4, 'COMPLETE', NULL, NULL);"                            \
    "INSERT INTO trial_values VALUES (9, 21, 0, 7, 'FINITE'), (10, 21, 1, 8, 'FINITE');"       \
    "INSERT INTO trial_params VALUES (9, 21, 'slope', 3, " FLOAT("0.01", "100", "true") ");"

#define JOB                                                                                    \
    "kind: search\nspace: {model: {type: choice, values: {linear: {slope: {type: float, low: " \
    "0.01, high: 100}}, tree: {depth: {type: int, low: 1, high: 12}, leaf: {type: float, "     \
    "low: 1.0e-4, high: 1}}}}}\n"
#define MIN "objectives: [{metric: error, goal: minimize}]\n"

static const char fit[] =
    "[{\"params\":{\"model\":\"tree\",\"depth\":5,\"leaf\":0.001},\"metrics\":{\"error\":0.25}}"
    ",{\"params\":{\"model\":\"linear\",\"slope\":2.5},\"metrics\":{\"error\":-1.5}}]";

static const struct {
    const char *sql, *job, *study, *json, *says;
} studies[] = {
    {TABLES VALUES ONE, JOB MIN, NULL, fit, NULL},
    {TABLES VALUES ONE OTHER, JOB MIN, "fit", fit, NULL},
    {TABLES VALUES ONE OTHER, JOB "objectives: [{metric: a, goal: maximize}, {metric: b}]\n",
     "other", "[{\"params\":{\"slope\":3.0},\"metrics\":{\"a\":7.0,\"b\":8.0}}]", NULL},
    // The names that distributions had before release 3, and its table.
    {TABLES OLD_VALUES
     "INSERT INTO studies VALUES (1, 'old');INSERT INTO study_directions VALUES (1, "
     "'MINIMIZE', 1, 0);INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE', NULL, NULL);INSERT "
     "INTO trial_values VALUES (1, 1, 0, 4, NULL);INSERT INTO trial_params VALUES (1, 1, "
     "'depth', 3, '{\"name\": \"IntUniformDistribution\", \"attributes\": {\"low\": 1, "
     "\"high\": 12, \"step\": 1}}'), (2, 1, 'leaf', 0.5, '{\"name\": "
     "\"LogUniformDistribution\", \"attributes\": {\"low\": 0.1, \"high\": 1}}');",
     JOB MIN, NULL, "[{\"params\":{\"depth\":3,\"leaf\":0.5},\"metrics\":{\"error\":4.0}}]",
     NULL},
    {TABLES VALUES ONE OTHER, JOB MIN, NULL, NULL,
     "several studies, expected `study:` with one of: fit, other"},
    {TABLES VALUES ONE OTHER, JOB MIN, "fitt", NULL,
     "no study 'fitt', expected one of: fit, other"},
    {TABLES VALUES, JOB MIN, NULL, NULL, "no study in it"},
    {TABLES VALUES ONE OTHER, JOB MIN, "other", NULL,
     "the study maximizes its objective 0, expected goal: maximize of error"},
    {TABLES VALUES ONE, JOB "objectives: [{metric: error}, {metric: size}]\n", NULL, NULL,
     "the study has 1 objectives and the job 2, expected as many"},
    {TABLES VALUES ONE, "kind: search\nspace: {model: {type: choice, values: [tree]}}\n" MIN,
     NULL, NULL, "trial 0: parameter depth: the space has none of this name"},
    {TABLES VALUES ONE "UPDATE trial_params SET param_value = 2 WHERE param_id = 1;", JOB MIN,
     NULL, NULL, "trial 0: parameter model: no such choice"},
    {TABLES VALUES ONE "UPDATE trial_params SET param_value = 2.5 WHERE param_id = 2;", JOB MIN,
     NULL, NULL, "trial 0: parameter depth: an integer was expected"},
    {TABLES VALUES ONE "UPDATE trial_params SET distribution_json = '{' WHERE param_id = 2;",
     JOB MIN, NULL, NULL, "trial 0: parameter depth: a distribution that is no JSON"},
    {TABLES VALUES ONE "UPDATE trials SET state = 'RUNNING';", JOB MIN, NULL, NULL,
     "no complete trial in the study"},
    {"CREATE TABLE x (a);", JOB MIN, NULL, NULL,
     "not a study of Optuna that can be read: no such table: studies"},
};

static char path[] = "/tmp/shoal-study-XXXXXX";
static struct arena *a;
static struct errtext t;

static void setup(void)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    a = arena_create();
}

static void teardown(void)
{
    arena_destroy(a);
    ck_assert_int_eq(unlink(path), 0);
    memset(path + sizeof path - 7, 'X', 6);
}

static void make(const char *sql)
{
    sqlite3 *db;
    char *why = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, "%s", why);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

START_TEST(a_study_is_a_list_of_trials)
{
    struct value job, list;
    struct buf b;

    make(studies[_i].sql);
    ck_assert(!yaml_parse(studies[_i].job, strlen(studies[_i].job), "job", a, &job, &t));
    struct warm_study s = {path, studies[_i].study, &job};
    enum error e = warm_study_read(&s, a, &list, &t);
    if (studies[_i].says) {
        ck_assert_int_eq(e, ERR_PARSE);
        ck_assert_msg(strncmp(t.text, path, strlen(path)) == 0
                          && strcmp(t.text + strlen(path) + 2, studies[_i].says) == 0,
                      "%s", t.text);
        return;
    }
    ck_assert_msg(!e, "%s", t.text);
    buf_init(&b, 1 << 16);
    value_json(&list, &b);
    ck_assert_str_eq(buf_cstr(&b), studies[_i].json);
    buf_fini(&b);
}
END_TEST

static enum error inline_job(const char *more, const char **out)
{
    const char *job = arena_printf(a, JOB MIN "warm_start: %s\n%s", path, more);
    struct inline_source s = {.text = job, .n = strlen(job), .file = "job.yaml", .base = ""};
    return inline_files(&s, a, out, &t);
}

START_TEST(a_job_takes_its_study_from_the_file)
{
    const char *text = NULL;

    make(TABLES VALUES ONE OTHER);
    ck_assert_msg(!inline_job("study: fit\n", &text), "%s", t.text);
    ck_assert_ptr_nonnull(strstr(text, arena_printf(a, "warm_start: %s\nstudy: fit\n", fit)));
    ck_assert_int_eq(inline_job("", &text), ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(t.text, "job.yaml:4:13: warm_start: "));
}
END_TEST

START_TEST(a_table_has_no_study)
{
    const char *text = NULL;
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_gt(fprintf(f, "model,slope,error\nlinear,2,1\n"), 0);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(!inline_job("", &text));
    ck_assert_int_eq(inline_job("study: fit\n", &text), ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(t.text, "a table, expected no `study` beside it"));
}
END_TEST

// Any byte of the file may be wrong: an error, or trials, never a crash.
START_TEST(a_damaged_file_is_refused_or_read)
{
    struct value job, list;
    uint8_t bytes[1 << 17];

    make(TABLES VALUES ONE OTHER);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(!yaml_parse(JOB MIN, strlen(JOB MIN), "job", a, &job, &t));
    for (size_t at = 16; at < n; at += 97) {
        f = fopen(path, "wb");
        ck_assert_ptr_nonnull(f);
        bytes[at] ^= 0x5a;
        ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
        bytes[at] ^= 0x5a;
        ck_assert_int_eq(fclose(f), 0);
        struct warm_study s = {path, "fit", &job};
        if (!warm_study_read(&s, a, &list, &t))
            ck_assert_uint_gt(list.n, 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("warm_study");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_study_is_a_list_of_trials, 0, sizeof studies / sizeof studies[0]);
    tcase_add_test(tc, a_job_takes_its_study_from_the_file);
    tcase_add_test(tc, a_table_has_no_study);
    tcase_add_test(tc, a_damaged_file_is_refused_or_read);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
