// SPDX-License-Identifier: MIT
// cmd_fit.c - a proxy: a model of a job's trials that the workload `proxy` answers with.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/trials.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/surrogate.h"
#include "protocol/pack.h"

struct arguments {
    struct target target;
    const char *output, *model, *metric, *ignore;
    bool is_log;
    int64_t seed, trees, test;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"output", 'o', OPTION_STR, "FILE", NULL, "write the proxy, fitted on all trials, here", 0,
     0, offsetof(struct arguments, output)},
    {"model", 'm', OPTION_STR, "MODEL", NULL, "forest (default), boost, ridge or gp", 0, 0,
     offsetof(struct arguments, model)},
    {"metric", 0, OPTION_STR, "NAME", NULL,
     "what to predict; left out: a trial's first metric, a table's last column", 0, 0,
     offsetof(struct arguments, metric)},
    {"ignore", 0, OPTION_STR, "NAMES", NULL,
     "columns of a table that are no parameters, commas between", 0, 0,
     offsetof(struct arguments, ignore)},
    {"log", 0, OPTION_FLAG, NULL, NULL, "fit the logarithm of the metric", 0, 0,
     offsetof(struct arguments, is_log)},
    {"test", 0, OPTION_INT, "PERCENT", NULL, "trials held out to measure errors; default 20", 1,
     90, offsetof(struct arguments, test)},
    {"trees", 0, OPTION_INT, "N", NULL, "of a forest or boost; default 100 or 500", 1, 10000,
     offsetof(struct arguments, trees)},
    {"seed", 0, OPTION_INT, "N", NULL, "of the split and the forest; default 1", 0, INT32_MAX,
     offsetof(struct arguments, seed)},
    {0},
};

// Behind the first *n_train of them: those held out, by a shuffle.
static void shuffle(struct trials *d, uint64_t seed)
{
    struct rng r = rng_at(seed, 2, 0, 0);
    for (uint32_t i = d->n; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(&r, i);
        const struct value *p = d->params[i - 1];
        double y = d->targets[i - 1];
        d->params[i - 1] = d->params[j];
        d->targets[i - 1] = d->targets[j];
        d->params[j] = p;
        d->targets[j] = y;
    }
}

static enum error measure(const struct surrogate_options *o,
                          const struct trials *d,
                          uint32_t n_train,
                          struct arena *a,
                          struct value *out,
                          struct errtext *t)
{
    uint32_t n = d->n - n_train;
    double *predicted = mem_alloc((n + 1) * sizeof *predicted), low = 0, high = 0;
    struct surrogate *s = NULL;
    struct value model;
    enum error e = surrogate_fit(o, &(struct surrogate_trials){d->params, d->targets, n_train},
                                 a, &model, t);

    if (!e)
        e = surrogate_open(&model, a, &s, t);
    for (uint32_t i = 0; !e && i < n; i++)
        predicted[i] = surrogate_predict(s, d->params[n_train + i]);
    if (!e) {
        struct surrogate_quality q = surrogate_quality(predicted, d->targets + n_train, n);
        low = high = d->targets[0];
        for (uint32_t i = 0; i < d->n; i++) {
            low = d->targets[i] < low ? d->targets[i] : low;
            high = d->targets[i] > high ? d->targets[i] : high;
        }
        value_set(a, out, "model", value_str(a, o->model));
        value_set(a, out, "metric", value_str(a, d->metric));
        value_set(a, out, "trials", value_uint(d->n));
        value_set(a, out, "held_out", value_uint(n));
        value_set(a, out, "rmse", value_float(q.rmse));
        value_set(a, out, "rmse_of_range", value_float(high > low ? q.rmse / (high - low) : 0));
        value_set(a, out, "mae", value_float(q.mae));
        value_set(a, out, "spearman", value_float(q.spearman));
        value_set(a, out, "kendall", value_float(q.kendall));
        const struct surrogate_trials held_out = {d->params + n_train, d->targets + n_train, n};
        value_set(a, out, "importance", surrogate_importance(s, &held_out, o->seed, a));
    }
    mem_free(predicted);
    return e;
}

static enum error write_proxy(const struct value *model, const char *path, struct errtext *t)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    pack_write(model, &b);
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(b.bytes, 1, b.n, f) == b.n;
    if (f)
        ok = fclose(f) == 0 && ok;
    buf_fini(&b);
    return ok ? OK : errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
}

static void print(const struct value *quality, bool json)
{
    if (json) {
        (void)show_json(quality);
        return;
    }
    for (uint32_t i = 0; i < quality->n; i++) {
        struct buf b;
        buf_init(&b, 4096);
        show_value(&quality->pairs[i].value, &b);
        printf("%-14s %s\n", quality->pairs[i].key, buf_cstr(&b));
        buf_fini(&b);
    }
}

static enum error
fit(const struct arguments *g, const char *source, struct arena *a, struct errtext *t)
{
    struct surrogate_options o = {.model = g->model ? g->model : "forest",
                                  .is_log = g->is_log,
                                  .seed = (uint64_t)g->seed,
                                  .n_trees = (uint32_t)g->trees};
    struct value quality = value_map(), model;
    struct trials d;
    enum error e = trials_load(&g->target,
                               &(struct trials_source){source, g->metric, g->ignore}, a, &d, t);

    if (e)
        return e;
    shuffle(&d, o.seed);
    uint32_t n_train = d.n - (uint32_t)((uint64_t)d.n * (uint64_t)g->test / 100);
    e = measure(&o, &d, n_train, a, &quality, t);
    if (!e && g->output)
        e = surrogate_fit(&o, &(struct surrogate_trials){d.params, d.targets, d.n}, a, &model,
                          t);
    if (!e && g->output)
        value_set(a, &model, "metric", value_str(a, d.metric));
    if (!e && g->output)
        e = write_proxy(&model, g->output, t);
    if (!e)
        print(&quality, g->target.json);
    return e;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {.seed = 1, .test = 20};
    struct errtext t = {{0}};
    int n_args, status;

    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    enum error e = fit(&g, argv[0], a, &t);
    arena_destroy(a);
    return command_fail(e, &t);
}

const struct command cmd_fit = {
    .name = "fit",
    .usage = "JOB|FILE [-o FILE] [--model MODEL] [--metric NAME] [--log] [options]",
    .help = "fit a model to a job's trials",
    .about =
        "Fits a surrogate to the trials of a search, of a history.jsonl or of a table (CSV), "
        "prints how well it predicts trials that were held out and how much worse once a "
        "parameter is shuffled (its importance), and writes it for the workload 'proxy'.  "
        "Sequences count by their places and their pairs of neighbours.",
    .rows = rows,
    .run = run,
};
