// SPDX-License-Identifier: MIT
#include "cluster/client/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cluster/client/show.h"
#include "common/clock.h"
#include "common/mem.h"

enum { LINES = 3, LINE_BYTES = 512, POINTS_MAX = 96, SPARK_WIDTH = 24, BAR_WIDTH = 28 };
#define DRAW_INTERVAL (100 * CLOCK_MS)
// Where nobody draws over, a line every so often is enough.
#define LINE_INTERVAL (10 * CLOCK_SECOND)

// A curve at even distances, however long it gets: when full, every second goes.
struct curve {
    double points[POINTS_MAX];
    uint32_t n;
    uint32_t stride, skipped; // updates a point
};

struct view {
    bool terminal, unicode;
    uint32_t n_drawn; // lines that stand on the screen
    int64_t drawn;
    bool dirty;
    int64_t heard;
    double elapsed_s; // when heard
    char head[LINE_BYTES];
    char lines[LINES - 1][LINE_BYTES];
    struct curve best, rate;
};

// ---- curves ----------------------------------------------------------------------

static void curve_add(struct curve *c, double x)
{
    if (!isfinite(x))
        return;
    if (++c->skipped < c->stride)
        return;
    c->skipped = 0;
    if (c->n == POINTS_MAX) {
        for (uint32_t i = 0; i < POINTS_MAX / 2; i++)
            c->points[i] = c->points[2 * i + 1];
        c->n = POINTS_MAX / 2;
        c->stride *= 2;
    }
    c->points[c->n++] = x;
}

static void spark(const struct curve *c, bool unicode, struct buf *out)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    uint32_t width = c->n < SPARK_WIDTH ? c->n : SPARK_WIDTH;
    double low = INFINITY, high = -INFINITY;
    for (uint32_t i = 0; i < c->n; i++) {
        low = fmin(low, c->points[i]);
        high = fmax(high, c->points[i]);
    }
    for (uint32_t i = 0; i < width; i++) {
        double x = c->points[(uint64_t)(i + 1) * c->n / width - 1];
        int level = high > low ? (int)((x - low) / (high - low) * 7.999) : 0;
        buf_puts(out, unicode ? blocks[level] : plain[level]);
    }
}

// ---- lines -----------------------------------------------------------------------

static void bar(double share, bool unicode, struct buf *out)
{
    int full = (int)(share * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        if (unicode)
            buf_puts(out, i < full ? "█" : "░");
        else
            buf_puts(out, i < full ? "#" : ".");
}

static void keep(char line[LINE_BYTES], struct buf *b)
{
    (void)snprintf(line, LINE_BYTES, "%s", buf_cstr(b));
    buf_fini(b);
}

static void write_head(struct view *v, const struct value *s)
{
    struct buf b;
    buf_init(&b, LINE_BYTES);
    buf_printf(&b, "%s (%s)  %s, %.0f ranks", show_text(s, "name"), show_text(s, "job"),
               show_text(s, "state"), show_number(s, "ranks"));
    keep(v->head, &b);
}

// How much is done of how much; a search knows all its trials, its items only so
// far as they were asked.
static void totals(const struct value *s, double *done, double *all)
{
    const struct value *progress = value_find(s, "progress");
    bool trials = progress && value_find(progress, "trials");
    *done = trials ? show_number(progress, "told") : show_number(s, "done");
    *all = trials ? show_number(progress, "trials") : show_number(s, "items");
}

static void write_progress(struct view *v, const struct value *s)
{
    double done, all, rate = show_number(s, "rate");
    struct buf b;
    buf_init(&b, LINE_BYTES);
    totals(s, &done, &all);
    if (all > 0) {
        bar(done / all, v->unicode, &b);
        buf_printf(&b, " %3.0f %%  ", floor(100 * done / all));
    }
    show_count(done, &b);
    if (all > 0) {
        buf_puts(&b, "/");
        show_count(all, &b);
    }
    buf_puts(&b, "  ");
    show_rate(rate, &b);
    if (rate > 0 && all > done) {
        buf_puts(&b, "  left ");
        show_seconds((all - done) / rate, &b);
    }
    if (show_number(s, "failed") > 0)
        buf_printf(&b, "  %.0f failed", show_number(s, "failed"));
    if (show_number(s, "lost") > 0)
        buf_printf(&b, "  %.0f lost", show_number(s, "lost"));
    keep(v->lines[0], &b);
}

// The metric that counts, of the best trial; false: there is none yet.
static bool best_of(const struct value *progress, const char **metric, double *x)
{
    const struct value *best = progress ? value_find(progress, "best") : NULL;
    const struct value *goals = progress ? value_find(progress, "goals") : NULL;
    const struct value *metrics = best ? value_find(best, "metrics") : NULL;
    if (!metrics || !goals || goals->type != VALUE_LIST || !goals->n)
        return false;
    *metric = goals->items[0].s;
    const struct value *m = value_find(metrics, *metric);
    *x = m ? value_number(m) : 0;
    return m && value_is_number(m);
}

// What the last round of a training says of itself first.
static bool round_of(const struct value *progress, const char **metric, double *x)
{
    const struct value *last = progress ? value_find(progress, "last") : NULL;
    if (!last || last->type != VALUE_MAP || !last->n || !value_is_number(&last->pairs[0].value))
        return false;
    *metric = last->pairs[0].key;
    *x = value_number(&last->pairs[0].value);
    return true;
}

static void write_last(struct view *v, const struct value *s)
{
    const struct value *progress = value_find(s, "progress");
    const char *metric;
    double x;
    bool idle = show_number(s, "leased") == 0;
    struct buf b;
    buf_init(&b, LINE_BYTES);
    if (idle && show_number(s, "done") == 0) {
        buf_puts(&b, show_text(s, "why"));
    } else if (best_of(progress, &metric, &x)) {
        curve_add(&v->best, x);
        buf_printf(&b, "best %s %.6g (trial %.0f)  ", metric, x,
                   show_number(value_find(progress, "best"), "trial"));
        spark(&v->best, v->unicode, &b);
    } else if (round_of(progress, &metric, &x)) {
        curve_add(&v->best, x);
        buf_printf(&b, "round %.0f/%.0f %s %.6g  ", show_number(progress, "iteration"),
                   show_number(progress, "iterations"), metric, x);
        spark(&v->best, v->unicode, &b);
    } else if (progress && value_find(progress, "front_size")) {
        buf_printf(&b, "front of %.0f points", show_number(progress, "front_size"));
    } else {
        buf_puts(&b, "rate ");
        spark(&v->rate, v->unicode, &b);
    }
    keep(v->lines[1], &b);
}

// ---- the screen ------------------------------------------------------------------

static int screen_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

// At most that many characters; control characters are none.
static void put_line(struct buf *out, const char *text, int width)
{
    for (int n = 0; *text; text++) {
        bool starts = ((unsigned char)*text & 0xC0) != 0x80;
        n += starts;
        if (n >= width)
            break;
        buf_put(out, (unsigned char)*text < ' ' ? " " : text, 1);
    }
    buf_puts(out, "\x1b[K\n");
}

static void write_out(const struct buf *b)
{
    ssize_t n = write(STDERR_FILENO, buf_cstr(b), b->n);
    (void)n; // a view that cannot be seen harms nobody
}

static void draw(struct view *v)
{
    struct buf b;
    int width = screen_width();
    double elapsed = v->elapsed_s + (double)(clock_now() - v->heard) / 1e9;
    buf_init(&b, 16 * 1024);
    if (v->n_drawn)
        buf_printf(&b, "\x1b[%uA", v->n_drawn);
    struct buf head;
    buf_init(&head, LINE_BYTES);
    buf_printf(&head, "%s, ", v->head);
    show_seconds(elapsed, &head);
    put_line(&b, buf_cstr(&head), width);
    for (int i = 0; i < LINES - 1; i++)
        put_line(&b, v->lines[i], width);
    write_out(&b);
    buf_fini(&head);
    buf_fini(&b);
    v->n_drawn = LINES;
    v->drawn = clock_now();
    v->dirty = false;
}

static void say(struct view *v)
{
    (void)fprintf(stderr, "%s: %s\n", v->head, v->lines[0]);
    v->drawn = clock_now();
    v->dirty = false;
}

// ---- life ------------------------------------------------------------------------

static bool is_unicode(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *s = getenv(names[i]);
        if (s && *s)
            return strstr(s, "UTF-8") || strstr(s, "utf8") || strstr(s, "UTF8");
    }
    return false;
}

struct view *view_open(void)
{
    struct view *v = mem_alloc(sizeof *v);
    const char *term = getenv("TERM");
    v->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    v->unicode = v->terminal && is_unicode();
    v->best.stride = v->rate.stride = 1;
    v->drawn = v->terminal ? 0 : clock_now();
    return v;
}

void view_close(struct view *v)
{
    if (!v)
        return;
    view_clear(v);
    mem_free(v);
}

void view_update(struct view *v, const struct value *status)
{
    v->heard = clock_now();
    v->elapsed_s = show_number(status, "elapsed_s");
    curve_add(&v->rate, show_number(status, "rate"));
    write_head(v, status);
    write_progress(v, status);
    write_last(v, status);
    v->dirty = true;
    view_tick(v);
}

void view_note(struct view *v, const char *text)
{
    view_clear(v);
    (void)fprintf(stderr, "shoal: %s\n", text);
}

void view_tick(struct view *v)
{
    int64_t now = clock_now();
    if (!v->heard)
        return;
    if (v->terminal && now - v->drawn >= (v->dirty ? DRAW_INTERVAL : 5 * DRAW_INTERVAL))
        draw(v);
    else if (!v->terminal && v->dirty && now - v->drawn >= LINE_INTERVAL)
        say(v);
}

void view_clear(struct view *v)
{
    struct buf b;
    if (!v->n_drawn)
        return;
    buf_init(&b, 64);
    buf_printf(&b, "\x1b[%uA\x1b[J", v->n_drawn);
    write_out(&b);
    buf_fini(&b);
    v->n_drawn = 0;
}
