// SPDX-License-Identifier: MIT
#include "worker/evaluate/fleet_scenario.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

enum { SCENARIO_BYTES_MAX = 4 << 20 };

static enum error read_attached(const struct workload_job *job,
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
        char *text = mem_alloc(SCENARIO_BYTES_MAX + 1);
        size_t n = fread(text, 1, SCENARIO_BYTES_MAX + 1, f);
        (void)fclose(f);
        e = n > SCENARIO_BYTES_MAX ? errtext_set(t, ERR_LIMIT, "%s has more than %d bytes",
                                                 name, SCENARIO_BYTES_MAX)
                                   : scenario_parse(text, n, name, a, out, t);
        mem_free(text);
        return e ? FAULT_JOB : OK;
    }
    return errtext_set(t, FAULT_JOB,
                       "scenario '%.100s' is not among the job's files: add files: [%.100s]",
                       name, name);
}

enum error fleet_scenario(const struct workload_job *job,
                          struct arena *a,
                          struct scenario *out,
                          struct errtext *t)
{
    const struct value *v = value_find(job->params, "scenario");
    static const char plain[] = "{version: 1}";

    if (!v || v->type == VALUE_NULL)
        return scenario_parse(plain, strlen(plain), "scenario", a, out, t);
    if (v->type == VALUE_STR)
        return read_attached(job, v->s, a, out, t);
    return scenario_read(v, "params.scenario", a, out, t) ? FAULT_JOB : OK;
}
