// SPDX-License-Identifier: MIT
// raw_sqlite.c - what SQLite alone can do: the limit of the journal.
//
//   raw_sqlite FILE NORMAL|FULL BATCH SECONDS
//
// WAL, one prepared INSERT of a 64-byte BLOB, BATCH of them a transaction, for
// so many seconds.  Prints one JSON line: rows and commits a second, and the
// times of a transaction.  FILE is made anew and removed.
//
// Threads    Single.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/bench/timing.h"

// A day of the fastest commits does not fit; a benchmark takes seconds.
enum { ROW = 64, COMMITS_MAX = 4 << 20 };

static void must(sqlite3 *db, int got, int want)
{
    if (got == want)
        return;
    fprintf(stderr, "raw_sqlite: %s\n", sqlite3_errmsg(db));
    exit(1);
}

static void run_sql(sqlite3 *db, const char *sql)
{
    must(db, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void remove_all(const char *file)
{
    static const char *const ending[] = {"", "-wal", "-shm"};
    char path[4096];

    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
        snprintf(path, sizeof path, "%s%s", file, ending[i]);
        unlink(path);
    }
}

static sqlite3 *open_new(const char *file, const char *synchronous)
{
    sqlite3 *db;
    char pragma[64];

    remove_all(file);
    if (sqlite3_open(file, &db)) {
        fprintf(stderr, "raw_sqlite: cannot open %s\n", file);
        exit(1);
    }
    run_sql(db, "PRAGMA locking_mode = EXCLUSIVE");
    run_sql(db, "PRAGMA journal_mode = WAL");
    snprintf(pragma, sizeof pragma, "PRAGMA synchronous = %s", synchronous);
    run_sql(db, pragma);
    run_sql(db, "CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT");
    return db;
}

// One transaction; returns its time.
static uint32_t commit(sqlite3 *db, sqlite3_stmt *insert, int batch)
{
    static const char row[ROW];
    int64_t start = timing_now();

    run_sql(db, "BEGIN IMMEDIATE");
    for (int i = 0; i < batch; i++) {
        must(db, sqlite3_bind_blob(insert, 1, row, ROW, SQLITE_STATIC), SQLITE_OK);
        must(db, sqlite3_step(insert), SQLITE_DONE);
        must(db, sqlite3_reset(insert), SQLITE_OK);
    }
    run_sql(db, "COMMIT");
    return (uint32_t)(timing_now() - start);
}

int main(int argc, char **argv)
{
    if (argc != 5 || (strcmp(argv[2], "NORMAL") != 0 && strcmp(argv[2], "FULL") != 0)
        || strtol(argv[3], NULL, 10) < 1) {
        fprintf(stderr, "usage: raw_sqlite FILE NORMAL|FULL BATCH SECONDS\n");
        return 2;
    }
    int batch = (int)strtol(argv[3], NULL, 10);
    int64_t limit = (int64_t)(strtod(argv[4], NULL) * 1e9);
    sqlite3 *db = open_new(argv[1], argv[2]);
    sqlite3_stmt *insert;
    uint32_t *took = timing_alloc(COMMITS_MAX);
    size_t n = 0;

    must(db, sqlite3_prepare_v2(db, "INSERT INTO event (body) VALUES (?)", -1, &insert, NULL),
         SQLITE_OK);
    int64_t start = timing_now(), end = start;
    for (; n < COMMITS_MAX && end - start < limit; end = timing_now())
        took[n++] = commit(db, insert, batch);
    double seconds = (double)(end - start) / 1e9;
    sqlite3_finalize(insert);
    sqlite3_close(db);
    remove_all(argv[1]);
    timing_sort(took, n);
    printf("{\"rows_s\": %.0f, \"commits_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (double)n * batch / seconds, (double)n / seconds, timing_us(took, n, 50),
           timing_us(took, n, 99));
    free(took);
    return 0;
}
