// SPDX-License-Identifier: MIT
// caller_submit.c - a job file and its attachments to the coordinator.
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "protocol/caller_state.h"
#include "protocol/inline.h"

static enum error
read_text(const char *path, struct arena *a, const char **text, struct errtext *t)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    if (!f)
        return errtext_set(t, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                           strerror(errno));
    enum error e = OK;
    if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))
        e = errtext_set(t, ERR_IO, "%s: is a directory", path);
    char *s = e ? NULL : mem_alloc(YAML_BYTES_MAX + 1);
    size_t n = e ? 0 : fread(s, 1, YAML_BYTES_MAX + 1, f);
    if (!e && ferror(f))
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    else if (!e && n > YAML_BYTES_MAX)
        e = errtext_set(t, ERR_LIMIT, "%s: larger than %d MiB", path, YAML_BYTES_MAX >> 20);
    else if (!e && memchr(s, 0, n))
        e = errtext_set(t, ERR_PARSE, "%s: not text: it holds a NUL byte", path);
    (void)fclose(f);
    if (!e)
        *text = arena_str(a, s, n);
    mem_free(s);
    return e;
}

// Below the job file's directory: workers put it under the same name.
static bool is_plain_name(const struct value *v)
{
    if (v->type != VALUE_STR || !v->n || strlen(v->s) != v->n || v->s[0] == '/')
        return false;
    for (const char *p = v->s; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]))
            return false;
    return true;
}

static enum error put_one(struct caller *c,
                          const char *base,
                          const struct value *name,
                          struct arena *a,
                          struct value *out,
                          struct errtext *t)
{
    struct sha256 hash;
    struct stat st;
    uint64_t size;
    const char *slash = *base && base[strlen(base) - 1] != '/' ? "/" : "";
    char *path = arena_printf(a, "%s%s%s", base, slash, name->s);

    if (stat(path, &st) != 0)
        return errtext_set(t, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                           strerror(errno));
    if (!S_ISREG(st.st_mode))
        return errtext_set(t, ERR_INVALID, "%s: not a regular file", path);
    enum error e = caller_put_file(c, path, &hash, &size, t);
    if (e)
        return e;
    *out = value_map();
    (void)value_set(a, out, "name", *name);
    (void)value_set(a, out, "hash", value_bin(a, hash.bytes, sizeof hash.bytes));
    (void)value_set(a, out, "size", value_uint(size));
    (void)value_set(a, out, "mode", value_int(st.st_mode & 0111 ? 0755 : 0644));
    return OK;
}

// A list that is none, or holds anything but names, is left to the coordinator
// to complain about; only what would lead out of the directory is refused here.
static enum error put_files(struct caller *c,
                            const struct caller_submission *s,
                            const struct value *job,
                            struct arena *a,
                            struct value *list,
                            struct errtext *t)
{
    const char *file = s->path ? s->path : "job";
    const char *base = s->base ? s->base : inline_base(s->path, a);
    const struct value *files = value_find(job, "files");

    *list = value_list();
    for (uint32_t i = 0; files && files->type == VALUE_LIST && i < files->n; i++) {
        const struct value *name = &files->items[i];
        struct value one = value_null();
        if (name->type != VALUE_STR)
            continue;
        if (!is_plain_name(name))
            return errtext_set(t, ERR_PARSE,
                               "%s:%u:%u: files[%u] is '%s', expected a relative path without "
                               "'..'",
                               file, name->line, name->column, i, name->s);
        enum error e = put_one(c, base, name, a, &one, t);
        if (e == ERR_NOT_FOUND || e == ERR_INVALID)
            (void)errtext_prefix(t, ERR_PARSE, "%s:%u:%u: files[%u]", file, name->line,
                                 name->column, i);
        if (e)
            return e == ERR_NOT_FOUND || e == ERR_INVALID ? ERR_PARSE : e;
        (void)value_push(a, list, one);
    }
    return OK;
}

static const char *own_name(struct arena *a)
{
    struct passwd entry, *found = NULL;
    char room[4096];
    if (getpwuid_r(geteuid(), &entry, room, sizeof room, &found) == 0 && found)
        return arena_str(a, entry.pw_name, strlen(entry.pw_name));
    return arena_printf(a, "%lu", (unsigned long)geteuid());
}

enum error caller_submit(struct caller *c,
                         const struct caller_submission *s,
                         struct arena *a,
                         struct value *reply,
                         struct errtext *t)
{
    const char *text = s->text, *file = s->path ? s->path : "job";
    struct value job = value_null(), files, args = value_map();

    enum error e = text ? OK : read_text(s->path, a, &text, t);
    if (!e && text)
        e = yaml_parse(text, strlen(text), file, a, &job, t);
    if (!e)
        e = put_files(c, s, &job, a, &files, t);
    struct inline_source source = {.text = text, .n = text ? strlen(text) : 0, .file = file};
    source.base = s->base ? s->base : inline_base(s->path, a);
    if (!e)
        e = inline_files(&source, a, &text, t);
    if (e)
        return e;
    (void)value_set(a, &args, "text", value_str(a, text));
    (void)value_set(a, &args, "file", value_str(a, file));
    (void)value_set(a, &args, "files", files);
    (void)value_set(a, &args, "allow_exec", value_bool(s->allow_exec));
    if (s->name)
        (void)value_set(a, &args, "name", value_str(a, s->name));
    (void)value_set(a, &args, "owner", value_str(a, s->owner ? s->owner : own_name(a)));
    return caller_call(c, "submit", &args, a, reply, t);
}
