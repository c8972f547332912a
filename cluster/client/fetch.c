// SPDX-License-Identifier: MIT
#include "cluster/client/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

static enum error
fetch_one(struct caller *c, const struct value *v, const char *dir, struct errtext *t)
{
    char path[PATH_SIZE];
    struct sha256 hash;
    const char *name = show_text(v, "name");
    if (!is_safe(name) || !sha256_parse(show_text(v, "hash"), &hash))
        return errtext_set(t, ERR_PROTO, "an artefact called '%.100s' makes no sense", name);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    enum error e = make_parents(path, t);
    return e ? e : caller_get_file(c, &hash, path, t);
}

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
