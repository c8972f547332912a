// SPDX-License-Identifier: MIT
// fuzz_gguf.c - any model file: its container, its tokenizer, its tensors by role,
// and a step of the engine with what was accepted.
//
// A quarter of the inputs is a file; the others are mistakes made in a good one,
// so that the fuzzer works behind the container's walls.  Oracles: no sanitizer
// finds anything; a refusal is one line that names the file; whatever is accepted
// lies inside the file, no tensor over another; and a good file stays accepted
// however its tensors' numbers are changed.
//
// Threads    Single.
#include <string.h>

#include "common/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/tools/model/made.h"
#include "worker/experts/engine.h"
#include "worker/experts/tokenizer_gguf.h"

enum { N_ARCHS = 2, N_TOKENS = 3, N_POSITIONS = 64, RECORD = 8, LIVELY_MAX = 1 << 20 };

struct bytes {
    uint8_t *p;
    size_t n;
};

// ---- a good file -----------------------------------------------------------------

struct base {
    struct bytes file;
    size_t head; // where the tensors' numbers begin
};

static size_t head_of(const struct bytes *f)
{
    struct gguf *g;
    struct errtext t = {""};
    demand(gguf_open_bytes(f->p, f->n, "f", &g, &t) == OK, "a good file opens");
    size_t head = f->n;
    for (uint32_t i = 0; i < gguf_n_tensors(g); i++) {
        size_t at = (size_t)(gguf_tensor_at(g, i)->data - f->p);
        head = at < head ? at : head;
    }
    gguf_close(g);
    return head;
}

// As small as it goes: ten kilobytes, of which the vocabulary is most.
static const struct base *base_of(unsigned arch)
{
    static const char *const names[N_ARCHS] = {"olmoe", "qwen3moe"};
    static struct base bases[N_ARCHS];
    struct base *b = &bases[arch];
    if (b->file.p)
        return b;
    struct made_shape s = {.arch = names[arch],
                           .format = format_find(FORMAT_F16),
                           .n_layers = 1,
                           .width = 4,
                           .n_heads = 2,
                           .n_kv_heads = 1,
                           .head = 2,
                           .n_experts = 2,
                           .top_k = 1,
                           .ff = 2,
                           .n_vocab = 262,
                           .n_context = 64};
    struct errtext t = {""};
    FILE *f = open_memstream((char **)&b->file.p, &b->file.n);
    demand(f && made_write(&s, f, &t) == OK && fclose(f) == 0, "a small model is made");
    b->head = head_of(&b->file);
    return b;
}

static uint64_t number(const uint8_t *p, size_t n)
{
    uint64_t u = 0;
    for (size_t i = 0; i < n; i++)
        u = u << 8 | p[i];
    return u;
}

static void set(struct bytes *f, size_t at, uint64_t value, size_t n)
{
    if (at < f->n)
        memcpy(f->p + at, &value, f->n - at < n ? f->n - at : n);
}

static void take_out(struct bytes *f, size_t at, size_t n)
{
    n = f->n - at < n ? f->n - at : n;
    memmove(f->p + at, f->p + at + n, f->n - at - n);
    f->n -= n;
}

static void put_twice(struct bytes *f, size_t at, size_t n)
{
    n = f->n - at < n ? f->n - at : n;
    f->p = mem_realloc(f->p, f->n + n);
    memmove(f->p + at + n, f->p + at, f->n - at);
    f->n += n;
}

// One mistake from eight bytes: what, where, which number.  True when it only
// changed the tensors' numbers.
static bool mistake(struct bytes *f, size_t head, const uint8_t r[RECORD])
{
    static const uint64_t awkward[] = {
        0,          1,          2,          31,         0x7f,           0xff,
        0xffff,     0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32,     1ULL << 47,
        1ULL << 48, 1ULL << 62, 1ULL << 63, UINT64_MAX, UINT64_MAX - 31};
    enum { N_AWKWARD = sizeof awkward / sizeof awkward[0] };
    uint32_t value = (uint32_t)number(r + 4, 4);
    bool in_data = r[0] & 8 && head < f->n;
    if (!f->n)
        return false;
    size_t at = in_data ? head + number(r + 1, 3) % (f->n - head)
                        : number(r + 1, 3) % (head < f->n ? head : f->n);
    switch (r[0] & 7) {
    case 0:
        f->p[at] = (uint8_t)value;
        return in_data;
    case 1:
        set(f, at, value, 4);
        return in_data;
    case 2:
        set(f, at, awkward[value % N_AWKWARD], 8);
        return in_data;
    case 3:
        set(f, at, awkward[value % N_AWKWARD], 4);
        return in_data;
    case 4:
        f->n = at;
        return false;
    case 5:
        take_out(f, at, value % 64);
        return false;
    case 6:
        put_twice(f, at, value % 64);
        return false;
    default:
        f->p[at] ^= (uint8_t)(1U << value % 8);
        return in_data;
    }
}

// ---- what was accepted -----------------------------------------------------------

static void check_refusal(const struct errtext *t)
{
    demand(strncmp(t->text, "f: ", 3) == 0 && !strpbrk(t->text, "\r\n"),
           "a refusal is one line that names the file");
}

static bool is_inside(const struct bytes *f, const void *p, uint64_t n)
{
    const uint8_t *q = p;
    return q >= f->p && n <= f->n && (size_t)(q - f->p) <= f->n - n;
}

static void check_tensors(const struct gguf *g, const struct bytes *f)
{
    for (uint32_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *x = gguf_tensor_at(g, i);
        demand(is_inside(f, x->data, x->size), "a tensor lies inside the file");
        demand(x->size == x->n_rows * x->row_bytes
                   && x->row_bytes == format_row_bytes(x->format, x->dims[0]),
               "a tensor's size is that of its rows");
        demand(gguf_tensor_find(g, x->name) == x, "a tensor is found by its name");
        for (uint32_t k = 0; k < i && k < 64; k++) {
            const struct gguf_tensor *y = gguf_tensor_at(g, k);
            demand(x->data + x->size <= y->data || y->data + y->size <= x->data,
                   "no tensor lies over another");
        }
    }
}

static void check_array(const struct gguf_array *a, const struct bytes *f)
{
    double sum = 0;
    for (uint64_t i = 0; i < a->n; i++) {
        if (a->kind == GGUF_STR) {
            struct gguf_text s = gguf_array_text(a, i);
            demand(is_inside(f, s.s, s.n), "a text of an array lies inside the file");
        } else if (a->kind == GGUF_BOOL)
            sum += gguf_array_bool(a, i);
        else if (a->kind != GGUF_ARRAY)
            sum += gguf_array_f64(a, i);
    }
    (void)sum; // read for AddressSanitizer
}

static void check_keys(const struct gguf *g, const struct bytes *f)
{
    for (uint32_t i = 0; i < gguf_n_keys(g); i++) {
        const struct gguf_value *v = gguf_value_at(g, i);
        demand(gguf_key_at(g, i)[0] == '.' || gguf_find(g, gguf_key_at(g, i)) == v,
               "a key is found by its name");
        if (v->kind == GGUF_STR)
            demand(is_inside(f, v->text.s, v->text.n), "a text lies inside the file");
        if (v->kind == GGUF_ARRAY)
            check_array(&v->array, f);
    }
}

static void check_tokenizer(struct tokenizer *k)
{
    static const char text[] = "The old man counts 64 boats.\n\xff<|endoftext|> na\xc3\xafve";
    struct tokens ids = {0};
    struct buf back;
    buf_init(&back, SIZE_MAX);
    if (tokenizer_encode(k, text, sizeof text - 1, 3, &ids) == OK)
        for (size_t i = 0; i < ids.n; i++)
            demand(ids.ids[i] >= 0 && (uint32_t)ids.ids[i] < tokenizer_n(k),
                   "a token is in the vocabulary");
    tokenizer_decode(k, ids.ids, ids.n, 0, &back);
    buf_fini(&back);
    tokens_fini(&ids);
}

static void run(const struct model *m)
{
    static struct group *group;
    struct engine_options o = {.n_positions = N_POSITIONS};
    struct engine *e;
    struct errtext t = {""};
    uint32_t last = m->h.n_vocab - 1;
    int32_t ids[N_TOKENS] = {0, (int32_t)last, (int32_t)(last / 2)};
    if (!group)
        group = group_local_create();
    float *logits = mem_alloc(m->h.n_vocab * sizeof *logits);
    enum error err = engine_create(m, &o, group, &e, &t);
    demand(!err || *t.text, "an engine says why not");
    if (!err) {
        struct engine_run r = {engine_open(e), ids, N_TOKENS, 1, logits, NULL};
        demand(engine_step(e, &r, 1) == OK, "a step of a few tokens has room");
        engine_destroy(e);
    }
    mem_free(logits);
}

// Numbers of weights that make a step last too long for a fuzzer are no finding.
static bool is_lively(const struct gguf *g)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < gguf_n_tensors(g); i++)
        n += gguf_tensor_at(g, i)->n_rows * gguf_tensor_at(g, i)->dims[0];
    return n < LIVELY_MAX;
}

// True when all of it was accepted.
static bool check_file(const struct bytes *f)
{
    struct gguf *g;
    struct tokenizer *k;
    struct model *m;
    struct errtext t = {""};

    if (gguf_open_bytes(f->p, f->n, "f", &g, &t)) {
        check_refusal(&t);
        return false;
    }
    check_tensors(g, f);
    check_keys(g, f);
    bool good = tokenizer_from_gguf(g, &k, &t) == OK;
    if (good) {
        check_tokenizer(k);
        tokenizer_destroy(k);
    } else
        check_refusal(&t);
    if (model_open(g, &m, &t)) {
        check_refusal(&t);
        gguf_close(g);
        return false;
    }
    if (is_lively(g))
        run(m);
    model_close(m);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool whole = (data[0] & 6) == 0, harmless = !whole;
    const struct base *b = base_of(data[0] & 1);
    struct bytes f = {NULL, whole ? size - 1 : b->file.n};
    // Of its own, so that it is aligned and AddressSanitizer sees a read past it.
    f.p = mem_alloc(f.n + 1);
    memcpy(f.p, whole ? data + 1 : b->file.p, f.n);
    for (size_t at = 1; !whole && at + RECORD <= size; at += RECORD)
        harmless = mistake(&f, b->head, data + at) && harmless;
    f.p = mem_realloc(f.p, f.n ? f.n : 1);
    bool accepted = check_file(&f);
    demand(accepted || !harmless, "a good file is accepted whatever its weights");
    mem_free(f.p);
    return 0;
}
