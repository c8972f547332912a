// SPDX-License-Identifier: MIT
#include "worker/metrics_text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <math.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/number.h"
#include "worker/workload.h"

// A try at one place of the text may take so many steps: with the longest text
// kept, the worst expression ends within seconds.
enum { STEPS_MAX = 20000, DEPTH_STEPS_MAX = 10000, HEAP_KIB_MAX = 16384 };
// Of a regular expression.
enum { PATTERN_MAX = 4096 };
// Of the user's text shown in a message.
enum { SHOWN_MAX = 60 };

struct expression {
    char *name;
    pcre2_code *code;
    pcre2_match_data *match;
};

struct metrics_text {
    enum { FORM_EXIT, FORM_JSON, FORM_EXPRESSIONS } form;
    uint32_t n;
    struct expression *expressions;
    pcre2_match_context *limits;
};

static enum error place(enum error e, const struct value *v, struct errtext *t)
{
    return v->line ? errtext_prefix(t, e, "%u:%u", v->line, v->column) : e;
}

static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    for (const char *p = name; *p; p++)
        if (iscntrl((unsigned char)*p))
            return false;
    return n > 0 && n <= METRICS_NAME_MAX;
}

// --- opening -----------------------------------------------------------------

static enum error
compile(const struct value_pair *pair, struct expression *x, struct errtext *t)
{
    const struct value *v = &pair->value;
    int code;
    PCRE2_SIZE at;
    uint32_t groups = 0;

    if (v->type != VALUE_STR || v->n > PATTERN_MAX)
        return errtext_set(
            t, ERR_PARSE,
            "metrics.%.64s: a regular expression of at most %d bytes was expected", pair->key,
            PATTERN_MAX);
    x->code = pcre2_compile((PCRE2_SPTR)v->s, v->n, PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                            &code, &at, NULL);
    if (!x->code) {
        char why[128];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return errtext_set(t, ERR_PARSE, "metrics.%.64s: %s at character %zu of the expression",
                           pair->key, why, at + 1);
    }
    pcre2_pattern_info(x->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups != 1)
        return errtext_set(t, ERR_PARSE,
                           "metrics.%.64s: %u capture groups, exactly one (...) around the "
                           "number was expected",
                           pair->key, groups);
    x->name = mem_dup(pair->key);
    x->match = pcre2_match_data_create_from_pattern(x->code, NULL);
    return OK;
}

static enum error
compile_all(const struct value *spec, struct metrics_text *m, struct errtext *t)
{
    if (spec->n == 0 || spec->n > METRICS_MAX)
        return errtext_set(t, ERR_PARSE, "metrics: 1 to %d expressions were expected",
                           METRICS_MAX);
    m->form = FORM_EXPRESSIONS;
    m->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(m->limits, STEPS_MAX);
    pcre2_set_depth_limit(m->limits, DEPTH_STEPS_MAX);
    pcre2_set_heap_limit(m->limits, HEAP_KIB_MAX);
    m->expressions = mem_alloc(spec->n * sizeof *m->expressions);
    for (; m->n < spec->n; m->n++) {
        const struct value_pair *pair = &spec->pairs[m->n];
        enum error e = OK;
        if (!name_ok(pair->key))
            e = errtext_set(t, ERR_PARSE,
                            "metrics: a name of 1 to %d printable characters was expected",
                            METRICS_NAME_MAX);
        else
            e = compile(pair, &m->expressions[m->n], t);
        if (e) {
            m->n++; // what is half made is freed too
            return place(e, &pair->value, t);
        }
    }
    return OK;
}

enum error
metrics_text_open(const struct value *spec, struct metrics_text **out, struct errtext *t)
{
    struct metrics_text *m = mem_alloc(sizeof *m);
    enum error e = OK;

    if (!spec || spec->type == VALUE_NULL)
        m->form = FORM_EXIT;
    else if (spec->type == VALUE_STR && strcmp(spec->s, "json") == 0)
        m->form = FORM_JSON;
    else if (spec->type == VALUE_MAP)
        e = compile_all(spec, m, t);
    else
        e = place(errtext_set(t, ERR_PARSE,
                              "metrics: json or a map of names to regular expressions was "
                              "expected"),
                  spec, t);
    if (e) {
        metrics_text_close(m);
        return e;
    }
    *out = m;
    return OK;
}

void metrics_text_close(struct metrics_text *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->n; i++) {
        mem_free(m->expressions[i].name);
        pcre2_code_free(m->expressions[i].code);
        pcre2_match_data_free(m->expressions[i].match);
    }
    pcre2_match_context_free(m->limits);
    mem_free(m->expressions);
    mem_free(m);
}

// --- json --------------------------------------------------------------------

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The last line with something in it, without blanks around; false: none.
static bool last_line(const struct metrics_source *s, const char **line, size_t *n, bool *whole)
{
    size_t end = s->n_out;
    while (end > 0 && is_blank(s->out[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && s->out[start - 1] != '\n')
        start--;
    *whole = start > 0 || !s->out_cut;
    while (start < end && is_blank(s->out[start]))
        start++;
    *line = s->out + start;
    *n = end - start;
    return *n > 0;
}

// Bytes of a hostile program in a message for people.
static const char *show(struct arena *a, const char *p, size_t n)
{
    bool cut = n > SHOWN_MAX;
    char *shown = arena_str(a, p, cut ? SHOWN_MAX : n);
    for (char *c = shown; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return cut ? arena_printf(a, "%s...", shown) : shown;
}

// Programs that know that NaN is no JSON put it in quotes.
static bool is_no_number(const char *s)
{
    double x;
    s += *s == '-' || *s == '+';
    return strcasecmp(s, "infinity") == 0
           || (number_parse_f64(s, strlen(s), &x) && !isfinite(x));
}

static enum error
take(const struct value_pair *pair, struct arena *a, struct value *out, struct errtext *t)
{
    const struct value *v = &pair->value;
    const char *name = show(a, pair->key, strlen(pair->key));
    struct value kept = *v;

    if (!name_ok(pair->key))
        return errtext_set(
            t, FAULT_JOB, "bad metric: a name of 1 to %d printable characters was expected: %s",
            METRICS_NAME_MAX, name);
    if (v->type == VALUE_BOOL)
        kept = value_int(v->b);
    else if (v->type == VALUE_STR && (v->n > METRICS_STRING_MAX || strlen(v->s) != v->n))
        return errtext_set(t, FAULT_JOB,
                           "bad metric %s: a string of at most %d characters was expected",
                           name, METRICS_STRING_MAX);
    else if ((v->type == VALUE_FLOAT && !isfinite(v->f))
             || (v->type == VALUE_STR && is_no_number(v->s)))
        return errtext_set(t, FAULT_JOB, "bad metric %s: not finite", name);
    else if (v->type != VALUE_STR && !value_is_number(v))
        return errtext_set(t, FAULT_JOB,
                           "bad metric %s: a number or a string was expected, not %s", name,
                           value_type_name(v->type));
    kept.line = kept.column = 0; // a place in the output means nothing to anybody
    value_set(a, out, pair->key, kept);
    return OK;
}

static enum error
read_json(const struct metrics_source *s, struct arena *a, struct value *out, struct errtext *t)
{
    const char *line;
    size_t n;
    bool whole;
    struct value all;

    if (!last_line(s, &line, &n, &whole))
        return errtext_set(t, FAULT_JOB,
                           "no metrics: nothing on stdout, a JSON object was expected");
    if (!whole)
        return errtext_set(
            t, FAULT_JOB,
            "no metrics: the last line is longer than the output kept (output_kb)");
    if (json_parse_printed(line, n, a, &all, NULL) != OK || all.type != VALUE_MAP)
        return errtext_set(t, FAULT_JOB,
                           "no metrics: the last line of stdout is no JSON object: %s",
                           show(a, line, n));
    if (all.n > METRICS_MAX)
        return errtext_set(t, FAULT_JOB, "%u metrics, at most %d were expected", all.n,
                           METRICS_MAX);
    for (uint32_t i = 0; i < all.n; i++) {
        enum error e = take(&all.pairs[i], a, out, t);
        if (e)
            return e;
    }
    return OK;
}

// --- expressions -------------------------------------------------------------

enum found { FOUND, FOUND_NOTHING, FOUND_TOO_HARD };

// The group of the last match.
static enum found search(const struct expression *x,
                         pcre2_match_context *limits,
                         const char *text,
                         size_t n,
                         const char **at,
                         size_t *length)
{
    enum found found = FOUND_NOTHING;
    PCRE2_SIZE *ends = pcre2_get_ovector_pointer(x->match);

    for (size_t from = 0; from <= n;) {
        int count = pcre2_match(x->code, (PCRE2_SPTR)text, n, from, 0, x->match, limits);
        if (count == PCRE2_ERROR_NOMATCH)
            break;
        if (count < 0)
            return FOUND_TOO_HARD;
        if (count > 1 && ends[2] <= ends[3]) { // the group took part
            *at = text + ends[2];
            *length = ends[3] - ends[2];
            found = FOUND;
        }
        from = ends[1] > from ? ends[1] : from + 1;
    }
    return found;
}

static bool read_number(const char *p, size_t n, struct value *out)
{
    int64_t whole;
    double x;
    while (n > 0 && is_blank(p[n - 1]))
        n--;
    while (n > 0 && is_blank(*p))
        p++, n--;
    if (number_parse_i64(p, n, &whole)) {
        *out = value_int(whole);
        return true;
    }
    if (!number_parse_f64(p, n, &x) || !isfinite(x))
        return false;
    *out = value_float(x);
    return true;
}

static enum error read_one(const struct metrics_text *m,
                           const struct expression *x,
                           const struct metrics_source *s,
                           struct arena *a,
                           struct value *number,
                           struct errtext *t)
{
    const char *at = NULL;
    size_t n = 0;
    enum found found = search(x, m->limits, s->out, s->n_out, &at, &n);
    if (found == FOUND_NOTHING)
        found = search(x, m->limits, s->err, s->n_err, &at, &n);
    if (found == FOUND_NOTHING)
        return errtext_set(t, FAULT_JOB, "no metric %s: its expression matches nowhere",
                           x->name);
    if (found == FOUND_TOO_HARD)
        return errtext_set(t, FAULT_JOB, "no metric %s: its expression takes too long",
                           x->name);
    if (!read_number(at, n, number))
        return errtext_set(t, FAULT_JOB, "bad metric %s: a number was expected, not %s",
                           x->name, show(a, at, n));
    return OK;
}

enum error metrics_text_read(const struct metrics_text *m,
                             const struct metrics_source *s,
                             struct arena *a,
                             struct value *out,
                             struct errtext *t)
{
    struct value map = value_map();
    enum error e = OK;

    if (m->form == FORM_EXIT)
        value_set(a, &map, "exit", value_int(0));
    if (m->form == FORM_JSON)
        e = read_json(s, a, &map, t);
    for (uint32_t i = 0; i < m->n && !e; i++) {
        struct value number = value_null();
        e = read_one(m, &m->expressions[i], s, a, &number, t);
        if (!e)
            value_set(a, &map, m->expressions[i].name, number);
    }
    if (!e)
        *out = map;
    return e;
}
