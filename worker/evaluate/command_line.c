// SPDX-License-Identifier: MIT
#include "worker/evaluate/command_line.h"

#include <string.h>

#include "common/buf.h"
#include "worker/evaluate/template.h"
#include "worker/sandbox.h"

enum error command_line_fill(const struct command_line *k,
                             const struct value *text,
                             size_t max,
                             const char *name,
                             const char **out,
                             size_t *n)
{
    struct buf b;
    buf_init(&b, max);
    enum error e = OK;
    if (text->type == VALUE_STR)
        e = template_fill(text, k->values, &b, k->why);
    else
        template_put(text, &b);
    if (!e && max == SANDBOX_TEXT_MAX && b.n > 0 && memchr(b.bytes, 0, b.n))
        e = errtext_set(k->why, FAULT_JOB, "a value has a NUL character in it");
    if (e)
        (void)errtext_prefix(k->why, e, "%s", name);
    else
        *out = arena_str(k->arena, buf_cstr(&b), b.n);
    if (n)
        *n = b.n;
    buf_fini(&b);
    return e;
}

enum error command_line_argv(const struct command_line *k,
                             const struct value *command,
                             const char *const **argv)
{
    static const char *const shell[] = {"/bin/sh", "-c"};
    bool text = command->type == VALUE_STR;
    uint32_t n = text ? 0 : command->n;
    const char **list = arena_alloc(k->arena, (n + 4) * sizeof *list);
    enum error e = OK;

    if (text) {
        memcpy(list, shell, sizeof shell);
        e = command_line_fill(k, command, SANDBOX_TEXT_MAX, "command", &list[2], NULL);
    }
    for (uint32_t i = 0; i < n && !e; i++)
        e = command_line_fill(k, &command->items[i], SANDBOX_TEXT_MAX, "command", &list[i],
                              NULL);
    *argv = list;
    return e;
}

struct value command_line_values(struct arena *a,
                                 const struct value *params,
                                 const struct value *over,
                                 uint64_t item,
                                 uint64_t seed)
{
    const struct value *from[] = {params, over};
    struct value values = value_map();

    for (int i = 0; i < 2; i++)
        for (uint32_t k = 0; from[i] && from[i]->type == VALUE_MAP && k < from[i]->n; k++)
            value_set(a, &values, from[i]->pairs[k].key, from[i]->pairs[k].value);
    value_set(a, &values, "item", value_uint(item));
    value_set(a, &values, "seed", value_uint(seed));
    return values;
}
