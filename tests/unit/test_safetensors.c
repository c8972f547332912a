// SPDX-License-Identifier: MIT
// test_safetensors.c - what is written is read again; every wrong length is refused.
#include <string.h>

#include "tests/unit/harness.h"
#include "worker/tensor/safetensors.h"

static struct buf file_of(const char *header, size_t n_data)
{
    struct buf b;
    uint64_t n = strlen(header);
    buf_init(&b, 1 << 20);
    buf_put(&b, &n, sizeof n);
    buf_puts(&b, header);
    memset(buf_reserve(&b, n_data), 0, n_data);
    return b;
}

START_TEST(what_is_written_is_read_again)
{
    struct arena *a = arena_create();
    float w[6] = {1, -0.0F, 3, 4, 5, 0x1p-140F}, bias[1] = {7};
    struct safetensor list[] = {
        {.name = "w", .n_dims = 2, .dims = {2, 3}, .n = 6, .x = w},
        {.name = "none", .n_dims = 1, .dims = {0}, .n = 0, .x = w},
        {.name = "b", .n_dims = 0, .n = 1, .x = bias},
    };
    struct safetensors in = {.list = list, .n = 3, .metadata = value_map()}, out;
    (void)value_set(a, &in.metadata, "network", value_str(a, "captain-64"));
    struct buf one, two;
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    safetensors_write(&in, &one);
    struct errtext t = {{0}};
    ck_assert_msg(safetensors_read(one.bytes, one.n, a, &out, &t) == OK, "%s", t.text);
    ck_assert_uint_eq(out.n, 3);
    const struct safetensor *s = safetensors_find(&out, "w");
    ck_assert(s && s->n_dims == 2 && s->dims[1] == 3 && equal_bytes(s->x, w, sizeof w));
    ck_assert(!safetensors_find(&out, "x"));
    ck_assert_str_eq(value_find(&out.metadata, "network")->s, "captain-64");
    safetensors_write(&out, &two);
    ck_assert(one.n == two.n && equal_bytes(one.bytes, two.bytes, one.n));
    buf_fini(&one);
    buf_fini(&two);
    arena_destroy(a);
}
END_TEST

static const struct {
    const char *header;
    size_t n_data;
    const char *says;
} broken[] = {
    {"[]", 0, "expected a map of tensors"},
    {"{", 0, "header: byte"},
    {"{\"w\":3}", 0, "'w': expected a map"},
    {"{\"w\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "expected F32"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4,
     "shape"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets: expected"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "data_offsets"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4, "data_offsets"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "as long as"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "a hole"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, "overlap"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 12,
     "12 bytes of data"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "metadata: expected a text"},
    {"{\"__metadata__\":1}", 0, "map of texts"},
};

START_TEST(broken_files_are_refused)
{
    struct arena *a = arena_create();
    struct errtext t = {{0}};
    struct safetensors s;
    struct buf b = file_of(broken[_i].header, broken[_i].n_data);
    ck_assert(safetensors_read(b.bytes, b.n, a, &s, &t) == ERR_PARSE);
    ck_assert_msg(strstr(t.text, broken[_i].says) != NULL, "%s", t.text);
    buf_fini(&b);
    arena_destroy(a);
}
END_TEST

START_TEST(every_cut_is_refused)
{
    struct arena *a = arena_create();
    struct errtext t = {{0}};
    struct safetensors s;
    struct buf b =
        file_of("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    ck_assert(safetensors_read(b.bytes, b.n, a, &s, &t) == OK);
    for (size_t n = 0; n < b.n; n++)
        ck_assert(safetensors_read(b.bytes, n, a, &s, &t) == ERR_PARSE);
    uint64_t huge = UINT64_MAX;
    memcpy(b.bytes, &huge, sizeof huge);
    ck_assert(safetensors_read(b.bytes, b.n, a, &s, &t) == ERR_PARSE);
    buf_fini(&b);
    arena_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("safetensors");
    TCase *c = tcase_create("files");
    tcase_add_test(c, what_is_written_is_read_again);
    tcase_add_loop_test(c, broken_files_are_refused, 0, sizeof broken / sizeof broken[0]);
    tcase_add_test(c, every_cut_is_refused);
    suite_add_tcase(s, c);
    return harness_run(s);
}
