// SPDX-License-Identifier: MIT
#include "cluster/client/final.h"

#include <stdio.h>
#include <string.h>

#include "cluster/client/final_compare.h"
#include "cluster/client/show.h"
#include "cluster/client/table.h"

enum { LINE_MAX_BYTES = 4096, POINTS_SHOWN = 40, FAILURES_SHOWN = 5 };

// ---- sweeps ----------------------------------------------------------------------

static const char *const numbers[] = {"count", "mean", "sd", "min", "p05", "p50", "p95", "max"};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

static void put_number(struct table *t, const struct value *v)
{
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    if (v && v->type != VALUE_NULL)
        show_value(v, &b);
    table_put(t, "%s", v && v->type != VALUE_NULL ? buf_cstr(&b) : "-");
    buf_fini(&b);
}

static void put_pairs(struct table *t, const struct value *map)
{
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    show_pairs(map, &b);
    table_put(t, "%s", buf_cstr(&b));
    buf_fini(&b);
}

static void
metric_rows(struct table *t, const struct value *metrics, const struct value *params)
{
    for (uint32_t i = 0; metrics && metrics->type == VALUE_MAP && i < metrics->n; i++) {
        const struct value *m = &metrics->pairs[i].value;
        if (params)
            put_pairs(t, params);
        table_put(t, "%s", metrics->pairs[i].key);
        for (int k = 0; k < N_NUMBERS; k++)
            put_number(t, m->type == VALUE_MAP ? value_find(m, numbers[k]) : NULL);
    }
}

static void print_metrics(const struct value *result, struct arena *a)
{
    static const char *const titles[] = {"metric", ">count", ">mean", ">sd",  ">min",
                                         ">p05",   ">p50",   ">p95",  ">max", NULL};
    struct table t;
    const struct value *metrics = value_find(result, "metrics");
    if (!metrics || metrics->type != VALUE_MAP || !metrics->n)
        return;
    table_init(&t, a, titles);
    metric_rows(&t, metrics, NULL);
    table_print(&t);
}

static void print_points(const struct value *result, struct arena *a)
{
    static const char *const titles[] = {"point", "metric", ">count", ">mean", ">sd", ">min",
                                         ">p05",  ">p50",   ">p95",   ">max",  NULL};
    struct table t;
    const struct value *points = value_find(result, "points");
    if (!points || points->type != VALUE_LIST)
        return;
    table_init(&t, a, titles);
    for (uint32_t i = 0; i < points->n && i < POINTS_SHOWN; i++)
        metric_rows(&t, value_find(&points->items[i], "metrics"),
                    value_find(&points->items[i], "params"));
    table_print(&t);
    if (points->n > POINTS_SHOWN)
        printf("... and %u points more; --json has all\n", points->n - POINTS_SHOWN);
}

// ---- searches --------------------------------------------------------------------

static void print_best(const struct value *best)
{
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    printf("best: trial %.0f\n", show_number(best, "trial"));
    show_pairs(value_find(best, "metrics"), &b);
    printf("  %s\n", buf_cstr(&b));
    buf_reset(&b);
    show_pairs(value_find(best, "params"), &b);
    printf("  %s\n", buf_cstr(&b));
    buf_fini(&b);
}

static void print_front(const struct value *front, struct arena *a)
{
    static const char *const titles[] = {">trial", "metrics", "params", NULL};
    struct table t;
    table_init(&t, a, titles);
    for (uint32_t i = 0; i < front->n && i < POINTS_SHOWN; i++) {
        table_put(&t, "%.0f", show_number(&front->items[i], "trial"));
        put_pairs(&t, value_find(&front->items[i], "metrics"));
        put_pairs(&t, value_find(&front->items[i], "params"));
    }
    printf("front: %u points\n", front->n);
    table_print(&t);
    if (front->n > POINTS_SHOWN)
        printf("... and %u points more; --json has all\n", front->n - POINTS_SHOWN);
}

static void print_search(const struct value *result, struct arena *a)
{
    const struct value *best = value_find(result, "best");
    const struct value *front = value_find(result, "front");
    if (best && best->type == VALUE_MAP)
        print_best(best);
    else if (front && front->type == VALUE_LIST)
        print_front(front, a);
    else if (best)
        printf("best: none; no trial was feasible\n");
}

// ---- texts -----------------------------------------------------------------------

static void print_load(const struct value *list)
{
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++)
        printf("experts of layer %.0f: mean/max load %.3f, hottest %.0f\n",
               show_number(&list->items[i], "layer"), show_number(&list->items[i], "balance"),
               show_number(&list->items[i], "hottest"));
}

static void print_texts(const struct value *list, struct arena *a)
{
    static const char *const titles[] = {"prompt", "end", "text", NULL};
    struct table t;
    table_init(&t, a, titles);
    for (uint32_t i = 0; i < list->n && i < POINTS_SHOWN; i++) {
        const struct value *id = value_find(&list->items[i], "id");
        const struct value *text = value_find(&list->items[i], "text");
        struct buf b;
        buf_init(&b, LINE_MAX_BYTES);
        if (id)
            value_json(id, &b);
        table_put(&t, "%s", buf_cstr(&b));
        table_put(&t, "%s", show_text(&list->items[i], "finish"));
        buf_reset(&b);
        if (text)
            value_json(text, &b);
        table_put(&t, "%s", buf_cstr(&b));
        buf_fini(&b);
    }
    table_print(&t);
}

static void print_generate(const struct value *result, struct arena *a)
{
    const struct value *texts = value_find(result, "texts");
    const struct value *nll = value_find(result, "nll");
    if (!value_find(result, "prompt_tokens"))
        return;
    if (texts && texts->type == VALUE_LIST && texts->n && show_number(result, "new_tokens") > 0)
        print_texts(texts, a);
    printf("tokens: %.0f of prompts, %.0f new\n", show_number(result, "prompt_tokens"),
           show_number(result, "new_tokens"));
    if (nll)
        printf("perplexity: %.6g over %.0f tokens\n", show_number(nll, "perplexity"),
               show_number(nll, "tokens"));
    print_load(value_find(result, "load"));
}

// ---- trainings -------------------------------------------------------------------

static void print_training(const struct value *result, struct arena *a)
{
    const struct value *curve = value_find(result, "curve");
    const struct value *evaluation = value_find(result, "evaluation");
    if (curve && curve->type == VALUE_LIST && curve->n) {
        printf("the last of %u rounds: ", curve->n);
        struct buf b;
        buf_init(&b, LINE_MAX_BYTES);
        show_pairs(&curve->items[curve->n - 1], &b);
        printf("%s\n", buf_cstr(&b));
        buf_fini(&b);
    }
    if (evaluation)
        print_metrics(evaluation, a);
}

// ---- all kinds -------------------------------------------------------------------

static void print_head(const struct value *doc)
{
    const struct value *stats = value_find(doc, "stats");
    double failed = show_number(doc, "failed");
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    buf_printf(&b, "%s (%s) %s: ", show_text(doc, "name"), show_text(doc, "job"),
               show_text(doc, "state"));
    show_count(show_number(doc, "items"), &b);
    buf_puts(&b, " items in ");
    show_seconds(show_number(stats, "elapsed_s"), &b);
    buf_puts(&b, ", ");
    show_rate(show_number(stats, "items_per_s"), &b);
    if (failed > 0) {
        buf_puts(&b, ", ");
        show_count(failed, &b);
        buf_puts(&b, " failed");
    }
    printf("%s\n", buf_cstr(&b));
    buf_fini(&b);
    if (*show_text(doc, "why"))
        printf("%s\n", show_text(doc, "why"));
}

static void print_failures(const struct value *doc)
{
    const struct value *list = value_find(doc, "failures");
    uint32_t n = list && list->type == VALUE_LIST ? list->n : 0;
    for (uint32_t i = 0; i < n && i < FAILURES_SHOWN; i++) {
        const char *text = show_text(&list->items[i], "text");
        printf("item %.0f failed: %.*s\n", show_number(&list->items[i], "item"),
               (int)strcspn(text, "\n"), text);
    }
    double failed = show_number(doc, "failed");
    if (n && failed > FAILURES_SHOWN)
        printf("... %.0f failed in all; 'shoal logs JOB ITEM' tells more of one\n", failed);
}

static void print_digest(const struct value *doc)
{
    const char *digest = show_text(doc, "digest");
    const char *why = show_text(doc, "why_no_digest");
    if (*digest)
        printf("digest %s\n", digest);
    else if (*why)
        printf("no digest: %s\n", why);
}

static bool print_for_people(const struct value *doc)
{
    struct arena *a = arena_create();
    const struct value *result = value_find(doc, "result");
    print_head(doc);
    if (result && result->type == VALUE_MAP) {
        print_metrics(result, a);
        print_points(result, a);
        print_search(result, a);
        print_generate(result, a);
        print_training(result, a);
        final_compare(result, value_find(doc, "stats"), a);
    }
    print_failures(doc);
    print_digest(doc);
    arena_destroy(a);
    return fflush(stdout) == 0;
}

// ---- as JSON ---------------------------------------------------------------------

// The keys that everybody looks for come first; the journal keeps maps sorted.
static bool print_for_programs(const struct value *doc)
{
    static const char *const first[] = {"job",   "name",   "kind",   "state",
                                        "items", "failed", "digest", "why_no_digest",
                                        "why",   "result", "stats"};
    struct arena *a = arena_create();
    struct value v = value_map();
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        const struct value *one = value_find(doc, first[i]);
        if (one)
            (void)value_set(a, &v, first[i], *one);
    }
    for (uint32_t i = 0; i < doc->n; i++)
        (void)value_set(a, &v, doc->pairs[i].key, doc->pairs[i].value);
    bool ok = show_json(&v);
    arena_destroy(a);
    return ok;
}

bool final_print(const struct value *doc, bool json)
{
    return json && doc->type == VALUE_MAP ? print_for_programs(doc) : print_for_people(doc);
}
