// SPDX-License-Identifier: MIT
#include "cluster/client/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CELL_MAX = 512 };

static void add(struct table *t, const char *text)
{
    if (t->n_cells == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 64;
        char **cells = arena_alloc(t->arena, cap * sizeof *cells);
        if (t->n_cells)
            memcpy(cells, t->cells, t->n_cells * sizeof *cells);
        t->cells = cells;
        t->cap = cap;
    }
    t->cells[t->n_cells++] = arena_str(t->arena, text, strlen(text));
}

void table_init(struct table *t, struct arena *a, const char *const *titles)
{
    *t = (struct table){.arena = a};
    for (; titles[t->n_columns] && t->n_columns < TABLE_COLUMNS_MAX; t->n_columns++)
        add(t, titles[t->n_columns]);
}

void table_put(struct table *t, const char *fmt, ...)
{
    char text[CELL_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) // one row stays one line
        if ((unsigned char)*p < ' ')
            *p = ' ';
    add(t, text);
}

// Characters, not bytes.
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
    int pad = width - width_of(text);
    if (right)
        printf("%*s%s", pad, "", text);
    else
        printf("%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", stdout);
}

void table_print(const struct table *t)
{
    uint32_t columns = t->n_columns ? t->n_columns : 1;
    int widths[TABLE_COLUMNS_MAX] = {0};
    bool right[TABLE_COLUMNS_MAX] = {false};
    for (uint32_t i = 0; i < t->n_columns; i++)
        right[i] = t->cells[i][0] == '>';
    for (uint32_t i = 0; i < t->n_cells; i++) {
        uint32_t c = i % columns;
        int n = width_of(t->cells[i]) - (i < t->n_columns && right[c]);
        widths[c] = n > widths[c] ? n : widths[c];
    }
    for (uint32_t i = 0; i < t->n_cells; i++) {
        uint32_t c = i % columns;
        const char *text = t->cells[i] + (i < t->n_columns && right[c]);
        if (c == 0)
            printf("%*s", t->indent, "");
        print_cell(text, widths[c], right[c], c + 1 == t->n_columns);
    }
}
