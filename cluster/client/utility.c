// SPDX-License-Identifier: MIT
#include "cluster/client/utility.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/yaml.h"

enum { FILE_MAX = 1 << 20 };

struct reader {
    const char *path;
    struct arena *arena;
    struct errtext *t;
};

static enum error fail(const struct reader *r, const struct value *v, const char *what)
{
    (void)errtext_set(r->t, ERR_PARSE, "%s:%u:%u: %s", r->path, v->line, v->column, what);
    return ERR_PARSE;
}

static enum error read_text(const struct reader *r, struct value *out)
{
    FILE *f = fopen(r->path, "re");
    struct buf b;
    if (!f)
        return errtext_set(r->t, ERR_NOT_FOUND, "%s: %s", r->path, strerror(errno));
    buf_init(&b, FILE_MAX);
    bool ok = buf_read(&b, f);
    (void)fclose(f);
    enum error e = b.full ? errtext_set(r->t, ERR_LIMIT, "%s is too long", r->path)
                   : ok   ? yaml_parse(buf_cstr(&b), b.n, r->path, r->arena, out, r->t)
                          : errtext_set(r->t, ERR_IO, "%s cannot be read", r->path);
    buf_fini(&b);
    return e;
}

static enum error
read_scenario(const struct reader *r, const struct value_pair *p, struct utility_scenario *out)
{
    const struct value *v = &p->value, *attribute = value_find(v, "attribute");
    const struct value *least = value_find(v, "min"), *most = value_find(v, "max");
    const struct value *importance = value_find(v, "importance");
    const struct value *bound = least ? least : most;

    if (!attribute || attribute->type != VALUE_STR)
        return fail(r, v, "a scenario has no attribute, expected {attribute, min or max}");
    if (!bound || (least && most) || !value_is_number(bound) || !isfinite(value_number(bound)))
        return fail(r, v, "a scenario is expected to have one number, min or max");
    if (importance && (!value_is_number(importance) || !(value_number(importance) >= 0)))
        return fail(r, importance, "importance is expected to be a number from 0 on");
    for (uint32_t i = 0; i < v->n; i++)
        if (&v->pairs[i].value != attribute && &v->pairs[i].value != bound
            && &v->pairs[i].value != importance)
            return fail(r, &v->pairs[i].value,
                        "unknown key, expected attribute, min, max or importance");
    *out = (struct utility_scenario){.name = p->key,
                                     .attribute = attribute->s,
                                     .at_most = most != NULL,
                                     .bound = value_number(bound),
                                     .importance = importance ? value_number(importance) : 1};
    return OK;
}

static bool is_weaker(const struct utility_scenario *child,
                      const struct utility_scenario *parent)
{
    if (strcmp(child->attribute, parent->attribute) != 0 || child->at_most != parent->at_most
        || child->importance < parent->importance)
        return true;
    return child->at_most ? child->bound > parent->bound : child->bound < parent->bound;
}

// In the place of the parent's of that name, or behind all.
static enum error
add_scenario(const struct reader *r, const struct value_pair *p, struct utility *out)
{
    struct utility_scenario s = {.name = p->key};
    enum error e = read_scenario(r, p, &s);

    if (e)
        return e;
    for (uint32_t i = 0; i < out->n; i++) {
        if (strcmp(out->scenarios[i].name, s.name) != 0)
            continue;
        if (is_weaker(&s, &out->scenarios[i]))
            return fail(r, &p->value,
                        "a scenario of the parent is weakened, expected to be "
                        "kept or tightened");
        out->scenarios[i] = s;
        return OK;
    }
    if (out->n == UTILITY_MAX)
        return errtext_set(r->t, ERR_LIMIT, "%s: more than %d scenarios", r->path, UTILITY_MAX);
    out->scenarios[out->n++] = s;
    return OK;
}

static const char *beside(const char *path, const char *name, struct arena *a)
{
    const char *slash = strrchr(path, '/');
    if (*name == '/' || !slash)
        return name;
    return arena_printf(a, "%.*s/%s", (int)(slash - path), path, name);
}

static enum error
take_scenarios(const struct reader *r, const struct value *v, struct utility *out)
{
    const struct value *list = value_find(v, "scenarios");
    enum error e = OK;

    if (!list || list->type != VALUE_MAP)
        return fail(r, v, "a utility tree is expected to have scenarios, a map");
    for (uint32_t i = 0; i < list->n && !e; i++)
        e = add_scenario(r, &list->pairs[i], out);
    return e;
}

enum error
utility_read(const char *path, struct arena *a, struct utility *out, struct errtext *t)
{
    struct reader chain[UTILITY_LEVELS_MAX] = {{0}};
    struct value files[UTILITY_LEVELS_MAX] = {{0}};
    uint32_t n = 0;
    enum error e = OK;

    *out = (struct utility){0};
    for (const char *next = path; next && !e; n++) {
        if (n == UTILITY_LEVELS_MAX)
            return errtext_set(t, ERR_LIMIT, "%s: more than %d levels", path, n);
        chain[n] = (struct reader){.path = next, .arena = a, .t = t};
        if ((e = read_text(&chain[n], &files[n])))
            return e;
        const struct value *parent = value_find(&files[n], "parent");
        if (parent && parent->type != VALUE_STR)
            return fail(&chain[n], parent, "parent is expected to be a file's name");
        next = parent ? beside(next, parent->s, a) : NULL;
    }
    while (n-- > 0 && !e) // the eldest first
        e = take_scenarios(&chain[n], &files[n], out);
    return e;
}
