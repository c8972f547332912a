// SPDX-License-Identifier: MIT
// cmd_replay.c - one day of a fleet's job again, with all its records.
//
// A day is a function of scenario, policy, seed and episode, so that a job of this one
// item, with `trace: true`, gives the very day: it runs on the cluster that ran the job.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/fetch.h"
#include "cluster/client/geojson.h"
#include "cluster/client/job_text.h"
#include "cluster/client/replay_item.h"
#include "cluster/client/show.h"
#include "cluster/client/target.h"
#include "common/json.h"
#include "common/number.h"
#include "common/yaml.h"

enum { TEXT_MAX = 16 << 20, EPISODES = 32 };

struct arguments {
    struct target target;
    const char *output, *format, *policy, *origin;
    int64_t point, trial;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"output", 'o', OPTION_STR, "FILE", NULL, "the trace; default: standard output", 0, 0,
     offsetof(struct arguments, output)},
    {"format", 'f', OPTION_STR, "FORMAT", NULL,
     "jsonl: a record a line (default); geojson: a feature a flight", 0, 0,
     offsetof(struct arguments, format)},
    {"policy", 'p', OPTION_STR, "NAME", NULL,
     "of a job that compares several: which; default: the first", 0, 0,
     offsetof(struct arguments, policy)},
    {"origin", 0, OPTION_STR, "LAT,LON", NULL,
     "geojson: where the scenario's x = y = 0 lies; default: the job's geo_origin, or 0,0", 0,
     0, offsetof(struct arguments, origin)},
    {"point", 0, OPTION_INT, "N", NULL,
     "of a grid: which point, the last key fastest; default 0", 0, INT64_MAX,
     offsetof(struct arguments, point)},
    {"trial", 0, OPTION_INT, "N", NULL, "of a search: which; default: the best", 0, INT64_MAX,
     offsetof(struct arguments, trial)},
    {0},
};

// ---- the job of one day ----------------------------------------------------------

static const char *policy_of(const struct arguments *g, const struct value *spec)
{
    const struct value *compare = value_find(spec, "compare");
    if (g->policy)
        return g->policy;
    if (compare && compare->type == VALUE_LIST && compare->n
        && compare->items[0].type == VALUE_STR)
        return compare->items[0].s;
    return NULL;
}

// The file's parts that say what a day is, as JSON, which is YAML.
static void day_spec(const struct arguments *g,
                     const struct value *spec,
                     const struct value *params,
                     uint64_t episode,
                     struct arena *a,
                     struct value *out)
{
    static const char *const kept[] = {"workload", "seed", "files"};
    const char *policy = policy_of(g, spec);
    struct value own = *params;
    *out = value_map();
    (void)value_set(a, out, "kind", value_str(a, "sweep"));
    (void)value_set(a, out, "name", value_str(a, "replay"));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (value_find(spec, kept[i]))
            (void)value_set(a, out, kept[i], *value_find(spec, kept[i]));
    (void)value_set(a, &own, "trace", value_bool(true));
    (void)value_set(a, &own, "places", value_bool(true));
    if (policy)
        (void)value_set(a, &own, "policy", value_str(a, policy));
    (void)value_set(a, out, "params", own);
    (void)value_set(a, out, "first", value_uint(episode));
    (void)value_set(a, out, "items", value_int(1));
}

// What the item of the job was called with: a copy of its params with what is over them.
static enum error item_params(const struct replay_item *want,
                              struct caller *c,
                              const struct value *spec,
                              struct arena *a,
                              struct value *out,
                              struct errtext *t)
{
    const struct value *params = value_find(spec, "params"),
                       *workload = value_find(spec, "workload");
    if (!workload || workload->type != VALUE_STR || strcmp(workload->s, "fleet.uam") != 0)
        return errtext_set(t, ERR_UNSUPPORTED,
                           "only a job of fleet.uam has days that can be replayed");
    *out = params && params->type == VALUE_MAP ? value_copy(a, params) : value_map();
    return replay_item(want, c, spec, a, out, t);
}

// Runs it to its end; *document is the final one.
static enum error run_day(struct caller *c,
                          const struct value *spec,
                          const struct value *files,
                          struct arena *a,
                          struct value *document,
                          struct errtext *t)
{
    struct value args = value_map();
    struct buf text;
    buf_init(&text, TEXT_MAX);
    value_json(spec, &text);
    (void)value_set(a, &args, "text", value_strn(a, buf_cstr(&text), text.n));
    buf_fini(&text);
    (void)value_set(a, &args, "file", value_str(a, "replay.json"));
    (void)value_set(a, &args, "wait", value_bool(true));
    if (files && files->type == VALUE_LIST && files->n)
        (void)value_set(a, &args, "files", *files);
    enum error e = caller_call(c, "submit", &args, a, document, t);
    if (!e && strcmp(show_text(document, "state"), "done") != 0)
        e = errtext_set(t, ERR_IO, "the day did not run: %.300s", show_text(document, "why"));
    return e;
}

// ---- its trace -------------------------------------------------------------------

static const struct value *trace_of(const struct value *document)
{
    const struct value *list = value_find(document, "artefacts");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        const char *name = show_text(&list->items[i], "name");
        size_t n = strlen(name);
        if (n > 6 && strcmp(name + n - 6, ".jsonl") == 0 && strcmp(name, "rows.jsonl") != 0)
            return &list->items[i];
    }
    return NULL;
}

static enum error
fetch_text(struct caller *c, const struct value *artefact, struct buf *out, struct errtext *t)
{
    FILE *f = NULL;
    if (!artefact)
        return errtext_set(t, ERR_PROTO, "the day left no trace, or no places");
    enum error e = fetch_open(c, artefact, &f, t);
    if (e)
        return e;
    bool ok = buf_read(out, f) && !out->full;
    (void)fclose(f);
    return ok ? OK
              : errtext_set(t, ERR_IO, "%s could not be read", show_text(artefact, "name"));
}

static enum error write_out(const struct buf *b, const char *path, struct errtext *t)
{
    FILE *f = path ? fopen(path, "we") : stdout;
    if (!f)
        return errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    bool ok = fwrite(b->bytes, 1, b->n, f) == b->n && fflush(f) == 0;
    ok = (!path || fclose(f) == 0) && ok;
    return ok ? OK : errtext_set(t, ERR_IO, "%s: %s", path ? path : "stdout", strerror(errno));
}

static bool is_geojson(const struct arguments *g)
{
    return g->format && strcmp(g->format, "geojson") == 0;
}

// Where its vertiports lie the day says itself: they may be listed, laid out or the default.
static enum error to_geojson(const char *place,
                             struct caller *c,
                             const struct value *document,
                             const struct buf *trace,
                             struct buf *out,
                             struct errtext *t)
{
    struct arena *a = arena_create();
    struct geojson_origin origin;
    struct value places;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    enum error e = geojson_origin(place, &origin, t);
    if (!e)
        e = fetch_text(c, fetch_find(document, "places.json"), &text, t);
    if (!e)
        e = json_parse(buf_cstr(&text), text.n, a, &places, t);
    if (!e)
        e = geojson_trips(trace, &places, &origin, out, t);
    buf_fini(&text);
    arena_destroy(a);
    return e;
}

static const char *origin_of(const struct arguments *g, const struct value *params)
{
    const char *own = show_text(params, "geo_origin");
    return g->origin || !*own ? g->origin : own;
}

static enum error replay_one(const struct arguments *g,
                             struct caller *c,
                             const char *job,
                             uint64_t episode,
                             struct arena *a,
                             struct errtext *t)
{
    struct value reply, spec, params, day, document;
    struct replay_item want = {.job = job, .point = g->point, .trial = g->trial};
    struct buf trace, out;
    buf_init(&trace, SIZE_MAX / 4);
    buf_init(&out, SIZE_MAX / 4);
    enum error e = job_text(c, job, a, &reply, &spec, t);
    if (!e)
        e = item_params(&want, c, &spec, a, &params, t);
    if (!e)
        day_spec(g, &spec, &params, episode, a, &day);
    if (!e)
        e = run_day(c, &day, value_find(&reply, "files"), a, &document, t);
    if (!e)
        e = fetch_text(c, trace_of(&document), &trace, t);
    if (!e && is_geojson(g))
        e = to_geojson(origin_of(g, &params), c, &document, &trace, &out, t);
    if (!e)
        e = write_out(is_geojson(g) ? &out : &trace, g->output, t);
    buf_fini(&trace);
    buf_fini(&out);
    return e;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {.trial = REPLAY_BEST};
    struct errtext t = {{0}};
    struct caller *c = NULL;
    uint64_t episode;
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 2, 2))
        return STATUS_USAGE;
    if (!number_parse_u64(argv[1], strlen(argv[1]), &episode) || episode >> EPISODES) {
        (void)fprintf(stderr, "shoal replay: episode is '%.60s', expected 0 to 4294967295\n",
                      argv[1]);
        return STATUS_USAGE;
    }
    if (g.format && strcmp(g.format, "jsonl") != 0 && !is_geojson(&g)) {
        (void)fprintf(stderr,
                      "shoal replay: format is '%.60s', expected one of: jsonl, geojson\n",
                      g.format);
        return STATUS_USAGE;
    }
    struct arena *a = arena_create();
    enum error e = target_open(&g.target, a, &c, &t);
    if (!e)
        e = replay_one(&g, c, argv[0], episode, a, &t);
    status = command_fail(e, &t);
    caller_close(c);
    arena_destroy(a);
    return status;
}

const struct command cmd_replay = {
    .name = "replay",
    .usage = "JOB EPISODE [-o FILE] [--format jsonl|geojson] [options]",
    .help = "run one day of a fleet's job again, with its trace",
    .about =
        "Runs one episode of a job of fleet.uam once more, as a job of its own, and gives "
        "its trace: every record as a line of JSON, or the flights as GeoJSON. Of a search "
        "the best trial flies that day.",
    .rows = rows,
    .run = run,
};
