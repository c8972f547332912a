// SPDX-License-Identifier: MIT
#include "worker/evaluate/fleet_scenario.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "worker/fleet/demand.h"

// A kind of file among the job's.
struct kind {
    const char *what;
    size_t bytes_max;
    enum error (*parse)(const char *text,
                        size_t n,
                        const char *file,
                        struct arena *a,
                        struct scenario *out,
                        struct errtext *t);
};
static const struct kind scenario_file = {"scenario", 4 << 20, scenario_parse};
static const struct kind demand_file = {"demand", 64 << 20, demand_parse};

static enum error read_attached(const struct workload_job *job,
                                const struct kind *k,
                                const char *name,
                                struct arena *a,
                                struct scenario *out,
                                struct errtext *t)
{
    enum error e = OK;

    for (uint32_t i = 0; i < job->n_files; i++) {
        if (strcmp(job->files[i].name, name) != 0)
            continue;
        FILE *f = fopen(job->files[i].path, "rb");
        if (!f)
            return errtext_set(t, FAULT_WORKER, "cannot open %s", job->files[i].path);
        char *text = mem_alloc(k->bytes_max + 1);
        size_t n = fread(text, 1, k->bytes_max + 1, f);
        (void)fclose(f);
        e = n > k->bytes_max
                ? errtext_set(t, ERR_LIMIT, "%s has more than %zu bytes", name, k->bytes_max)
                : k->parse(text, n, name, a, out, t);
        mem_free(text);
        return e ? FAULT_JOB : OK;
    }
    return errtext_set(t, FAULT_JOB,
                       "%s '%.100s' is not among the job's files: add files: [%.100s]", k->what,
                       name, name);
}

static enum error read_scenario(const struct workload_job *job,
                                struct arena *a,
                                struct scenario *out,
                                struct errtext *t)
{
    const struct value *v = value_find(job->params, "scenario");
    static const char plain[] = "{version: 1}";

    if (!v || v->type == VALUE_NULL)
        return scenario_parse(plain, strlen(plain), "scenario", a, out, t);
    if (v->type == VALUE_STR)
        return read_attached(job, &scenario_file, v->s, a, out, t);
    return scenario_read(v, "params.scenario", a, out, t) ? FAULT_JOB : OK;
}

enum error fleet_scenario(const struct workload_job *job,
                          struct arena *a,
                          struct scenario *out,
                          struct errtext *t)
{
    const struct value *demand = value_find(job->params, "demand");
    enum error e = read_scenario(job, a, out, t);

    return e || !demand || demand->type != VALUE_STR
               ? e
               : read_attached(job, &demand_file, demand->s, a, out, t);
}
