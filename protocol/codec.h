// SPDX-License-Identifier: MIT
// codec.h - struct message to frames and back, driven by schema.def's tables.
//
// Encoding appends the payload to a buffer; decoding reads
// through the guard's reader (guard.h), never allocates more than the bytes
// could hold, and fails with ERR_PROTO and a reason naming message, field and
// fault.  Unknown keys are skipped, missing optional ones get their
// zero, missing required ones are an error, as is a key that comes twice.
//
// Threads    Any; pure.

#ifndef PROTOCOL_CODEC_H
#define PROTOCOL_CODEC_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "protocol/frame.h"
#include "protocol/message.h"

enum { LIST_MAX = 65536 }; // records in one list

// Append the payload of `m` to `out`.  Our own messages always fit:
// violations of the schema are our bug (assert).
void codec_encode(const struct message *m, struct buf *out);

// Header frame and payload frame to *m.  Every byte passes the guard's reader on
// the way: bytes that decode would also pass guard_check.  Once the header is
// understood, m->type and m->id are filled in even when the rest is refused.
// ERR_PROTO, ERR_LIMIT; ERR_UNSUPPORTED: another version or an unknown type.
MUST_CHECK enum error codec_decode(struct bin header,
                                   struct bin payload,
                                   struct arena *a,
                                   struct message *m,
                                   struct errtext *t);

// For tests, SPEC.md's check and the fuzzers' dictionary.
enum codec_kind {
    KIND_u32,
    KIND_u64,
    KIND_i64,
    KIND_f64,
    KIND_boolean,
    KIND_str,
    KIND_bin,
    KIND_value,
    KIND_list,
};

struct codec_field {
    const char *name;
    uint32_t key;
    enum codec_kind kind;
    bool required;
    uint8_t presence_bytes;   // one, four or eight, zero when it is absent
    uint32_t presence_offset; // where they are
    uint32_t offset;          // in the struct
    uint32_t count_offset;    // of n_NAME, lists only
    uint32_t record;          // index of the record's table, lists only
    const char *doc;
};
struct codec_table {
    const char *name; // "HELLO", or the record's name
    uint32_t type;    // 0 for a record
    uint32_t size;    // of the struct
    const struct codec_field *fields;
    uint32_t n_fields;
    uint32_t required; // bit i: field i is
    const char *doc;
};
extern const struct codec_table codec_messages[];
extern const uint32_t codec_n_messages;
extern const struct codec_table codec_records[];
extern const uint32_t codec_n_records;

#endif
