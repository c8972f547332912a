// SPDX-License-Identifier: MIT
// api_cluster.c - requests about the coordinator, its workers, and what they can do.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/options.h"
#include "common/version.h"
#include "coordinator/shell_state.h"
#include "coordinator/tables.h"

enum { NAMES_MAX = 4096 };

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

static uint32_t count_pods(struct shell *s, struct arena *a)
{
    struct rank_view *list;
    uint32_t n = core_rank_views(s->core, a, &list);
    uint32_t pods = 0;
    for (uint32_t i = 0; i < n; i++)
        pods += !i || list[i].instance != list[i - 1].instance; // pod by pod
    return pods;
}

static enum error api_ping(struct call *c)
{
    struct shell *s = c->shell;
    struct value v = value_map();
    struct value endpoints = value_list();
    for (uint32_t i = 0; s->o.endpoints[i]; i++)
        (void)value_push(c->a, &endpoints, value_str(c->a, channel_endpoint(s->channel, i)));
    put(c->a, &v, "version", value_str(c->a, SHOAL_VERSION));
    put(c->a, &v, "pid", value_int(getpid()));
    put(c->a, &v, "incarnation", value_uint(journal_incarnation(s->journal)));
    put(c->a, &v, "uptime_s", value_float((double)(s->now - s->opened) / 1e9));
    put(c->a, &v, "ranks", value_uint(core_n_ranks(s->core)));
    put(c->a, &v, "pods", value_uint(count_pods(s, c->a)));
    put(c->a, &v, "jobs_open", value_uint(core_n_open_jobs(s->core)));
    put(c->a, &v, "disk_full", value_bool(s->disk_full));
    put(c->a, &v, "allow_exec", value_bool(s->o.allow_exec));
    put(c->a, &v, "endpoints", endpoints);
    put(c->a, &v, "state", value_str(c->a, s->state_dir));
    return api_answer(c, &v);
}

// ---- workers ------------------------------------------------------------------------------

static struct value worker_row(struct shell *s, const struct rank_view *r, struct arena *a)
{
    struct value m = value_map();
    const struct docket *job = r->job ? docket_get(s, r->job) : NULL;
    put(a, &m, "worker", value_printf(a, "%016" PRIx64, r->instance));
    put(a, &m, "rank", value_uint(r->rank));
    put(a, &m, "ranks", value_uint(r->n_ranks));
    put(a, &m, "host", value_str(a, r->host));
    put(a, &m, "pid", value_uint(r->pid));
    put(a, &m, "state", value_str(a, r->state));
    put(a, &m, "job", job ? value_str(a, job->id) : value_null());
    put(a, &m, "held", value_uint(r->n_held));
    put(a, &m, "items", value_uint(r->n_items_done));
    put(a, &m, "seen_s", value_float((double)(s->now - r->seen) / 1e9));
    put(a, &m, "version", value_str(a, r->version));
    put(a, &m, "numerics", value_str(a, r->numerics));
    return m;
}

static enum error api_workers(struct call *c)
{
    struct rank_view *list;
    uint32_t n = core_rank_views(c->shell->core, c->a, &list);
    struct value rows = value_list();
    for (uint32_t i = 0; i < n; i++)
        (void)value_push(c->a, &rows, worker_row(c->shell, &list[i], c->a));
    struct value v = value_map();
    put(c->a, &v, "workers", rows);
    return api_answer(c, &v);
}

// The pod of an instance that begins with the word, or of a host of that name; one only.
static enum error
find_pod(struct call *c, const char *word, uint64_t *instance, uint32_t *n_ranks)
{
    struct rank_view *list;
    uint32_t n = core_rank_views(c->shell->core, c->a, &list);
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++) {
        char hex[17];
        (void)snprintf(hex, sizeof hex, "%016" PRIx64, list[i].instance);
        bool matches =
            *word && (strncmp(hex, word, strlen(word)) == 0 || strcmp(list[i].host, word) == 0);
        if (!matches || (found && *instance == list[i].instance))
            continue;
        *instance = list[i].instance;
        *n_ranks = list[i].n_ranks;
        found++;
    }
    if (!found)
        return errtext_set(c->t, ERR_NOT_FOUND, "no worker '%s'; 'shoal workers' lists them",
                           word);
    if (found > 1)
        return errtext_set(c->t, ERR_NOT_FOUND, "'%s' means %u workers; say more of its number",
                           word, found);
    return OK;
}

static enum error api_drain(struct call *c)
{
    const char *word = NULL;
    uint64_t instance = 0;
    uint32_t n_ranks = 0;
    enum error e = api_str(c, "worker", true, &word);
    if (!e)
        e = find_pod(c, word, &instance, &n_ranks);
    if (e)
        return e;
    struct event x = {.type = EVENT_DRAIN, .instance = instance};
    e = turn_request(c->shell, &x, c->t);
    if (e)
        return e;
    struct value v = value_map();
    put(c->a, &v, "worker", value_printf(c->a, "%016" PRIx64, instance));
    put(c->a, &v, "ranks", value_uint(n_ranks));
    api_reply_after(c->shell, c->peer, c->id, &v, false);
    return OK;
}

// ---- what can be done -------------------------------------------------------------

static struct value tables(struct shell *s, struct arena *a)
{
    struct value v = value_map();
    if (!workloads_known(s))
        workloads_ask_program(s);
    put(a, &v, "workloads", s->catalog);
    put(a, &v, "drivers", tables_drivers(a));
    put(a, &v, "algorithms", tables_algorithms(a));
    return v;
}

static enum error api_catalog(struct call *c)
{
    struct value v = tables(c->shell, c->a);
    return api_answer(c, &v);
}

// Only the rows of that name; all names are noted for "did you mean".
static bool pick(struct value *list,
                 const char *name,
                 const char **names,
                 uint32_t *n_names,
                 struct arena *a)
{
    struct value picked = value_list();
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *v = value_find(&list->items[i], "name");
        if (!v || v->type != VALUE_STR)
            continue;
        if (*n_names < NAMES_MAX)
            names[(*n_names)++] = v->s;
        if (strcmp(v->s, name) == 0)
            (void)value_push(a, &picked, list->items[i]);
    }
    *list = picked;
    return picked.n > 0;
}

static enum error api_explain(struct call *c)
{
    const char *name = NULL;
    enum error e = api_str(c, "name", false, &name);
    struct value v = tables(c->shell, c->a);
    if (e)
        return e;
    if (!name)
        return api_answer(c, &v);
    const char **names = arena_alloc(c->a, (NAMES_MAX + 1) * sizeof *names);
    uint32_t n = 0;
    bool found = false;
    for (uint32_t i = 0; i < v.n; i++)
        found |= pick(&v.pairs[i].value, name, names, &n, c->a);
    if (found)
        return api_answer(c, &v);
    const char *near = options_nearest(name, names);
    return errtext_set(c->t, ERR_NOT_FOUND,
                       "no workload, algorithm or driver is called '%.40s'%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

// ---- the end ----------------------------------------------------------------------

static enum error api_shutdown(struct call *c)
{
    struct shell *s = c->shell;
    bool workers = true;
    enum error e = api_bool(c, "workers", &workers);
    if (e)
        return e;
    size_t at = 0;
    uint64_t peer;
    uint64_t instance;
    while (workers && map_next(&s->workers, &at, &peer, &instance)) {
        struct message m = {.type = MSG_GOODBYE};
        m.goodbye.why = str_of("the cluster is shut down");
        turn_send(s, peer, &m);
    }
    struct value v = value_map();
    put(c->a, &v, "pid", value_int(getpid()));
    s->stopping = true;
    return api_answer(c, &v);
}

static const char *const drain_args[] = {"worker", NULL};
static const char *const explain_args[] = {"name", NULL};
static const char *const shutdown_args[] = {"workers", NULL};

const struct verb api_cluster_verbs[] = {
    {"ping", ROLE_READ, NULL, api_ping},
    {"workers", ROLE_READ, NULL, api_workers},
    {"drain", ROLE_SUBMIT, drain_args, api_drain},
    {"catalog", ROLE_READ, NULL, api_catalog},
    {"explain", ROLE_READ, explain_args, api_explain},
    {"shutdown", ROLE_SUBMIT, shutdown_args, api_shutdown},
    {0},
};
