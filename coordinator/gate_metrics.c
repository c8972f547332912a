// SPDX-License-Identifier: MIT
// gate_metrics.c - what Prometheus reads of us.
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/version.h"
#include "coordinator/gate_state.h"
#include "coordinator/prometheus.h"
#include "coordinator/serve_desk.h"

// Of open jobs, the newest: a series a job must not become a million.
enum { JOBS_SHOWN = 1000 };

static void process(const struct shell *s, struct buf *b)
{
    struct rusage use = {0};
    unsigned long pages = 0;
    unsigned long resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lu %lu", &pages, &resident) != 2) // NOLINT(cert-err34-c)
        resident = 0;
    if (f)
        (void)fclose(f);
    (void)getrusage(RUSAGE_SELF, &use);
    double seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec)
                     + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    prometheus_one(b, "process_cpu_seconds_total", PROMETHEUS_COUNTER,
                   "User and system time of the coordinator.", seconds);
    prometheus_one(b, "process_resident_memory_bytes", PROMETHEUS_GAUGE,
                   "Resident memory of the coordinator.",
                   (double)resident * (double)sysconf(_SC_PAGESIZE));
    prometheus_one(b, "shoal_uptime_seconds", PROMETHEUS_GAUGE,
                   "Since the coordinator started.", (double)(s->now - s->opened) / 1e9);
    const struct prometheus_label version[] = {{"version", SHOAL_VERSION}, {0}};
    prometheus_family(b, "shoal_build_info", PROMETHEUS_GAUGE, "The version, as a label.");
    prometheus_sample(b, "shoal_build_info", version, 1);
}

static void journal(const struct shell *s, struct buf *b)
{
    prometheus_one(b, "shoal_journal_batches_total", PROMETHEUS_COUNTER,
                   "Batches of writes that were committed since the start.",
                   (double)s->committed);
    prometheus_one(b, "shoal_journal_batches_waiting", PROMETHEUS_GAUGE,
                   "Batches handed to the journal and not committed yet.",
                   (double)(s->handed - s->committed));
    prometheus_one(b, "shoal_disk_full", PROMETHEUS_GAUGE,
                   "1 while nothing is granted because the disk is full.", s->disk_full);
}

static void ranks(struct shell *s, struct arena *a, struct buf *b)
{
    static const char *const states[] = {"idle",    "busy",     "armed", "gang",
                                         "suspect", "draining", NULL};
    struct rank_view *list;
    uint32_t n = core_rank_views(s->core, a, &list);
    uint32_t pods = 0;
    for (uint32_t i = 0; i < n; i++)
        pods += !i || list[i].instance != list[i - 1].instance;
    prometheus_one(b, "shoal_pods", PROMETHEUS_GAUGE, "Pods that are connected.", pods);
    prometheus_family(b, "shoal_ranks", PROMETHEUS_GAUGE, "Ranks by what they do.");
    for (uint32_t k = 0; states[k]; k++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++)
            count += strcmp(list[i].state, states[k]) == 0;
        const struct prometheus_label labels[] = {{"state", states[k]}, {0}};
        prometheus_sample(b, "shoal_ranks", labels, count);
    }
}

static void jobs_by_state(const struct shell *s, struct buf *b)
{
    uint64_t counts[JOB_CANCELLED + 1] = {0};
    for (uint32_t i = 0; i < s->n_dockets; i++)
        counts[s->dockets[i]->state]++;
    prometheus_family(b, "shoal_jobs", PROMETHEUS_GAUGE, "Jobs that are known, by state.");
    for (int k = JOB_RUNNING; k <= JOB_CANCELLED; k++) {
        const struct prometheus_label labels[] = {
            {"state", docket_state_name((enum job_state)k)}, {0}};
        prometheus_sample(b, "shoal_jobs", labels, (double)counts[k]);
    }
}

static double items(const struct job_view *v)
{
    return (double)v->n_items;
}

static double done(const struct job_view *v)
{
    return (double)v->n_done;
}

static double failed(const struct job_view *v)
{
    return (double)v->n_failed;
}

static double leased(const struct job_view *v)
{
    return (double)v->n_leased;
}

static double busy(const struct job_view *v)
{
    return (double)v->rank_ns / 1e9;
}

static const struct {
    const char *name, *help;
    double (*of)(const struct job_view *v);
} of_a_job[] = {
    {"shoal_job_items", "Items of an open job, as far as they exist.", items},
    {"shoal_job_items_done", "Items of an open job that are settled.", done},
    {"shoal_job_items_failed", "Of them, those that failed.", failed},
    {"shoal_job_items_leased", "Items of an open job that are out on leases.", leased},
    {"shoal_job_rank_seconds", "Time that ranks spent on an open job.", busy},
};

static void open_jobs(struct shell *s, struct buf *b)
{
    for (size_t k = 0; k < sizeof of_a_job / sizeof of_a_job[0]; k++) {
        uint32_t n = 0;
        prometheus_family(b, of_a_job[k].name, PROMETHEUS_GAUGE, of_a_job[k].help);
        for (uint32_t i = s->n_dockets; i-- > 0 && n < JOBS_SHOWN;) {
            const struct docket *r = s->dockets[i];
            struct job_view v;
            if (!r->live || !core_job_view(s->core, r->number, &v))
                continue;
            const struct prometheus_label labels[] = {
                {"job", r->id}, {"name", r->name}, {"kind", r->kind}, {0}};
            prometheus_sample(b, of_a_job[k].name, labels, of_a_job[k].of(&v));
            n++;
        }
    }
}

static void http(struct shell *s, struct buf *b)
{
    const struct gate *g = s->gate;
    prometheus_family(b, "shoal_http_answers_total", PROMETHEUS_COUNTER,
                      "Answers by HTTP, by class of status.");
    for (int k = 2; k < STATUS_CLASSES; k++) {
        char name[] = "0xx";
        name[0] = (char)('0' + k);
        const struct prometheus_label labels[] = {{"code", name}, {0}};
        prometheus_sample(b, "shoal_http_answers_total", labels, (double)g->n_answers[k]);
    }
    prometheus_one(b, "shoal_http_connections", PROMETHEUS_GAUGE, "Open connections of HTTP.",
                   http_n_connections(g->http));
}

void gate_metrics(struct shell *s, struct arena *a, struct buf *out)
{
    process(s, out);
    journal(s, out);
    ranks(s, a, out);
    jobs_by_state(s, out);
    open_jobs(s, out);
    http(s, out);
    serve_metrics(s, out);
}
