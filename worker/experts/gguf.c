// SPDX-License-Identifier: MIT
// gguf.c - opening a model: one mapping per part, then the checks of
// gguf_meta.c and gguf_tensors.c over each.
#include "worker/experts/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "worker/experts/gguf_state.h"

// The format's own default; the upper bound only keeps arithmetic small.
enum { ALIGNMENT = 32, ALIGNMENT_MIN = 8, ALIGNMENT_MAX = 1 << 20 };

// What a part's own metadata says.
struct about {
    uint64_t alignment;
    uint64_t split_no;
    uint64_t split_count; // 0 or 1: not split
    uint64_t split_tensors;
};

static struct gguf *create(void)
{
    struct gguf *g = mem_alloc(sizeof *g);
    g->arena = arena_create();
    g->arch = "";
    map_init(&g->by_key);
    map_init(&g->by_tensor);
    g->parts = arena_alloc(g->arena, sizeof *g->parts);
    return g;
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; i < g->n_parts; i++)
        if (g->parts[i].mapped)
            (void)munmap((void *)(uintptr_t)g->parts[i].bytes, g->parts[i].n);
    map_fini(&g->by_key);
    map_fini(&g->by_tensor);
    arena_destroy(g->arena);
    mem_free(g);
}

static enum error map_file(const char *path, struct gguf_part *out, struct errtext *t)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errtext_set(t, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                           strerror(errno));
    enum error e = OK;
    if (fstat(fd, &st) != 0)
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        e = errtext_set(t, ERR_INVALID, "%s: not a regular file", path);
    else if (st.st_size == 0)
        e = errtext_set(t, ERR_PARSE, "%s: an empty file", path);
    if (!e) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            e = errtext_set(t, ERR_IO, "%s: cannot map %jd bytes: %s", path,
                            (intmax_t)st.st_size, strerror(errno));
        else
            *out = (struct gguf_part){path, p, (size_t)st.st_size, true};
    }
    (void)close(fd);
    return e;
}

static enum error index_keys(struct gguf *g, const struct gguf_reader *r)
{
    for (uint32_t i = 0; i < g->n_keys; i++) {
        char shown[GGUF_SHOWN_MAX + 4];
        const char *name = g->keys[i].name;
        if (!gguf_name_add(g, &g->by_key, gguf_key_name, name, i))
            return errtext_set(r->t, ERR_PARSE, "%s: metadata key %s is there twice", r->path,
                               gguf_shown(name, strlen(name), shown));
    }
    return OK;
}

// Integers about the file itself come from the part's own keys.
static enum error read_about(struct gguf *g, struct about *out, struct errtext *t)
{
    enum error e;
    *out = (struct about){.alignment = ALIGNMENT};
    if ((e = gguf_opt_u64(g, "general.alignment", &out->alignment, t))
        || (e = gguf_opt_u64(g, "split.no", &out->split_no, t))
        || (e = gguf_opt_u64(g, "split.count", &out->split_count, t))
        || (e = gguf_opt_u64(g, "split.tensors.count", &out->split_tensors, t)))
        return e;
    uint64_t n = out->alignment;
    if (n < ALIGNMENT_MIN || n > ALIGNMENT_MAX || (n & (n - 1)) != 0)
        return errtext_set(t, ERR_PARSE,
                           "%s: general.alignment is %" PRIu64
                           ", expected a power of two from %d to %d",
                           gguf_path(g), n, ALIGNMENT_MIN, ALIGNMENT_MAX);
    struct gguf_text arch = {"", 0};
    if ((e = gguf_opt_text(g, "general.architecture", &arch, t)))
        return e;
    g->arch = arena_str(g->arena, arch.s, arch.n);
    return OK;
}

// Parse the one part of `g`.
static enum error parse(struct gguf *g, struct about *about, struct errtext *t)
{
    const struct gguf_part *p = &g->parts[0];
    struct gguf_reader r = {.path = p->path, .bytes = p->bytes, .n = p->n, .t = t};
    struct gguf_header h;
    enum error e;

    if ((e = gguf_read_header(&r, &h))
        || (e = gguf_read_keys(&r, g->arena, h.n_keys, &g->keys)))
        return e;
    g->n_keys = (uint32_t)h.n_keys;
    if ((e = index_keys(g, &r)) || (e = read_about(g, about, t)))
        return e;
    g->tensors = arena_alloc(g->arena, (size_t)h.n_tensors * sizeof *g->tensors + 1);
    if ((e = gguf_read_tensors(&r, g->arena, h.n_tensors, about->alignment, g->tensors)))
        return e;
    g->n_tensors = (uint32_t)h.n_tensors;
    return OK;
}

static enum error index_tensors(struct gguf *g, struct errtext *t)
{
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        const char *name = g->tensors[i].name;
        if (!gguf_name_add(g, &g->by_tensor, gguf_tensor_name, name, i))
            return errtext_set(t, ERR_PARSE, "%s: tensor %s is there twice", gguf_path(g),
                               name);
        g->bytes += g->tensors[i].size;
    }
    return OK;
}

// One file, its tensors not yet in the index.
static enum error
open_part(const char *path, struct gguf **out, struct about *about, struct errtext *t)
{
    struct gguf *g = create();
    g->parts[0].path = arena_str(g->arena, path, strlen(path));
    enum error e = map_file(g->parts[0].path, &g->parts[0], t);
    g->n_parts = !e;
    if (!e)
        e = parse(g, about, t);
    if (e) {
        gguf_close(g);
        return e;
    }
    *out = g;
    return OK;
}

// ---- split models -----------------------------------------------------------

static void part_path(const char *any, uint64_t no, uint64_t count, char *out, size_t size)
{
    static const char suffix[] = "-00001-of-00002.gguf";
    int stem = (int)(strlen(any) - (sizeof suffix - 1));
    (void)snprintf(out, size, "%.*s-%05" PRIu64 "-of-%05" PRIu64 ".gguf", stem, any, no + 1,
                   count);
}

static enum error check_split(const char *path, const struct about *about, struct errtext *t)
{
    char want[4096];
    size_t n = strlen(path);

    if (about->split_count > GGUF_PARTS_MAX || about->split_no >= about->split_count)
        return errtext_set(
            t, ERR_PARSE, "%s: says it is part %" PRIu64 " of %" PRIu64 ", at most %d are read",
            path, about->split_no + 1, about->split_count, GGUF_PARTS_MAX);
    if (n < sizeof "-00001-of-00002.gguf" - 1 || n >= sizeof want)
        want[0] = 0;
    else
        part_path(path, about->split_no, about->split_count, want, sizeof want);
    if (strcmp(want, path) != 0)
        return errtext_set(t, ERR_INVALID,
                           "%s: is part %" PRIu64 " of %" PRIu64
                           ", its name must end in -%05" PRIu64 "-of-%05" PRIu64 ".gguf",
                           path, about->split_no + 1, about->split_count, about->split_no + 1,
                           about->split_count);
    return OK;
}

// Take over part `from`: its mapping, its tensors, copies of their names.
static void adopt(struct gguf *g, struct gguf *from)
{
    struct gguf_part *p = &g->parts[g->n_parts++];
    *p = from->parts[0];
    p->path = arena_str(g->arena, p->path, strlen(p->path));
    from->n_parts = 0;
    uint32_t n = g->n_tensors + from->n_tensors;
    struct gguf_tensor *all = arena_room(g->arena, n * sizeof *all + 1);
    memcpy(all, g->tensors, g->n_tensors * sizeof *all);
    for (uint32_t i = 0; i < from->n_tensors; i++) {
        all[g->n_tensors + i] = from->tensors[i];
        all[g->n_tensors + i].name =
            arena_str(g->arena, from->tensors[i].name, strlen(from->tensors[i].name));
    }
    g->tensors = all;
    g->n_tensors = n;
}

static enum error add_part(struct gguf *g, uint64_t no, uint64_t count, struct errtext *t)
{
    char path[4096];
    struct gguf *part;
    struct about about;

    part_path(gguf_path(g), no, count, path, sizeof path);
    enum error e = open_part(path, &part, &about, t);
    if (e == ERR_NOT_FOUND)
        return errtext_set(t, e, "%s: part %" PRIu64 " of %" PRIu64 " is missing: no file %s",
                           gguf_path(g), no + 1, count, path);
    if (e)
        return e;
    if (about.split_no != no || about.split_count != count)
        e = errtext_set(t, ERR_PARSE,
                        "%s: says it is part %" PRIu64 " of %" PRIu64 ", its name says %" PRIu64
                        " of %" PRIu64,
                        path, about.split_no + 1, about.split_count, no + 1, count);
    else
        adopt(g, part);
    gguf_close(part);
    return e;
}

static enum error add_parts(struct gguf *g, const struct about *about, struct errtext *t)
{
    struct gguf_part *parts =
        arena_alloc(g->arena, (size_t)about->split_count * sizeof *g->parts);
    parts[0] = g->parts[0];
    g->parts = parts;
    for (uint64_t i = 1; i < about->split_count; i++) {
        enum error e = add_part(g, i, about->split_count, t);
        if (e)
            return e;
    }
    if (about->split_tensors && about->split_tensors != g->n_tensors)
        return errtext_set(t, ERR_PARSE,
                           "%s: its parts have %" PRIu32
                           " tensors, split.tensors.count is %" PRIu64,
                           gguf_path(g), g->n_tensors, about->split_tensors);
    return OK;
}

enum error gguf_open(const char *path, struct gguf **out, struct errtext *t)
{
    struct gguf *g;
    struct about about;
    enum error e = open_part(path, &g, &about, t);
    if (e)
        return e;
    if (about.split_count > 1) {
        e = check_split(path, &about, t);
        if (!e && about.split_no != 0) {
            char first[4096];
            part_path(path, 0, about.split_count, first, sizeof first);
            gguf_close(g);
            return gguf_open(first, out, t);
        }
        if (!e)
            e = add_parts(g, &about, t);
    }
    if (!e)
        e = index_tensors(g, t);
    if (e) {
        gguf_close(g);
        return e;
    }
    *out = g;
    return OK;
}

enum error gguf_open_bytes(
    const void *bytes, size_t n, const char *name, struct gguf **out, struct errtext *t)
{
    struct gguf *g = create();
    struct about about;

    g->parts[0] = (struct gguf_part){arena_str(g->arena, name, strlen(name)), bytes, n, false};
    g->n_parts = 1;
    enum error e = parse(g, &about, t);
    if (!e && about.split_count > 1)
        e = errtext_set(t, ERR_INVALID, "%s: is one of %" PRIu64 " parts, open it by its file",
                        name, about.split_count);
    if (!e)
        e = index_tensors(g, t);
    if (e) {
        gguf_close(g);
        return e;
    }
    *out = g;
    return OK;
}

// ---- what was read ----------------------------------------------------------

const char *gguf_path(const struct gguf *g)
{
    return g->parts[0].path;
}

const char *gguf_arch(const struct gguf *g)
{
    return g->arch;
}

uint64_t gguf_bytes(const struct gguf *g)
{
    return g->bytes;
}

uint32_t gguf_n_keys(const struct gguf *g)
{
    return g->n_keys;
}

const char *gguf_key_at(const struct gguf *g, uint32_t i)
{
    return g->keys[i].name;
}

const struct gguf_value *gguf_value_at(const struct gguf *g, uint32_t i)
{
    return &g->keys[i].value;
}

uint32_t gguf_n_tensors(const struct gguf *g)
{
    return g->n_tensors;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, uint32_t i)
{
    return &g->tensors[i];
}

void gguf_tensor_rest(const struct gguf *g, const struct gguf_tensor *t)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)t->data;
    // Whole pages of its own alone.
    uintptr_t begin = (from + page - 1) / page * page, end = (from + t->size) / page * page;
    for (uint32_t i = 0; i < g->n_parts && begin < end; i++) {
        const struct gguf_part *p = &g->parts[i];
        if (p->mapped && from >= (uintptr_t)p->bytes && from - (uintptr_t)p->bytes < p->n)
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
}
