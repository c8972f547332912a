// SPDX-License-Identifier: MIT
#include "common/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/version.h"

enum { WORD_MAX = 64, ROWS_MAX = 64, HELP_COLUMN = 26, HELP_WIDTH = 79 };

// One walk over the command line.
struct walk {
    const struct options *o;
    char **argv;
    int argc;
    int at;
    void *target;
    struct errtext *t;
};

// ---- did you mean -----------------------------------------------------------

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

// Optimal string alignment: inserts, deletes, changes, swaps of neighbours.
static size_t edits(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min3(change, last[j] + 1, row[j - 1] + 1);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *recycled = before;
        before = last;
        last = row;
        row = recycled;
    }
    return last[m];
}

const char *options_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;
    size_t n = strlen(word);

    if (n < 2 || n > WORD_MAX)
        return NULL;
    for (; *names; names++) {
        size_t m = strlen(*names);
        if (m > WORD_MAX)
            continue;
        size_t allowed = (n > m ? n : m) / 3;
        size_t e = edits(word, n, *names, m);
        if (e <= (allowed ? allowed : 1) && e < least) {
            least = e;
            best = *names;
        }
    }
    return best;
}

// ---- help -------------------------------------------------------------------

static int put_words(const char *text, int column, int indent)
{
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > indent && column + 1 + n > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        bool first = column == indent;
        printf("%s%.*s", first ? "" : " ", n, text);
        column += n + (first ? 0 : 1);
        text += n;
        text += strspn(text, " ");
    }
    return column;
}

static void help_row(const struct option_row *r)
{
    char head[128];
    char note[128];

    (void)snprintf(head, sizeof head, "  %c%c%s --%s%s%s", r->letter ? '-' : ' ',
                   r->letter ? r->letter : ' ', r->letter ? "," : " ", r->name,
                   r->placeholder ? " " : "", r->placeholder ? r->placeholder : "");
    printf("%-*s", HELP_COLUMN, head);
    int column = HELP_COLUMN;
    if (strlen(head) >= HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    column = put_words(r->help, column, HELP_COLUMN);
    if (r->environment) {
        (void)snprintf(note, sizeof note, "(environment: %s)", r->environment);
        put_words(note, column, HELP_COLUMN);
    }
    putchar('\n');
}

void options_help(const struct options *o)
{
    static const struct option_row common[] = {
        {.name = "help", .letter = 'h', .help = "show this text"},
        {.name = "version", .help = "show the version"},
    };

    printf("usage: %s %s\n\n", o->program, o->usage);
    put_words(o->about, 0, 0);
    printf("\n\n");
    for (const struct option_row *r = o->rows; r->name; r++)
        help_row(r);
    for (int i = 0; i < 2; i++)
        help_row(&common[i]);
}

// ---- values -----------------------------------------------------------------

static bool parse_truth(const char *s, bool *out)
{
    static const char *const yes[] = {"1", "true", "yes", "on"};
    static const char *const no[] = {"0", "false", "no", "off"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcmp(s, yes[i]) != 0 && strcmp(s, no[i]) != 0)
            continue;
        *out = strcmp(s, yes[i]) == 0;
        return true;
    }
    return false;
}

static enum error set_flag(const char *text, const char *from, bool *out, struct errtext *t)
{
    bool on = true;
    if (text && !parse_truth(text, &on))
        return errtext_set(t, ERR_INVALID, "%s is '%.60s', expected true or false", from, text);
    *out = on;
    return OK;
}

static enum error set_int(const struct option_row *r,
                          const char *text,
                          const char *from,
                          int64_t *out,
                          struct errtext *t)
{
    int64_t i;
    if (!number_parse_i64(text, strlen(text), &i) || i < r->min || i > r->max)
        return errtext_set(t, ERR_INVALID,
                           "%s is '%.60s', expected an integer from %" PRId64 " to %" PRId64,
                           from, text, r->min, r->max);
    *out = i;
    return OK;
}

// `from` names the flag or the variable in messages; text NULL: a flag alone.
static enum error set_value(const struct option_row *r,
                            const char *text,
                            const char *from,
                            void *target,
                            struct errtext *t)
{
    void *at = (char *)target + r->offset;

    switch (r->type) {
    case OPTION_FLAG:
        return set_flag(text, from, at, t);
    case OPTION_INT:
        return set_int(r, text, from, at, t);
    case OPTION_STR:
        memcpy(at, &text, sizeof text);
        return OK;
    }
    return OK;
}

static enum error from_environment(const struct options *o, void *target, struct errtext *t)
{
    for (const struct option_row *r = o->rows; r->name; r++) {
        const char *text = r->environment ? getenv(r->environment) : NULL;
        enum error e = text && *text ? set_value(r, text, r->environment, target, t) : OK;
        if (e)
            return e;
    }
    return OK;
}

// ---- the command line -------------------------------------------------------

static enum error unknown(const struct walk *w, const char *name, size_t n)
{
    const char *names[ROWS_MAX + 3];
    char word[WORD_MAX + 1];
    size_t k = 0;

    for (const struct option_row *r = w->o->rows; r->name && k < ROWS_MAX; r++)
        names[k++] = r->name;
    names[k++] = "help";
    names[k++] = "version";
    names[k] = NULL;
    (void)snprintf(word, sizeof word, "%.*s", (int)(n < WORD_MAX ? n : WORD_MAX), name);
    const char *near = options_nearest(word, names);
    if (near)
        return errtext_set(w->t, ERR_INVALID, "unknown option '--%s', did you mean '--%s'?",
                           word, near);
    return errtext_set(w->t, ERR_INVALID, "unknown option '--%s', '%s --help' lists them", word,
                       w->o->program);
}

// The option's text: what stands behind '=' or the letter, else the next word.
static enum error
take(struct walk *w, const struct option_row *r, const char *attached, const char *from)
{
    const char *text = attached;

    if (!text && r->type != OPTION_FLAG) {
        if (w->at == w->argc)
            return errtext_set(w->t, ERR_INVALID, "%s needs %s behind it", from,
                               r->placeholder ? r->placeholder : "a value");
        text = w->argv[w->at++];
    }
    return set_value(r, text, from, w->target, w->t);
}

static enum error long_option(struct walk *w, const char *name)
{
    size_t n = strcspn(name, "=");
    char from[WORD_MAX + 3];

    if (strcmp(name, "help") == 0) {
        options_help(w->o);
        return ERR_CANCELLED;
    }
    if (strcmp(name, "version") == 0) {
        printf("shoal %s\n", SHOAL_VERSION);
        return ERR_CANCELLED;
    }
    for (const struct option_row *r = w->o->rows; r->name; r++) {
        if (strncmp(name, r->name, n) != 0 || r->name[n])
            continue;
        (void)snprintf(from, sizeof from, "--%s", r->name);
        return take(w, r, name[n] ? name + n + 1 : NULL, from);
    }
    return unknown(w, name, n);
}

static enum error short_option(struct walk *w, const char *word)
{
    char from[3] = {'-', word[1], 0};

    if (strcmp(word, "-h") == 0) {
        options_help(w->o);
        return ERR_CANCELLED;
    }
    for (const struct option_row *r = w->o->rows; r->name; r++) {
        bool attached = r->letter == word[1] && word[2] && r->type != OPTION_FLAG;
        if (r->letter == word[1] && (attached || !word[2]))
            return take(w, r, attached ? word + 2 : NULL, from);
    }
    return errtext_set(w->t, ERR_INVALID, "unknown option '%.60s', '%s --help' lists them",
                       word, w->o->program);
}

enum error options_parse(const struct options *o,
                         int argc,
                         char **argv,
                         void *target,
                         int *n_args,
                         struct errtext *t)
{
    struct walk w = {.o = o, .argv = argv, .argc = argc, .target = target, .t = t};
    bool only_arguments = false;
    int n = 0;
    enum error e = from_environment(o, target, t);

    while (!e && w.at < argc) {
        char *word = argv[w.at++];
        bool is_argument = only_arguments || word[0] != '-' || !word[1];
        if (is_argument) {
            argv[n++] = word;
            only_arguments = only_arguments || o->stop_at_argument;
        } else if (strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (word[1] == '-') {
            e = long_option(&w, word + 2);
        } else {
            e = short_option(&w, word);
        }
    }
    *n_args = n;
    return e;
}
