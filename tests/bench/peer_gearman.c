// SPDX-License-Identifier: MIT
// peer_gearman.c - the same no-op through Gearman, with its C client and workers.
//
//   peer_gearman PORT WORKERS TASKS
//
// Forks WORKERS workers for a server that listens on PORT and runs TASKS no-ops,
// one at a time.  Prints one JSON line: the times from submit to result.
//
// Threads    Single.

#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libgearman/gearman.h>

#include "tests/bench/timing.h"

enum { WARM_UP = 50 };

static gearman_return_t noop(gearman_job_st *job, void *context)
{
    (void)context;
    return gearman_job_send_complete(job, "", 0) == GEARMAN_SUCCESS ? GEARMAN_SUCCESS
                                                                    : GEARMAN_ERROR;
}

static void worker(in_port_t port)
{
    gearman_worker_st *w = gearman_worker_create(NULL);
    gearman_function_t f = gearman_function_create(noop);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    gearman_worker_add_server(w, "127.0.0.1", port);
    gearman_worker_define_function(w, "noop", 4, f, 0, NULL);
    while (gearman_worker_work(w) == GEARMAN_SUCCESS)
        ;
    _exit(1);
}

static uint32_t once(gearman_client_st *client)
{
    static const char payload[64];
    size_t size;
    gearman_return_t rc;
    int64_t start = timing_now();

    free(gearman_client_do(client, "noop", NULL, payload, sizeof payload, &size, &rc));
    if (rc != GEARMAN_SUCCESS) {
        fprintf(stderr, "peer_gearman: %s\n", gearman_client_error(client));
        exit(1);
    }
    return (uint32_t)(timing_now() - start);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: peer_gearman PORT WORKERS TASKS\n");
        return 2;
    }
    in_port_t port = (in_port_t)strtoul(argv[1], NULL, 10);
    unsigned long n_workers = strtoul(argv[2], NULL, 10);
    size_t n = strtoul(argv[3], NULL, 10);
    uint32_t *took = timing_alloc(n);

    for (unsigned long i = 0; i < n_workers; i++)
        if (fork() == 0)
            worker(port);
    gearman_client_st *client = gearman_client_create(NULL);
    gearman_client_add_server(client, "127.0.0.1", port);
    for (int i = 0; i < WARM_UP; i++)
        once(client);
    for (size_t i = 0; i < n; i++)
        took[i] = once(client);
    timing_sort(took, n);
    printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", timing_us(took, n, 50),
           timing_us(took, n, 99));
    gearman_client_free(client);
    free(took);
    return 0; // the workers end with us
}
