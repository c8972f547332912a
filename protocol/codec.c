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

// A map's fields at most (they are counted in the bits of a number), and the bytes of
// a key with the number or the head behind it; the map's own head fits too.
enum { FIELDS_MAX = 32, FIELD_BYTES = 2 * EMIT_MAX };

// What tells that an optional field is there: so many bytes of it, at this place in it.
enum {
    BYTES_u32 = 4,
    BYTES_u64 = 8,
    BYTES_i64 = 8,
    BYTES_f64 = 8,
    BYTES_boolean = 1,
    BYTES_str = 4,
    BYTES_bin = 4,
    BYTES_value = 4,
    PLACE_u32 = 0,
    PLACE_u64 = 0,
    PLACE_i64 = 0,
    PLACE_f64 = 0,
    PLACE_boolean = 0,
    PLACE_str = offsetof(struct str, n),
    PLACE_bin = offsetof(struct bin, n),
    PLACE_value = offsetof(struct bin, n),
};

// NOLINTBEGIN(bugprone-macro-parentheses): names of members
#define RECORD(name, doc)              static const struct codec_field fields_##name[] = {
#define MESSAGE(NAME, name, type, doc) RECORD(name, doc)
#define FIELD(owner, key, kind, name, presence, doc)                                           \
    {#name,                                                                                    \
     key,                                                                                      \
     KIND_##kind,                                                                              \
     presence,                                                                                 \
     BYTES_##kind,                                                                             \
     offsetof(union owners, owner.name) + PLACE_##kind,                                        \
     offsetof(union owners, owner.name),                                                       \
     0,                                                                                        \
     0,                                                                                        \
     doc},
#define LIST(owner, key, record, name, doc)                                                    \
    {#name,                                                                                    \
     key,                                                                                      \
     KIND_list,                                                                                \
     OPTIONAL,                                                                                 \
     sizeof(uint32_t),                                                                         \
     offsetof(union owners, owner.n_##name),                                                   \
     offsetof(union owners, owner.name),                                                       \
     offsetof(union owners, owner.n_##name),                                                   \
     RECORD_##record,                                                                          \
     doc},
#define END(name)                                                                              \
    }                                                                                          \
    ;
#include "protocol/schema.def"
// NOLINTEND(bugprone-macro-parentheses)

// Bit i: an owner's field i is required.
#define RECORD(name, doc)                            enum { first_of_##name = 0,
#define MESSAGE(NAME, name, type, doc)               RECORD(name, doc)
#define FIELD(owner, key, kind, name, presence, doc) at_##owner##_##name,
#define LIST(owner, key, record, name, doc)          at_##owner##_##name,
#define END(name)                                                                              \
    }                                                                                          \
    ;
#include "protocol/schema.def"
#define RECORD(name, doc)                            enum { required_##name = 0
#define MESSAGE(NAME, name, type, doc)               RECORD(name, doc)
#define FIELD(owner, key, kind, name, presence, doc) | (presence) << (at_##owner##_##name - 1)
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

// The field, or for what has a length its length, is not zero.
static inline bool is_there(const struct codec_field *f, const char *body)
{
    const char *at = body + f->presence_offset;
    switch (f->presence_bytes) {
    case 1:
        return *(const uint8_t *)at != 0;
    case 4:
        return *(const uint32_t *)at != 0;
    default:
        return *(const uint64_t *)at != 0;
    }
}

// Where heads and numbers go: into the buffer itself, or near its limit beside it.
struct pen {
    struct buf *out;
    uint8_t *start, *p;
    uint8_t beside[FIELDS_MAX * FIELD_BYTES];
};

static inline void pen_down(struct pen *pen)
{
    struct buf *b = pen->out;
    size_t room = sizeof pen->beside;
    if (!b->full && b->limit - b->n > room) {
        if (b->cap - b->n <= room && buf_reserve(b, room))
            b->n -= room;
        pen->start = pen->p = b->bytes + b->n;
    } else {
        pen->start = pen->p = pen->beside;
    }
}

static inline void pen_up(struct pen *pen)
{
    struct buf *b = pen->out;
    size_t n = (size_t)(pen->p - pen->start);
    if (pen->start == pen->beside) {
        buf_put(b, pen->beside, n);
    } else {
        b->n += n;
        b->bytes[b->n] = 0;
    }
}

static void put_bytes(struct pen *pen, const void *p, uint32_t n)
{
    pen_up(pen);
    if (n)
        buf_put(pen->out, p, n);
    pen_down(pen);
}

static void put_fields(struct buf *out, const struct codec_table *table, const char *body);

static void put_list(struct pen *pen, const struct codec_field *f, const char *body)
{
    const struct codec_table *record = &codec_records[f->record];
    const char *items = *(const char *const *)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->count_offset);

    assert(n <= LIST_MAX);
    pen->p = emit_list(pen->p, n);
    pen_up(pen);
    for (uint32_t i = 0; i < n; i++)
        put_fields(pen->out, record, items + (size_t)i * record->size);
    pen_down(pen);
}

static void put_field(struct pen *pen, const struct codec_field *f, const char *body)
{
    const char *at = body + f->offset;
    const struct bin *b = (const struct bin *)at;
    switch (f->kind) {
    case KIND_u32:
        pen->p = emit_uint(pen->p, *(const uint32_t *)at);
        break;
    case KIND_u64:
        pen->p = emit_uint(pen->p, *(const uint64_t *)at);
        break;
    case KIND_i64:
        pen->p = emit_int(pen->p, *(const int64_t *)at);
        break;
    case KIND_f64:
        pen->p = emit_float(pen->p, *(const double *)at);
        break;
    case KIND_boolean:
        pen->p = emit_bool(pen->p, *(const bool *)at);
        break;
    case KIND_str:
        pen->p = emit_str(pen->p, ((const struct str *)at)->n);
        put_bytes(pen, ((const struct str *)at)->p, ((const struct str *)at)->n);
        break;
    case KIND_bin:
        pen->p = emit_bin(pen->p, b->n);
        put_bytes(pen, b->p, b->n);
        break;
    case KIND_value: // packed already
        assert(b->n > 0);
        put_bytes(pen, b->p, b->n);
        break;
    case KIND_list:
        put_list(pen, f, body);
        break;
    }
}

static uint32_t bits_below(uint32_t n)
{
    return (uint32_t)((UINT64_C(1) << n) - 1);
}

static void put_fields(struct buf *out, const struct codec_table *table, const char *body)
{
    struct pen pen;
    uint32_t present = table->required; // bit i: field i

    for (uint32_t left = bits_below(table->n_fields) & ~present; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(left);
        present |= (uint32_t)is_there(&table->fields[i], body) << i;
    }
    pen.out = out;
    pen_down(&pen);
    pen.p = emit_map(pen.p, (uint32_t)__builtin_popcount(present));
    for (; present; present &= present - 1) {
        const struct codec_field *f = &table->fields[__builtin_ctz(present)];
        pen.p = emit_uint(pen.p, f->key);
        put_field(&pen, f, body);
    }
    pen_up(&pen);
}

void codec_encode(const struct message *m, struct buf *out)
{
    const struct codec_table *table = table_of(m->type);
    assert(table);
    put_fields(out, table, (const char *)m + BODY);
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
    return 1 + (size_t)2 * (uint32_t)__builtin_popcount(table->required);
}

// A whole number that fits, or a short binary, goes straight to its field; false:
// what stands there needs a closer look.
static inline bool store_common(struct guard_cursor *c, enum codec_kind kind, void *at)
{
    struct guard_cursor ahead = *c;
    uint64_t u;
    if (kind == KIND_bin && c->end - c->p > 1 && c->p[0] == 0xc4
        && c->p[1] <= c->end - c->p - 2) {
        *(struct bin *)at = (struct bin){c->p + 2, c->p[1]};
        c->p += 2 + c->p[1];
        return true;
    }
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
    uint32_t missing = table->required & ~seen;
    if (!missing)
        return OK;
    return refuse(d, table, table->fields[__builtin_ctz(missing)].name, "missing");
}

// The value of `f`, or of a key that is unknown (NULL).
static enum error read_value(struct decoder *d,
                             const struct codec_table *table,
                             const struct codec_field *f,
                             char *body,
                             uint32_t depth)
{
    if (f)
        return read_field(d, table, f, body, depth);
    return guard_skip_inside(&d->c, depth) ? refuse(d, table, "unknown key", "malformed value")
                                           : OK;
}

// One map into a zeroed struct.  `depth`: lists and maps open around it.
static enum error
read_fields(struct decoder *d, const struct codec_table *table, char *body, uint32_t depth)
{
    struct guard_token head;
    uint64_t key;
    uint32_t seen = 0; // bit i: field i

    if (guard_next(&d->c, &head) || head.type != GUARD_MAP)
        return refuse(d, table, "map", "missing");
    struct guard_cursor c = d->c; // ours alone: what is stored in between cannot change it
    for (uint32_t i = 0; i < head.n; i++) {
        if (!guard_uint(&c, &key))
            return refuse(d, table, "key", "not a small integer");
        const struct codec_field *f = find_field(table, key);
        uint32_t bit = f ? 1u << (f - table->fields) : 0;
        if (seen & bit)
            return refuse(d, table, f->name, "comes twice");
        seen |= bit;
        if (f && store_common(&c, f->kind, body + f->offset))
            continue;
        d->c = c;
        enum error e = read_value(d, table, f, body, depth + 1);
        if (e)
            return e;
        c = d->c;
    }
    d->c = c;
    return check_required(d, table, seen);
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
