// SPDX-License-Identifier: MIT
#include "common/prompt_row.h"

#include <inttypes.h>
#include <string.h>

#include "common/options.h"

enum { MESSAGES_MAX = 10000, CHUNK = 4096 };

static const char *const row_keys[] = {"id",          "text",          "tokens", "messages",
                                       "add_special", "parse_special", NULL};

static enum error check_names(const struct value *row, struct errtext *t)
{
    for (uint32_t i = 0; i < row->n; i++) {
        const char *key = row->pairs[i].key;
        int k = 0;
        while (row_keys[k] && strcmp(row_keys[k], key) != 0)
            k++;
        const char *near = options_nearest(key, row_keys);
        if (!row_keys[k] && near)
            return errtext_set(t, ERR_PARSE, "unknown key '%.60s', did you mean '%s'?", key,
                               near);
        if (!row_keys[k])
            return errtext_set(t, ERR_PARSE,
                               "unknown key '%.60s', expected one of: id, text, tokens, "
                               "messages, add_special, parse_special",
                               key);
    }
    return OK;
}

static enum error check_tokens(const struct value *list, struct errtext *t)
{
    if (list->type != VALUE_LIST)
        return errtext_set(t, ERR_PARSE, "tokens is %s, expected a list of token ids",
                           value_type_name(list->type));
    for (uint32_t i = 0; i < list->n; i++)
        if (list->items[i].type != VALUE_INT || list->items[i].i < 0
            || list->items[i].i > INT32_MAX)
            return errtext_set(t, ERR_PARSE, "tokens[%" PRIu32 "] is no token id", i);
    return OK;
}

static enum error check_messages(const struct value *list, struct errtext *t)
{
    if (list->type != VALUE_LIST || !list->n || list->n > MESSAGES_MAX)
        return errtext_set(t, ERR_PARSE, "messages is no list of 1 to %d messages",
                           MESSAGES_MAX);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *role = value_find(&list->items[i], "role");
        const struct value *content = value_find(&list->items[i], "content");
        if (!role || role->type != VALUE_STR || !content || content->type != VALUE_STR)
            return errtext_set(t, ERR_PARSE,
                               "messages[%" PRIu32 "] is no map of the texts role and content",
                               i);
    }
    return OK;
}

static enum error check_flag(const struct value *row, const char *key, struct errtext *t)
{
    const struct value *v = value_find(row, key);
    if (!v || v->type == VALUE_BOOL)
        return OK;
    return errtext_set(t, ERR_PARSE, "%s is %s, expected true or false", key,
                       value_type_name(v->type));
}

static enum error check_row(const struct value *row, struct errtext *t)
{
    const struct value *id = value_find(row, "id"), *text = value_find(row, "text");
    const struct value *tokens = value_find(row, "tokens");
    const struct value *messages = value_find(row, "messages");
    enum error e = check_names(row, t);
    if (!e && !text + !tokens + !messages != 2)
        e = errtext_set(t, ERR_PARSE, "a prompt has one of text, tokens and messages");
    if (!e && id && id->type != VALUE_STR && id->type != VALUE_INT)
        e = errtext_set(t, ERR_PARSE, "id is %s, expected a string or an integer",
                        value_type_name(id->type));
    if (!e && text && text->type != VALUE_STR)
        e = errtext_set(t, ERR_PARSE, "text is %s, expected a string",
                        value_type_name(text->type));
    if (!e && tokens)
        e = check_tokens(tokens, t);
    if (!e && messages)
        e = check_messages(messages, t);
    if (!e)
        e = check_flag(row, "add_special", t);
    return e ? e : check_flag(row, "parse_special", t);
}

enum error prompt_row_check(const struct value *v, struct errtext *t)
{
    if (v->type == VALUE_MAP)
        return check_row(v, t);
    if (v->type == VALUE_STR)
        return OK;
    return errtext_set(t, ERR_PARSE, "a prompt is %s, expected a text or a map",
                       value_type_name(v->type));
}

bool prompt_line_is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r')
            return false;
    return true;
}

enum error prompt_line_next(FILE *f, struct buf *line)
{
    char chunk[CHUNK];
    size_t n = 0;
    int c;
    line->n = 0;
    while ((c = getc_unlocked(f)) != EOF && c != '\n') {
        chunk[n++] = (char)c;
        if (n == CHUNK) {
            buf_put(line, chunk, n);
            n = 0;
        }
    }
    buf_put(line, chunk, n);
    if (line->full)
        return ERR_LIMIT;
    if (ferror(f))
        return ERR_IO;
    return c == EOF && !line->n ? ERR_NOT_FOUND : OK;
}
