// SPDX-License-Identifier: MIT
#include "worker/tensor/team_cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hwloc.h>

#include "common/library.h"

static uint32_t cpus_allowed(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    return CPU_COUNT(&set) > 1 ? (uint32_t)CPU_COUNT(&set) : 1;
}

uint32_t team_cpus_share(uint32_t n_ranks)
{
    const char *s = getenv("SHOAL_HOST_RANKS");
    unsigned long ranks = s ? strtoul(s, NULL, 10) : 0, all = cpus_allowed();
    if (ranks < n_ranks)
        ranks = n_ranks;
    return all > ranks && ranks ? (uint32_t)(all / ranks) : 1;
}

// ---- the library ---------------------------------------------------------------------
//
// Looked at by those alone who have a team: reading the topology costs milliseconds.

#define FUNCTIONS(F)                                                                           \
    F(topology_init)                                                                           \
    F(topology_set_flags)                                                                      \
    F(topology_set_components)                                                                 \
    F(topology_load)                                                                           \
    F(topology_destroy)                                                                        \
    F(get_type_depth)                                                                          \
    F(get_nbobjs_by_depth)                                                                     \
    F(get_obj_by_depth)                                                                        \
    F(set_thread_cpubind)

static struct {
#define F(name) __typeof__(&hwloc_##name) name; // NOLINT(bugprone-macro-parentheses)
    FUNCTIONS(F)
#undef F
} hwloc;

static bool load(void)
{
    static const struct library_function functions[] = {
#define F(name) {"hwloc_" #name, &hwloc.name},
        FUNCTIONS(F)
#undef F
    };
    static struct library library = {"libhwloc.so.15", functions,
                                     sizeof functions / sizeof functions[0], false};
    return library_load(&library);
}

// The system's files say all that is needed.  Plugins ask X servers and GPUs, over the
// network too, where an unanswered one is half a minute (their loading alone is tens of
// milliseconds, which pod.c keeps away); "x86" visits every processor in turn.  Only what
// this process may use stays in the topology.
static bool read_topology(hwloc_topology_t *out)
{
    static const char *const plugins[] = {"gl",   "opencl",    "cuda", "nvml",
                                          "rsmi", "levelzero", "pci",  "x86"};
    if (hwloc.topology_init(out))
        return false;
    for (size_t i = 0; i < sizeof plugins / sizeof plugins[0]; i++)
        (void)hwloc.topology_set_components(*out, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                            plugins[i]);
    unsigned long flags =
        HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM | HWLOC_TOPOLOGY_FLAG_RESTRICT_TO_CPUBINDING;
    if (hwloc.topology_set_flags(*out, flags) || hwloc.topology_load(*out)) {
        hwloc.topology_destroy(*out);
        return false;
    }
    return true;
}

void team_cpus_pin(const pthread_t *helpers, uint32_t n)
{
    hwloc_topology_t t;
    if (!n || n >= cpus_allowed() || !load() || !read_topology(&t))
        return;
    int depth = hwloc.get_type_depth(t, HWLOC_OBJ_CORE);
    bool all = depth > 0 && hwloc.get_nbobjs_by_depth(t, depth) == n + 1;
    for (uint32_t i = 0; all && i < n; i++) {
        hwloc_obj_t core = hwloc.get_obj_by_depth(t, depth, i + 1);
        (void)hwloc.set_thread_cpubind(t, helpers[i], core->cpuset, 0);
    }
    hwloc.topology_destroy(t);
}
