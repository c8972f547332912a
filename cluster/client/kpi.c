// SPDX-License-Identifier: MIT
#include "cluster/client/kpi.h"

#include <stdio.h>
#include <string.h>

#include "cluster/client/show.h"
#include "cluster/client/table.h"
#include "common/hash.h"
#include "common/version.h"
#include "common/yaml.h"

enum { TEXT_MAX = 64 << 20 };

static const char *const numbers[] = {"count", "mean", "sd", "min", "p05", "p50", "p95", "max"};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

bool kpi_is_format(const char *name)
{
    return strcmp(name, "text") == 0 || strcmp(name, "json") == 0 || strcmp(name, "csv") == 0;
}

// ---- the head --------------------------------------------------------------------

static void set_hash(struct arena *a, struct value *head, const struct sha256 *sum)
{
    char hex[65];
    sha256_hex(sum, hex);
    (void)value_set(a, head, "scenario_sha256", value_str(a, hex));
}

static void put_scenario(struct arena *a,
                         struct value *head,
                         const struct value *spec,
                         const struct value *files)
{
    const struct value *params = value_find(spec, "params");
    const struct value *v = params ? value_find(params, "scenario") : NULL;
    struct sha256 sum;
    if (v && v->type == VALUE_MAP) {
        struct buf b;
        buf_init(&b, TEXT_MAX);
        value_json(v, &b);
        sum = sha256_of(buf_cstr(&b), b.n);
        buf_fini(&b);
        set_hash(a, head, &sum);
    }
    for (uint32_t i = 0; v && v->type == VALUE_STR && files && i < files->n; i++) {
        const struct value *hash = value_find(&files->items[i], "hash");
        if (strcmp(show_text(&files->items[i], "name"), v->s) != 0 || !hash
            || hash->type != VALUE_BIN || hash->n != sizeof sum.bytes)
            continue;
        memcpy(sum.bytes, hash->s, sizeof sum.bytes);
        set_hash(a, head, &sum);
    }
}

// first and items: the episodes are [first, first + items).
static void put_spec(struct arena *a, struct value *head, const struct value *file)
{
    static const char *const keys[] = {"workload", "seed", "first", "items"};
    const struct value *text = value_find(file, "text");
    struct value spec;
    struct errtext t;
    if (!text || text->type != VALUE_STR || yaml_parse(text->s, text->n, "job", a, &spec, &t)
        || spec.type != VALUE_MAP)
        return;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct value *v = value_find(&spec, keys[i]);
        if (v)
            (void)value_set(a, head, keys[i], *v);
        else if (strcmp(keys[i], "workload") != 0 && strcmp(keys[i], "items") != 0)
            (void)value_set(a, head, keys[i], value_int(0));
    }
    const struct value *files = value_find(file, "files");
    put_scenario(a, head, &spec, files && files->type == VALUE_LIST ? files : NULL);
}

static struct value
head_of(const struct value *document, const struct value *file, struct arena *a)
{
    struct value head = value_map(), traces = value_map();
    const struct value *result = value_find(document, "result");
    const struct value *policies = result ? value_find(result, "policies") : NULL;
    (void)value_set(a, &head, "version", value_str(a, SHOAL_VERSION));
    (void)value_set(a, &head, "job", value_str(a, show_text(document, "job")));
    (void)value_set(a, &head, "name", value_str(a, show_text(document, "name")));
    put_spec(a, &head, file);
    (void)value_set(a, &head, "digest", value_str(a, show_text(document, "digest")));
    for (uint32_t i = 0; policies && policies->type == VALUE_MAP && i < policies->n; i++) {
        const char *digest = show_text(&policies->pairs[i].value, "trace_digest");
        if (*digest)
            (void)value_set(a, &traces, policies->pairs[i].key, value_str(a, digest));
    }
    if (traces.n)
        (void)value_set(a, &head, "trace_digests", traces);
    return head;
}

// ---- the rows --------------------------------------------------------------------

static void
add_rows(struct arena *a, struct value *rows, const char *of, const struct value *metrics)
{
    for (uint32_t i = 0; metrics && metrics->type == VALUE_MAP && i < metrics->n; i++) {
        struct value row = value_map();
        (void)value_set(a, &row, "of", value_str(a, of));
        (void)value_set(a, &row, "metric", value_str(a, metrics->pairs[i].key));
        for (int k = 0; k < N_NUMBERS; k++) {
            const struct value *x = value_find(&metrics->pairs[i].value, numbers[k]);
            (void)value_set(a, &row, numbers[k], x ? *x : value_null());
        }
        (void)value_push(a, rows, row);
    }
}

static struct value rows_of(const struct value *document, struct arena *a)
{
    struct value rows = value_list();
    const struct value *result = value_find(document, "result");
    const struct value *policies = result ? value_find(result, "policies") : NULL;
    const struct value *points = result ? value_find(result, "points") : NULL;
    add_rows(a, &rows, "all", result ? value_find(result, "metrics") : NULL);
    for (uint32_t i = 0; policies && policies->type == VALUE_MAP && i < policies->n; i++)
        add_rows(a, &rows, policies->pairs[i].key,
                 value_find(&policies->pairs[i].value, "metrics"));
    for (uint32_t i = 0; points && points->type == VALUE_LIST && i < points->n; i++) {
        const struct value *params = value_find(&points->items[i], "params");
        struct buf b;
        buf_init(&b, 4096);
        if (params)
            show_pairs(params, &b);
        add_rows(a, &rows, arena_str(a, buf_cstr(&b), b.n),
                 value_find(&points->items[i], "metrics"));
        buf_fini(&b);
    }
    return rows;
}

// ---- out -------------------------------------------------------------------------

static void print_head(const struct value *head, const char *before)
{
    for (uint32_t i = 0; i < head->n; i++) {
        const struct value *v = &head->pairs[i].value;
        struct buf b;
        buf_init(&b, 4096);
        if (v->type == VALUE_STR)
            buf_puts(&b, v->s);
        else
            value_json(v, &b);
        printf("%s%s: %s\n", before, head->pairs[i].key, buf_cstr(&b));
        buf_fini(&b);
    }
}

// As RFC 4180 has it: in quotes where it must be.
static void print_field(const char *s)
{
    if (!strpbrk(s, ",\"\n\r")) {
        printf("%s", s);
        return;
    }
    (void)putchar('"');
    for (; *s; s++)
        printf("%s%c", *s == '"' ? "\"" : "", *s);
    (void)putchar('"');
}

static void print_csv(const struct value *rows)
{
    printf("of,metric");
    for (int k = 0; k < N_NUMBERS; k++)
        printf(",%s", numbers[k]);
    for (uint32_t i = 0; i < rows->n; i++) {
        printf("\n");
        print_field(show_text(&rows->items[i], "of"));
        printf(",");
        print_field(show_text(&rows->items[i], "metric"));
        for (int k = 0; k < N_NUMBERS; k++) {
            const struct value *x = value_find(&rows->items[i], numbers[k]);
            struct buf b;
            buf_init(&b, 64);
            if (x->type != VALUE_NULL)
                value_json(x, &b);
            printf(",%s", buf_cstr(&b));
            buf_fini(&b);
        }
    }
    printf("\n");
}

static void print_text(const struct value *rows, struct arena *a)
{
    static const char *const titles[] = {"of",   "metric", ">count", ">mean", ">sd", ">min",
                                         ">p05", ">p50",   ">p95",   ">max",  NULL};
    struct table t;
    table_init(&t, a, titles);
    for (uint32_t i = 0; i < rows->n; i++) {
        table_put(&t, "%s", show_text(&rows->items[i], "of"));
        table_put(&t, "%s", show_text(&rows->items[i], "metric"));
        for (int k = 0; k < N_NUMBERS; k++) {
            const struct value *x = value_find(&rows->items[i], numbers[k]);
            struct buf b;
            buf_init(&b, 64);
            if (x->type != VALUE_NULL)
                show_value(x, &b);
            table_put(&t, "%s", b.n ? buf_cstr(&b) : "-");
            buf_fini(&b);
        }
    }
    table_print(&t);
}

bool kpi_print(const struct value *document, const struct value *file, const char *format)
{
    struct arena *a = arena_create();
    struct value head = head_of(document, file, a), rows = rows_of(document, a);
    if (strcmp(format, "json") == 0) {
        (void)value_set(a, &head, "rows", rows);
        (void)show_json(&head);
    } else if (strcmp(format, "csv") == 0) {
        print_head(&head, "# ");
        print_csv(&rows);
    } else {
        print_head(&head, "");
        print_text(&rows, a);
    }
    arena_destroy(a);
    return fflush(stdout) == 0;
}
