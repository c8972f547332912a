// SPDX-License-Identifier: MIT
#include "cluster/client/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(void)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    struct sigaction old;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    for (int i = 0; i < 3; i++)
        if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaddset(&set, stops[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool signals_stop(int fd)
{
    struct signalfd_siginfo info;
    bool stop = false;
    while (fd >= 0 && read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        stop = stop || info.ssi_signo != SIGCHLD;
    return stop;
}
