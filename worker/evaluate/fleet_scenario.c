// SPDX-License-Identifier: MIT
#include "worker/evaluate/fleet_scenario.h"

#include <string.h>

#include "common/mem.h"
#include "worker/evaluate/attached.h"
#include "worker/fleet/demand.h"

// A kind of file among the job's.
struct kind {
    struct attached file;
    enum error (*parse)(const char *text,
                        size_t n,
                        const char *file,
                        struct arena *a,
                        struct scenario *out,
                        struct errtext *t);
};
static const struct kind scenario_file = {{"scenario", 4 << 20}, scenario_parse};
static const struct kind demand_file = {{"demand", 64 << 20}, demand_parse};

static enum error read_attached(const struct workload_job *job,
                                const struct kind *k,
                                const char *name,
                                struct arena *a,
                                struct scenario *out,
                                struct errtext *t)
{
    char *text = NULL;
    size_t n = 0;
    enum error e = attached_text(job, &k->file, name, &text, &n, t);

    if (e)
        return e;
    e = k->parse(text, n, name, a, out, t);
    mem_free(text);
    return e ? FAULT_JOB : OK;
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
