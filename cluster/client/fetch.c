// SPDX-License-Identifier: MIT
#include "cluster/client/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/client/show.h"

enum { PATH_SIZE = 4096, DOCUMENT_MAX = 1 << 30 };

// Names come from the coordinator; ours is the care that they stay inside.
static bool is_safe(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2]))
            return false;
    return true;
}

// The directories above a file.
static enum error make_parents(const char *path, struct errtext *t)
{
    char part[PATH_SIZE];
    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return errtext_set(t, ERR_IO, "%s: %s", part, strerror(errno));
    }
    return OK;
}

static enum error append_file(FILE *out, const char *path, struct errtext *t)
{
    char chunk[65536];
    FILE *f = fopen(path, "re");
    bool ok = f != NULL;
    for (size_t n; ok && (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        ok = fwrite(chunk, 1, n, out) == n;
    ok = ok && !ferror(f);
    int why = errno;
    if (f)
        (void)fclose(f);
    return ok ? OK : errtext_set(t, ERR_IO, "%s: %s", path, strerror(why));
}

// The parts that a list names, a hash a line, behind one another.
static enum error
join_parts(struct caller *c, FILE *list, FILE *out, const char *part, struct errtext *t)
{
    char line[128];
    enum error e = OK;
    while (!e && fgets(line, sizeof line, list)) {
        struct sha256 hash;
        line[strcspn(line, "\n")] = 0;
        if (!sha256_parse(line, &hash))
            return errtext_set(t, ERR_PROTO, "a list of parts makes no sense");
        e = caller_get_file(c, &hash, part, t);
        if (!e)
            e = append_file(out, part, t);
    }
    return e;
}

// Written beside its place, like every fetched file.
static enum error
fetch_list(struct caller *c, const struct sha256 *hash, const char *path, struct errtext *t)
{
    char names[3][PATH_SIZE + 16];
    static const char *const ends[] = {".list", ".part", ".new"};
    for (int i = 0; i < 3; i++)
        (void)snprintf(names[i], sizeof names[i], "%s%s", path, ends[i]);
    enum error e = caller_get_file(c, hash, names[0], t);
    FILE *list = e ? NULL : fopen(names[0], "re"), *out = e ? NULL : fopen(names[2], "we");
    if (!e && list && out)
        e = join_parts(c, list, out, names[1], t);
    else if (!e)
        e = errtext_set(t, ERR_IO, "%s: %s", names[2], strerror(errno));
    if (list)
        (void)fclose(list);
    if (out && fclose(out) != 0 && !e)
        e = errtext_set(t, ERR_IO, "%s: %s", names[2], strerror(errno));
    if (!e && rename(names[2], path) != 0)
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    for (int i = 0; i < 3; i++)
        (void)unlink(names[i]);
    return e;
}

static bool is_list(const struct value *artefact)
{
    const struct value *list = value_find(artefact, "list");
    return list && list->type == VALUE_BOOL && list->b;
}

static enum error hash_of(const struct value *artefact, struct sha256 *out, struct errtext *t)
{
    const char *name = show_text(artefact, "name");
    if (is_safe(name) && sha256_parse(show_text(artefact, "hash"), out))
        return OK;
    return errtext_set(t, ERR_PROTO, "an artefact called '%.100s' makes no sense", name);
}

typedef enum error (*get_fn)(struct caller *c,
                             const struct sha256 *hash,
                             const char *path,
                             struct errtext *t);

static enum error
fetch_one(struct caller *c, const struct value *v, const char *dir, struct errtext *t)
{
    char path[PATH_SIZE];
    struct sha256 hash;
    enum error e = hash_of(v, &hash, t);
    if (e)
        return e;
    (void)snprintf(path, sizeof path, "%s/%s", dir, show_text(v, "name"));
    e = make_parents(path, t);
    if (e)
        return e;
    get_fn get = is_list(v) ? fetch_list : caller_get_file;
    return get(c, &hash, path, t);
}

// ---- to be read and forgotten ----------------------------------------------------

const struct value *fetch_find(const struct value *document, const char *name)
{
    const struct value *list = value_find(document, "artefacts");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++)
        if (strcmp(show_text(&list->items[i], "name"), name) == 0)
            return &list->items[i];
    return NULL;
}

// In a directory of our own, which the open file outlives.
static enum error
get_open(struct caller *c, get_fn get, const struct sha256 *hash, FILE **out, struct errtext *t)
{
    const char *base = getenv("TMPDIR");
    char dir[PATH_SIZE], path[PATH_SIZE + 8];
    (void)snprintf(dir, sizeof dir, "%s/shoal-fetch.XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir))
        return errtext_set(t, ERR_IO, "%s: %s", dir, strerror(errno));
    (void)snprintf(path, sizeof path, "%s/blob", dir);
    enum error e = get(c, hash, path, t);
    *out = e ? NULL : fopen(path, "re");
    if (!e && !*out)
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    (void)unlink(path);
    (void)rmdir(dir);
    return e;
}

enum error
fetch_open(struct caller *c, const struct value *artefact, FILE **out, struct errtext *t)
{
    struct sha256 hash;
    enum error e = hash_of(artefact, &hash, t);
    return e ? e : get_open(c, is_list(artefact) ? fetch_list : caller_get_file, &hash, out, t);
}

enum error
fetch_open_blob(struct caller *c, const struct sha256 *hash, FILE **out, struct errtext *t)
{
    return get_open(c, caller_get_file, hash, out, t);
}

// ---- all, to stay ----------------------------------------------------------------

static enum error
write_document(const struct value *document, const char *dir, struct errtext *t)
{
    char path[PATH_SIZE];
    struct buf b;
    buf_init(&b, DOCUMENT_MAX);
    value_json_pretty(document, &b);
    buf_puts(&b, "\n");
    (void)snprintf(path, sizeof path, "%s/result.json", dir);
    enum error e = make_parents(path, t);
    FILE *f = e ? NULL : fopen(path, "we");
    bool ok = f && fwrite(b.bytes, 1, b.n, f) == b.n;
    if (f)
        ok = fclose(f) == 0 && ok;
    if (!ok && !e)
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    buf_fini(&b);
    return e;
}

enum error
fetch_all(struct caller *c, const struct value *document, const char *dir, struct errtext *t)
{
    enum error e = write_document(document, dir, t);
    const struct value *list = value_find(document, "artefacts");
    for (uint32_t i = 0; !e && list && i < list->n; i++)
        e = fetch_one(c, &list->items[i], dir, t);
    return e;
}
