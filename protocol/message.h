// SPDX-License-Identifier: MIT
// message.h - the structs behind schema.def, and the union of all messages.
//
// A decoded message borrows: strings, binaries and values point into the
// frame's bytes, lists into the arena given to the decoder.
//
// Threads    Plain data.

#ifndef PROTOCOL_MESSAGE_H
#define PROTOCOL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str { // not NUL-terminated
    const char *p;
    uint32_t n;
};

struct bin {
    const uint8_t *p;
    uint32_t n;
};

#define MESSAGE_TYPE_u32     uint32_t
#define MESSAGE_TYPE_u64     uint64_t
#define MESSAGE_TYPE_i64     int64_t
#define MESSAGE_TYPE_f64     double
#define MESSAGE_TYPE_boolean bool
#define MESSAGE_TYPE_str     struct str
#define MESSAGE_TYPE_bin     struct bin
#define MESSAGE_TYPE_value   struct bin

// struct rec_lease, struct msg_hello, …
#define RECORD(name, doc)                            struct rec_##name {
#define MESSAGE(NAME, name, type, doc)               struct msg_##name {
#define FIELD(owner, key, kind, name, presence, doc) MESSAGE_TYPE_##kind name;
#define LIST(owner, key, record, name, doc)                                                    \
    struct rec_##record *name;                                                                 \
    uint32_t n_##name;
#define END(name)                                                                              \
    }                                                                                          \
    ;
#include "protocol/schema.def"

enum message_type {
#define MESSAGE(NAME, name, type, doc) MSG_##NAME = (type),
#include "protocol/schema.def"
};

// Tensors and blob chunks travel as raw frames behind the payload.
struct message {
    enum message_type type;
    uint16_t flags;     // none yet
    uint64_t id;        // a request's number, echoed by its replies
    struct bin raw;     // the first raw frame, empty if none
    struct bin payload; // set by the decoder: the bytes it read, for the journal
    union {
#define MESSAGE(NAME, name, type, doc) struct msg_##name name;
#include "protocol/schema.def"
    };
};

const char *message_name(enum message_type t); // "HELLO", or "?"

static inline struct str str_of(const char *s)
{
    uint32_t n = 0;
    while (s && s[n])
        n++;
    return (struct str){s, n};
}

#endif
