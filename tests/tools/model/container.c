// SPDX-License-Identifier: MIT
#include "tests/tools/model/container.h"

#include <string.h>

#include "worker/tensor/format.h"

enum { VERSION = 3, ALIGNMENT = 32 };

void container_init(struct container *c)
{
    *c = (struct container){.n_keys = 0};
    buf_init(&c->keys, SIZE_MAX / 2);
    buf_init(&c->tensors, SIZE_MAX / 2);
}

void container_fini(struct container *c)
{
    buf_fini(&c->keys);
    buf_fini(&c->tensors);
}

// The format is little-endian, as every machine that the project runs on.
static void put_u32(struct buf *b, uint32_t u)
{
    buf_put(b, &u, sizeof u);
}

static void put_u64(struct buf *b, uint64_t u)
{
    buf_put(b, &u, sizeof u);
}

static void put_text(struct buf *b, const char *s)
{
    put_u64(b, strlen(s));
    buf_puts(b, s);
}

static void put_key(struct container *c, const char *key, enum gguf_kind kind)
{
    put_text(&c->keys, key);
    put_u32(&c->keys, kind);
    c->n_keys++;
}

void container_u32(struct container *c, const char *key, uint32_t value)
{
    put_key(c, key, GGUF_U32);
    put_u32(&c->keys, value);
}

void container_f32(struct container *c, const char *key, float value)
{
    put_key(c, key, GGUF_F32);
    buf_put(&c->keys, &value, sizeof value);
}

void container_bool(struct container *c, const char *key, bool value)
{
    put_key(c, key, GGUF_BOOL);
    buf_put(&c->keys, value ? "\1" : "", 1);
}

void container_text(struct container *c, const char *key, const char *value)
{
    put_key(c, key, GGUF_STR);
    put_text(&c->keys, value);
}

void container_array(struct container *c, const char *key, enum gguf_kind kind, uint64_t n)
{
    put_key(c, key, GGUF_ARRAY);
    put_u32(&c->keys, kind);
    put_u64(&c->keys, n);
}

void container_element_text(struct container *c, const char *value)
{
    put_text(&c->keys, value);
}

void container_element_i32(struct container *c, int32_t value)
{
    buf_put(&c->keys, &value, sizeof value);
}

static uint64_t padding(uint64_t bytes)
{
    return (ALIGNMENT - bytes % ALIGNMENT) % ALIGNMENT;
}

uint64_t container_tensor(struct container *c,
                          const char *name,
                          uint32_t n_dims,
                          const uint64_t *dims,
                          const struct format *f)
{
    uint64_t bytes = format_row_bytes(f, dims[0]);
    put_text(&c->tensors, name);
    put_u32(&c->tensors, n_dims);
    for (uint32_t i = 0; i < n_dims; i++) {
        put_u64(&c->tensors, dims[i]);
        bytes *= i ? dims[i] : 1;
    }
    put_u32(&c->tensors, f->type);
    put_u64(&c->tensors, c->data);
    c->data += bytes + padding(bytes);
    c->n_tensors++;
    return bytes;
}

enum error container_write_padding(uint64_t bytes, FILE *to)
{
    static const char zeros[ALIGNMENT];
    size_t n = (size_t)padding(bytes);
    return fwrite(zeros, 1, n, to) == n ? OK : ERR_IO;
}

enum error container_write_head(const struct container *c, FILE *to)
{
    struct buf head;
    buf_init(&head, SIZE_MAX / 2);
    buf_puts(&head, "GGUF");
    put_u32(&head, VERSION);
    put_u64(&head, c->n_tensors);
    put_u64(&head, c->n_keys);
    buf_put(&head, c->keys.bytes, c->keys.n);
    buf_put(&head, c->tensors.bytes, c->tensors.n);
    bool written = fwrite(head.bytes, 1, head.n, to) == head.n;
    enum error e = written ? container_write_padding(head.n, to) : ERR_IO;
    buf_fini(&head);
    return e;
}
