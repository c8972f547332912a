// SPDX-License-Identifier: MIT
// test_spec.c - SPEC.md says what the code does: its tables, limits, verbs and digests;
// and the fuzzers' dictionaries know the schema.
//
// SHOAL_WRITE=1 writes the tables of SPEC.md and the dictionaries anew.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/version.h"
#include "coordinator/shell_state.h"
#include "protocol/channel_state.h"
#include "protocol/codec.h"
#include "protocol/guard.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

static const char spec_path[] = "protocol/SPEC.md";

static struct buf spec;
static struct arena *arena;

static void read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    char chunk[4096];
    size_t n;
    ck_assert_msg(f != NULL, "%s", path);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(out, chunk, n);
    (void)fclose(f);
}

static void write_file(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(b->bytes, 1, b->n, f), b->n);
    (void)fclose(f);
}

static void setup(void)
{
    arena = arena_create();
    buf_init(&spec, 1 << 20);
    read_file(spec_path, &spec);
}

static void teardown(void)
{
    buf_fini(&spec);
    arena_destroy(arena);
}

// What stands between the markers "<!-- NAME begin… -->" and "<!-- NAME end -->".
static void find_region(const char *name, const char **begin, const char **end)
{
    char marker[64];
    (void)snprintf(marker, sizeof marker, "<!-- %s begin", name);
    *begin = strstr(buf_cstr(&spec), marker);
    ck_assert_msg(*begin != NULL, "%s", marker);
    *begin = strchr(*begin, '\n') + 1;
    (void)snprintf(marker, sizeof marker, "<!-- %s end -->", name);
    *end = strstr(*begin, marker);
    ck_assert_msg(*end != NULL, "%s", marker);
}

// ---- tables -----------------------------------------------------------------

static const char *const kind_names[] = {
    [KIND_u32] = "u32",         [KIND_u64] = "u64", [KIND_i64] = "i64", [KIND_f64] = "f64",
    [KIND_boolean] = "boolean", [KIND_str] = "str", [KIND_bin] = "bin", [KIND_value] = "value",
};

static void put_table(struct buf *out, const struct codec_table *t)
{
    if (t->type)
        buf_printf(out, "\n**%s** (0x%02x): %s\n\n", t->name, t->type, t->doc);
    else
        buf_printf(out, "\nrecord **%s**: %s\n\n", t->name, t->doc);
    buf_puts(out, "| key | field | kind | presence | meaning |\n"
                  "| --- | --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < t->n_fields; i++) {
        const struct codec_field *f = &t->fields[i];
        const char *presence = f->required ? "REQUIRED" : "OPTIONAL";
        if (f->kind == KIND_list)
            buf_printf(out, "| %u | %s | list of %s | %s | %s |\n", f->key, f->name,
                       codec_records[f->record].name, presence, f->doc);
        else
            buf_printf(out, "| %u | %s | %s | %s | %s |\n", f->key, f->name,
                       kind_names[f->kind], presence, f->doc);
    }
}

START_TEST(the_tables_are_those_of_the_schema)
{
    struct buf tables, whole;
    const char *begin, *end;

    buf_init(&tables, 1 << 20);
    buf_init(&whole, 1 << 20);
    for (uint32_t i = 0; i < codec_n_messages; i++)
        put_table(&tables, &codec_messages[i]);
    for (uint32_t i = 0; i < codec_n_records; i++)
        put_table(&tables, &codec_records[i]);
    buf_puts(&tables, "\n");
    find_region("tables", &begin, &end);
    if (getenv("SHOAL_WRITE")) {
        buf_put(&whole, buf_cstr(&spec), (size_t)(begin - buf_cstr(&spec)));
        buf_puts(&whole, buf_cstr(&tables));
        buf_puts(&whole, end);
        write_file(spec_path, &whole);
    } else {
        ck_assert_uint_eq((size_t)(end - begin), tables.n);
        ck_assert_mem_eq(begin, tables.bytes, tables.n);
    }
    buf_fini(&whole);
    buf_fini(&tables);
}
END_TEST

static const struct {
    const char *name;
    long value;
} limits[] = {
    {"HEADER_SIZE", FRAME_HEADER_SIZE}, {"PAYLOAD_MAX", FRAME_PAYLOAD_MAX},
    {"RAW_MAX", FRAME_RAW_MAX},         {"LIST_MAX", LIST_MAX},
    {"DEPTH_MAX", GUARD_DEPTH_MAX},     {"RECEIVE_HWM", CHANNEL_RECEIVE_HWM},
    {"CHUNK_MAX", BLOB_CHUNK_MAX},      {"REPLY_MAX", REPLY_MAX},
};

START_TEST(the_limits_are_those_of_the_code)
{
    char row[64];
    (void)snprintf(row, sizeof row, "\n| %s | %ld |", limits[_i].name, limits[_i].value);
    ck_assert_msg(strstr(buf_cstr(&spec), row), "%s", row);
}
END_TEST

START_TEST(the_error_codes_are_those_of_the_code)
{
    char word[64];
    for (int e = ERR_AGAIN; e <= FAULT_US; e++) {
        (void)snprintf(word, sizeof word, "%d %s%c", e, error_name((enum error)e),
                       e < FAULT_US ? ',' : '.');
        ck_assert_msg(strstr(buf_cstr(&spec), word), "%s", word);
    }
    (void)snprintf(word, sizeof word, "# The Shoal wire protocol, version %d\n", WIRE_VERSION);
    ck_assert_ptr_eq(strstr(buf_cstr(&spec), word), buf_cstr(&spec));
}
END_TEST

// ---- verbs ------------------------------------------------------------------

static const struct verb *const verbs[] = {api_job_verbs, api_cluster_verbs};

// The verb's row up to its answer, the arguments cut down to their names.
static void check_verb(const struct verb *v, const char *begin, const char *end)
{
    char head[100];
    (void)snprintf(head, sizeof head, "\n| %s | %s | ", v->name, role_name(v->role));
    const char *at = strstr(begin, head);
    ck_assert_msg(at && at < end, "%s", head);
    at += strlen(head);
    const char *stop = strstr(at, "|");
    for (const char *const *arg = v->args; arg && *arg; arg++) {
        at = strchr(at, '`');
        (void)snprintf(head, sizeof head, "`%s`", *arg);
        ck_assert_msg(at && at < stop && strncmp(at, head, strlen(head)) == 0, "%s: %s",
                      v->name, head);
        at += strlen(head);
    }
    at = strchr(at, '`');
    ck_assert_msg(!at || at > stop, "%s has more arguments in the text", v->name);
}

START_TEST(the_verbs_are_those_of_the_coordinator)
{
    const char *begin, *end;
    uint32_t n_verbs = 0, n_rows = 0;

    find_region("verbs", &begin, &end);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        for (const struct verb *v = verbs[i]; v->name; v++, n_verbs++)
            check_verb(v, begin, end);
    for (const char *line = begin; line < end; line = strchr(line, '\n') + 1)
        n_rows++;
    ck_assert_uint_eq(n_rows, n_verbs + 2); // head and rule
}
END_TEST

// ---- digests ----------------------------------------------------------------

// The next `…` of a line, decoded if it is bytes.
static char *next_quoted(char **at)
{
    char *begin = strchr(*at, '`');
    ck_assert_ptr_nonnull(begin);
    char *end = strchr(begin + 1, '`');
    ck_assert_ptr_nonnull(end);
    *end = 0;
    *at = end + 1;
    return begin + 1;
}

static struct bin from_hex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    uint8_t *p = arena_alloc(arena, n + 1);
    ck_assert_uint_eq(strlen(hex) % 2, 0);
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        p[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (struct bin){p, (uint32_t)n};
}

// `bytes`, in whatever spelling, are the value whose canonical form and digest follow.
static void check_vector(const char *bytes, const char *canonical, const char *digest)
{
    struct bin b = from_hex(bytes);
    struct bin c = from_hex(canonical);
    struct errtext t = {""};
    struct value v;
    struct buf packed;
    char hex[65];

    ck_assert_msg(pack_read(b.p, b.n, arena, &v, &t) == OK, "%s: %s", bytes, t.text);
    buf_init(&packed, 1 << 20);
    pack_write(&v, &packed);
    ck_assert_uint_eq(packed.n, c.n);
    ck_assert_mem_eq(packed.bytes, c.p, c.n);
    buf_fini(&packed);
    struct sha256 h = pack_digest(&v);
    sha256_hex(&h, hex);
    ck_assert_str_eq(hex, digest);
    h = sha256_of(c.p, c.n);
    sha256_hex(&h, hex);
    ck_assert_str_eq(hex, digest);
}

// Rows of a region, as many as it has; each is cut at its bars from the right, since
// the first column may hold anything.
static uint32_t each_row(const char *region, void (*check)(char *row))
{
    const char *begin, *end;
    uint32_t n = 0;
    find_region(region, &begin, &end);
    for (const char *line = begin; line < end; line = strchr(line, '\n') + 1) {
        char row[2048];
        size_t length = strcspn(line, "\n");
        ck_assert_uint_lt(length, sizeof row);
        memcpy(row, line, length);
        row[length] = 0;
        if (!strstr(row, "` |"))
            continue; // the head
        check(row);
        n++;
    }
    return n;
}

static void check_canonical(char *row)
{
    char *digest = strrchr(row, '|');
    *digest = 0;
    digest = strrchr(row, '|');
    *digest++ = 0;
    char *bytes = strrchr(row, '|') + 1;
    char *hex = next_quoted(&bytes);
    check_vector(hex, hex, next_quoted(&digest));
}

static void check_spelling(char *row)
{
    char *bytes = next_quoted(&row);
    char *canonical = next_quoted(&row);
    check_vector(bytes, canonical, next_quoted(&row));
    ck_assert_str_ne(bytes, canonical);
}

START_TEST(the_digests_are_what_the_spec_says)
{
    ck_assert_uint_ge(each_row("vectors", check_canonical), 8);
    ck_assert_uint_ge(each_row("spellings", check_spelling), 5);
}
END_TEST

// The values named in the first column, made here by hand.
START_TEST(a_value_of_the_spec_built_by_hand_has_its_digest)
{
    struct value best = value_map(), params = value_map(), metrics = value_map();
    struct value result = value_map();
    char hex[65];

    (void)value_set(arena, &params, "recipe", value_str(arena, "0123"));
    (void)value_set(arena, &metrics, "adp", value_float(12.5));
    (void)value_set(arena, &best, "trial", value_int(7));
    (void)value_set(arena, &best, "params", params);
    (void)value_set(arena, &best, "metrics", metrics);
    (void)value_set(arena, &result, "best", best);
    struct sha256 h = pack_digest(&result);
    sha256_hex(&h, hex);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&spec), hex));
}
END_TEST

// ---- dictionaries -----------------------------------------------------------

static void put_word(struct buf *out, const char *name, const void *p, size_t n)
{
    const uint8_t *bytes = p;
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "\\x%02x", bytes[i]);
    buf_puts(out, "\"\n");
}

// A key with the first byte of a value of its kind.
static void put_fields(struct buf *out, const struct codec_table *t)
{
    static const uint8_t heads[] = {
        [KIND_u32] = 0xce, [KIND_u64] = 0xcf,     [KIND_i64] = 0xd3,
        [KIND_f64] = 0xcb, [KIND_boolean] = 0xc3, [KIND_str] = 0xa1,
        [KIND_bin] = 0xc4, [KIND_value] = 0x81,   [KIND_list] = 0x91,
    };
    char name[64];
    for (uint32_t i = 0; i < t->n_fields; i++) {
        const struct codec_field *f = &t->fields[i];
        (void)snprintf(name, sizeof name, "%s_%s", t->name, f->name);
        put_word(out, name, (uint8_t[]){(uint8_t)f->key, heads[f->kind]}, 2);
    }
}

static void put_heads(struct buf *out)
{
    static const struct {
        const char *name;
        uint8_t bytes[5];
        uint8_t n;
    } words[] = {
        {"nil", {0xc0}, 1},
        {"reserved", {0xc1}, 1},
        {"bin32", {0xc6, 0, 0, 0, 1}, 5},
        {"ext8", {0xc7, 1, 5}, 3},
        {"float32", {0xca}, 1},
        {"float64", {0xcb}, 1},
        {"fixext", {0xd4}, 1},
        {"str32", {0xdb, 0, 0, 0, 1}, 5},
        {"list16", {0xdc, 0, 1}, 3},
        {"list32_huge", {0xdd, 0x0f, 0xff, 0xff, 0xff}, 5},
        {"map16", {0xde, 0, 1}, 3},
        {"map32_huge", {0xdf, 0xff, 0xff, 0xff, 0xff}, 5},
        {"nested", {0x91, 0x91, 0x91, 0x91, 0x91}, 5},
        {"utf8", {0xa4, 0xf0, 0x9f, 0x90, 0x9f}, 5},
        {"surrogate", {0xa3, 0xed, 0xa0, 0x80}, 4},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        put_word(out, words[i].name, words[i].bytes, words[i].n);
}

static void put_dictionary(struct buf *out, int which)
{
    buf_puts(out, "# SPDX-License-Identifier: MIT\n"
                  "# Written by tests/unit/test_spec.c from protocol/schema.def.\n");
    put_heads(out);
    if (which == 0)
        return;
    for (uint32_t i = 0; i < codec_n_records; i++)
        put_fields(out, &codec_records[i]);
    for (uint32_t i = 0; i < codec_n_messages; i++) {
        const struct codec_table *t = &codec_messages[i];
        uint8_t start[4] = {FRAME_MAGIC, WIRE_VERSION, 0, (uint8_t)t->type};
        if (which == 1)
            put_word(out, t->name, start, sizeof start);
        put_fields(out, t);
    }
}

static const char *const dictionaries[] = {
    "tests/fuzz/guard.dict",
    "tests/fuzz/frame.dict",
    "tests/fuzz/codec.dict",
};

START_TEST(the_fuzzers_know_the_schema)
{
    struct buf made, there;
    buf_init(&made, 1 << 20);
    buf_init(&there, 1 << 20);
    put_dictionary(&made, _i);
    if (getenv("SHOAL_WRITE"))
        write_file(dictionaries[_i], &made);
    read_file(dictionaries[_i], &there);
    ck_assert_str_eq(buf_cstr(&made), buf_cstr(&there));
    buf_fini(&there);
    buf_fini(&made);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spec");
    TCase *t = tcase_create("spec");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_tables_are_those_of_the_schema);
    tcase_add_loop_test(t, the_limits_are_those_of_the_code, 0,
                        (int)(sizeof limits / sizeof limits[0]));
    tcase_add_test(t, the_error_codes_are_those_of_the_code);
    tcase_add_test(t, the_verbs_are_those_of_the_coordinator);
    tcase_add_test(t, the_digests_are_what_the_spec_says);
    tcase_add_test(t, a_value_of_the_spec_built_by_hand_has_its_digest);
    tcase_add_loop_test(t, the_fuzzers_know_the_schema, 0, 3);
    suite_add_tcase(s, t);
    return harness_run(s);
}
