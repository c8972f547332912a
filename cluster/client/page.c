// SPDX-License-Identifier: MIT
#include "cluster/client/page.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

// The bytes of a file, NUL behind them; make runs in the root of the tree.
#define EMBED(name, file)                                                                      \
    extern const char page_##name[];                                                           \
    __asm__(".pushsection .rodata\n"                                                           \
            ".global page_" #name "\n"                                                         \
            "page_" #name ":\n"                                                                \
            ".incbin \"cluster/client/page/" file "\"\n"                                       \
            ".byte 0\n"                                                                        \
            ".popsection\n")

EMBED(style, "report.css");
EMBED(base, "base.js");
EMBED(chart, "chart.js");
EMBED(study, "study.js");
EMBED(sweep, "sweep.js");
EMBED(search, "search.js");
EMBED(parallel, "parallel.js");
EMBED(train, "train.js");
EMBED(world, "world.js");
EMBED(day, "day.js");
EMBED(other, "other.js");
EMBED(main, "main.js");

// In the order in which they need one another.
static const char *const scripts[] = {
    page_base,  page_chart, page_study, page_sweep, page_search, page_parallel,
    page_train, page_world, page_day,   page_other, page_main,
};
enum { N_SCRIPTS = sizeof scripts / sizeof scripts[0] };

static void put_escaped(FILE *f, const char *s)
{
    for (; *s; s++)
        (void)(*s == '<' ? fputs("&lt;", f) : *s == '&' ? fputs("&amp;", f) : fputc(*s, f));
}

// Inside a script element no "<" may stand that a browser could take for markup.
static void put_data(FILE *f, const struct buf *data)
{
    for (size_t i = 0; i < data->n; i++)
        (void)(data->bytes[i] == '<' ? fputs("\\u003c", f) : fputc(data->bytes[i], f));
}

static void put_page(FILE *f, const char *title, const struct buf *data)
{
    (void)fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<title>",
                f);
    put_escaped(f, title);
    (void)fprintf(f,
                  "</title>\n<style>\n%s</style></head>\n<body><main id=\"report\"></main>\n",
                  page_style);
    (void)fputs("<script type=\"application/json\" id=\"data\">", f);
    put_data(f, data);
    (void)fputs("</script>\n<script>\n\"use strict\";\n", f);
    for (int i = 0; i < N_SCRIPTS; i++)
        (void)fputs(scripts[i], f);
    (void)fputs("</script></body></html>\n", f);
}

enum error
page_write(const char *path, const char *title, const struct buf *data, struct errtext *t)
{
    char part[PATH_SIZE];
    (void)snprintf(part, sizeof part, "%s.part", path);
    FILE *f = fopen(part, "we");
    if (!f)
        return errtext_set(t, ERR_IO, "%s: %s", part, strerror(errno));
    put_page(f, title, data);
    bool ok = !ferror(f);
    ok = fclose(f) == 0 && ok && rename(part, path) == 0;
    int why = errno;
    if (ok)
        return OK;
    (void)unlink(part);
    return errtext_set(t, ERR_IO, "%s: %s", path, strerror(why));
}
