// SPDX-License-Identifier: MIT
// codec.h - struct message to frames and back, driven by schema.def's tables.
//
// Encoding appends the payload to a buffer (msgpack-c packs); decoding reads
// bytes that the guard has walked (guard.h), never allocates more than the
// bytes could hold, and fails with ERR_PROTO and a reason naming message,
// field and fault.  Unknown keys are skipped, missing optional ones get their
// zero, missing required ones are an error, as is a key that comes twice.
//
// Threads    Any; pure.

#ifndef PROTOCOL_CODEC_H
#define PROTOCOL_CODEC_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "protocol/message.h"

enum {
    FRAME_HEADER_SIZE = 20,
    FRAME_MAGIC = 0x5A,
    FRAME_PAYLOAD_MAX = 16 * 1024 * 1024,
    FRAME_RAW_MAX = 1024 * 1024 + 64,
    LIST_MAX = 65536, // records in one list
};

// Big endian: magic u8, version u8, type u16, flags u16, reserved u16 (0),
// id u64, payload length u32.
struct frame_header {
    uint8_t version;
    uint16_t type;
    uint16_t flags;
    uint64_t id;
    uint32_t length;
};

void frame_put_header(const struct frame_header *h, uint8_t out[FRAME_HEADER_SIZE]);
// ERR_PROTO: not ours; ERR_UNSUPPORTED: ours, of another version (h is filled).
MUST_CHECK enum error frame_get_header(const uint8_t *p, size_t n, struct frame_header *h,
                                       struct errtext *t);

// Append the payload of `m` to `out`.  Our own messages always fit:
// violations of the schema are our bug (assert).
void codec_encode(const struct message *m, struct buf *out);

// Header frame and payload frame to *m.  Runs the guard itself.
MUST_CHECK enum error codec_decode(const uint8_t *header, size_t n_header,
                                   const uint8_t *payload, size_t n_payload, struct arena *a,
                                   struct message *m, struct errtext *t);

// For tests, SPEC.md's check and the fuzzers' dictionary.
enum codec_kind { KIND_u32, KIND_u64, KIND_i64, KIND_f64, KIND_boolean, KIND_str, KIND_bin,
                  KIND_value, KIND_list };
struct codec_field {
    const char *name;
    uint32_t key;
    enum codec_kind kind;
    bool required;
    uint32_t offset;       // in the struct
    uint32_t count_offset; // of n_NAME, lists only
    uint32_t record;       // index of the record's table, lists only
    const char *doc;
};
struct codec_table {
    const char *name; // "HELLO", or the record's name
    uint32_t type;    // 0 for a record
    uint32_t size;    // of the struct
    const struct codec_field *fields;
    uint32_t n_fields;
    const char *doc;
};
extern const struct codec_table codec_messages[];
extern const uint32_t codec_n_messages;
extern const struct codec_table codec_records[];
extern const uint32_t codec_n_records;

#endif
