// SPDX-License-Identifier: MIT
// generate_check.c - what a generate job left in a directory, against a reference
// of the fixtures (their README says what the numbers mean, and the tolerances).
//
//   generate_check prompts REF.json             its prompts as JSONL, on stdout
//   generate_check text REF.json                the text of its perplexity, as JSONL
//   generate_check results REF.json REF.logits.f32 DIR
//   generate_check nll REF.nll.f32 DIR
//
// Prints what differs; 0: nothing does.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"

#define LOGIT_ERROR  1e-3
#define NMSE_MAX     1e-8
#define MARGIN_MIN   1e-4
#define NLL_ERROR    1e-3
#define RELATIVE_PPL 1e-4

static struct arena *arena;
static int n_wrong;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    exit(2);
}

static const char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "re");
    struct buf b;
    char chunk[65536];
    if (!f)
        die("no %s", path);
    buf_init(&b, SIZE_MAX / 4);
    for (size_t k; (k = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(&b, chunk, k);
    (void)fclose(f);
    *n = b.n;
    const char *text = arena_copy(arena, buf_cstr(&b), b.n + 1);
    buf_fini(&b);
    return text;
}

static struct value parse(const char *text, size_t n, const char *what)
{
    struct value v;
    struct errtext t;
    if (json_parse(text, n, arena, &v, &t))
        die("%s: %s", what, t.text);
    return v;
}

static const struct value *get(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    if (!v)
        die("no key %s", key);
    return v;
}

static const float *floats(const char *path, size_t *n)
{
    const char *bytes = slurp(path, n);
    *n /= sizeof(float);
    return (const float *)(const void *)bytes;
}

static void wrong(const char *id, const char *what)
{
    printf("%s: %s\n", id, what);
    n_wrong++;
}

// ---- prompts -----------------------------------------------------------------------------

static void put(struct value *row, const struct value *from, const char *key)
{
    const struct value *v = value_find(from, key);
    if (v)
        (void)value_set(arena, row, key, *v);
}

static void print_row(const struct value *row)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    value_json(row, &b);
    puts(buf_cstr(&b));
    buf_fini(&b);
}

// A conversation is given as such where the reference has it: its text is what the
// template must make of it.
static void print_prompts(const struct value *ref)
{
    const struct value *list = get(ref, "prompts");
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *p = &list->items[i];
        struct value row = value_map();
        put(&row, p, "id");
        put(&row, p, "messages");
        if (!value_find(p, "messages")) {
            put(&row, p, "text");
            put(&row, p, "add_special");
            put(&row, p, "parse_special");
        }
        print_row(&row);
    }
}

static void print_text(const struct value *ref)
{
    struct value row = value_map();
    put(&row, get(ref, "ppl"), "text");
    print_row(&row);
}

// ---- results -----------------------------------------------------------------------------

static void check_logits(const char *id, const float *got, const float *want, uint32_t n)
{
    double mean = 0, error = 0, spread = 0, most = 0;
    for (uint32_t i = 0; i < n; i++)
        mean += (double)want[i] / n;
    for (uint32_t i = 0; i < n; i++) {
        double d = (double)got[i] - (double)want[i], s = (double)want[i] - mean;
        error += d * d;
        spread += s * s;
        most = fmax(most, fabs(d));
    }
    if (!(most <= LOGIT_ERROR && error < NMSE_MAX * spread))
        wrong(id, "logits");
}

// Where the reference itself was undecided the comparison ends.
static void check_greedy(const char *id, const struct value *p, const struct value *row)
{
    const struct value *want = get(p, "greedy"), *margin = get(p, "greedy_margin");
    const struct value *got = get(row, "new_tokens");
    if (got->n != want->n)
        wrong(id, "number of tokens");
    for (uint32_t i = 0; i < want->n && i < got->n; i++) {
        if (value_number(&margin->items[i]) < MARGIN_MIN)
            return;
        if (got->items[i].i != want->items[i].i) {
            wrong(id, "greedy tokens");
            return;
        }
    }
}

static void check_row(const struct value *p, const struct value *row)
{
    const char *id = get(p, "id")->s;
    const struct value *routing = value_find(p, "routing");
    if (!value_equal(get(row, "id"), get(p, "id")))
        wrong(id, "another id");
    if (!value_equal(get(row, "tokens"), get(p, "tokens")))
        wrong(id, "tokens");
    if (value_find(p, "greedy"))
        check_greedy(id, p, row);
    if (routing && value_find(p, "min_router_rel_margin")
        && value_number(get(p, "min_router_rel_margin")) > MARGIN_MIN
        && !value_equal(get(row, "routing"), routing))
        wrong(id, "routing");
}

static void check_results(const struct value *ref, const char *logits, const char *dir)
{
    const struct value *list = get(ref, "prompts");
    size_t n_vocab = (size_t)get(ref, "n_vocab")->i, n, n_got, n_want;
    const char *at = slurp(arena_printf(arena, "%s/results.jsonl", dir), &n);
    const float *got = floats(arena_printf(arena, "%s/logits.f32", dir), &n_got);
    const float *want = floats(logits, &n_want);
    if (n_got != n_want)
        die("%zu logits instead of %zu", n_got, n_want);
    for (uint32_t i = 0; i < list->n; i++) {
        size_t length = strcspn(at, "\n");
        struct value row = parse(at, length, "results.jsonl");
        const struct value *k = value_find(&list->items[i], "logits_row");
        check_row(&list->items[i], &row);
        if (k)
            check_logits(get(&list->items[i], "id")->s, got + (size_t)k->i * n_vocab,
                         want + (size_t)k->i * n_vocab, (uint32_t)n_vocab);
        at += length + 1;
    }
    if (*at)
        wrong("results.jsonl", "more rows than prompts");
}

static void check_nll(const char *path, const char *dir)
{
    size_t n_got, n_want;
    const float *got = floats(arena_printf(arena, "%s/nll.f32", dir), &n_got);
    const float *want = floats(path, &n_want);
    double sums[2] = {0, 0};
    if (n_got != n_want || !n_want)
        die("%zu numbers instead of %zu", n_got, n_want);
    for (size_t i = 0; i < n_want; i++) {
        sums[0] += (double)got[i];
        sums[1] += (double)want[i];
        if (!(fabs((double)got[i] - (double)want[i]) <= NLL_ERROR))
            wrong("nll", arena_printf(arena, "token %zu", i));
    }
    double ratio = exp((sums[0] - sums[1]) / (double)n_want);
    if (!(fabs(ratio - 1) < RELATIVE_PPL))
        wrong("nll", "perplexity");
}

int main(int argc, char **argv)
{
    size_t n;
    arena = arena_create();
    if (argc < 3)
        die("usage: generate_check prompts|text|results|nll REFERENCE... [DIR]");
    if (strcmp(argv[1], "nll") == 0 && argc == 4) {
        check_nll(argv[2], argv[3]);
    } else {
        const char *text = slurp(argv[2], &n);
        struct value ref = parse(text, n, argv[2]);
        if (strcmp(argv[1], "prompts") == 0)
            print_prompts(&ref);
        else if (strcmp(argv[1], "text") == 0)
            print_text(&ref);
        else if (strcmp(argv[1], "results") == 0 && argc == 5)
            check_results(&ref, argv[3], argv[4]);
        else
            die("what is %s?", argv[1]);
    }
    arena_destroy(arena);
    return n_wrong != 0;
}
