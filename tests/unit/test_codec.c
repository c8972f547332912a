// SPDX-License-Identifier: MIT
// test_codec.c - every message survives the wire, and nothing else gets through.
//
// SHOAL_WRITE=1 writes tests/golden/frames anew instead of comparing with it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "common/clock.h"
#include "common/rng.h"
#include "common/version.h"
#include "protocol/guard.h"
#include "tests/unit/any_message.h"
#include "tests/unit/harness.h"

static struct arena *arena;
static struct buf frame;

static void setup(void)
{
    arena = arena_create();
    buf_init(&frame, 1 << 24);
}

static void teardown(void)
{
    buf_fini(&frame);
    arena_destroy(arena);
}

static enum error decode(const uint8_t *p, size_t n, struct message *m, struct errtext *t)
{
    return codec_decode((struct bin){p, FRAME_HEADER_SIZE},
                        (struct bin){p + FRAME_HEADER_SIZE, (uint32_t)(n - FRAME_HEADER_SIZE)},
                        arena, m, t);
}

// ---- golden frames ----------------------------------------------------------

static void golden_path(char out[128], uint32_t i)
{
    (void)snprintf(out, 128, "tests/golden/frames/%s.bin", codec_messages[i].name);
}

START_TEST(a_message_is_still_the_frame_it_was)
{
    struct message m, back;
    struct errtext t = {""};
    char path[128];
    static uint8_t golden[65536];

    golden_message(arena, &codec_messages[_i], &m);
    any_frame(&m, &frame);
    golden_path(path, (uint32_t)_i);
    FILE *f = fopen(path, getenv("SHOAL_WRITE") ? "w+b" : "rb");
    ck_assert_msg(f != NULL, "%s", path);
    if (getenv("SHOAL_WRITE")) {
        ck_assert_uint_eq(fwrite(frame.bytes, 1, frame.n, f), frame.n);
        rewind(f);
    }
    size_t n = fread(golden, 1, sizeof golden, f);
    (void)fclose(f);
    ck_assert_uint_eq(n, frame.n);
    ck_assert_mem_eq(golden, frame.bytes, n);
    ck_assert_msg(decode(golden, n, &back, &t) == OK, "%s", t.text);
    ck_assert(same_message(&m, &back));
    ck_assert_ptr_eq(back.payload.p, golden + FRAME_HEADER_SIZE);
    ck_assert_uint_eq(back.payload.n, n - FRAME_HEADER_SIZE);
}
END_TEST

// ---- laws -------------------------------------------------------------------

static void random_message(uint64_t seed, struct message *m)
{
    struct rng r = rng_at(seed, 7, 0, 0);
    uint8_t *bytes = arena_alloc(arena, 4096);
    for (size_t i = 0; i < 4096; i++)
        bytes[i] = (uint8_t)rng_u32(&r);
    struct entropy e = {bytes, 4096};
    any_message(&e, arena, m);
}

START_TEST(decoding_undoes_encoding)
{
    struct message m, back;
    struct errtext t = {""};
    struct buf again;

    random_message((uint64_t)_i, &m);
    any_frame(&m, &frame);
    ck_assert_int_eq(
        guard_check(frame.bytes + FRAME_HEADER_SIZE, frame.n - FRAME_HEADER_SIZE, &t), OK);
    ck_assert_msg(decode(frame.bytes, frame.n, &back, &t) == OK, "%s", t.text);
    ck_assert(same_message(&m, &back));
    buf_init(&again, 1 << 24);
    any_frame(&back, &again);
    ck_assert_uint_eq(again.n, frame.n);
    ck_assert_mem_eq(again.bytes, frame.bytes, frame.n);
    buf_fini(&again);
}
END_TEST

// The other implementation of MessagePack reads the same map.
START_TEST(msgpack_c_reads_what_we_write)
{
    struct message m;
    msgpack_unpacked u;
    size_t at = 0;

    random_message((uint64_t)_i, &m);
    codec_encode(&m, &frame);
    msgpack_unpacked_init(&u);
    ck_assert_int_eq(msgpack_unpack_next(&u, (char *)frame.bytes, frame.n, &at),
                     MSGPACK_UNPACK_SUCCESS);
    ck_assert_uint_eq(at, frame.n);
    ck_assert_int_eq(u.data.type, MSGPACK_OBJECT_MAP);
    uint64_t last = 0;
    for (uint32_t i = 0; i < u.data.via.map.size; i++) {
        ck_assert_int_eq(u.data.via.map.ptr[i].key.type, MSGPACK_OBJECT_POSITIVE_INTEGER);
        ck_assert_uint_gt(u.data.via.map.ptr[i].key.via.u64, last);
        last = u.data.via.map.ptr[i].key.via.u64;
    }
    msgpack_unpacked_destroy(&u);
}
END_TEST

START_TEST(a_frame_with_a_byte_changed_or_cut_never_confuses)
{
    struct message m, back;
    struct rng r = rng_at((uint64_t)_i, 8, 0, 0);

    random_message((uint64_t)_i, &m);
    any_frame(&m, &frame);
    for (int k = 0; k < 50; k++) {
        size_t n = FRAME_HEADER_SIZE + rng_below(&r, frame.n - FRAME_HEADER_SIZE);
        uint8_t *copy = malloc(n);
        memcpy(copy, frame.bytes, n);
        copy[16] = copy[17] = 0; // the length follows the cut
        copy[18] = (uint8_t)((n - FRAME_HEADER_SIZE) >> 8);
        copy[19] = (uint8_t)(n - FRAME_HEADER_SIZE);
        ck_assert_int_ne(decode(copy, n, &back, NULL), OK);
        free(copy);
        uint8_t *byte =
            &frame.bytes[FRAME_HEADER_SIZE + rng_below(&r, frame.n - FRAME_HEADER_SIZE)];
        uint8_t old = *byte;
        *byte = (uint8_t)rng_u32(&r);
        // Whatever decodes would have passed the guard too.
        if (decode(frame.bytes, frame.n, &back, NULL) == OK)
            ck_assert_int_eq(
                guard_check(frame.bytes + FRAME_HEADER_SIZE, frame.n - FRAME_HEADER_SIZE, NULL),
                OK);
        *byte = old;
    }
}
END_TEST

// ---- the edges of the payload -----------------------------------------------

#define BYTES(s) s, sizeof(s) - 1

static const struct {
    const char *name;
    enum message_type type;
    const char *bytes;
    size_t n;
    const char *why; // NULL: accepted; else part of the reason
} edge[] = {
    {"all there", MSG_ACK, BYTES("\x81\x01\x05"), NULL},
    {"overlong integers are fine", MSG_ACK, BYTES("\x81\xcc\x01\xcd\x00\x05"), NULL},
    {"required one missing", MSG_ACK, BYTES("\x80"), "ACK: upto: missing"},
    {"nothing", MSG_ACK, BYTES(""), "map"},
    {"no map", MSG_ACK, BYTES("\x91\x05"), "map"},
    {"cut", MSG_ACK, BYTES("\x81\x01"), "map"}, // one pair needs two bytes
    {"value missing", MSG_WENT, BYTES("\x82\x01\x05\x02"), "map"},
    {"bytes behind", MSG_ACK, BYTES("\x81\x01\x05\xc0"), "1 bytes behind"},
    {"unknown key", MSG_ACK, BYTES("\x82\x01\x05\x63\x91\xa1x"), NULL},
    {"unknown key first", MSG_ACK, BYTES("\x82\x63\x81\x01\x02\x01\x05"), NULL},
    {"unknown key with an ext", MSG_ACK, BYTES("\x82\x01\x05\x63\xd4\x00\x00"), "unknown key"},
    {"huge key", MSG_ACK, BYTES("\x82\x01\x05\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc0"), NULL},
    {"key 0", MSG_ACK, BYTES("\x82\x01\x05\x00\xc0"), NULL},
    {"key comes twice", MSG_ACK, BYTES("\x82\x01\x05\x01\x05"), "upto: comes twice"},
    {"key is a string", MSG_ACK, BYTES("\x81\xa1z\x05"), "key"},
    {"key is negative", MSG_ACK, BYTES("\x81\xff\x05"), "key"},
    {"negative", MSG_ACK, BYTES("\x81\x01\xff"), "upto: negative"},
    {"no integer", MSG_ACK, BYTES("\x81\x01\xc3"), "upto: not an integer"},
    {"u32 at its end", MSG_PACE, BYTES("\x81\x01\xce\xff\xff\xff\xff"), NULL},
    {"u32 above it", MSG_PACE, BYTES("\x81\x01\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
     "32 bits"},
    {"no string", MSG_GOODBYE, BYTES("\x81\x01\x05"), "why: not a string"},
    {"bin for a string", MSG_GOODBYE, BYTES("\x81\x01\xc4\x01x"), "why: not a string"},
    {"bad UTF-8", MSG_GOODBYE, BYTES("\x81\x01\xa1\xff"), "why: malformed"},
    {"string cut", MSG_GOODBYE, BYTES("\x81\x01\xa5xy"), "why: malformed"},
    {"string for a bin", MSG_BLOB_OK, BYTES("\x82\x01\xa1x\x02\x05"), "hash: not a binary"},
    {"no boolean", MSG_REPLY, BYTES("\x82\x01\xc0\x02\x01"), "more: not a boolean"},
    {"a value", MSG_REPLY, BYTES("\x81\x01\x91\x91\xc0"), NULL},
    {"a value cut", MSG_REPLY, BYTES("\x81\x01\x92\xc0"), "value: malformed"},
    {"an empty list", MSG_REVOKE, BYTES("\x81\x01\x90"), NULL},
    {"no list", MSG_REVOKE, BYTES("\x81\x01\x80"), "leases: not a list"},
    {"a record", MSG_REVOKE, BYTES("\x81\x01\x91\x81\x01\x05"), NULL},
    {"a record without its field", MSG_REVOKE, BYTES("\x81\x01\x91\x81\x02\x05"),
     "REVOKE: id.id: missing"},
    {"a record that is no map", MSG_REVOKE, BYTES("\x81\x01\x91\xa2zz"), "REVOKE: id.map"},
    {"more records than bytes", MSG_REVOKE, BYTES("\x81\x01\x92\x81\x01\x05"), "more records"},
    {"16 Mi records", MSG_REVOKE, BYTES("\x81\x01\xdd\x00\xff\xff\xff"), "leases: ends early"},
};

START_TEST(an_edge_is_judged_as_the_row_says)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct message m;
    struct errtext t = {""};
    uint8_t *copy = malloc(edge[_i].n + 1);

    memcpy(copy, edge[_i].bytes, edge[_i].n);
    copy = realloc(copy, edge[_i].n + !edge[_i].n);
    frame_put_header(&(struct frame_header){.version = WIRE_VERSION,
                                            .type = (uint16_t)edge[_i].type,
                                            .id = 42,
                                            .length = (uint32_t)edge[_i].n},
                     header);
    enum error e = codec_decode((struct bin){header, sizeof header},
                                (struct bin){copy, (uint32_t)edge[_i].n}, arena, &m, &t);
    free(copy);
    ck_assert_msg((e == OK) == !edge[_i].why, "%s: %s", edge[_i].name, t.text);
    ck_assert_msg(!edge[_i].why || strstr(t.text, edge[_i].why), "%s: %s", edge[_i].name,
                  t.text);
    ck_assert(e == OK || e == ERR_PROTO);
    ck_assert_uint_eq(m.id, 42); // so that a refusal can be answered
    ck_assert_int_eq(m.type, edge[_i].type);
}
END_TEST

START_TEST(a_list_is_bounded_in_records_and_in_memory)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct message m;
    struct errtext t = {""};
    size_t n_items = LIST_MAX + 1;

    // GRANT of n empty maps: as many bytes as records, none of them whole.
    buf_put(&frame, "\x81\x01\xdd", 3);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_put(&frame, &(uint8_t){(uint8_t)(n_items >> shift)}, 1);
    for (size_t i = 0; i < 9 * n_items; i++)
        buf_put(&frame, "\x80", 1);
    frame_put_header(&(struct frame_header){.version = WIRE_VERSION,
                                            .type = MSG_GRANT,
                                            .length = (uint32_t)frame.n},
                     header);
    ck_assert_int_eq(codec_decode((struct bin){header, sizeof header},
                                  (struct bin){frame.bytes, (uint32_t)frame.n}, arena, &m, &t),
                     ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(t.text, "too many records"));
    ck_assert_uint_lt(arena_used(arena), 1024);

    // The largest list allowed, without the bytes that its records need.
    frame.bytes[4] = 0;
    frame.bytes[5] = 0xff;
    frame.bytes[6] = 0xff;
    frame.n = 7 + 65535;
    frame_put_header(&(struct frame_header){.version = WIRE_VERSION,
                                            .type = MSG_GRANT,
                                            .length = (uint32_t)frame.n},
                     header);
    ck_assert_int_eq(codec_decode((struct bin){header, sizeof header},
                                  (struct bin){frame.bytes, (uint32_t)frame.n}, arena, &m, &t),
                     ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(t.text, "more records than bytes"));
    ck_assert_uint_lt(arena_used(arena), 1024);
}
END_TEST

START_TEST(a_value_counts_what_is_open_around_it)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct message m;
    uint8_t bytes[2 + GUARD_DEPTH_MAX + 1];

    // One map is open around the value of a REPLY.
    for (size_t depth = GUARD_DEPTH_MAX - 1; depth <= GUARD_DEPTH_MAX; depth++) {
        bytes[0] = 0x81;
        bytes[1] = 1;
        memset(bytes + 2, 0x91, depth);
        bytes[2 + depth] = 0xc0;
        frame_put_header(&(struct frame_header){.version = WIRE_VERSION,
                                                .type = MSG_REPLY,
                                                .length = (uint32_t)(depth + 3)},
                         header);
        enum error e = codec_decode((struct bin){header, sizeof header},
                                    (struct bin){bytes, (uint32_t)depth + 3}, arena, &m, NULL);
        ck_assert_int_eq(e, depth < GUARD_DEPTH_MAX ? OK : ERR_PROTO);
        ck_assert_int_eq(guard_check(bytes, depth + 3, NULL), e);
    }
}
END_TEST

// ---- the edges of the header ------------------------------------------------

static const struct {
    uint32_t at;
    uint8_t byte;
    enum error e;
    const char *why;
} header_edge[] = {
    {0, 0x5b, ERR_PROTO, "magic"},
    {1, WIRE_VERSION + 1, ERR_UNSUPPORTED, "peer speaks wire version 2, this is 1"},
    {1, 0, ERR_UNSUPPORTED, "wire version 0"},
    {2, 0x7f, ERR_UNSUPPORTED, "unknown message type"},
    {3, 0xee, ERR_UNSUPPORTED, "unknown message type 0xee"},
    {4, 0x01, OK, NULL}, // flags nobody knows yet
    {6, 0x01, ERR_PROTO, "reserved"},
    {7, 0x80, ERR_PROTO, "reserved"},
    {8, 0xff, OK, NULL}, // the id is anybody's
    {16, 0x7f, ERR_LIMIT, "at most 16777216"},
    {19, 0x04, ERR_PROTO, "payload of 3 bytes, header says 4"},
};

START_TEST(a_header_is_judged_as_the_row_says)
{
    struct message m;
    struct errtext t = {""};

    any_frame(&(struct message){.type = MSG_ACK, .ack = {5}}, &frame);
    frame.bytes[header_edge[_i].at] = header_edge[_i].byte;
    ck_assert_int_eq(decode(frame.bytes, frame.n, &m, &t), header_edge[_i].e);
    ck_assert_msg(!header_edge[_i].why || strstr(t.text, header_edge[_i].why), "%s", t.text);
}
END_TEST

START_TEST(a_header_of_another_size_is_refused)
{
    struct frame_header h;
    uint8_t bytes[FRAME_HEADER_SIZE + 1];
    frame_put_header(&(struct frame_header){.version = WIRE_VERSION}, bytes);
    for (size_t n = 0; n <= sizeof bytes; n++)
        ck_assert_int_eq(frame_get_header(bytes, n, &h, NULL),
                         n == FRAME_HEADER_SIZE ? OK : ERR_PROTO);
}
END_TEST

START_TEST(names_follow_the_schema)
{
    ck_assert_str_eq(message_name(MSG_HELLO), "HELLO");
    ck_assert_str_eq(message_name((enum message_type)0x7777), "?");
    for (uint32_t i = 0; i < codec_n_messages; i++)
        ck_assert_str_eq(message_name((enum message_type)codec_messages[i].type),
                         codec_messages[i].name);
}
END_TEST

// One bit a field and a one-byte key: see codec.c and SPEC.md.
START_TEST(the_schema_keeps_its_own_rules)
{
    for (uint32_t i = 0; i < codec_n_messages + codec_n_records; i++) {
        const struct codec_table *t =
            i < codec_n_messages ? &codec_messages[i] : &codec_records[i - codec_n_messages];
        ck_assert_uint_le(t->n_fields, 32);
        for (uint32_t k = 0; k < t->n_fields; k++) {
            ck_assert_uint_lt(t->fields[k].key, 128);
            ck_assert_uint_gt(t->fields[k].key, k ? t->fields[k - 1].key : 0);
        }
    }
}
END_TEST

// ---- speed ------------------------------------------------------------------

// 32 one-item records in well under 6 us each way; the bound here is ten times
// that, so that a loaded machine or a sanitizer does not fail it and a quadratic
// step does.
START_TEST(a_result_of_32_records_is_quick)
{
    enum { RECORDS = 32, ROUNDS = 2000 };
    struct rec_result r[RECORDS] = {{0}};
    struct message back;
    struct message m = {.type = MSG_RESULT, .result_batch = {.seq = 7, .results = r}};
    static const uint8_t data[11] = {1, 1};

    m.result_batch.n_results = RECORDS;
    for (uint32_t i = 0; i < RECORDS; i++)
        r[i] = (struct rec_result){.lease = 100000 + i,
                                   .job = 3,
                                   .first = 70000 + i,
                                   .count = 1,
                                   .elapsed_ns = 123456,
                                   .data = {data, sizeof data}};
    int64_t start = clock_cpu_now();
    for (int k = 0; k < ROUNDS; k++) {
        buf_reset(&frame);
        any_frame(&m, &frame);
        arena_reset(arena);
        ck_assert_int_eq(decode(frame.bytes, frame.n, &back, NULL), OK);
    }
    ck_assert_int_lt((clock_cpu_now() - start) / ROUNDS, 120000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("codec");
    TCase *t = tcase_create("codec");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_message_is_still_the_frame_it_was, 0, (int)codec_n_messages);
    tcase_add_loop_test(t, decoding_undoes_encoding, 0, 200);
    tcase_add_loop_test(t, msgpack_c_reads_what_we_write, 0, 100);
    tcase_add_loop_test(t, a_frame_with_a_byte_changed_or_cut_never_confuses, 0, 60);
    tcase_add_loop_test(t, an_edge_is_judged_as_the_row_says, 0,
                        (int)(sizeof edge / sizeof edge[0]));
    tcase_add_test(t, a_list_is_bounded_in_records_and_in_memory);
    tcase_add_test(t, a_value_counts_what_is_open_around_it);
    tcase_add_loop_test(t, a_header_is_judged_as_the_row_says, 0,
                        (int)(sizeof header_edge / sizeof header_edge[0]));
    tcase_add_test(t, a_header_of_another_size_is_refused);
    tcase_add_test(t, names_follow_the_schema);
    tcase_add_test(t, the_schema_keeps_its_own_rules);
    tcase_add_test(t, a_result_of_32_records_is_quick);
    suite_add_tcase(s, t);
    return harness_run(s);
}
