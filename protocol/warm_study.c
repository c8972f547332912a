// SPDX-License-Identifier: MIT
#include "protocol/warm_study.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <sqlite3.h>

#include "common/json.h"
#include "common/library.h"
#include "protocol/warm_table.h"

enum { TRIALS_MAX = 100000, OBJECTIVES_MAX = 64, BYTES_MAX = 1 << 20, SHOWN_MAX = 200 };

static const char magic[] = "SQLite format 3"; // with the zero behind

struct reader {
    const struct warm_study *study;
    sqlite3 *db;
    struct arena *a;
    struct errtext *t;
    int64_t id;     // of the study
    bool has_types; // values may say that they are infinite
    uint32_t n_goals;
    const char *goals[OBJECTIVES_MAX];
};

bool warm_study_is(const void *bytes, size_t n)
{
    return n >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

// ---- the library ---------------------------------------------------------------------
//
// Job files are read by every client and many workers, studies by few of them.

#define FUNCTIONS(F)                                                                           \
    F(open_v2)                                                                                 \
    F(close)                                                                                   \
    F(errmsg)                                                                                  \
    F(prepare_v2)                                                                              \
    F(bind_parameter_count)                                                                    \
    F(bind_int64)                                                                              \
    F(step)                                                                                    \
    F(column_text)                                                                             \
    F(column_double)                                                                           \
    F(column_int64)                                                                            \
    F(finalize)                                                                                \
    F(db_config)                                                                               \
    F(limit)                                                                                   \
    F(busy_timeout)

static struct {
#define F(name) __typeof__(&sqlite3_##name) name; // NOLINT(bugprone-macro-parentheses)
    FUNCTIONS(F)
#undef F
} sqlite;

static bool load(void)
{
    static const struct library_function functions[] = {
#define F(name) {"sqlite3_" #name, &sqlite.name},
        FUNCTIONS(F)
#undef F
    };
    static struct library library = {"libsqlite3.so.0", functions,
                                     sizeof functions / sizeof functions[0], false};
    return library_load(&library);
}

// ---- statements --------------------------------------------------------------------

static enum error sql_failed(const struct reader *r)
{
    return errtext_set(r->t, ERR_PARSE, "%s: not a study of Optuna that can be read: %s",
                       r->study->path, sqlite.errmsg(r->db));
}

static enum error prepare(const struct reader *r, const char *sql, sqlite3_stmt **out)
{
    if (sqlite.prepare_v2(r->db, sql, -1, out, NULL) != SQLITE_OK)
        return sql_failed(r);
    // Statements about one study name its number first.
    if (sqlite.bind_parameter_count(*out) > 0)
        (void)sqlite.bind_int64(*out, 1, r->id);
    return OK;
}

// *e: OK also at the end.
static bool next(const struct reader *r, sqlite3_stmt *q, enum error *e)
{
    int code = sqlite.step(q);
    *e = code == SQLITE_ROW || code == SQLITE_DONE ? OK : sql_failed(r);
    return code == SQLITE_ROW;
}

static const char *text_at(sqlite3_stmt *q, int column)
{
    const unsigned char *s = sqlite.column_text(q, column);
    return s ? (const char *)s : "";
}

static enum error open_study(struct reader *r)
{
    if (sqlite.open_v2(r->study->path, &r->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return sql_failed(r);
    // The file may be anyone's: no functions by its schema, no huge cells.
    (void)sqlite.db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite.db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite.limit(r->db, SQLITE_LIMIT_LENGTH, BYTES_MAX);
    (void)sqlite.busy_timeout(r->db, 2000);
    return OK;
}

// ---- which study ---------------------------------------------------------------------

static enum error no_study(const struct reader *r, uint32_t n, const char *names)
{
    const char *wanted = r->study->name;
    if (!n)
        return errtext_set(r->t, ERR_PARSE, "%s: no study in it", r->study->path);
    if (!wanted)
        return errtext_set(r->t, ERR_PARSE,
                           "%s: several studies, expected `study:` with one of: %s",
                           r->study->path, names);
    return errtext_set(r->t, ERR_PARSE, "%s: no study '%.100s', expected one of: %s",
                       r->study->path, wanted, names);
}

static enum error find_study(struct reader *r)
{
    sqlite3_stmt *q = NULL;
    const char *names = "";
    uint32_t n = 0;
    bool found = false;
    enum error e = prepare(r, "SELECT study_id, study_name FROM studies ORDER BY study_id", &q);

    while (!e && !found && next(r, q, &e)) {
        const char *name = text_at(q, 1);
        r->id = sqlite.column_int64(q, 0);
        found = r->study->name && strcmp(r->study->name, name) == 0;
        if (strlen(names) < SHOWN_MAX)
            names = arena_printf(r->a, "%s%s%.60s", names, n ? ", " : "", name);
        n++;
    }
    (void)sqlite.finalize(q);
    found = found || (n == 1 && !r->study->name);
    return e || found ? e : no_study(r, n, names);
}

// ---- objectives ----------------------------------------------------------------------

static enum error check_direction(const struct reader *r,
                                  const struct value *objective,
                                  const char *direction,
                                  uint32_t i)
{
    const struct value *goal = value_find(objective, "goal");
    bool ours = goal && goal->type == VALUE_STR && strcmp(goal->s, "maximize") == 0;
    bool theirs = strcmp(direction, "MAXIMIZE") == 0;

    if (ours == theirs || (!theirs && strcmp(direction, "MINIMIZE") != 0))
        return OK;
    return errtext_set(r->t, ERR_PARSE,
                       "%s: the study %ss its objective %" PRIu32 ", expected goal: %s of %s",
                       r->study->path, theirs ? "maximize" : "minimize", i,
                       theirs ? "maximize" : "minimize", r->goals[i]);
}

static enum error take_goals(struct reader *r)
{
    const struct value *list = value_find(r->study->job, "objectives"), none = value_list();
    sqlite3_stmt *q = NULL;
    uint32_t n = 0;

    // What is wrong with the job's own list, the coordinator says better.
    if (!list || list->type != VALUE_LIST)
        list = &none;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *metric = value_find(&list->items[i], "metric");
        if (r->n_goals < OBJECTIVES_MAX)
            r->goals[r->n_goals++] = metric && metric->type == VALUE_STR ? metric->s : "";
    }
    enum error e = prepare(
        r, "SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective", &q);
    while (!e && next(r, q, &e)) {
        if (n < r->n_goals && n < list->n)
            e = check_direction(r, &list->items[n], text_at(q, 0), n);
        n++;
    }
    (void)sqlite.finalize(q);
    if (!e && (n != r->n_goals || !n))
        e = errtext_set(r->t, ERR_PARSE,
                        "%s: the study has %" PRIu32 " objectives and the job %" PRIu32
                        ", expected as many",
                        r->study->path, n, r->n_goals);
    return e;
}

// ---- trials --------------------------------------------------------------------------

// Before release 3 there was no such column.
static enum error look_at_values(struct reader *r)
{
    sqlite3_stmt *q = NULL;
    enum error e = prepare(r, "PRAGMA table_info(trial_values)", &q);
    while (!e && next(r, q, &e))
        r->has_types = r->has_types || strcmp(text_at(q, 1), "value_type") == 0;
    (void)sqlite.finalize(q);
    return e;
}

static enum error bad_param(const struct reader *r, sqlite3_stmt *q, const char *what)
{
    return errtext_set(r->t, ERR_PARSE, "%s: trial %lld: parameter %.100s: %s", r->study->path,
                       (long long)sqlite.column_int64(q, 0), text_at(q, 1), what);
}

// Columns: the trial's number, the parameter's name, its number, its distribution.
static enum error read_param(const struct reader *r, sqlite3_stmt *q, struct value *out)
{
    struct value v;
    struct errtext why;
    const char *text = text_at(q, 3);
    double x = sqlite.column_double(q, 2);

    if (json_parse(text, strlen(text), r->a, &v, &why) || v.type != VALUE_MAP)
        return bad_param(r, q, "a distribution that is no JSON");
    const struct value *name = value_find(&v, "name"), *more = value_find(&v, "attributes");
    const struct value *choices = more ? value_find(more, "choices") : NULL;
    if (!name || name->type != VALUE_STR || !isfinite(x))
        return bad_param(r, q, "a distribution without a name, or no number");
    *out = value_float(x);
    if (strncmp(name->s, "Int", 3) == 0) { // IntDistribution, before: IntUniform…, IntLog…
        if (x != floor(x) || fabs(x) >= 0x1p53)
            return bad_param(r, q, "an integer was expected");
        *out = value_int((int64_t)x);
    }
    if (strcmp(name->s, "CategoricalDistribution") != 0)
        return OK;
    if (!choices || choices->type != VALUE_LIST || x != floor(x) || x < 0 || x >= choices->n)
        return bad_param(r, q, "no such choice");
    *out = choices->items[(uint32_t)x];
    return OK;
}

// A list of the numbers of trials, ascending, with where each is in the list of all.
struct numbers {
    uint32_t n;
    int64_t *list;
};

static struct value *find_trial(const struct numbers *m, struct value *all, int64_t number)
{
    uint32_t low = 0, high = m->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (m->list[mid] < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < m->n && m->list[low] == number ? &all->items[low] : NULL;
}

static enum error
add_trial(const struct reader *r, struct numbers *m, struct value *all, int64_t number)
{
    struct value trial = value_map();

    if (m->n == TRIALS_MAX)
        return errtext_set(r->t, ERR_LIMIT, "%s: more than %d trials", r->study->path,
                           TRIALS_MAX);
    (void)value_set(r->a, &trial, "params", value_map());
    (void)value_set(r->a, &trial, "metrics", value_map());
    (void)value_push(r->a, all, trial);
    m->list[m->n++] = number;
    return OK;
}

static enum error take_values(struct reader *r, struct numbers *m, struct value *all)
{
    static const char with[] =
        "SELECT number, objective, value FROM trials JOIN trial_values USING (trial_id) WHERE "
        "study_id = ? AND state = 'COMPLETE' AND value IS NOT NULL AND value_type = 'FINITE' "
        "ORDER BY number, objective";
    static const char without[] =
        "SELECT number, objective, value FROM trials JOIN trial_values USING (trial_id) WHERE "
        "study_id = ? AND state = 'COMPLETE' AND value IS NOT NULL ORDER BY number, objective";
    sqlite3_stmt *q = NULL;
    enum error e = prepare(r, r->has_types ? with : without, &q);

    m->list = arena_alloc(r->a, (TRIALS_MAX + 1) * sizeof *m->list);
    while (!e && next(r, q, &e)) {
        int64_t number = sqlite.column_int64(q, 0), objective = sqlite.column_int64(q, 1);
        double y = sqlite.column_double(q, 2);
        if (!m->n || m->list[m->n - 1] != number)
            e = add_trial(r, m, all, number);
        if (!e && objective >= 0 && objective < r->n_goals && isfinite(y))
            (void)value_set(r->a, &all->items[m->n - 1].pairs[1].value, r->goals[objective],
                            value_float(y));
    }
    (void)sqlite.finalize(q);
    return e;
}

static enum error take_params(struct reader *r, const struct numbers *m, struct value *all)
{
    const struct value *space = value_find(r->study->job, "space");
    sqlite3_stmt *q = NULL;
    enum error e =
        prepare(r,
                "SELECT number, param_name, param_value, distribution_json FROM trials JOIN "
                "trial_params USING (trial_id) WHERE study_id = ? AND state = 'COMPLETE' "
                "ORDER BY number, param_id",
                &q);

    while (!e && next(r, q, &e)) {
        struct value *trial = find_trial(m, all, sqlite.column_int64(q, 0)), v;
        const char *name = text_at(q, 1);
        if (!trial)
            continue; // its value is not finite
        if (!warm_table_parameter(space, name))
            e = bad_param(r, q, "the space has none of this name");
        else if (!(e = read_param(r, q, &v)))
            (void)value_set(r->a, &trial->pairs[0].value, arena_str(r->a, name, strlen(name)),
                            v);
    }
    (void)sqlite.finalize(q);
    return e;
}

// Those without all objectives are none.
static struct value complete(const struct reader *r, const struct value *all)
{
    struct value list = value_list();
    for (uint32_t i = 0; i < all->n; i++)
        if (all->items[i].pairs[1].value.n == r->n_goals)
            (void)value_push(r->a, &list, all->items[i]);
    return list;
}

enum error warm_study_read(const struct warm_study *study,
                           struct arena *a,
                           struct value *out,
                           struct errtext *t)
{
    struct reader r = {.study = study, .a = a, .t = t};
    struct numbers m = {.n = 0};
    struct value all = value_list();
    enum error e;

    if (!load())
        return errtext_set(t, ERR_UNSUPPORTED,
                           "%s: reading a study needs libsqlite3, which is not installed",
                           study->path);
    if (!(e = open_study(&r)) && !(e = find_study(&r)) && !(e = take_goals(&r))
        && !(e = look_at_values(&r)) && !(e = take_values(&r, &m, &all)))
        e = take_params(&r, &m, &all);
    if (!e) {
        *out = complete(&r, &all);
        if (!out->n)
            e = errtext_set(t, ERR_PARSE, "%s: no complete trial in the study", study->path);
    }
    (void)sqlite.close(r.db);
    return e;
}
