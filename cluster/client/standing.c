// SPDX-License-Identifier: MIT
#include "cluster/client/standing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

enum error standing_make(const char *dir, struct errtext *t)
{
    char part[PATH_SIZE];
    struct stat st;
    size_t n = strlen(dir);
    if (n >= sizeof part)
        return errtext_set(t, ERR_INVALID, "%s: the path is too long", dir);
    for (size_t i = 1; i <= n; i++) {
        if (dir[i] != '/' && dir[i])
            continue;
        memcpy(part, dir, i);
        part[i] = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return errtext_set(t, ERR_IO, "cannot make %s: %s", part, strerror(errno));
    }
    if (stat(dir, &st) != 0)
        return errtext_set(t, ERR_IO, "%s: %s", dir, strerror(errno));
    if (st.st_uid != geteuid() || (st.st_mode & 077))
        return errtext_set(t, ERR_DENIED, "%s is open to others; chmod 700 it, or name another",
                           dir);
    return OK;
}

static int open_lock(const char *dir, int flags)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/supervisor.lock", dir);
    return open(path, flags | O_CLOEXEC, 0600);
}

enum error standing_lock(const char *dir, int *fd, struct errtext *t)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *fd = open_lock(dir, O_RDWR | O_CREAT);
    if (*fd < 0)
        return errtext_set(t, ERR_IO, "%s/supervisor.lock: %s", dir, strerror(errno));
    if (fcntl(*fd, F_SETLK, &whole) == 0)
        return OK;
    (void)close(*fd);
    *fd = -1;
    return errtext_set(t, ERR_BUSY, "a cluster is already up in %s; 'shoal down' stops it",
                       dir);
}

pid_t standing_holder(const char *dir)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_lock(dir, O_RDWR);
    if (fd < 0)
        return 0;
    bool held = fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    (void)close(fd);
    return held ? whole.l_pid : 0;
}

enum error standing_detach(const char *dir, int kept, struct errtext *t)
{
    char path[PATH_SIZE];
    (void)setsid();
    if (kept > STDERR_FILENO + 1)
        (void)close_range(STDERR_FILENO + 1, (unsigned)kept - 1, 0);
    closefrom(kept > STDERR_FILENO ? kept + 1 : STDERR_FILENO + 1);
    (void)snprintf(path, sizeof path, "%s/supervisor.log", dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || null < 0)
        return errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    (void)close(null);
    (void)close(log);
    return OK;
}
