// SPDX-License-Identifier: MIT
// gguf.h - a model file: typed metadata and named tensors, checked before use.
//
// GGUF versions 2 and 3, little-endian, mapped read-only.  Opening checks every
// length, count, type and offset against the file, so that whatever these
// functions return lies inside it; a refusal is one line that names the file,
// the place and the cause.  A model split over NAME-00001-of-00003.gguf … is
// opened by any of its parts; its metadata is the first part's.
//
// A key that begins with a point is the architecture's: ".block_count" stands
// for "olmoe.block_count" in a model whose general.architecture is "olmoe".
//
// Ownership  The model owns its mappings; every pointer handed out lives until
//            gguf_close.  Texts are not NUL-terminated unless said so.
// Threads    Any, once opened: nothing changes after that.

#ifndef WORKER_EXPERTS_GGUF_H
#define WORKER_EXPERTS_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum { GGUF_DIMS_MAX = 4 };

// The numbers are the file format's.
enum gguf_kind {
    GGUF_U8 = 0,
    GGUF_I8 = 1,
    GGUF_U16 = 2,
    GGUF_I16 = 3,
    GGUF_U32 = 4,
    GGUF_I32 = 5,
    GGUF_F32 = 6,
    GGUF_BOOL = 7,
    GGUF_STR = 8,
    GGUF_ARRAY = 9,
    GGUF_U64 = 10,
    GGUF_I64 = 11,
    GGUF_F64 = 12,
};

struct gguf_text {
    const char *s; // any bytes, also NUL
    size_t n;
};

// Elements of one kind; arrays of arrays can be in a file but not be read.
struct gguf_array {
    enum gguf_kind kind;
    uint64_t n;
    const uint8_t *bytes; // as in the file, unaligned
    const uint64_t *ends; // GGUF_STR only: where element i ends in `bytes`
};

struct gguf_value {
    enum gguf_kind kind;
    union {
        uint64_t u; // the unsigned kinds
        int64_t i;  // the signed kinds
        double f;   // GGUF_F32, GGUF_F64
        bool b;
        struct gguf_text text;
        struct gguf_array array;
    };
};

struct format;

struct gguf_tensor {
    const char *name; // NUL-terminated
    const struct format *format;
    uint32_t n_dims;
    uint64_t dims[GGUF_DIMS_MAX]; // fastest first; those past n_dims are 1
    uint64_t row_bytes;           // bytes of dims[0] elements
    uint64_t n_rows;              // dims[1] * dims[2] * dims[3]
    uint64_t size;                // n_rows * row_bytes
    const uint8_t *data;          // aligned as the file says (at least 8)
};

struct gguf;

// ERR_NOT_FOUND: no such file, or a part of a split model is missing;
// ERR_UNSUPPORTED: a version or tensor type that this build lacks; ERR_PARSE:
// the file is broken; ERR_IO.
MUST_CHECK enum error gguf_open(const char *path, struct gguf **out, struct errtext *t);
// The same for one file's bytes in memory, which stay the caller's and must
// outlive the model; `name` stands for the path in messages.
MUST_CHECK enum error gguf_open_bytes(
    const void *bytes, size_t n, const char *name, struct gguf **out, struct errtext *t);
void gguf_close(struct gguf *g); // NULL is fine

const char *gguf_path(const struct gguf *g);
const char *gguf_arch(const struct gguf *g); // general.architecture, "" when there is none
uint64_t gguf_bytes(const struct gguf *g);   // of all parts' tensors

// A tensor that will hardly be read again: its pages leave this process' memory and
// come back from the file when they are.
void gguf_tensor_rest(const struct gguf *g, const struct gguf_tensor *t);

// ---- metadata ---------------------------------------------------------------

uint32_t gguf_n_keys(const struct gguf *g);
const char *gguf_key_at(const struct gguf *g, uint32_t i); // in the file's order
const struct gguf_value *gguf_value_at(const struct gguf *g, uint32_t i);
const struct gguf_value *gguf_find(const struct gguf *g, const char *key); // or NULL

// Must be there: ERR_NOT_FOUND, or ERR_INVALID when the kind or the value does
// not fit, with a line naming file and key.  Integers of any width and sign are
// taken where the value fits; gguf_get_f64 takes integers too.  A text with a
// NUL in it is no string.
MUST_CHECK enum error
gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out, struct errtext *t);
MUST_CHECK enum error
gguf_get_f64(const struct gguf *g, const char *key, double *out, struct errtext *t);
MUST_CHECK enum error
gguf_get_bool(const struct gguf *g, const char *key, bool *out, struct errtext *t);
MUST_CHECK enum error
gguf_get_text(const struct gguf *g, const char *key, struct gguf_text *out, struct errtext *t);
// GGUF_STR: texts; GGUF_F64: any numbers; GGUF_I64: any integers; GGUF_BOOL.
MUST_CHECK enum error gguf_get_array(const struct gguf *g,
                                     const char *key,
                                     enum gguf_kind kind,
                                     struct gguf_array *out,
                                     struct errtext *t);

// May be absent: *out keeps what it has, the call is OK.
MUST_CHECK enum error
gguf_opt_u64(const struct gguf *g, const char *key, uint64_t *out, struct errtext *t);
MUST_CHECK enum error
gguf_opt_f64(const struct gguf *g, const char *key, double *out, struct errtext *t);
MUST_CHECK enum error
gguf_opt_bool(const struct gguf *g, const char *key, bool *out, struct errtext *t);
MUST_CHECK enum error
gguf_opt_text(const struct gguf *g, const char *key, struct gguf_text *out, struct errtext *t);

// Element i < a->n of an array of the kind asked for.
struct gguf_text gguf_array_text(const struct gguf_array *a, uint64_t i);
double gguf_array_f64(const struct gguf_array *a, uint64_t i);
int64_t gguf_array_i64(const struct gguf_array *a, uint64_t i); // GGUF_U64 wraps
bool gguf_array_bool(const struct gguf_array *a, uint64_t i);
const char *gguf_kind_name(enum gguf_kind k); // "u32", "array"

// ---- tensors ----------------------------------------------------------------

uint32_t gguf_n_tensors(const struct gguf *g);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, uint32_t i);
const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name); // or NULL
// Must be there and have exactly these dimensions (those past the last may be
// left out when they are 1): ERR_NOT_FOUND, ERR_INVALID with a line.
MUST_CHECK enum error gguf_tensor_get(const struct gguf *g,
                                      const char *name,
                                      const uint64_t dims[GGUF_DIMS_MAX],
                                      const struct gguf_tensor **out,
                                      struct errtext *t);

#endif
