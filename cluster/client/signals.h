// SPDX-License-Identifier: MIT
// signals.h - Ctrl-C and the ends of children, as something to poll.
//
// Threads    The main thread, before any other starts.

#ifndef CLUSTER_CLIENT_SIGNALS_H
#define CLUSTER_CLIENT_SIGNALS_H

#include <stdbool.h>

// From now on SIGINT, SIGTERM, SIGHUP (where they were not ignored) and SIGCHLD
// only make this descriptor readable.  It lives as long as the program.
int signals_open(void);
// Take what is there.  True: somebody asked us to stop.
bool signals_stop(int fd);

#endif
