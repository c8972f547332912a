// SPDX-License-Identifier: MIT
#include "worker/evaluate/idx.h"

#include <string.h>

#include <zlib.h>

#include "common/library.h"

enum { TYPE_BYTE = 8 };

// Loaded when the first file is read: few workers ever do.
static struct {
    __typeof__(&gzopen) open;
    __typeof__(&gzread) read;
    __typeof__(&gzclose) close;
} zlib;

static bool load(void)
{
    static const struct library_function functions[] = {
        {"gzopen", &zlib.open}, {"gzread", &zlib.read}, {"gzclose", &zlib.close}};
    static struct library library = {"libz.so.1", functions, 3, false};

    return library_load(&library);
}

static uint32_t number_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool read_all(gzFile f, void *p, size_t n)
{
    return zlib.read(f, p, (unsigned)n) == (int)n;
}

// At most out->n items.
static enum error read_items(gzFile f,
                             const char *path,
                             uint32_t dimensions,
                             struct arena *a,
                             struct idx *out,
                             struct errtext *t)
{
    uint32_t n_most = out->n;
    uint8_t head[16];

    if (!read_all(f, head, 4 + 4 * (size_t)dimensions) || head[0] || head[1]
        || head[2] != TYPE_BYTE || head[3] != dimensions)
        return errtext_set(t, FAULT_JOB,
                           "%s is no IDX file of bytes in %u dimensions, expected the files of "
                           "MNIST or Fashion-MNIST",
                           path, dimensions);
    *out = (struct idx){.n = number_at(head + 4), .rows = 1, .cols = 1};
    if (dimensions == 3) {
        out->rows = number_at(head + 8);
        out->cols = number_at(head + 12);
    }
    if (!out->n || !out->rows || !out->cols || out->rows > IDX_SIDE_MAX
        || out->cols > IDX_SIDE_MAX)
        return errtext_set(t, FAULT_JOB, "%s: %u images of %u x %u, expected sides 1 to %d",
                           path, out->n, out->rows, out->cols, IDX_SIDE_MAX);
    out->n = out->n < n_most ? out->n : n_most;
    size_t size = (size_t)out->n * out->rows * out->cols;
    uint8_t *bytes = arena_alloc(a, size);
    if (!read_all(f, bytes, size))
        return errtext_set(t, FAULT_JOB, "%s ends before its %u items do", path, out->n);
    out->bytes = bytes;
    return OK;
}

enum error idx_read(const char *path,
                    uint32_t dimensions,
                    uint32_t n_most,
                    struct arena *a,
                    struct idx *out,
                    struct errtext *t)
{
    if (!load())
        return errtext_set(t, FAULT_WORKER, "zlib (libz.so.1) is not installed here");
    gzFile f = zlib.open(path, "rb");
    if (!f)
        return errtext_set(t, FAULT_WORKER, "cannot open %s", path);
    out->n = n_most;
    enum error e = read_items(f, path, dimensions, a, out, t);
    (void)zlib.close(f);
    return e;
}
