// SPDX-License-Identifier: MIT
#include "worker/pod.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mpi.h>

#include "common/mem.h"
#include "worker/group_mpi.h"

struct pod_gang {
    uint32_t first, n;
    struct group *group;
};

struct pod {
    struct pod_place place;
    uint64_t instance;
    struct group *alone;
    struct pod_gang *gangs;
    uint32_t n_gangs;
};

// ---- before MPI_Init -------------------------------------------------------------

// The first of the variables that is a number; -1: none.
static int64_t number_in(const char *const *names)
{
    for (; *names; names++) {
        const char *s = getenv(*names);
        char *end;
        if (!s || !*s)
            continue;
        errno = 0;
        long n = strtol(s, &end, 10);
        if (!errno && !*end && n >= 0)
            return n;
    }
    return -1;
}

struct pod_place pod_place(void)
{
    static const char *const rank[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", NULL};
    static const char *const size[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS",
                                       NULL};
    static const char *const local[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID", NULL};
    static const char *const locals[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE",
                                         NULL};
    int64_t r = number_in(rank), n = number_in(size), l = number_in(local),
            nl = number_in(locals);
    if (r < 0) // SLURM_NTASKS alone stands in every batch script
        return (struct pod_place){.n_ranks = 1, .n_local = 1};
    n = n > r ? n : r + 1;
    nl = nl > 0 ? nl : n;
    l = l >= 0 ? l : r % nl;
    return (struct pod_place){.launched = true,
                              .rank = (uint32_t)r,
                              .n_ranks = (uint32_t)n,
                              .local_rank = (uint32_t)l,
                              .n_local = (uint32_t)nl};
}

uint32_t pod_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}

// The kernel copies between processes: forbidden in most containers, and Open
// MPI then fails in the middle of a message.  Reading ourselves tells.
static bool may_copy(void)
{
    char from = 'x', to = 0;
    struct iovec local = {&to, 1}, remote = {&from, 1};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

static void prepare_environment(const struct pod_place *w)
{
    // As many as CPUs are too many: each rank has a second thread, and other
    // pods may be here.
    if (w->n_local >= pod_cpus())
        (void)setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    if (!may_copy())
        (void)setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    if (w->n_local == w->n_ranks) {
        (void)setenv("OMPI_MCA_pml", "ob1", 0);
        (void)setenv("OMPI_MCA_btl", "self,vader", 0);
    }
}

// ---- life ------------------------------------------------------------------------

static enum error init_mpi(struct pod *p, struct errtext *t)
{
    int provided, rank, size;
    prepare_environment(&p->place);
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return errtext_set(t, ERR_IO, "MPI_Init_thread failed");
    if (provided < MPI_THREAD_FUNNELED)
        return errtext_set(t, ERR_UNSUPPORTED, "this MPI has no MPI_THREAD_FUNNELED");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    p->place.rank = (uint32_t)rank;
    p->place.n_ranks = (uint32_t)size;
    return OK;
}

enum error pod_start(struct pod **out, struct errtext *t)
{
    // Nobody here looks at screens or GPUs: hwloc, which Open MPI uses too, needs no plugin.
    (void)setenv("HWLOC_PLUGINS_PATH", "/dev/null", 0);
    struct pod *p = mem_alloc(sizeof *p);
    p->place = pod_place();
    enum error e = p->place.launched ? init_mpi(p, t) : OK;
    if (!e && getrandom(&p->instance, sizeof p->instance, 0) != (ssize_t)sizeof p->instance)
        e = errtext_set(t, ERR_IO, "no random bytes: %s", strerror(errno));
    if (e) {
        mem_free(p);
        return e;
    }
    p->instance |= 1; // never 0
    pod_bcast(p, &p->instance, sizeof p->instance);
    p->alone = group_local_create();
    *out = p;
    return OK;
}

void pod_stop(struct pod *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->n_gangs; i++)
        group_destroy(p->gangs[i].group);
    if (p->place.launched)
        MPI_Finalize();
    group_destroy(p->alone);
    mem_free(p->gangs);
    mem_free(p);
}

_Noreturn void pod_abort(const struct pod *p, int code)
{
    if (p && p->place.launched)
        MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

uint32_t pod_rank(const struct pod *p)
{
    return p->place.rank;
}

uint32_t pod_n_ranks(const struct pod *p)
{
    return p->place.n_ranks;
}

uint32_t pod_n_local(const struct pod *p)
{
    return p->place.n_local;
}

uint64_t pod_instance(const struct pod *p)
{
    return p->instance;
}

void pod_bcast(struct pod *p, void *data, size_t n)
{
    if (p->place.n_ranks > 1)
        MPI_Bcast(data, (int)n, MPI_BYTE, 0, MPI_COMM_WORLD);
}

struct group *pod_gang(struct pod *p, uint32_t first, uint32_t n)
{
    if (n <= 1)
        return p->alone;
    for (uint32_t i = 0; i < p->n_gangs; i++)
        if (p->gangs[i].first == first && p->gangs[i].n == n)
            return p->gangs[i].group;
    p->gangs = mem_realloc(p->gangs, (p->n_gangs + 1) * sizeof *p->gangs);
    p->gangs[p->n_gangs] =
        (struct pod_gang){.first = first, .n = n, .group = group_mpi_create(first, n)};
    return p->gangs[p->n_gangs++].group;
}
