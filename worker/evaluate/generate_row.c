// SPDX-License-Identifier: MIT
// generate_row.c - what an item answers: its line of results.jsonl, its numbers,
// and as blobs what is large.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/math.h"
#include "worker/evaluate/generate_state.h"
#include "worker/experts/model.h"
#include "worker/group.h"

enum { ROW_MAX = 64 << 20, PATH_SIZE = 4096 };

static void put_ids(struct buf *out, const struct tokens *list)
{
    for (size_t i = 0; i < list->n; i++)
        buf_printf(out, "%s%" PRId32, i ? "," : "", list->ids[i]);
}

// {"layer": [[expert, …] of each token of the prompt]}
static void put_routing(const struct generator *g, const struct stream *s, struct buf *out)
{
    const struct hyper *h = &g->model->h;
    const uint16_t *at = s->routing;
    buf_puts(out, ",\"routing\":{");
    for (uint32_t l = 0; l < generate_moe_layers(g); l++) {
        buf_printf(out, "%s\"%" PRIu32 "\":[", l ? "," : "", h->n_dense + l);
        for (size_t i = 0; i < s->prompt.n; i++) {
            buf_puts(out, i ? ",[" : "[");
            for (uint32_t k = 0; k < h->top_k; k++)
                buf_printf(out, "%s%u", k ? "," : "", *at++);
            buf_puts(out, "]");
        }
        buf_puts(out, "]");
    }
    buf_puts(out, "}");
}

static double nll_of(const struct stream *s, uint64_t *n)
{
    double sum = 0;
    *n = s->nll && s->prompt.n ? s->prompt.n - 1 : 0;
    for (uint64_t i = 0; i < *n; i++)
        sum += (double)s->nll[i];
    return sum;
}

static void put_score(const struct stream *s, struct buf *out)
{
    uint64_t n;
    double sum = nll_of(s, &n);
    struct value v = value_float(sum), perplexity = value_null();
    if (n)
        perplexity = value_float(math_exp(sum / (double)n));
    buf_puts(out, ",\"nll\":");
    value_json(&v, out);
    buf_printf(out, ",\"scored\":%" PRIu64 ",\"perplexity\":", n);
    value_json(&perplexity, out);
}

static struct value row_of(const struct generator *g, const struct stream *s, struct arena *a)
{
    struct buf b;
    struct value text = value_strn(a, buf_cstr(&s->text), s->text.n);
    buf_init(&b, ROW_MAX);
    buf_puts(&b, "{\"id\":");
    value_json(s->id, &b);
    buf_puts(&b, ",\"tokens\":[");
    put_ids(&b, &s->prompt);
    buf_puts(&b, "],\"new_tokens\":[");
    put_ids(&b, &s->new);
    buf_puts(&b, "],\"text\":");
    value_json(&text, &b);
    buf_printf(&b, ",\"finish\":\"%s\"", s->finish);
    if (g->o.top_logprobs)
        buf_printf(&b, ",\"logprobs\":[%s]", buf_cstr(&s->logprobs));
    if (s->nll)
        put_score(s, &b);
    if (g->o.routing && s->routing)
        put_routing(g, s, &b);
    buf_puts(&b, "}");
    struct value row = value_bin(a, b.bytes, b.full ? 0 : b.n);
    buf_fini(&b);
    return row;
}

static void put_leb(struct buf *out, uint64_t x)
{
    do {
        uint8_t byte = (uint8_t)((x & 0x7f) | (x > 0x7f ? 0x80 : 0));
        buf_put(out, &byte, 1);
        x >>= 7;
    } while (x);
}

static struct value load_of(const struct generator *g, const struct stream *s, struct arena *a)
{
    uint32_t layers = generate_moe_layers(g), experts = g->model->h.n_experts;
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    put_leb(&b, g->model->h.n_dense);
    put_leb(&b, layers);
    put_leb(&b, experts);
    for (size_t i = 0; i < (size_t)layers * experts; i++)
        put_leb(&b, s->load[i]);
    struct value v = value_bin(a, b.bytes, b.n);
    buf_fini(&b);
    return v;
}

// ---- blobs -------------------------------------------------------------------------------

struct floats {
    const char *name;
    const float *x;
    size_t n;
};

static enum error keep(const struct generator *g,
                       struct run *r,
                       const struct stream *s,
                       struct floats f32,
                       struct errtext *t)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s-%ld", g->scratch ? g->scratch : ".", f32.name,
                   (long)getpid());
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(f32.x, sizeof *f32.x, f32.n, f) == f32.n;
    if (f)
        ok = fclose(f) == 0 && ok;
    enum error e =
        ok ? OK : errtext_set(t, FAULT_WORKER, "cannot write %s: %s", path, strerror(errno));
    if (!e)
        e = run_keep_file(r, s->item, f32.name, path, t);
    (void)unlink(path);
    return e;
}

// One rank's are enough: only rank 0 of a gang is listened to.
static enum error
keep_blobs(const struct generator *g, struct run *r, const struct stream *s, struct errtext *t)
{
    enum error e = OK;
    if (group_rank(r->group) != 0 || !s->prompt.n)
        return OK;
    if (s->last)
        e = keep(g, r, s, (struct floats){"logits.f32", s->last, g->model->h.n_vocab}, t);
    if (!e && s->nll && s->prompt.n > 1)
        e = keep(g, r, s, (struct floats){"nll.f32", s->nll, s->prompt.n - 1}, t);
    return e ? FAULT_WORKER : OK;
}

enum error generate_row(struct generator *g,
                        struct run *r,
                        struct stream *s,
                        const double seconds[2],
                        struct errtext *t)
{
    struct arena *a = r->arena;
    struct value m = value_map();
    uint64_t n;
    double nll = nll_of(s, &n);
    (void)value_set(a, &m, "prompt_tokens", value_uint(s->prompt.n));
    (void)value_set(a, &m, "new_tokens", value_uint(s->new.n));
    if (s->nll) {
        (void)value_set(a, &m, "nll", value_float(nll));
        (void)value_set(a, &m, "scored", value_uint(n));
    }
    (void)value_set(a, &m, "row", row_of(g, s, a));
    if (s->load)
        (void)value_set(a, &m, "load", load_of(g, s, a));
    if (s->n_reused)
        (void)value_set(a, &m, "reused", value_uint(s->n_reused));
    (void)value_set(a, &m, "seconds", value_bin(a, seconds, 2 * sizeof *seconds));
    r->named[s->i] = m;
    return keep_blobs(g, r, s, t);
}
