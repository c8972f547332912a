// SPDX-License-Identifier: MIT
// cmd_status.c - how far one job is.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"

static void line(const char *title, const struct buf *b)
{
    printf("%-9s %s\n", title, buf_cstr(b));
}

static void print_progress(const struct value *s, struct buf *b)
{
    const struct value *progress = value_find(s, "progress");
    const struct value *best = progress ? value_find(progress, "best") : NULL;
    const struct value *eta = value_find(s, "eta_s");
    show_rate(show_number(s, "rate"), b);
    if (eta && value_is_number(eta)) {
        buf_puts(b, ", left ");
        show_seconds(value_number(eta), b);
    }
    line("rate", b);
    if (!best || best->type != VALUE_MAP)
        return;
    buf_reset(b);
    buf_printf(b, "trial %.0f  ", show_number(best, "trial"));
    show_pairs(value_find(best, "metrics"), b);
    line("best", b);
}

static void print(const struct value *s, struct arena *a)
{
    static const char *const counts[] = {"failed", "retries", "copies", "lost", "quarantined"};
    struct buf b;
    (void)a;
    buf_init(&b, 4096);
    printf("%-9s %s (%s)\n%-9s %s, %s\n%-9s %s\n", "job", show_text(s, "job"),
           show_text(s, "name"), "kind", show_text(s, "kind"), show_text(s, "workload"),
           "state", show_text(s, "state"));
    show_count(show_number(s, "done"), &b);
    buf_puts(&b, " of ");
    show_count(show_number(s, "items"), &b);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (show_number(s, counts[i]) > 0)
            buf_printf(&b, ", %.0f %s", show_number(s, counts[i]), counts[i]);
    line("items", &b);
    buf_reset(&b);
    show_seconds(show_number(s, "elapsed_s"), &b);
    line("elapsed", &b);
    buf_reset(&b);
    print_progress(s, &b);
    printf("%-9s %s\n", "why", show_text(s, "why"));
    const struct value *failures = value_find(s, "failures");
    for (uint32_t i = 0; failures && i < failures->n; i++)
        printf("item %.0f failed: %s\n", show_number(&failures->items[i], "item"),
               show_text(&failures->items[i], "text"));
    buf_fini(&b);
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct simple s = {.verb = "status", .argument = "job", .print = print};
    return simple_run(self, &s, argc, argv);
}

const struct command cmd_status = {
    .name = "status",
    .usage = "JOB [options]",
    .help = "show how far a job is",
    .about = "Shows how far a job is.  JOB is an id, the beginning of one, or a name.",
    .rows = simple_rows,
    .run = run,
};
