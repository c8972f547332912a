// SPDX-License-Identifier: MIT
// journal_room.c - the write-ahead log's file is longer than the log: a commit that
// makes its file grow has the file system sync its own journal as well, and costs
// twice a commit that does not.
//
// SQLite reads the log up to the first frame whose salt or checksum is wrong, so
// zeros behind its end are nothing to it; it overwrites them as it goes.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coordinator/journal_state.h"

enum {
    FRAME_BYTES = 4096 + 24, // a page and its head
    STEP_BYTES = 1024 * 1024,
    // So much room is left when more is made.
    AHEAD_BYTES = 128 * 1024,
};

void journal_room_open(struct journal *j, const char *path)
{
    size_t size = strlen(path) + sizeof "-wal";
    char *name = mem_alloc(size);
    (void)snprintf(name, size, "%s-wal", path);
    j->wal_fd = open(name, O_WRONLY | O_CLOEXEC);
    mem_free(name);
    if (j->wal_fd < 0)
        LOG_WARN("journal.room", "why=\"cannot open %s-wal beside the database\"", path);
}

void journal_room_close(struct journal *j)
{
    if (j->wal_fd >= 0)
        (void)close(j->wal_fd);
    j->wal_fd = -1;
}

// Between commits, on the journal's thread: nobody else writes to the file.
void journal_room_make(struct journal *j)
{
    static const char zeros[64 * 1024];
    struct stat st;
    int64_t used = (int64_t)j->wal_pages * FRAME_BYTES;
    if (j->wal_fd < 0 || used + AHEAD_BYTES < j->wal_bytes || fstat(j->wal_fd, &st))
        return;
    // Only behind what is there: nothing of SQLite's is touched.
    j->wal_bytes = st.st_size;
    while (j->wal_bytes < used + STEP_BYTES) {
        ssize_t n = pwrite(j->wal_fd, zeros, sizeof zeros, j->wal_bytes);
        if (n <= 0)
            break; // a full disk: SQLite will say so
        j->wal_bytes += n;
    }
}
