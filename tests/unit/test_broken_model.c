// SPDX-License-Identifier: MIT
// test_broken_model.c - a good model's file with one mistake: it is refused with
// the one line that says which.
//
// test_gguf.c has the container's own mistakes in files without a model; here the
// file is whole and on disk, and goes all the way to an engine.
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "tests/unit/harness.h"
#include "tests/unit/made_fixture.h"
#include "worker/experts/engine.h"
#include "worker/experts/tokenizer_gguf.h"

enum { ALIGNMENT = 32 };

static struct made_bytes good;
static struct buf file;
static char folder[64], path[96];

static void setup(void)
{
    struct made_shape s = made_fixture_tiny("olmoe", "q8_0");
    good = made_fixture_write(&s);
    buf_init(&file, 1 << 24);
    buf_put(&file, good.bytes, good.n);
    (void)snprintf(folder, sizeof folder, "/tmp/shoal-broken-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/m.gguf", folder);
}

static void teardown(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
    buf_fini(&file);
    free(good.bytes);
}

static void save(void)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.n, f), file.n);
    ck_assert_int_eq(fclose(f), 0);
}

// From the file to an engine, as a worker does; *t is the first step's that fails.
static enum error load(uint32_t n_positions, struct errtext *t)
{
    struct gguf *g = NULL;
    struct tokenizer *k = NULL;
    struct model *m = NULL;
    struct engine *e = NULL;
    struct group *group = group_local_create();
    struct engine_options o = {.n_positions = n_positions};
    enum error err = gguf_open(path, &g, t);
    if (!err)
        err = tokenizer_from_gguf(g, &k, t);
    if (!err)
        err = model_open(g, &m, t);
    if (!err)
        err = engine_create(m, &o, group, &e, t);
    engine_destroy(e);
    if (m)
        model_close(m);
    else
        gguf_close(g);
    tokenizer_destroy(k);
    group_destroy(group);
    return err;
}

// ---- one mistake each ------------------------------------------------------------

// Where a row's mistake is: behind the text `at` (a key's or a tensor's name; NULL:
// the file's beginning), `skip` bytes on.  Behind a key's name stand kind and value;
// behind a tensor's the number of dimensions, those, type and offset.
enum what { U8, U32, U64, TEXT, CUT, NEW_U32, NEW_TEXT };
enum { KIND = 0, VALUE = 4, LENGTH = 4, STRING = 12, ELEMENTS = 8 };
enum { N_DIMS = 0, DIM_0 = 4, DIM_1 = 12, TYPE_OF_2 = 20, OFFSET_OF_2 = 24 };

struct mistake {
    const char *at;
    long skip;
    enum what what;
    uint64_t value;
    const char *text; // TEXT: instead of what stands there; NEW_TEXT: the value
    enum error e;
    const char *line; // behind "FILE: ", with "byte #" for every position
};

#define Q "blk.0.attn_q.weight"

static const struct mistake mistakes[] = {
    // The container.
    {NULL, 0, TEXT, 0, "GGML", ERR_PARSE, "not a GGUF file (it does not begin with GGUF)"},
    {NULL, 0, TEXT, 0, "PK\3\4", ERR_PARSE, "not a GGUF file (it does not begin with GGUF)"},
    {NULL, 4, U32, 1, NULL, ERR_UNSUPPORTED, "GGUF version 1, this build reads 2 and 3"},
    {NULL, 4, U32, 4, NULL, ERR_UNSUPPORTED, "GGUF version 4, this build reads 2 and 3"},
    {NULL, 4, U32, 3U << 24, NULL, ERR_UNSUPPORTED, "a big-endian GGUF file"},
    {NULL, 8, U64, UINT64_C(1) << 40, NULL, ERR_PARSE,
     "byte #: header claims 1099511627776 tensors in a file of # bytes"},
    {NULL, 16, U64, UINT64_MAX, NULL, ERR_PARSE,
     "byte #: header claims 18446744073709551615 metadata keys in a file of # bytes"},
    {NULL, 16, U64, 3, NULL, ERR_PARSE,
     "byte #: tensor general.file_type has more than 2^48 elements"},
    {NULL, 8, U64, 0, NULL, ERR_INVALID, "tensor token_embd.weight is missing or no matrix"},
    {NULL, 24, U64, UINT64_C(1) << 63, NULL, ERR_PARSE,
     "byte #: metadata key 0 needs 9223372036854775808 bytes, # are left in the file"},
    {NULL, 24, U64, 0, NULL, ERR_PARSE,
     "byte #: metadata key 0 has a name of 0 bytes, expected 1 to 65535"},
    {"general.architecture", -20, TEXT, 0, "general\narchitecture", ERR_PARSE,
     "byte #: metadata key 0 has byte 0x0a in its name, expected printable ASCII"},
    {"general.architecture", KIND, U32, 99, NULL, ERR_PARSE,
     "byte #: metadata key general.architecture is of type 99, which is none"},
    {"general.name", LENGTH, U64, UINT64_C(1) << 50, NULL, ERR_PARSE,
     "byte #: metadata key general.name needs 1125899906842624 bytes, # are left in the file"},
    {"blk.1.attn_q.weight", -19, TEXT, 0, "blk.0.attn_q.weight", ERR_PARSE,
     "tensor blk.0.attn_q.weight is there twice"},
    {"tokenizer.ggml.tokens", ELEMENTS, U64, UINT64_C(1) << 60, NULL, ERR_PARSE,
     "byte #: metadata key tokenizer.ggml.tokens claims 1152921504606846976 strings, # bytes "
     "are left in the file"},
    {"tokenizer.ggml.tokens", LENGTH, U32, 55, NULL, ERR_PARSE,
     "byte #: metadata key tokenizer.ggml.tokens is an array of type 55, which is none"},
    {"tokenizer.ggml.add_bos_token", VALUE, U8, 2, NULL, ERR_PARSE,
     "byte #: metadata key tokenizer.ggml.add_bos_token has a bool that is 2, expected 0 or 1"},
    {"general.alignment", 0, NEW_U32, 12, NULL, ERR_PARSE,
     "general.alignment is 12, expected a power of two from 8 to 1048576"},
    // The list of tensors.
    {Q, N_DIMS, U32, 5, NULL, ERR_PARSE,
     "byte #: tensor " Q " has 5 dimensions, expected 1 to 4"},
    {Q, DIM_1, U64, 0, NULL, ERR_PARSE, "byte #: tensor " Q " has a dimension of 0"},
    {Q, DIM_1, U64, UINT64_MAX, NULL, ERR_PARSE,
     "byte #: tensor " Q " has more than 2^48 elements"},
    {Q, DIM_0, U64, 48, NULL, ERR_PARSE,
     "byte #: tensor " Q " has rows of 48 elements, Q8_0 wants a multiple of 32"},
    {Q, TYPE_OF_2, U32, 4, NULL, ERR_UNSUPPORTED,
     "byte #: tensor " Q " is of type 4 (?), which this build does not have"},
    {Q, TYPE_OF_2, U32, 16, NULL, ERR_UNSUPPORTED,
     "byte #: tensor " Q " is of type 16 (IQ2_XXS), which this build does not have"},
    {Q, TYPE_OF_2, U32, FORMAT_F32, NULL, ERR_PARSE,
     "tensors " Q " and blk.0.attn_k.weight overlap"},
    {Q, OFFSET_OF_2, U64, 33, NULL, ERR_PARSE,
     "byte #: tensor " Q " begins at 33 of the data, not a multiple of 32"},
    {Q, OFFSET_OF_2, U64, 0, NULL, ERR_PARSE, "tensors token_embd.weight and " Q " overlap"},
    {Q, OFFSET_OF_2, U64, UINT64_MAX - 31, NULL, ERR_PARSE,
     "tensor " Q " needs 4352 bytes at 18446744073709551584 of the data, the file has # there "
     "(cut short?)"},
    // Cut short.
    {NULL, 0, CUT, 0, NULL, ERR_PARSE, "an empty file"},
    {NULL, 20, CUT, 0, NULL, ERR_PARSE, "byte #: header needs 8 bytes, 4 are left in the file"},
    {"tokenizer.ggml.merges", STRING + 1000, CUT, 0, NULL, ERR_PARSE,
     "byte #: metadata key tokenizer.ggml.merges claims 200 strings, # bytes are left in the "
     "file"},
    {Q, DIM_1 + 3, CUT, 0, NULL, ERR_PARSE,
     "byte #: tensor " Q " needs 8 bytes, 3 are left in the file"},
    {NULL, -1, CUT, 0, NULL, ERR_PARSE,
     "tensor blk.1.ffn_down_exps.weight needs 17408 bytes at # of the data, the file has # "
     "there (cut short?)"},
    {NULL, -100000, CUT, 0, NULL, ERR_PARSE,
     "tensor blk.0.ffn_up_exps.weight needs 17408 bytes at # of the data, the file has # "
     "there (cut short?)"},
    // A part of a split model.
    {"split.count", 0, NEW_U32, 2, NULL, ERR_INVALID,
     "is part 1 of 2, its name must end in -00001-of-00002.gguf"},
    {"split.count", 0, NEW_U32, 70000, NULL, ERR_PARSE,
     "says it is part 1 of 70000, at most 999 are read"},
    // The tokenizer.
    {"tokenizer.ggml.model", STRING, TEXT, 0, "bert", ERR_UNSUPPORTED,
     "tokenizer.ggml.model: 'bert', only 'llama' and 'gpt2' are known"},
    {"tokenizer.ggml.pre", STRING, TEXT, 0, "none", ERR_UNSUPPORTED,
     "tokenizer.ggml.pre: no pre-tokenizer 'none' here"},
    // Found by fuzz_gguf: what a file says went to the terminal as it was.
    {"tokenizer.ggml.pre", STRING, TEXT, 0, "a\n\033c", ERR_UNSUPPORTED,
     "tokenizer.ggml.pre: no pre-tokenizer 'a??c' here"},
    {"general.architecture", STRING, TEXT, 0, "olm\ro", ERR_UNSUPPORTED,
     "architecture 'olm?o' is not known"},
    {"tokenizer.ggml.tokens", -6, TEXT, 0, "TOKENS", ERR_NOT_FOUND,
     "no metadata key tokenizer.ggml.tokens"},
    {"tokenizer.ggml.token_type", LENGTH, U32, GGUF_F32, NULL, ERR_INVALID,
     "metadata key tokenizer.ggml.token_type is an array of f32, expected an array of "
     "integers"},
    // Its piece 33 is the byte's own, an exclamation mark.
    {"tokenizer.ggml.tokens", STRING + 4 + 33 * (8 + 2) + 8, TEXT, 0, "\"", ERR_PARSE,
     "tokenizer.ggml.tokens[34]: the same piece as [33]"},
    {"tokenizer.ggml.merges", STRING + 4 + 8, TEXT, 0, "___", ERR_PARSE,
     "tokenizer.ggml.merges[0]: two pieces with a blank between them and at most 65536 bytes "
     "were expected"},
    {"tokenizer.ggml.bos_token_id", VALUE, U32, 512, NULL, ERR_PARSE,
     "tokenizer.ggml.bos_token_id: 512, but there are 512 tokens"},
    {"tokenizer.ggml.eos_token_id", KIND, U32, GGUF_F32, NULL, ERR_INVALID,
     "metadata key tokenizer.ggml.eos_token_id is of type f32, expected an integer of at least "
     "0"},
    // The model's numbers.
    {"general.architecture", STRING, TEXT, 0, "mamba", ERR_UNSUPPORTED,
     "architecture 'mamba' is not known"},
    {"general.architecture", -12, TEXT, 0, "ARCHITECTURE", ERR_UNSUPPORTED,
     "architecture '' is not known"},
    {"general.architecture", KIND, U32, GGUF_ARRAY, NULL, ERR_PARSE,
     "byte #: metadata key general.architecture claims # elements of # bytes, # are left in "
     "the file"},
    {"olmoe.block_count", VALUE, U32, 0, NULL, ERR_INVALID,
     "olmoe.block_count is 0, expected 1 to 4096"},
    {"olmoe.block_count", VALUE, U32, 1, NULL, ERR_UNSUPPORTED,
     "tensor blk.1.attn_norm.weight is none that architecture 'olmoe' is known to have"},
    {"olmoe.block_count", VALUE, U32, 3, NULL, ERR_NOT_FOUND,
     "no tensor blk.2.attn_norm.weight"},
    {"olmoe.block_count", -11, TEXT, 0, "BLOCK_COUNT", ERR_NOT_FOUND,
     "no metadata key olmoe.block_count"},
    {"olmoe.context_length", -7, TEXT, 0, "_LENGTH", ERR_NOT_FOUND,
     "no metadata key olmoe.context_length"},
    {"olmoe.expert_used_count", -6, TEXT, 0, "_COUNT", ERR_INVALID,
     "expert_used_count is 0 or above expert_count"},
    {"olmoe.block_count", KIND, U32, GGUF_F32, NULL, ERR_INVALID,
     "metadata key olmoe.block_count is of type f32, expected an integer of at least 0"},
    {"olmoe.embedding_length", VALUE, U32, 128, NULL, ERR_INVALID,
     "tensor token_embd.weight is 64 x 512 x 1 x 1, dimension 0 is expected to be 128"},
    {"olmoe.attention.head_count", VALUE, U32, 3, NULL, ERR_INVALID,
     "attention.head_count is no multiple of head_count_kv"},
    {"olmoe.attention.head_count", VALUE, U32, 8, NULL, ERR_INVALID,
     "tensor " Q " is 64 x 64 x 1 x 1, dimension 1 is expected to be 128"},
    {"olmoe.rope.dimension_count", VALUE, U32, 18, NULL, ERR_INVALID,
     "rope.dimension_count is odd or larger than a head"},
    {"olmoe.expert_count", VALUE, U32, 0, NULL, ERR_INVALID, "expert_count is missing"},
    {"olmoe.expert_count", VALUE, U32, 16, NULL, ERR_INVALID,
     "tensor blk.0.ffn_gate_inp.weight is 64 x 8 x 1 x 1, dimension 1 is expected to be 16"},
    {"olmoe.expert_used_count", VALUE, U32, 9, NULL, ERR_INVALID,
     "expert_used_count is 0 or above expert_count"},
    {"olmoe.expert_feed_forward_length", VALUE, U32, 64, NULL, ERR_INVALID,
     "tensor blk.0.ffn_gate_exps.weight is 64 x 32 x 8 x 1, dimension 1 is expected to be 64"},
    {"olmoe.attention.layer_norm_rms_epsilon", VALUE, U32, 0x7fc00000, NULL, ERR_INVALID,
     "epsilon, rope base or expert numbers out of range"},
    {"olmoe.rope.freq_base", VALUE, U32, 0, NULL, ERR_INVALID,
     "epsilon, rope base or expert numbers out of range"},
    {"olmoe.rope.scaling.type", 0, NEW_TEXT, 0, "longrope", ERR_UNSUPPORTED,
     "rope.scaling.type 'longrope', expected one of: none, linear, yarn"},
    // The model's tensors.
    {"blk.1.ffn_up_exps.weight", -6, TEXT, 0, "WEIGHT", ERR_NOT_FOUND,
     "no tensor blk.1.ffn_up_exps.weight"},
    {"token_embd.weight", -6, TEXT, 0, "WEIGHT", ERR_INVALID,
     "tensor token_embd.weight is missing or no matrix"},
    {Q, DIM_1, U64, 32, NULL, ERR_INVALID,
     "tensor " Q " is 64 x 32 x 1 x 1, dimension 1 is expected to be 64"},
    {"blk.0.ffn_gate_exps.weight", N_DIMS, U32, 2, NULL, ERR_PARSE,
     "byte #: tensor # has a name of # bytes, expected 1 to 255"},
};
enum { N_MISTAKES = sizeof mistakes / sizeof mistakes[0] };
_Static_assert(N_MISTAKES >= 30, "as many ways at least");

// Behind the name, which stands there with its length before it.
static size_t find(const char *name)
{
    struct buf text;
    uint64_t n = strlen(name);
    buf_init(&text, 128);
    buf_put(&text, &n, sizeof n);
    buf_puts(&text, name);
    const uint8_t *p = memmem(file.bytes, file.n, text.bytes, text.n);
    ck_assert_msg(p != NULL, "no %s in the good file", name);
    size_t at = (size_t)(p - file.bytes) + text.n;
    buf_fini(&text);
    return at;
}

static void put_entry(struct buf *b, const char *name, uint32_t kind, const void *v, size_t n)
{
    uint64_t length = strlen(name), value = n;
    buf_put(b, &length, sizeof length);
    buf_puts(b, name);
    buf_put(b, &kind, sizeof kind);
    if (kind == GGUF_STR)
        buf_put(b, &value, sizeof value);
    buf_put(b, v, n);
}

// A new first key, and another that keeps the data on its alignment.
static void insert(const char *name, uint32_t kind, const void *v, size_t n)
{
    static const char blanks[ALIGNMENT];
    struct buf out;
    uint64_t count;
    buf_init(&out, 1 << 24);
    buf_put(&out, file.bytes, 24);
    put_entry(&out, name, kind, v, n);
    size_t filler = 8 + 1 + 4 + 8, used = out.n - 24 + filler;
    put_entry(&out, "x", GGUF_STR, blanks, (ALIGNMENT - used % ALIGNMENT) % ALIGNMENT);
    buf_put(&out, file.bytes + 24, file.n - 24);
    memcpy(&count, out.bytes + 16, sizeof count);
    count += 2;
    memcpy(out.bytes + 16, &count, sizeof count);
    buf_fini(&file);
    file = out;
}

static void make(const struct mistake *m)
{
    static const size_t widths[] = {[U8] = 1, [U32] = 4, [U64] = 8};
    uint32_t value = (uint32_t)m->value;
    if (m->what == NEW_U32) {
        insert(m->at, GGUF_U32, &value, sizeof value);
        return;
    }
    if (m->what == NEW_TEXT) {
        insert(m->at, GGUF_STR, m->text, strlen(m->text));
        return;
    }
    long at = (m->at ? (long)find(m->at) : m->skip < 0 ? (long)file.n : 0) + m->skip;
    ck_assert(at >= 0 && (size_t)at <= file.n);
    if (m->what == CUT)
        file.n = (size_t)at;
    else if (m->what == TEXT)
        memcpy(file.bytes + at, m->text, strlen(m->text));
    else
        memcpy(file.bytes + at, &m->value, widths[m->what]);
}

// Is `line` the one wanted?  A # there stands for any number.
static bool is_line(const char *line, const char *want)
{
    for (; *want; want++) {
        if (*want != '#') {
            if (*line++ != *want)
                return false;
            continue;
        }
        if (*line < '0' || *line > '9')
            return false;
        line += strspn(line, "0123456789");
    }
    return !*line;
}

START_TEST(a_model_with_one_mistake_is_refused_with_its_line)
{
    const struct mistake *m = &mistakes[_i];
    struct errtext t = {""};
    make(m);
    save();
    enum error e = load(64, &t);
    ck_assert_msg(e == m->e, "%d: %s: %s", _i, error_name(e), t.text);
    if (!m->line)
        return;
    size_t n = strlen(path);
    ck_assert_msg(strncmp(t.text, path, n) == 0 && strncmp(t.text + n, ": ", 2) == 0,
                  "%d: the file is not named: %s", _i, t.text);
    ck_assert_msg(is_line(t.text + n + 2, m->line), "%d: says %s", _i, t.text);
    ck_assert_ptr_null(strpbrk(t.text, "\r\n"));
}
END_TEST

START_TEST(the_good_model_loads)
{
    struct errtext t = {""};
    save();
    ck_assert_msg(load(64, &t) == OK, "%s", t.text);
    insert("general.alignment", GGUF_U32, &(uint32_t){ALIGNMENT}, 4);
    save();
    ck_assert_msg(load(64, &t) == OK, "%s", t.text);
}
END_TEST

// Token 511 would be read behind the table's end.
START_TEST(a_vocabulary_larger_than_the_embedding_is_refused)
{
    struct errtext t = {""};
    uint64_t rows = 500;
    memcpy(file.bytes + find("token_embd.weight") + DIM_1, &rows, sizeof rows);
    memcpy(file.bytes + find("output.weight") + DIM_1, &rows, sizeof rows);
    save();
    ck_assert_int_eq(load(64, &t), ERR_INVALID);
    ck_assert_str_eq(t.text + strlen(path), ": tokenizer.ggml.tokens has 512 tokens, "
                                            "token_embd.weight has rows for 500");
}
END_TEST

START_TEST(more_positions_than_memory_are_refused)
{
    struct errtext t = {""};
    save();
    ck_assert_int_eq(load(UINT32_MAX - 63, &t), ERR_LIMIT);
    ck_assert_msg(is_line(t.text,
                          "no memory for 4294967232 positions of keys and values: # MB, "
                          "this machine has # MB"),
                  "%s", t.text);
}
END_TEST

START_TEST(a_model_larger_than_memory_is_refused)
{
    struct rlimit r;
    ck_assert_int_eq(getrlimit(RLIMIT_RSS, &r), 0);
    r.rlim_cur = 1 << 17;
    ck_assert_int_eq(setrlimit(RLIMIT_RSS, &r), 0);
    struct errtext t = {""};
    save();
    ck_assert_int_eq(load(64, &t), ERR_LIMIT);
    ck_assert_msg(is_line(t.text + strlen(path),
                          ": # MB of weights on this machine, which has # MB of memory"),
                  "%s", t.text);
}
END_TEST

START_TEST(a_missing_part_of_a_split_model_is_named)
{
    struct errtext t = {""};
    insert("split.count", GGUF_U32, &(uint32_t){2}, 4);
    (void)snprintf(path, sizeof path, "%s/m-00001-of-00002.gguf", folder);
    save();
    ck_assert_int_eq(load(64, &t), ERR_NOT_FOUND);
    ck_assert_msg(strstr(t.text, "part 2 of 2 is missing: no file "), "%s", t.text);
    ck_assert_ptr_null(strpbrk(t.text, "\r\n"));
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    struct errtext t = {""};
    ck_assert_int_eq(load(64, &t), ERR_NOT_FOUND);
    ck_assert_msg(strstr(t.text, strerror(ENOENT)), "%s", t.text);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(load(64, &t), ERR_INVALID);
    ck_assert_msg(strstr(t.text, "not a regular file"), "%s", t.text);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("broken_model");
    TCase *c = tcase_create("broken_model");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_good_model_loads);
    tcase_add_loop_test(c, a_model_with_one_mistake_is_refused_with_its_line, 0, N_MISTAKES);
    tcase_add_test(c, a_vocabulary_larger_than_the_embedding_is_refused);
    tcase_add_test(c, more_positions_than_memory_are_refused);
    tcase_add_test(c, a_model_larger_than_memory_is_refused);
    tcase_add_test(c, a_missing_part_of_a_split_model_is_named);
    tcase_add_test(c, what_is_no_file_is_refused);
    suite_add_tcase(s, c);
    return harness_run(s);
}
