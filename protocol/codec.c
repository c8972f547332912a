// SPDX-License-Identifier: MIT
#include "protocol/codec.h"

#include <assert.h>
#include <string.h>

#include "common/version.h"
#include "protocol/emit.h"
#include "protocol/guard.h"

// ---- the tables -------------------------------------------------------------

// Every struct under its owner's name, for offsetof.
union owners {
#define RECORD(name, doc)              struct rec_##name name;
#define MESSAGE(NAME, name, type, doc) struct msg_##name name;
#include "protocol/schema.def"
};

enum record_index {
#define RECORD(name, doc) RECORD_##name,
#include "protocol/schema.def"
    N_RECORDS
};

enum message_index {
#define MESSAGE(NAME, name, type, doc) INDEX_##NAME,
#include "protocol/schema.def"
    N_MESSAGES
};

enum presence { OPTIONAL, REQUIRED };

// NOLINTBEGIN(bugprone-macro-parentheses): names of members
#define RECORD(name, doc)              static const struct codec_field fields_##name[] = {
#define MESSAGE(NAME, name, type, doc) RECORD(name, doc)
#define FIELD(owner, key, kind, name, presence, doc)                                           \
    {#name, key, KIND_##kind, presence, offsetof(union owners, owner.name), 0, 0, doc},
#define LIST(owner, key, record, name, doc)                                                    \
    {#name,                                                                                    \
     key,                                                                                      \
     KIND_list,                                                                                \
     OPTIONAL,                                                                                 \
     offsetof(union owners, owner.name),                                                       \
     offsetof(union owners, owner.n_##name),                                                   \
     RECORD_##record,                                                                          \
     doc},
#define END(name)                                                                              \
    }                                                                                          \
    ;
#include "protocol/schema.def"
// NOLINTEND(bugprone-macro-parentheses)

// How many of an owner's fields are required.
#define RECORD(name, doc)                            enum { required_##name = 0
#define MESSAGE(NAME, name, type, doc)               RECORD(name, doc)
#define FIELD(owner, key, kind, name, presence, doc) +presence
#define END(name)                                                                              \
    }                                                                                          \
    ;
#include "protocol/schema.def"

#define N_FIELDS(name) ((uint32_t)(sizeof fields_##name / sizeof fields_##name[0]))

const struct codec_table codec_records[] = {
#define RECORD(name, doc)                                                                      \
    {#name, 0, sizeof(struct rec_##name), fields_##name, N_FIELDS(name), required_##name, doc},
#include "protocol/schema.def"
};
const uint32_t codec_n_records = N_RECORDS;

const struct codec_table codec_messages[] = {
#define MESSAGE(NAME, name, type, doc)                                                         \
    {#NAME,           type, sizeof(struct msg_##name), fields_##name, N_FIELDS(name),          \
     required_##name, doc},
#include "protocol/schema.def"
};
const uint32_t codec_n_messages = N_MESSAGES;

static const struct codec_table *table_of(uint32_t type)
{
    static const uint8_t index[] = {
    // plus 1; 0: none
#define MESSAGE(NAME, name, type, doc) [type] = INDEX_##NAME + 1,
#include "protocol/schema.def"
    };
    if (type >= sizeof index || index[type] == 0)
        return NULL;
    return &codec_messages[index[type] - 1];
}

// All messages of the union start here.
enum { BODY = offsetof(struct message, hello) };

// ---- encoding ---------------------------------------------------------------

static bool is_absent(const struct codec_field *f, const char *body)
{
    const char *at = body + f->offset;
    if (f->required)
        return false;
    switch (f->kind) {
    case KIND_u32:
        return *(const uint32_t *)at == 0;
    case KIND_u64:
    case KIND_i64:
        return *(const uint64_t *)at == 0;
    case KIND_f64:
        return *(const double *)at == 0;
    case KIND_boolean:
        return !*(const bool *)at;
    case KIND_str:
        return ((const struct str *)at)->n == 0;
    case KIND_bin:
    case KIND_value:
        return ((const struct bin *)at)->n == 0;
    case KIND_list:
        return *(const uint32_t *)(body + f->count_offset) == 0;
    }
    return true;
}

// For a key and a number, or for the heads of a map or of a list.
static void make_room(struct emit *e, struct buf *out)
{
    if (e->n > EMIT_SMALL_MAX - 14)
        emit_flush(e, out);
}

static void put_bytes(struct emit *e, const void *p, uint32_t n, struct buf *out)
{
    emit_flush(e, out);
    if (n)
        buf_put(out, p, n);
}

static void
put_fields(struct emit *e, const struct codec_table *table, const char *body, struct buf *out);

static void
put_list(struct emit *e, const struct codec_field *f, const char *body, struct buf *out)
{
    const struct codec_table *record = &codec_records[f->record];
    const char *items = *(const char *const *)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->count_offset);

    assert(n <= LIST_MAX);
    emit_list(e, n);
    for (uint32_t i = 0; i < n; i++)
        put_fields(e, record, items + (size_t)i * record->size, out);
}

static void
put_field(struct emit *e, const struct codec_field *f, const char *body, struct buf *out)
{
    const char *at = body + f->offset;
    const struct bin *b = (const struct bin *)at;
    switch (f->kind) {
    case KIND_u32:
        emit_uint(e, *(const uint32_t *)at);
        break;
    case KIND_u64:
        emit_uint(e, *(const uint64_t *)at);
        break;
    case KIND_i64:
        emit_int(e, *(const int64_t *)at);
        break;
    case KIND_f64:
        emit_float(e, *(const double *)at);
        break;
    case KIND_boolean:
        emit_bool(e, *(const bool *)at);
        break;
    case KIND_str:
        emit_str(e, ((const struct str *)at)->n);
        put_bytes(e, ((const struct str *)at)->p, ((const struct str *)at)->n, out);
        break;
    case KIND_bin:
        emit_bin(e, b->n);
        put_bytes(e, b->p, b->n, out);
        break;
    case KIND_value: // packed already
        assert(b->n > 0);
        put_bytes(e, b->p, b->n, out);
        break;
    case KIND_list:
        put_list(e, f, body, out);
        break;
    }
}

// What was gathered in `e` may not have gone out when it returns.
static void
put_fields(struct emit *e, const struct codec_table *table, const char *body, struct buf *out)
{
    uint32_t present = 0; // bit i: field i
    uint32_t n = 0;
    for (uint32_t i = 0; i < table->n_fields; i++) {
        uint32_t is_there = !is_absent(&table->fields[i], body);
        present |= is_there << i;
        n += is_there;
    }
    make_room(e, out);
    emit_map(e, n);
    for (; present; present &= present - 1) {
        const struct codec_field *f = &table->fields[__builtin_ctz(present)];
        make_room(e, out);
        emit_uint(e, f->key);
        put_field(e, f, body, out);
    }
}

void codec_encode(const struct message *m, struct buf *out)
{
    const struct codec_table *table = table_of(m->type);
    struct emit e;

    assert(table);
    e.n = 0;
    put_fields(&e, table, (const char *)m + BODY, out);
    emit_flush(&e, out);
}

// ---- decoding ---------------------------------------------------------------

struct decoder {
    struct guard_cursor c;
    struct arena *arena;
    struct errtext *t;
    const char *message;
};

static enum error refuse(const struct decoder *d,
                         const struct codec_table *table,
                         const char *field,
                         const char *why)
{
    if (table->type == 0)
        return errtext_set(d->t, ERR_PROTO, "%s: %s.%s: %s", d->message, table->name, field,
                           why);
    return errtext_set(d->t, ERR_PROTO, "%s: %s: %s", d->message, field, why);
}

// Keys count up from 1, but for removed ones.
static const struct codec_field *find_field(const struct codec_table *table, uint64_t key)
{
    uint32_t n = table->n_fields;
    if (key - 1 < n && table->fields[key - 1].key == key)
        return &table->fields[key - 1];
    for (uint32_t i = 0; i < n; i++)
        if (table->fields[i].key == key)
            return &table->fields[i];
    return NULL;
}

// The bytes of the shortest such record: what a list's count is held against.
static size_t least_size(const struct codec_table *table)
{
    return 1 + (size_t)2 * table->n_required;
}

// A whole number that fits goes straight to its field; false: what stands there
// needs a closer look.
static inline bool store_number(struct guard_cursor *c, enum codec_kind kind, void *at)
{
    struct guard_cursor ahead = *c;
    uint64_t u;
    if (kind > KIND_i64 || !guard_uint(&ahead, &u))
        return false;
    if (kind == KIND_u32 ? u > UINT32_MAX : kind == KIND_i64 && u > INT64_MAX)
        return false;
    if (kind == KIND_u32)
        *(uint32_t *)at = (uint32_t)u;
    else
        *(uint64_t *)at = u;
    *c = ahead;
    return true;
}

// NULL, or what is wrong.
static const char *store_integer(const struct guard_token *t, enum codec_kind kind, void *at)
{
    if (t->type == GUARD_INT && kind == KIND_i64) {
        *(int64_t *)at = t->i;
        return NULL;
    }
    if (t->type != GUARD_UINT)
        return t->type == GUARD_INT ? "negative" : "not an integer";
    if (kind == KIND_u32 && t->u > UINT32_MAX)
        return "larger than 32 bits";
    if (kind == KIND_i64 && t->u > INT64_MAX)
        return "larger than 63 bits";
    if (kind == KIND_u32)
        *(uint32_t *)at = (uint32_t)t->u;
    else
        *(uint64_t *)at = t->u;
    return NULL;
}

static const char *store_token(const struct guard_token *t, enum codec_kind kind, void *at)
{
    switch (kind) {
    case KIND_u32:
    case KIND_u64:
    case KIND_i64:
        return store_integer(t, kind, at);
    case KIND_f64:
        *(double *)at = t->type == GUARD_FLOAT ? t->f : 0;
        return t->type == GUARD_FLOAT ? NULL : "not a float";
    case KIND_boolean:
        *(bool *)at = t->type == GUARD_BOOL && t->b;
        return t->type == GUARD_BOOL ? NULL : "not a boolean";
    case KIND_str:
        if (t->type != GUARD_STR)
            return "not a string";
        *(struct str *)at = (struct str){(const char *)t->p, t->n_bytes};
        return NULL;
    case KIND_bin:
        if (t->type != GUARD_BIN)
            return "not a binary";
        *(struct bin *)at = (struct bin){t->p, t->n_bytes};
        return NULL;
    case KIND_value:
    case KIND_list:
        break;
    }
    return "no such kind";
}

static enum error
read_fields(struct decoder *d, const struct codec_table *table, char *body, uint32_t depth);

static enum error read_list(struct decoder *d,
                            const struct codec_table *table,
                            const struct codec_field *f,
                            char *body,
                            uint32_t depth)
{
    const struct codec_table *record = &codec_records[f->record];
    struct guard_token t;

    if (guard_next(&d->c, &t))
        return refuse(d, table, f->name, "ends early");
    if (t.type != GUARD_LIST)
        return refuse(d, table, f->name, "not a list");
    if (t.n > LIST_MAX)
        return refuse(d, table, f->name, "too many records");
    if (t.n * least_size(record) > (size_t)(d->c.end - d->c.p))
        return refuse(d, table, f->name, "more records than bytes for them");
    char *items = t.n ? arena_alloc(d->arena, (size_t)t.n * record->size) : NULL;
    *(char **)(body + f->offset) = items;
    *(uint32_t *)(body + f->count_offset) = t.n;
    for (uint32_t i = 0; i < t.n; i++) {
        enum error e = read_fields(d, record, items + (size_t)i * record->size, depth + 1);
        if (e)
            return e;
    }
    return OK;
}

static enum error read_field(struct decoder *d,
                             const struct codec_table *table,
                             const struct codec_field *f,
                             char *body,
                             uint32_t depth)
{
    if (store_number(&d->c, f->kind, body + f->offset))
        return OK;
    if (f->kind == KIND_list)
        return read_list(d, table, f, body, depth + 1);
    if (f->kind == KIND_value) {
        const uint8_t *start = d->c.p;
        if (guard_skip_inside(&d->c, depth))
            return refuse(d, table, f->name, "malformed value");
        *(struct bin *)(body + f->offset) = (struct bin){start, (uint32_t)(d->c.p - start)};
        return OK;
    }
    struct guard_token t;
    if (guard_next(&d->c, &t))
        return refuse(d, table, f->name, "malformed or ends early");
    const char *wrong = store_token(&t, f->kind, body + f->offset);
    return wrong ? refuse(d, table, f->name, wrong) : OK;
}

static enum error
check_required(const struct decoder *d, const struct codec_table *table, uint32_t seen)
{
    for (uint32_t i = 0; i < table->n_fields; i++)
        if (table->fields[i].required && !(seen & 1u << i))
            return refuse(d, table, table->fields[i].name, "missing");
    return OK;
}

// One map into a zeroed struct.  `depth`: lists and maps open around it.
static enum error
read_fields(struct decoder *d, const struct codec_table *table, char *body, uint32_t depth)
{
    struct guard_token head;
    uint64_t key;
    uint32_t n_required = 0;
    uint32_t seen = 0; // bit i: field i

    if (guard_next(&d->c, &head) || head.type != GUARD_MAP)
        return refuse(d, table, "map", "missing");
    for (uint32_t i = 0; i < head.n; i++) {
        if (!guard_uint(&d->c, &key))
            return refuse(d, table, "key", "not a small integer");
        const struct codec_field *f = find_field(table, key);
        enum error e = OK;
        if (!f) {
            if (guard_skip_inside(&d->c, depth + 1))
                return refuse(d, table, "unknown key", "malformed value");
            continue;
        }
        uint32_t bit = 1u << (f - table->fields);
        if (seen & bit)
            return refuse(d, table, f->name, "comes twice");
        seen |= bit;
        n_required += f->required;
        e = read_field(d, table, f, body, depth + 1);
        if (e)
            return e;
    }
    return n_required == table->n_required ? OK : check_required(d, table, seen);
}

enum error codec_decode(struct bin header,
                        struct bin payload,
                        struct arena *a,
                        struct message *m,
                        struct errtext *t)
{
    struct frame_header h = {0};
    enum error e = frame_get_header(header.p, header.n, &h, t);

    *m = (struct message){.type = h.type, .flags = h.flags, .id = h.id};
    if (e)
        return e;
    const struct codec_table *table = table_of(h.type);
    if (!table)
        return errtext_set(t, ERR_UNSUPPORTED, "unknown message type 0x%02x", h.type);
    if (h.length != payload.n)
        return errtext_set(t, ERR_PROTO, "%s: payload of %u bytes, header says %u", table->name,
                           payload.n, h.length);
    struct decoder d = {{payload.p, payload.p + payload.n}, a, t, table->name};
    e = read_fields(&d, table, (char *)m + BODY, 0);
    if (!e && d.c.p != d.c.end)
        e = errtext_set(t, ERR_PROTO, "%s: %zu bytes behind the payload", table->name,
                        (size_t)(d.c.end - d.c.p));
    m->payload = payload;
    return e;
}
