// SPDX-License-Identifier: MIT
#include "worker/evaluate/exec_check.h"

#include <stdbool.h>
#include <string.h>

#include "worker/evaluate/template.h"
#include "worker/metrics_text.h"
#include "worker/scratch.h"

enum { EXIT_MAX = 255 };

static enum error
place(enum error e, const struct value *v, const char *name, struct errtext *t)
{
    (void)errtext_prefix(t, e, "%s", name);
    return v->line ? errtext_prefix(t, e, "%u:%u", v->line, v->column) : e;
}

static enum error check_text(const struct value *v, const char *name, struct errtext *t)
{
    enum error e = OK;
    if (v->type != VALUE_STR)
        e = errtext_set(t, ERR_PARSE, "a string was expected, not %s",
                        value_type_name(v->type));
    else if (strlen(v->s) != v->n)
        e = errtext_set(t, ERR_PARSE, "a string without NUL characters was expected");
    else
        e = template_check(v, t);
    return e ? place(e, v, name, t) : OK;
}

static enum error check_command(const struct value *v, struct errtext *t)
{
    if (!v || (v->type == VALUE_LIST && v->n == 0)
        || (v->type != VALUE_LIST && v->type != VALUE_STR)) {
        static const struct value none;
        return place(errtext_set(t, ERR_PARSE,
                                 "a list of strings with the program first, or a string for "
                                 "sh -c, was expected"),
                     v ? v : &none, "command", t);
    }
    if (v->type == VALUE_STR)
        return check_text(v, "command", t);
    for (uint32_t i = 0; i < v->n; i++) {
        enum error e = check_text(&v->items[i], "command", t);
        if (e)
            return e;
    }
    return OK;
}

static bool is_variable(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    if (!*name || !strchr(letters, *name))
        return false;
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789")]
           == '\0';
}

static enum error check_env(const struct value *v, struct errtext *t)
{
    if (!v || v->type == VALUE_NULL)
        return OK;
    if (v->type != VALUE_MAP)
        return place(errtext_set(t, ERR_PARSE, "a map of variables to strings was expected"), v,
                     "env", t);
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value_pair *p = &v->pairs[i];
        enum error e = OK;
        if (!is_variable(p->key))
            e = place(errtext_set(t, ERR_PARSE, "%.64s is no name of a variable", p->key),
                      &p->value, "env", t);
        else if (!value_is_number(&p->value) && p->value.type != VALUE_BOOL)
            e = check_text(&p->value, "env", t);
        if (e)
            return e;
    }
    return OK;
}

static enum error check_ok_exit(const struct value *v, struct errtext *t)
{
    if (!v || v->type == VALUE_NULL)
        return OK;
    bool good = v->type == VALUE_LIST && v->n > 0;
    for (uint32_t i = 0; good && i < v->n; i++)
        good = v->items[i].type == VALUE_INT && v->items[i].i >= 0 && v->items[i].i <= EXIT_MAX;
    if (good)
        return OK;
    return place(errtext_set(t, ERR_PARSE, "a list of exit statuses from 0 to %d was expected",
                             EXIT_MAX),
                 v, "ok_exit", t);
}

static enum error check_outputs(const struct value *v, struct errtext *t)
{
    for (uint32_t i = 0; v && v->type == VALUE_LIST && i < v->n; i++) {
        const struct value *name = &v->items[i];
        if (name->type == VALUE_STR && strlen(name->s) == name->n && scratch_name_ok(name->s)
            && strcmp(name->s, EXEC_PARAMS_FILE) != 0)
            continue;
        return place(errtext_set(t, ERR_PARSE,
                                 "a file name below the scratch directory, without \"..\", was "
                                 "expected"),
                     name, "outputs", t);
    }
    return OK;
}

enum error exec_check(const struct value *p, struct errtext *t)
{
    struct metrics_text *m;
    const struct value *input = value_find(p, "stdin");
    enum error e = check_command(value_find(p, "command"), t);

    if (!e && input && input->type != VALUE_NULL)
        e = check_text(input, "stdin", t);
    if (!e)
        e = check_env(value_find(p, "env"), t);
    if (!e)
        e = check_ok_exit(value_find(p, "ok_exit"), t);
    if (!e)
        e = check_outputs(value_find(p, "outputs"), t);
    if (!e)
        e = metrics_text_open(value_find(p, "metrics"), &m, t);
    if (!e)
        metrics_text_close(m);
    return e;
}
