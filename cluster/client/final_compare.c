// SPDX-License-Identifier: MIT
#include "cluster/client/final_compare.h"

#include <stdio.h>
#include <string.h>

#include "cluster/client/show.h"
#include "cluster/client/table.h"

// More metrics than that have their differences only in the document.
enum { PAIRED_MAX = 8 };

// The map name -> {metrics, …} of what is compared; NULL: there is none.
static const struct value *compared(const struct value *result)
{
    for (uint32_t i = 0; result && result->type == VALUE_MAP && i < result->n; i++) {
        const struct value *v = &result->pairs[i].value;
        bool all = v->type == VALUE_MAP && v->n > 0 && v->n < TABLE_COLUMNS_MAX;
        for (uint32_t k = 0; all && k < v->n; k++)
            all = v->pairs[k].value.type == VALUE_MAP
                  && value_find(&v->pairs[k].value, "metrics");
        if (all)
            return v;
    }
    return NULL;
}

static void put_mean(struct table *t, const struct value *fold)
{
    const struct value *mean = fold ? value_find(fold, "mean") : NULL;
    if (mean && value_is_number(mean))
        table_put(t, "%.8g", value_number(mean));
    else
        table_put(t, "-");
}

static void print_means(const struct value *all, struct arena *a)
{
    const char *titles[TABLE_COLUMNS_MAX + 1] = {"mean of"};
    const struct value *metrics = value_find(&all->pairs[0].value, "metrics");
    struct table t;
    for (uint32_t k = 0; k < all->n; k++)
        titles[k + 1] = arena_printf(a, ">%s", all->pairs[k].key);
    table_init(&t, a, titles);
    for (uint32_t i = 0; metrics->type == VALUE_MAP && i < metrics->n; i++) {
        table_put(&t, "%s", metrics->pairs[i].key);
        for (uint32_t k = 0; k < all->n; k++)
            put_mean(&t, value_find(value_find(&all->pairs[k].value, "metrics"),
                                    metrics->pairs[i].key));
    }
    table_print(&t);
}

static void put_pairs(struct table *t, const char *metric, const struct value *list)
{
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        const struct value *p = &list->items[i];
        table_put(t, "%s", metric);
        table_put(t, "%s - %s", show_text(p, "a"), show_text(p, "b"));
        table_put(t, "%.6g", show_number(p, "difference"));
        table_put(t, "%.3g", show_number(p, "half_95"));
        table_put(t, "%.2g", show_number(p, "d_z"));
        table_put(t, "%.2g", show_number(p, "t_p_holm"));
        table_put(t, "%.2g", show_number(p, "wilcoxon_p_holm"));
    }
}

// What fleets are compared by: its differences stand alone where there are any.
static bool is_profit(const char *metric)
{
    return strncmp(metric, "profit", strlen("profit")) == 0;
}

static void print_pairs(const struct value *compare, struct arena *a)
{
    static const char *const titles[] = {"paired", "difference", ">mean",     ">+- 95 %",
                                         ">d_z",   ">t, Holm",   ">Wilcoxon", NULL};
    struct table t;
    bool has_profit = false;
    table_init(&t, a, titles);
    for (uint32_t i = 0; i < compare->n; i++)
        has_profit = has_profit || is_profit(compare->pairs[i].key);
    for (uint32_t i = 0, n = 0; i < compare->n && n < PAIRED_MAX; i++) {
        const char *name = compare->pairs[i].key;
        if (has_profit && !is_profit(name))
            continue;
        put_pairs(&t, name, value_find(&compare->pairs[i].value, "pairs"));
        n++;
    }
    table_print(&t);
}

void final_compare(const struct value *result, const struct value *stats, struct arena *a)
{
    const struct value *all = compared(result);
    const struct value *compare = stats ? value_find(stats, "compare") : NULL;
    if (!all)
        return;
    print_means(all, a);
    if (compare && compare->type == VALUE_MAP && compare->n)
        print_pairs(compare, a);
}
