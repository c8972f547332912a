// SPDX-License-Identifier: MIT
#include "protocol/inline_prompts.h"

#include <errno.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/prompt_row.h"

static enum error check_line(const struct buf *line, struct arena *a, struct errtext *t)
{
    struct value v;
    arena_reset(a);
    enum error e = json_parse((const char *)line->bytes, line->n, a, &v, t);
    return e ? e : prompt_row_check(&v, t);
}

static enum error count(FILE *f, const char *path, uint32_t *n, struct errtext *t)
{
    struct arena *a = arena_create();
    struct buf line;
    enum error e = OK;
    uint32_t number = 0;
    buf_init(&line, PROMPT_LINE_MAX);
    for (*n = 0; !e && !(e = prompt_line_next(f, &line));) {
        number++;
        if (prompt_line_is_blank((const char *)line.bytes, line.n))
            continue;
        if (check_line(&line, a, t))
            e = errtext_prefix(t, ERR_PARSE, "%s:%u", path, number);
        else if (++*n > PROMPT_ROWS_MAX)
            e = errtext_set(t, ERR_LIMIT, "%s: more than %d prompts", path, PROMPT_ROWS_MAX);
    }
    if (line.full)
        e = errtext_set(t, ERR_LIMIT, "%s:%u: a line of more than %d MiB", path, number + 1,
                        PROMPT_LINE_MAX >> 20);
    else if (e == ERR_IO)
        e = errtext_set(t, ERR_PARSE, "%s: %s", path, strerror(errno));
    else if (e == ERR_NOT_FOUND)
        e = *n ? OK : errtext_set(t, ERR_PARSE, "%s: no prompt in it", path);
    buf_fini(&line);
    arena_destroy(a);
    return e;
}

enum error inline_count_prompts(const char *path, uint32_t *n, struct errtext *t)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return errtext_set(t, ERR_PARSE, "%s: %s", path, strerror(errno));
    enum error e = count(f, path, n, t);
    (void)fclose(f);
    return e;
}
