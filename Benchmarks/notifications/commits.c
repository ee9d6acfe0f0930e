/*
 * commits.c: measures the limit of the disk and SQLite: only the transactions of notification pushes, without HTTP,
 * sockets and JSON.
 *
 * K pushes are always waiting, as with pushgen. All of them are committed in one transaction (group commit), which is
 * durable before the next one begins: WAL, synchronous=FULL. It prints one JSON line.
 *
 *     cc -std=gnu11 -O3 -o commits commits.c -lsqlite3
 *     commits FILE K WARMUP SECONDS
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SAMPLES 4000000
/* Until the write-ahead log has reached 1,000 pages, commits also extend its file; afterwards they overwrite it. */
#define WARM_ROWS   2000

static sqlite3 *database;

static void must(int code, const char *what) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
    fprintf(stderr, "commits: %s: %s\n", what, sqlite3_errmsg(database));
    exit(1);
}

static void execute(const char *sql) { must(sqlite3_exec(database, sql, NULL, NULL, NULL), sql); }

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fputs("usage: commits FILE K WARMUP SECONDS\n", stderr);
        return 2;
    }
    int waiting = atoi(argv[2]);
    double warmup = atof(argv[3]), seconds = atof(argv[4]);
    must(sqlite3_open(argv[1], &database), argv[1]);
    execute("PRAGMA journal_mode=WAL");
    execute("PRAGMA synchronous=FULL");
    /* The tables that a push changes, as in plugins/notifications. */
    execute("CREATE TABLE IF NOT EXISTS notification (user_id TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, "
            "title TEXT NOT NULL,"
            " body TEXT, data TEXT, created_at INTEGER NOT NULL, seen_at INTEGER, read_at INTEGER, PRIMARY KEY "
            "(user_id, id)) STRICT, WITHOUT ROWID");
    execute("CREATE INDEX IF NOT EXISTS unread_notification ON notification (user_id, id) WHERE read_at IS NULL");
    execute("CREATE TABLE IF NOT EXISTS unread (user_id TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL) STRICT, "
            "WITHOUT ROWID");

    sqlite3_stmt *begin, *insert, *raise, *commit;
    must(sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, NULL), "begin");
    must(sqlite3_prepare_v2(database, "COMMIT", -1, &commit, NULL), "commit");
    must(sqlite3_prepare_v2(
             database,
             "INSERT INTO notification (id, user_id, type, title, body, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
             -1, &insert, NULL),
         "insert");
    must(
        sqlite3_prepare_v2(
            database,
            "INSERT INTO unread (user_id, count) VALUES (?1, ?2) ON CONFLICT (user_id) DO UPDATE SET count = count + ?2"
            " RETURNING count",
            -1, &raise, NULL),
        "raise");
    sqlite3_bind_text(raise, 1, "online", -1, SQLITE_STATIC);
    sqlite3_bind_int(raise, 2, 1);

    uint32_t *samples = calloc(MAX_SAMPLES, sizeof *samples);
    size_t count = 0;
    uint64_t rows = 0, serial = 0, start = now_ns(), now = start;
    int warm = 0;
    while (!warm || (double)(now - start) < seconds * 1e9) {
        if (!warm && serial >= WARM_ROWS && (double)(now - start) >= warmup * 1e9) {
            warm = 1;
            start = now;
        }
        uint64_t began = now;
        must(sqlite3_step(begin), "begin");
        sqlite3_reset(begin);
        for (int i = 0; i < waiting; i++) {
            char id[40]; /* 36 characters, ascending as those of a UUID version 7 */
            int length = snprintf(id, sizeof id, "%08llx-0000-7000-8000-%012llx", (unsigned long long)time(NULL),
                                  (unsigned long long)serial++);
            sqlite3_bind_text(insert, 1, id, length, SQLITE_STATIC);
            sqlite3_bind_text(insert, 2, "online", -1, SQLITE_STATIC);
            sqlite3_bind_text(insert, 3, "order", -1, SQLITE_STATIC);
            sqlite3_bind_text(insert, 4, "Your order has been shipped", -1, SQLITE_STATIC);
            sqlite3_bind_text(insert, 5, "It will arrive on Thursday, between nine and twelve.", -1, SQLITE_STATIC);
            sqlite3_bind_text(insert, 6, "{\"order\":4711,\"carrier\":\"post\"}", -1, SQLITE_STATIC);
            sqlite3_bind_int64(insert, 7, 1000 * (sqlite3_int64)time(NULL));
            must(sqlite3_step(insert), "insert");
            sqlite3_reset(insert);
            while (sqlite3_step(raise) == SQLITE_ROW) {}
            must(sqlite3_reset(raise), "raise");
        }
        must(sqlite3_step(commit), "commit");
        sqlite3_reset(commit);
        now = now_ns();
        if (!warm) continue;
        rows += (uint64_t)waiting;
        if (count < MAX_SAMPLES) samples[count++] = (uint32_t)((now - began) / 1000);
    }
    qsort(samples, count, sizeof *samples, by_value);
    double elapsed = (double)(now - start) / 1e9;
    printf("{\"conc\":%d,\"secs\":%.3f,\"pushes\":%llu,\"per_s\":%.0f,\"commits_per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%"
           "u}\n",
           waiting, elapsed, (unsigned long long)rows, (double)rows / elapsed, (double)count / elapsed,
           samples[count / 2], samples[(size_t)(0.99 * (double)(count - 1))]);
    sqlite3_finalize(begin);
    sqlite3_finalize(insert);
    sqlite3_finalize(raise);
    sqlite3_finalize(commit);
    sqlite3_close(database);
    return 0;
}
