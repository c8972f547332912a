// SPDX-License-Identifier: MIT
// journal_schema.c - the tables, and how an older file becomes a newer one.
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include <sqlite3.h>

#include "common/version.h"
#include "coordinator/journal_state.h"

// "Shoa": tells file(1) and us whose database this is.
enum { APPLICATION_ID = 0x53686f61 };

// Migration i makes schema i + 1 from schema i.  Never edit one that was released.
static const char *const migrations[] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE job (number INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL,"
    " kind TEXT NOT NULL, workload TEXT NOT NULL, owner TEXT NOT NULL,"
    " submitted INTEGER NOT NULL, file TEXT NOT NULL, text BLOB NOT NULL,"
    " files BLOB NOT NULL, first_seq INTEGER NOT NULL, ended_seq INTEGER NOT NULL DEFAULT 0,"
    " state INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,"
    " items INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE entry (seq INTEGER PRIMARY KEY, job INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE pod (instance INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE log (seq INTEGER PRIMARY KEY, job INTEGER NOT NULL, item INTEGER NOT NULL,"
    " bytes BLOB NOT NULL) STRICT;"
    "CREATE INDEX log_item ON log (job, item, seq);"
    "INSERT INTO meta VALUES ('incarnation', 0), ('numbers', 1);",
    "ALTER TABLE pod ADD COLUMN draining INTEGER NOT NULL DEFAULT 0;",
};

enum { SCHEMA = sizeof migrations / sizeof migrations[0] };

enum error journal_error(struct journal *j, struct errtext *t)
{
    int code = sqlite3_errcode(j->db);
    if (code == SQLITE_FULL)
        return errtext_set(t, ERR_LIMIT, "the disk is full");
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return errtext_set(t, ERR_BUSY, "another process uses the journal");
    return errtext_set(t, ERR_IO, "%s", sqlite3_errmsg(j->db));
}

enum error journal_sql(struct journal *j, const char *sql, struct errtext *t)
{
    return sqlite3_exec(j->db, sql, NULL, NULL, NULL) ? journal_error(j, t) : OK;
}

// The first column of the first row.
static enum error
number(struct journal *j, const char *sql, bool *found, int64_t *out, struct errtext *t)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(j->db, sql, -1, &s, NULL))
        return journal_error(j, t);
    int code = sqlite3_step(s);
    *found = code == SQLITE_ROW;
    if (*found)
        *out = sqlite3_column_int64(s, 0);
    enum error e = code == SQLITE_ROW || code == SQLITE_DONE ? OK : journal_error(j, t);
    (void)sqlite3_finalize(s);
    return e;
}

static enum error need(struct journal *j, const char *sql, int64_t *out, struct errtext *t)
{
    bool found = false;
    enum error e = number(j, sql, &found, out, t);
    if (!e && !found)
        return errtext_set(t, ERR_IO, "a row is missing: %s", sql);
    return e;
}

static enum error upgrade(struct journal *j, const char *path, struct errtext *t)
{
    int64_t version = 0;
    int64_t application = 0;
    char sql[96];
    enum error e = need(j, "PRAGMA user_version", &version, t);
    if (!e)
        e = need(j, "PRAGMA application_id", &application, t);
    if (!e && version > 0 && application != APPLICATION_ID)
        return errtext_set(t, ERR_UNSUPPORTED, "%s is not a journal of shoal", path);
    if (!e && version > SCHEMA)
        return errtext_set(t, ERR_UNSUPPORTED,
                           "%s has schema %" PRId64 ", written by a newer shoal; this one (%s) "
                           "knows schemas up to %d",
                           path, version, SHOAL_VERSION, SCHEMA);
    for (int64_t i = version < 0 ? 0 : version; !e && i < SCHEMA; i++)
        e = journal_sql(j, migrations[i], t);
    if (e || version == SCHEMA)
        return e;
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d",
                   SCHEMA, APPLICATION_ID);
    return journal_sql(j, sql, t);
}

static enum error read_salt(struct journal *j, struct errtext *t)
{
    int64_t salt = 0;
    bool found = false;
    char sql[96];
    enum error e = number(j, "SELECT value FROM meta WHERE key = 'salt'", &found, &salt, t);
    if (!e && !found) {
        if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
            return errtext_set(t, ERR_IO, "getrandom failed");
        (void)snprintf(sql, sizeof sql, "INSERT INTO meta VALUES ('salt', %" PRId64 ")", salt);
        e = journal_sql(j, sql, t);
    }
    j->salt = (uint64_t)salt;
    return e;
}

static enum error begin_incarnation(struct journal *j, struct errtext *t)
{
    int64_t incarnation = 0;
    int64_t numbers = 0;
    int64_t seq = 0;
    char sql[96];
    enum error e =
        journal_sql(j, "UPDATE meta SET value = value + 1 WHERE key = 'incarnation'", t);
    if (!e)
        e = need(j, "SELECT value FROM meta WHERE key = 'incarnation'", &incarnation, t);
    if (!e)
        e = need(j, "SELECT value FROM meta WHERE key = 'numbers'", &numbers, t);
    if (!e)
        e = need(j, "SELECT ifnull(max(seq), 0) FROM entry", &seq, t);
    if (e)
        return e;
    j->incarnation = (uint64_t)incarnation;
    j->first_number = (uint64_t)numbers;
    j->next_seq = (uint64_t)seq + 1;
    (void)snprintf(sql, sizeof sql, "UPDATE meta SET value = %" PRId64 " WHERE key = 'numbers'",
                   numbers + JOURNAL_NUMBERS);
    return journal_sql(j, sql, t);
}

enum error journal_migrate(struct journal *j, const char *path, struct errtext *t)
{
    enum error e = journal_sql(j, "BEGIN IMMEDIATE", t);
    if (e)
        return e;
    e = upgrade(j, path, t);
    if (!e)
        e = read_salt(j, t);
    if (!e)
        e = begin_incarnation(j, t);
    if (!e)
        e = journal_sql(j, "COMMIT", t);
    if (e && !sqlite3_get_autocommit(j->db))
        (void)sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}
