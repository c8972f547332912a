// SPDX-License-Identifier: MIT
#include "worker/fleet/demand.h"

#include <inttypes.h>
#include <string.h>

enum { COLUMNS = 4, LINES_MAX = 1 << 22 };
static const char header[] = "bin,from,to,passengers";
static const struct {
    const char *name;
    int64_t max;
} columns[COLUMNS] = {{"bin", SCENARIO_BINS_MAX - 1},
                      {"from", SCENARIO_VERTIPORTS_MAX - 1},
                      {"to", SCENARIO_VERTIPORTS_MAX - 1},
                      {"passengers", SCENARIO_CELL_MAX}};

struct place {
    const char *file;
    int64_t line;
};

// The columns of the line [p, end).
static enum error read_line(
    const char *p, const char *end, const struct place *at, int64_t *out, struct errtext *t)
{
    for (int c = 0; c < COLUMNS; c++) {
        const char *start = p;
        int64_t x = 0;
        while (p < end && *p >= '0' && *p <= '9' && x <= columns[c].max)
            x = 10 * x + (*p++ - '0');
        if (p == start || x > columns[c].max)
            return errtext_set(t, ERR_PARSE,
                               "%s:%" PRId64 ": column %s: expected an integer from 0 to "
                               "%" PRId64,
                               at->file, at->line, columns[c].name, columns[c].max);
        bool last = c == COLUMNS - 1;
        if (last ? p != end : p == end || *p != ',')
            return errtext_set(
                t, ERR_PARSE, "%s:%" PRId64 ": column %s: expected a %s behind the number",
                at->file, at->line, columns[c].name, last ? "line's end" : "comma");
        out[c] = x;
        p += !last;
    }
    return OK;
}

static size_t count_lines(const char *text, size_t n)
{
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

// One line without its end: the header, nothing, or a cell.
static enum error take_line(const char *p,
                            const char *end,
                            const struct place *at,
                            struct scenario *out,
                            struct scenario_demand *list,
                            struct errtext *t)
{
    int64_t x[COLUMNS];
    bool is_header =
        (size_t)(end - p) == strlen(header) && memcmp(p, header, strlen(header)) == 0;

    if (at->line == 1)
        return is_header ? OK
                         : errtext_set(t, ERR_PARSE, "%s:1: expected the header %s", at->file,
                                       header);
    if (end == p)
        return OK;
    enum error e = read_line(p, end, at, x, t);
    if (!e)
        list[out->n_demand++] = (struct scenario_demand){x[0], x[1], x[2], x[3], at->line};
    return e;
}

enum error demand_parse(const char *text,
                        size_t n,
                        const char *file,
                        struct arena *a,
                        struct scenario *out,
                        struct errtext *t)
{
    size_t lines = count_lines(text, n);
    if (lines > LINES_MAX)
        return errtext_set(t, ERR_LIMIT, "%s has %zu lines, at most %d", file, lines,
                           LINES_MAX);
    struct scenario_demand *list = arena_alloc(a, lines * sizeof *list);
    const char *p = text, *stop = text + n;
    enum error e = OK;

    out->demand = list;
    out->n_demand = 0;
    out->demand_file = arena_str(a, file, strlen(file));
    for (int64_t line = 1; !e && (p < stop || line == 1); line++) {
        const char *newline = p < stop ? memchr(p, '\n', (size_t)(stop - p)) : NULL;
        const char *end = newline ? newline : stop;
        bool cr = end > p && end[-1] == '\r';
        e = take_line(p, end - cr, &(struct place){file, line}, out, list, t);
        p = newline ? newline + 1 : stop;
    }
    if (e) {
        out->demand = NULL;
        out->n_demand = 0;
    }
    return e;
}
