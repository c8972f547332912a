// SPDX-License-Identifier: MIT
#include "protocol/inline.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/aiger.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "common/value.h"
#include "common/yaml.h"
#include "protocol/inline_prompts.h"
#include "protocol/warm_study.h"
#include "protocol/warm_table.h"

// The bytes [from, to) of the job's text are replaced.
struct patch {
    size_t from, to;
    struct buf text;
};

struct patches {
    uint32_t n, cap;
    struct patch *all;
};

// A file's name in the job, where it stands ("prior.earlier[0].trials"), the job's space.
struct place {
    const struct value *name;
    const char *what;
    const struct value *job;
    const struct value *study; // which one of a database; NULL: its only one
};

const char *inline_base(const char *path, struct arena *a)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? arena_str(a, path, (size_t)(slash - path) + 1) : "";
}

static const char *
beside(const struct inline_source *s, const struct value *name, struct arena *a)
{
    const char *slash = *s->base && s->base[strlen(s->base) - 1] != '/' ? "/" : "";
    if (name->s[0] == '/')
        return name->s;
    return arena_printf(a, "%s%s%s", s->base, slash, name->s);
}

static enum error
fail(const struct inline_source *s, const struct value *at, const char *what, struct errtext *t)
{
    return errtext_set(t, ERR_PARSE, "%s:%u:%u: %s", s->file, at->line, at->column, what);
}

// ---- where a value stands in the text ----------------------------------------------------

static const char *quoted_end(const char *at, const char *end)
{
    char quote = *at++;
    for (; at < end && *at != quote; at++)
        if (quote == '"' && *at == '\\')
            at++;
    return at < end ? at + 1 : NULL;
}

// Columns count characters.
static const char *place_of(const struct inline_source *s, const struct value *v)
{
    const char *at = s->text, *end = s->text + s->n;
    for (uint32_t line = 1; at && line < v->line; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    for (uint32_t column = 1; at && at < end && column < v->column; column++) {
        at++;
        while (at < end && ((unsigned char)*at & 0xc0) == 0x80)
            at++;
    }
    return at && at < end ? at : NULL;
}

static enum error find_scalar(const struct inline_source *s,
                              const struct value *v,
                              struct patch *p,
                              struct errtext *t)
{
    const char *at = place_of(s, v), *end = NULL;
    if (at && (*at == '"' || *at == '\''))
        end = quoted_end(at, s->text + s->n);
    else if (at && (size_t)(s->text + s->n - at) >= v->n && memcmp(at, v->s, v->n) == 0)
        end = at + v->n;
    if (!end)
        return fail(s, v, "a file's name must stand on one line, plain or in quotes", t);
    p->from = (size_t)(at - s->text);
    p->to = (size_t)(end - s->text);
    return OK;
}

// ---- a text as a scalar ------------------------------------------------------------------

static uint32_t code_point(const char *p, size_t n)
{
    uint32_t c = (unsigned char)*p;
    if (n > 1)
        c &= 0xffU >> (n + 1);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    return c;
}

static bool is_plain(char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

bool inline_scalar(struct buf *out, const char *p, size_t n, size_t *wrong)
{
    size_t length;
    buf_puts(out, "\"");
    for (size_t i = 0; i < n; i += length) {
        for (length = 0; i + length < n && is_plain(p[i + length]);)
            length++;
        buf_put(out, p + i, length);
        if (length)
            continue;
        if (utf8_look(p + i, n - i, &length) != UTF8_WHOLE) {
            *wrong = i;
            return false;
        }
        uint32_t c = code_point(p + i, length);
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else
            buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
    }
    buf_puts(out, "\"");
    return true;
}

static enum error read_file(const char *path, struct buf *out, struct errtext *t)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return errtext_set(t, ERR_PARSE, "%s: %s", path, strerror(errno));
    int why = buf_read(out, f) ? 0 : errno;
    (void)fclose(f);
    if (why)
        return errtext_set(t, ERR_PARSE, "%s: %s", path, strerror(why));
    return OK;
}

static uint32_t line_of(const char *p, size_t n)
{
    uint32_t line = 1;
    for (size_t i = 0; i < n; i++)
        line += p[i] == '\n';
    return line;
}

bool inline_is_attached(const struct value *job, const struct value *name)
{
    const struct value *files = value_find(job, "files");
    for (uint32_t i = 0; files && files->type == VALUE_LIST && i < files->n; i++)
        if (value_equal(&files->items[i], name))
            return true;
    return false;
}

// A file of prompts that travels by itself, of any size.
static enum error patch_attached(const struct inline_source *s,
                                 const struct value *name,
                                 struct arena *a,
                                 struct patch *p,
                                 struct errtext *t)
{
    uint32_t n = 0;
    size_t wrong;
    enum error e = inline_count_prompts(beside(s, name, a), &n, t);
    if (e)
        return errtext_prefix(t, e, "%s:%u:%u: prompts", s->file, name->line, name->column);
    buf_puts(&p->text, "{\"file\": ");
    (void)!inline_scalar(&p->text, name->s, name->n, &wrong);
    buf_printf(&p->text, ", \"count\": %u}", n);
    return find_scalar(s, name, p, t);
}

static enum error patch_prompts(const struct inline_source *s,
                                const struct value *name,
                                struct arena *a,
                                struct patch *p,
                                struct errtext *t)
{
    struct buf text;
    size_t wrong;
    const char *path = beside(s, name, a);
    buf_init(&text, YAML_BYTES_MAX);
    enum error e = read_file(path, &text, t);
    if (e)
        (void)errtext_prefix(t, e, "%s:%u:%u: prompts", s->file, name->line, name->column);
    buf_puts(&p->text, "{\"file\": ");
    if (!e)
        (void)!inline_scalar(&p->text, name->s, name->n, &wrong);
    buf_puts(&p->text, ", \"jsonl\": ");
    if (!e && !inline_scalar(&p->text, buf_cstr(&text), text.n, &wrong))
        e = errtext_set(t, ERR_PARSE, "%s:%u: not UTF-8, expected lines of JSON", path,
                        line_of(buf_cstr(&text), wrong));
    buf_puts(&p->text, "}");
    if (!e && (text.full || p->text.full))
        e = errtext_set(t, ERR_LIMIT,
                        "%s: more than a job file can carry (%d MiB with escapes); attach it: "
                        "files: [%.200s]",
                        path, YAML_BYTES_MAX >> 20, name->s);
    buf_fini(&text);
    return e ? e : find_scalar(s, name, p, t);
}

// A study of Optuna, or a table.
static enum error read_known(const struct place *at,
                             const char *path,
                             const struct buf *text,
                             struct arena *a,
                             struct value *out,
                             struct errtext *t)
{
    const char *name = at->study && at->study->type == VALUE_STR ? at->study->s : NULL;

    if (warm_study_is(text->bytes, text->n)) {
        struct warm_study source = {path, name, at->job};
        return warm_study_read(&source, a, out, t);
    }
    if (at->study)
        return errtext_set(t, ERR_PARSE, "%s: a table, expected no `study` beside it", path);
    if (text->full)
        return errtext_set(t, ERR_LIMIT, "%s: larger than %d MiB", path, YAML_BYTES_MAX >> 20);
    struct warm_table table = {buf_cstr(text), text->n, path, value_find(at->job, "space")};
    return warm_table_read(&table, a, out, t);
}

// Trials of elsewhere as the list of them.
static enum error patch_trials(const struct inline_source *s,
                               const struct place *at,
                               struct arena *a,
                               struct patch *p,
                               struct errtext *t)
{
    const struct value *name = at->name;
    const char *path = beside(s, name, a);
    struct buf text;
    struct value list;

    buf_init(&text, YAML_BYTES_MAX);
    enum error e = read_file(path, &text, t);
    if (!e)
        e = read_known(at, path, &text, a, &list, t);
    if (!e)
        value_json(&list, &p->text);
    if (!e && p->text.full)
        e = errtext_set(t, ERR_LIMIT, "%s: more trials than %d MiB can carry", path,
                        YAML_BYTES_MAX >> 20);
    if (e)
        (void)errtext_prefix(t, e, "%s:%u:%u: %s", s->file, name->line, name->column, at->what);
    buf_fini(&text);
    return e ? e : find_scalar(s, name, p, t);
}

// ---- all of it ---------------------------------------------------------------------------

static enum error patch_model(const struct inline_source *s,
                              const struct value *name,
                              struct arena *a,
                              struct patch *p,
                              struct errtext *t)
{
    char path[PATH_MAX];
    size_t wrong;
    if (name->s[0] == '/' || !realpath(beside(s, name, a), path))
        return OK;
    if (!inline_scalar(&p->text, path, strlen(path), &wrong))
        return fail(s, name, "the model's path is not UTF-8", t);
    return find_scalar(s, name, p, t);
}

// Valid until the next one.
static struct patch *add_patch(struct patches *ps)
{
    if (ps->n == ps->cap) {
        ps->cap = ps->cap ? 2 * ps->cap : 4;
        ps->all = mem_realloc(ps->all, ps->cap * sizeof *ps->all);
    }
    ps->all[ps->n] = (struct patch){0};
    buf_init(&ps->all[ps->n].text, YAML_BYTES_MAX);
    return &ps->all[ps->n++];
}

static int compare_patches(const void *a, const void *b)
{
    const struct patch *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

// In the order in which they stand.
static const char *apply(const struct inline_source *s,
                         const struct patches *ps,
                         struct arena *a,
                         struct errtext *t)
{
    struct buf b;
    size_t at = 0;
    buf_init(&b, YAML_BYTES_MAX);
    qsort(ps->all, ps->n, sizeof *ps->all, compare_patches);
    for (uint32_t i = 0; i < ps->n; i++) {
        const struct patch *one = &ps->all[i];
        if (!one->text.n || one->to <= one->from)
            continue;
        buf_put(&b, s->text + at, one->from - at);
        buf_put(&b, one->text.bytes, one->text.n);
        at = one->to;
    }
    buf_put(&b, s->text + at, s->n - at);
    const char *text = b.full ? NULL : arena_str(a, buf_cstr(&b), b.n);
    if (b.full)
        (void)errtext_set(t, ERR_LIMIT, "%s: larger than %d MiB with the files it names",
                          s->file, YAML_BYTES_MAX >> 20);
    buf_fini(&b);
    return text;
}

static bool is_text(const struct value *v)
{
    return v && v->type == VALUE_STR && v->n && !memchr(v->s, 0, v->n);
}

// A circuit as the list of its features.
static enum error patch_circuit(const struct inline_source *s,
                                const struct place *at,
                                struct arena *a,
                                struct patch *p,
                                struct errtext *t)
{
    const struct value *name = at->name;
    const char *path = beside(s, name, a);
    struct aiger_summary circuit;
    struct buf bytes;

    buf_init(&bytes, YAML_BYTES_MAX);
    enum error e = read_file(path, &bytes, t);
    if (!e && bytes.full)
        e = errtext_set(t, ERR_LIMIT, "%s: larger than %d MiB", path, YAML_BYTES_MAX >> 20);
    if (!e && (e = aiger_read(bytes.bytes, bytes.n, &circuit, t)))
        (void)errtext_prefix(t, e, "%s", path);
    if (e)
        (void)errtext_prefix(t, e, "%s:%u:%u: %s", s->file, name->line, name->column, at->what);
    for (int i = 0; !e && i < AIGER_FEATURES; i++)
        buf_printf(&p->text, "%s%.17g", i ? ", " : "[", circuit.features[i]);
    buf_puts(&p->text, e ? "" : "]");
    buf_fini(&bytes);
    return e ? e : find_scalar(s, name, p, t);
}

static enum error patch_earlier(const struct inline_source *s,
                                const struct place *at,
                                struct arena *a,
                                struct patches *ps,
                                struct errtext *t)
{
    struct place features = {value_find(at->name, "features"),
                             arena_printf(a, "%s.features", at->what), at->job, NULL};
    struct place trials = {value_find(at->name, "trials"),
                           arena_printf(a, "%s.trials", at->what), at->job, NULL};
    enum error e = OK;

    if (is_text(features.name))
        e = patch_circuit(s, &features, a, add_patch(ps), t);
    if (!e && is_text(trials.name))
        e = patch_trials(s, &trials, a, add_patch(ps), t);
    return e;
}

static enum error patch_search(const struct inline_source *s,
                               const struct value *job,
                               struct arena *a,
                               struct patches *ps,
                               struct errtext *t)
{
    struct place warm = {value_find(job, "warm_start"), "warm_start", job,
                         value_find(job, "study")};
    struct place prior = {value_find(job, "prior"), "prior", job, NULL};
    enum error e = OK;

    if (is_text(warm.name))
        e = patch_trials(s, &warm, a, add_patch(ps), t);
    if (e || !prior.name || prior.name->type != VALUE_MAP)
        return e;
    const struct value *earlier = value_find(prior.name, "earlier");
    e = patch_earlier(s, &prior, a, ps, t);
    for (uint32_t i = 0; !e && earlier && earlier->type == VALUE_LIST && i < earlier->n; i++) {
        struct place at = {&earlier->items[i], arena_printf(a, "prior.earlier[%u]", i), job,
                           NULL};
        if (at.name->type == VALUE_MAP)
            e = patch_earlier(s, &at, a, ps, t);
    }
    return e;
}

static enum error make_patches(const struct inline_source *s,
                               const struct value *job,
                               struct arena *a,
                               struct patches *ps,
                               struct errtext *t)
{
    const struct value *kind = value_find(job, "kind");
    const struct value *prompts = value_find(job, "prompts");
    const struct value *model = value_find(job, "model");
    const char *name = is_text(kind) ? kind->s : "";
    bool generates = strcmp(name, "generate") == 0;
    enum error e = OK;

    if (strcmp(name, "search") == 0)
        return patch_search(s, job, a, ps, t);
    if (!generates && strcmp(name, "serve") != 0)
        return OK;
    if (generates && is_text(prompts))
        e = (inline_is_attached(job, prompts) ? patch_attached
                                              : patch_prompts)(s, prompts, a, add_patch(ps), t);
    if (!e && is_text(model) && !inline_is_attached(job, model))
        e = patch_model(s, model, a, add_patch(ps), t);
    return e;
}

enum error inline_files(const struct inline_source *s,
                        struct arena *a,
                        const char **out,
                        struct errtext *t)
{
    struct patches ps = {0};
    struct value job;
    *out = s->text;
    if (yaml_parse(s->text, s->n, s->file, a, &job, NULL))
        return OK; // the coordinator says what is wrong
    enum error e = make_patches(s, &job, a, &ps, t);
    bool has_text = false;
    for (uint32_t i = 0; i < ps.n; i++)
        has_text = has_text || ps.all[i].text.n;
    if (!e && has_text)
        *out = apply(s, &ps, a, t);
    if (!e && !*out)
        e = ERR_LIMIT;
    for (uint32_t i = 0; i < ps.n; i++)
        buf_fini(&ps.all[i].text);
    mem_free(ps.all);
    return e;
}
