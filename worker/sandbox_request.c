// SPDX-License-Identifier: MIT
#include "worker/sandbox_request.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

static bool add_text(struct sandbox_request *q, const char *text)
{
    size_t n = strlen(text) + 1;
    if (n > sizeof q->text - q->n_text)
        return false;
    memcpy(q->text + q->n_text, text, n);
    q->n_text += (uint32_t)n;
    return true;
}

static bool sets(const char *const *env, const char *variable)
{
    size_t n = strcspn(variable, "=") + 1;
    for (; env && *env; env++)
        if (strncmp(*env, variable, n) == 0)
            return true;
    return false;
}

static bool add_env(struct sandbox_request *q, const char *const *given, const char *directory)
{
    char home[PATH_MAX + 8], tmp[PATH_MAX + 8];
    snprintf(home, sizeof home, "HOME=%s", directory);
    snprintf(tmp, sizeof tmp, "TMPDIR=%s", directory);
    const char *const clean[] = {"PATH=/usr/local/bin:/usr/bin:/bin", home, tmp, "LANG=C.UTF-8",
                                 NULL};

    for (int i = 0; clean[i]; i++) {
        if (sets(given, clean[i]))
            continue;
        q->n_env++;
        if (!add_text(q, clean[i]))
            return false;
    }
    for (; given && *given; given++, q->n_env++)
        if (!add_text(q, *given))
            return false;
    return true;
}

static uint64_t cpu_limit(const struct sandbox_command *c)
{
    if (c->cpu_s_max)
        return c->cpu_s_max;
    static long cpus; // the C library reads a file each time
    if (cpus <= 0)
        cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t s = (uint64_t)c->timeout_ms / 1000 + 2;
    return s * (uint64_t)(cpus > 0 ? cpus : 1);
}

bool sandbox_request_fill(struct sandbox_request *q,
                          const struct sandbox_command *c,
                          const char *directory,
                          uint64_t attached)
{
    q->message = SANDBOX_RUN;
    q->n_argv = q->n_env = q->n_text = 0;
    q->processes_max = c->processes_max;
    q->timeout_ns = c->timeout_ms < INT64_MAX / CLOCK_MS ? c->timeout_ms * CLOCK_MS : INT64_MAX;
    q->memory_max = c->memory_max;
    q->scratch_max = c->scratch_max ? c->scratch_max + attached : 0;
    q->cpu_s_max = cpu_limit(c);
    if (!add_text(q, directory))
        return false;
    for (; c->argv[q->n_argv]; q->n_argv++)
        if (!add_text(q, c->argv[q->n_argv]))
            return false;
    return add_env(q, c->env, directory);
}
