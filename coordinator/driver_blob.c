// SPDX-License-Identifier: MIT
#include "common/buf.h"
#include "common/hash.h"
#include "coordinator/driver.h"

void driver_add_blob(struct driver_output *out,
                     const char *name,
                     const struct buf *b,
                     char hex[65])
{
    struct sha256 hash = sha256_of(b->bytes, b->n);

    sha256_hex(&hash, hex);
    out->blobs[out->n_blobs++] =
        (struct driver_blob){.name = name,
                             .bytes = buf_cstr(b),
                             .n = b->n,
                             .hash = arena_copy(out->arena, &hash, sizeof hash)};
}
