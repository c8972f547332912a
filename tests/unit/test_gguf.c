// SPDX-License-Identifier: MIT
// test_gguf.c - a good file is read, and every broken one is refused with its line.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "tests/unit/harness.h"
#include "worker/experts/gguf.h"
#include "worker/tensor/format.h"

static struct buf file;

static void setup(void)
{
    buf_init(&file, 1 << 20);
}

static void teardown(void)
{
    buf_fini(&file);
}

static void put_u32(uint32_t u)
{
    buf_put(&file, &u, sizeof u);
}

static void put_u64(uint64_t u)
{
    buf_put(&file, &u, sizeof u);
}

static void put_text(const char *s)
{
    put_u64(strlen(s));
    buf_puts(&file, s);
}

static void put_head(uint32_t version, uint64_t n_tensors, uint64_t n_keys)
{
    buf_puts(&file, "GGUF");
    put_u32(version);
    put_u64(n_tensors);
    put_u64(n_keys);
}

static void put_key_u32(const char *name, uint32_t value)
{
    put_text(name);
    put_u32(GGUF_U32);
    put_u32(value);
}

static void put_tensor(const char *name, uint64_t dim, uint32_t type, uint64_t offset)
{
    put_text(name);
    put_u32(1);
    put_u64(dim);
    put_u32(type);
    put_u64(offset);
}

static void put_data(size_t n)
{
    static const char zeros[32];
    buf_put(&file, zeros, (32 - file.n % 32) % 32);
    for (size_t i = 0; i < n; i++)
        buf_put(&file, "\x01", 1);
}

// ---- one mistake each -------------------------------------------------------

static void not_gguf(void)
{
    buf_puts(&file, "GGML and more bytes that do not matter");
}
static void three_bytes(void)
{
    buf_puts(&file, "GGU");
}
static void no_version(void)
{
    buf_puts(&file, "GGUF\x03");
}
static void version_1(void)
{
    put_head(1, 0, 0);
}
static void version_9(void)
{
    put_head(9, 0, 0);
}
static void big_endian(void)
{
    put_head(3u << 24, 0, 0);
}
static void no_counts(void)
{
    buf_puts(&file, "GGUF");
    put_u32(3);
    put_u32(1);
}
static void many_keys(void)
{
    put_head(3, 0, UINT64_MAX);
}
static void many_tensors(void)
{
    put_head(3, UINT64_C(1) << 60, 0);
}
static void key_too_long(void)
{
    put_head(3, 0, 1);
    put_u64(UINT64_MAX);
    put_data(32);
}
static void key_empty(void)
{
    put_head(3, 0, 1);
    put_u64(0);
    put_data(32);
}
static void key_control(void)
{
    put_head(3, 0, 1);
    put_text("a\nb");
    put_data(32);
}
static void key_kind(void)
{
    put_head(3, 0, 1);
    put_text("k");
    put_u32(13);
    put_data(32);
}
static void key_twice(void)
{
    put_head(3, 0, 2);
    put_key_u32("k", 1);
    put_key_u32("k", 2);
}
static void value_cut(void)
{
    put_head(3, 0, 1);
    put_text("k");
    put_u32(GGUF_U64);
    put_u32(0);
}
static void bool_seven(void)
{
    put_head(3, 0, 1);
    put_text("k");
    put_u32(GGUF_BOOL);
    put_u32(7);
}
static void string_long(void)
{
    put_head(3, 0, 1);
    put_text("k");
    put_u32(GGUF_STR);
    put_u64(1000);
}
static void put_array(uint32_t kind, uint64_t n)
{
    put_head(3, 0, 1);
    put_text("k");
    put_u32(GGUF_ARRAY);
    put_u32(kind);
    put_u64(n);
}
static void array_kind(void)
{
    put_array(99, 1);
}
static void array_long(void)
{
    put_array(GGUF_F32, UINT64_C(1) << 62);
}
static void array_strings(void)
{
    put_array(GGUF_STR, UINT64_MAX);
}
static void array_string_cut(void)
{
    put_array(GGUF_STR, 1);
    put_u64(9);
}
static void array_bool(void)
{
    put_array(GGUF_BOOL, 2);
    buf_put(&file, "\x01\x02", 2);
}
static void array_nested_many(void)
{
    put_array(GGUF_ARRAY, 1000);
}
static void array_deep(void)
{
    put_array(GGUF_ARRAY, 1);
    for (int i = 0; i < 6; i++) {
        put_u32(GGUF_ARRAY);
        put_u64(1);
    }
    put_data(32);
}
static void alignment_zero(void)
{
    put_head(3, 0, 1);
    put_key_u32("general.alignment", 0);
}
static void alignment_odd(void)
{
    put_head(3, 0, 1);
    put_key_u32("general.alignment", 48);
}
static void alignment_text(void)
{
    put_head(3, 0, 1);
    put_text("general.alignment");
    put_u32(GGUF_STR);
    put_text("32");
}
static void tensor_no_name(void)
{
    put_head(3, 1, 0);
    put_tensor("", 4, FORMAT_F32, 0);
    put_data(32);
}
static void put_dims(uint32_t n, uint64_t dim)
{
    put_head(3, 1, 0);
    put_text("w");
    put_u32(n);
    for (uint32_t i = 0; i < n && i < 8; i++)
        put_u64(dim);
    put_u32(FORMAT_F32);
    put_u64(0);
    put_data(64);
}
static void dims_none(void)
{
    put_dims(0, 4);
}
static void dims_five(void)
{
    put_dims(5, 1);
}
static void dim_zero(void)
{
    put_dims(2, 0);
}
static void dims_overflow(void)
{
    put_dims(4, UINT64_C(1) << 32);
}
static void put_one(uint64_t dim, uint32_t type, uint64_t offset, size_t data)
{
    put_head(3, 1, 0);
    put_tensor("w", dim, type, offset);
    put_data(data);
}
static void type_old(void)
{
    put_one(32, 4, 0, 64);
}
static void type_lacking(void)
{
    put_one(256, 17, 0, 300);
}
static void row_odd(void)
{
    put_one(33, FORMAT_Q4_0, 0, 64);
}
static void offset_odd(void)
{
    put_one(4, FORMAT_F32, 8, 64);
}
static void offset_far(void)
{
    put_one(4, FORMAT_F32, UINT64_MAX - 31, 64);
}
static void data_short(void)
{
    put_one(32, FORMAT_F32, 0, 127);
}
static void data_none(void)
{
    put_one(32, FORMAT_F32, 0, 0);
}
static void put_two(const char *second, uint64_t offset)
{
    put_head(3, 2, 0);
    put_tensor("a", 32, FORMAT_F32, 0);
    put_tensor(second, 32, FORMAT_F32, offset);
    put_data(256);
}
static void overlapping(void)
{
    put_two("b", 96);
}
static void tensor_twice(void)
{
    put_two("a", 128);
}
static void split_in_memory(void)
{
    put_head(3, 0, 1);
    put_key_u32("split.count", 2);
}

static const struct {
    void (*make)(void);
    enum error e;
    const char *line; // behind "f: "
} broken[] = {
    {not_gguf, ERR_PARSE, "not a GGUF file (it does not begin with GGUF)"},
    {three_bytes, ERR_PARSE, "not a GGUF file (it does not begin with GGUF)"},
    {no_version, ERR_PARSE, "byte 4: header needs 4 bytes, 1 are left in the file"},
    {version_1, ERR_UNSUPPORTED, "GGUF version 1, this build reads 2 and 3"},
    {version_9, ERR_UNSUPPORTED, "GGUF version 9, this build reads 2 and 3"},
    {big_endian, ERR_UNSUPPORTED, "a big-endian GGUF file"},
    {no_counts, ERR_PARSE, "byte 8: header needs 8 bytes, 4 are left in the file"},
    {many_keys, ERR_PARSE,
     "byte 24: header claims 18446744073709551615 metadata keys in a file of 24 bytes"},
    {many_tensors, ERR_PARSE,
     "byte 24: header claims 1152921504606846976 tensors in a file of 24 bytes"},
    {key_too_long, ERR_PARSE,
     "byte 32: metadata key 0 needs 18446744073709551615 bytes, 32 are left in the file"},
    {key_empty, ERR_PARSE,
     "byte 32: metadata key 0 has a name of 0 bytes, expected 1 to 65535"},
    {key_control, ERR_PARSE,
     "byte 35: metadata key 0 has byte 0x0a in its name, expected printable ASCII"},
    {key_kind, ERR_PARSE, "byte 37: metadata key k is of type 13, which is none"},
    {key_twice, ERR_PARSE, "metadata key k is there twice"},
    {value_cut, ERR_PARSE, "byte 37: metadata key k needs 8 bytes, 4 are left in the file"},
    {bool_seven, ERR_PARSE, "byte 38: metadata key k has a bool that is 7, expected 0 or 1"},
    {string_long, ERR_PARSE,
     "byte 45: metadata key k needs 1000 bytes, 0 are left in the file"},
    {array_kind, ERR_PARSE, "byte 49: metadata key k is an array of type 99, which is none"},
    {array_long, ERR_PARSE,
     "byte 49: metadata key k claims 4611686018427387904 elements of 4 bytes, 0 are left in "
     "the file"},
    {array_strings, ERR_PARSE,
     "byte 49: metadata key k claims 18446744073709551615 strings, 0 bytes are left in the "
     "file"},
    {array_string_cut, ERR_PARSE,
     "byte 57: metadata key k needs 9 bytes, 0 are left in the file"},
    {array_bool, ERR_PARSE, "byte 51: metadata key k has a bool that is 2, expected 0 or 1"},
    {array_nested_many, ERR_PARSE,
     "byte 49: metadata key k claims 1000 arrays, 0 bytes are left in the file"},
    {array_deep, ERR_PARSE, "byte 97: metadata key k nests arrays more than 4 deep"},
    {alignment_zero, ERR_PARSE,
     "general.alignment is 0, expected a power of two from 8 to 1048576"},
    {alignment_odd, ERR_PARSE,
     "general.alignment is 48, expected a power of two from 8 to 1048576"},
    {alignment_text, ERR_INVALID,
     "metadata key general.alignment is of type string, expected an integer of at least 0"},
    {tensor_no_name, ERR_PARSE, "byte 32: tensor 0 has a name of 0 bytes, expected 1 to 255"},
    {dims_none, ERR_PARSE, "byte 37: tensor w has 0 dimensions, expected 1 to 4"},
    {dims_five, ERR_PARSE, "byte 37: tensor w has 5 dimensions, expected 1 to 4"},
    {dim_zero, ERR_PARSE, "byte 45: tensor w has a dimension of 0"},
    {dims_overflow, ERR_PARSE, "byte 53: tensor w has more than 2^48 elements"},
    {type_old, ERR_UNSUPPORTED,
     "byte 49: tensor w is of type 4 (?), which this build does not have"},
    {type_lacking, ERR_UNSUPPORTED,
     "byte 49: tensor w is of type 17 (IQ2_XS), which this build does not have"},
    {row_odd, ERR_PARSE,
     "byte 49: tensor w has rows of 33 elements, Q4_0 wants a multiple of 32"},
    {offset_odd, ERR_PARSE, "byte 57: tensor w begins at 8 of the data, not a multiple of 32"},
    {offset_far, ERR_PARSE,
     "tensor w needs 16 bytes at 18446744073709551584 of the data, the file has 64 there (cut "
     "short?)"},
    {data_short, ERR_PARSE,
     "tensor w needs 128 bytes at 0 of the data, the file has 127 there (cut short?)"},
    {data_none, ERR_PARSE,
     "tensor w needs 128 bytes at 0 of the data, the file has 0 there (cut short?)"},
    {overlapping, ERR_PARSE, "tensors a and b overlap"},
    {tensor_twice, ERR_PARSE, "tensor a is there twice"},
    {split_in_memory, ERR_INVALID, "is one of 2 parts, open it by its file"},
};
enum { N_BROKEN = sizeof broken / sizeof broken[0] };

START_TEST(a_broken_file_is_refused_with_its_line)
{
    struct errtext t = {{0}};
    struct gguf *g = NULL;

    broken[_i].make();
    enum error e = gguf_open_bytes(file.bytes, file.n, "f", &g, &t);
    ck_assert_msg(strncmp(t.text, "f: ", 3) == 0, "%d: %s", _i, t.text);
    ck_assert_msg(strcmp(t.text + 3, broken[_i].line) == 0, "%d: says %s", _i, t.text);
    ck_assert_int_eq(e, broken[_i].e);
    ck_assert_ptr_null(strpbrk(t.text, "\r\n"));
    ck_assert_ptr_null(g);
}
END_TEST

static void make_good(void)
{
    put_head(2, 2, 4);
    put_text("general.architecture");
    put_u32(GGUF_STR);
    put_text("olmoe");
    put_key_u32("olmoe.block_count", 16);
    put_text("names");
    put_u32(GGUF_ARRAY);
    put_u32(GGUF_STR);
    put_u64(3);
    put_text("one");
    put_text("");
    put_text("three");
    put_text("signed");
    put_u32(GGUF_I16);
    buf_put(&file, "\xfe\xff", 2);
    put_tensor("a", 32, FORMAT_Q4_0, 0);
    put_tensor("b", 4, FORMAT_F32, 32);
    put_data(32 + 16);
}

START_TEST(a_good_file_is_read)
{
    struct errtext t = {{0}};
    struct gguf *g;
    struct gguf_array names;
    uint64_t u = 0;
    double f = 0;

    make_good();
    ck_assert_msg(gguf_open_bytes(file.bytes, file.n, "f", &g, &t) == OK, "%s", t.text);
    ck_assert_str_eq(gguf_arch(g), "olmoe");
    ck_assert_int_eq(gguf_get_u64(g, ".block_count", &u, &t), OK);
    ck_assert_uint_eq(u, 16);
    ck_assert_int_eq(gguf_get_f64(g, "signed", &f, &t), OK);
    ck_assert(f == -2);
    ck_assert_int_eq(gguf_get_u64(g, "signed", &u, &t), ERR_INVALID);
    ck_assert_str_eq(t.text, "f: metadata key signed is of type i16, expected an integer of "
                             "at least 0");
    ck_assert_int_eq(gguf_get_u64(g, ".nothing", &u, &t), ERR_NOT_FOUND);
    ck_assert_str_eq(t.text, "f: no metadata key olmoe.nothing");
    ck_assert_int_eq(gguf_get_array(g, "names", GGUF_STR, &names, &t), OK);
    ck_assert_uint_eq(names.n, 3);
    ck_assert_uint_eq(gguf_array_text(&names, 1).n, 0);
    ck_assert_mem_eq(gguf_array_text(&names, 2).s, "three", 5);
    ck_assert_ptr_eq(gguf_tensor_find(g, "b"), gguf_tensor_at(g, 1));
    ck_assert_uint_eq(gguf_tensor_at(g, 0)->size, 18);
    ck_assert_uint_eq(gguf_tensor_at(g, 1)->data[0], 1);
    gguf_close(g);
}
END_TEST

// Cut anywhere, in a block of exactly that size so that AddressSanitizer sees a read past it.
START_TEST(no_beginning_of_a_good_file_is_accepted)
{
    make_good();
    for (size_t n = 0; n < file.n; n++) {
        struct gguf *g;
        struct errtext t;
        uint8_t *copy = malloc(n + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy + 1, file.bytes, n);
        ck_assert_int_eq(gguf_open_bytes(copy + 1, n, "f", &g, &t), ERR_PARSE);
        free(copy);
    }
}
END_TEST

static void write_part(const char *path, uint16_t no, uint16_t count)
{
    char name[8];
    buf_reset(&file);
    put_head(3, 1, 2);
    put_text("split.no");
    put_u32(GGUF_U16);
    buf_put(&file, &no, 2);
    put_text("split.count");
    put_u32(GGUF_U16);
    buf_put(&file, &count, 2);
    (void)snprintf(name, sizeof name, "t%d", no);
    put_tensor(name, 8, FORMAT_F32, 0);
    put_data(32);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.n, f), file.n);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_split_model_is_opened_by_any_part_and_a_missing_one_is_named)
{
    char folder[] = "/tmp/shoal-gguf-XXXXXX", path[2][64];
    struct gguf *g;
    struct errtext t = {{0}};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s/m-0000%d-of-00002.gguf", folder, i + 1);
        write_part(path[i], (uint16_t)i, 2);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(gguf_open(path[i], &g, &t) == OK, "%s", t.text);
        ck_assert_uint_eq(gguf_n_tensors(g), 2);
        ck_assert_ptr_nonnull(gguf_tensor_find(g, "t1"));
        gguf_close(g);
    }
    ck_assert_int_eq(unlink(path[1]), 0);
    ck_assert_int_eq(gguf_open(path[0], &g, &t), ERR_NOT_FOUND);
    ck_assert_msg(strstr(t.text, "part 2 of 2 is missing"), "%s", t.text);
    ck_assert_int_eq(unlink(path[0]), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gguf");
    TCase *c = tcase_create("gguf");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, a_broken_file_is_refused_with_its_line, 0, N_BROKEN);
    tcase_add_test(c, a_good_file_is_read);
    tcase_add_test(c, no_beginning_of_a_good_file_is_accepted);
    tcase_add_test(c, a_split_model_is_opened_by_any_part_and_a_missing_one_is_named);
    suite_add_tcase(s, c);
    return harness_run(s);
}
