// SPDX-License-Identifier: MIT
#include "worker/evaluate/generate_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/prompt_row.h"

struct place {
    off_t at;
    uint32_t line;
};

struct generate_file {
    FILE *f;
    char *name;
    struct place *places; // of prompts
    uint32_t n, cap;
    struct buf line;
};

static void add_place(struct generate_file *f, off_t at, uint32_t line)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 256;
        f->places = mem_realloc(f->places, f->cap * sizeof *f->places);
    }
    f->places[f->n++] = (struct place){at, line};
}

static enum error find_places(struct generate_file *f, struct errtext *t)
{
    enum error e = OK;
    off_t at = 0;
    for (uint32_t line = 1; !e && !(e = prompt_line_next(f->f, &f->line)); line++) {
        if (f->n == PROMPT_ROWS_MAX)
            return errtext_set(t, FAULT_JOB, "%s has more than %d prompts", f->name,
                               PROMPT_ROWS_MAX);
        if (!prompt_line_is_blank((const char *)f->line.bytes, f->line.n))
            add_place(f, at, line);
        at += (off_t)f->line.n + 1;
    }
    if (e == ERR_LIMIT)
        return errtext_set(t, FAULT_JOB, "%s has a line of more than %d MiB", f->name,
                           PROMPT_LINE_MAX >> 20);
    if (e == ERR_IO)
        return errtext_set(t, FAULT_WORKER, "cannot read %s: %s", f->name, strerror(errno));
    return OK;
}

enum error generate_file_open(const struct workload_job *job,
                              const char *name,
                              struct generate_file **out,
                              struct errtext *t)
{
    const char *path = workload_path(job, name);
    if (!path)
        return errtext_set(t, FAULT_JOB, "'%.100s' is not among the job's files", name);
    FILE *stream = fopen(path, "re");
    if (!stream)
        return errtext_set(t, FAULT_WORKER, "cannot open %s: %s", path, strerror(errno));
    struct generate_file *f = mem_alloc(sizeof *f);
    f->f = stream;
    f->name = mem_dup(name);
    buf_init(&f->line, PROMPT_LINE_MAX);
    enum error e = find_places(f, t);
    if (e)
        generate_file_close(f);
    else
        *out = f;
    return e;
}

void generate_file_close(struct generate_file *f)
{
    if (!f)
        return;
    (void)fclose(f->f);
    buf_fini(&f->line);
    mem_free(f->places);
    mem_free(f->name);
    mem_free(f);
}

enum error generate_file_row(struct generate_file *f,
                             uint64_t index,
                             struct arena *a,
                             struct value *out,
                             struct errtext *t)
{
    if (index >= f->n)
        return errtext_set(t, FAULT_JOB, "%s has only %u prompts", f->name, f->n);
    const struct place *p = &f->places[index];
    clearerr(f->f);
    if (fseeko(f->f, p->at, SEEK_SET) || prompt_line_next(f->f, &f->line))
        return errtext_set(t, FAULT_JOB, "%s:%u: cannot be read", f->name, p->line);
    enum error e = json_parse((const char *)f->line.bytes, f->line.n, a, out, t);
    if (!e)
        e = prompt_row_check(out, t);
    return e ? errtext_prefix(t, FAULT_JOB, "%s:%u", f->name, p->line) : OK;
}
