// SPDX-License-Identifier: MIT
// generate_result.c - what a generate job answers when all its prompts are done.
#include <inttypes.h>
#include <string.h>

#include "common/json.h"
#include "common/math.h"
#include "common/mem.h"
#include "coordinator/drivers/generate_state.h"

enum {
    TEXTS_SHOWN = 64,         // in the result itself, of so few prompts
    TEXT_SHOWN_MAX = 1 << 16, // bytes of a row that is shown
    LOADS_MAX = 1 << 20,      // experts of all layers
};

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

// ---- rows --------------------------------------------------------------------------------

static void put_failed(struct generate *g, uint32_t i)
{
    struct arena *a = g->scratch;
    struct value v = value_map();

    put(a, &v, "id", g->attached ? value_uint(i) : *value_find(&g->prompts.items[i], "id"));
    put(a, &v, "error", value_str(a, g->rows[i].why));
    value_json(&v, &g->results);
}

static void put_rows(struct generate *g)
{
    buf_fini(&g->results);
    buf_init(&g->results, SIZE_MAX / 4);
    for (uint32_t i = 0; i < g->n; i++) {
        const struct generate_row *r = &g->rows[i];
        if (r->failed)
            put_failed(g, i);
        else
            buf_put(&g->results, r->row.s, r->row.n);
        buf_puts(&g->results, "\n");
    }
}

// What few prompts came to, so that nobody needs the rows for it.
static struct value texts_of(struct generate *g, struct arena *a)
{
    static const char *const shown[] = {"id", "text", "finish"};
    struct value list = value_list();

    for (uint32_t i = 0; i < g->n; i++) {
        const struct generate_row *r = &g->rows[i];
        struct value row, v = value_map();
        if (r->failed || r->row.n > TEXT_SHOWN_MAX
            || json_parse(r->row.s, r->row.n, a, &row, NULL))
            continue;
        for (size_t k = 0; k < sizeof shown / sizeof shown[0]; k++)
            if (value_find(&row, shown[k]))
                put(a, &v, shown[k], *value_find(&row, shown[k]));
        (void)value_push(a, &list, v);
    }
    return list;
}

// The hashes of what items returned, in the prompts' order: the artefact is their
// blobs one behind the other.  False: there are none.
static bool
add_part(struct generate *g, struct driver_output *out, enum generate_part p, char hex[65])
{
    struct buf *list = &g->parts[p];
    char one[65];

    buf_fini(list);
    buf_init(list, SIZE_MAX / 4);
    for (uint32_t i = 0; i < g->n; i++)
        if (g->rows[i].has[p] && !g->rows[i].failed) {
            sha256_hex(&g->rows[i].part[p], one);
            buf_printf(list, "%s\n", one);
        }
    if (!list->n)
        return false;
    driver_add_blob(out, generate_part_names[p], list, hex);
    out->blobs[out->n_blobs - 1].is_list = true;
    return true;
}

// ---- expert load -------------------------------------------------------------------------

struct reader {
    const uint8_t *p, *end;
};

static uint64_t read_number(struct reader *r)
{
    uint64_t x = 0;
    for (unsigned shift = 0; r->p < r->end && shift < 64; shift += 7) {
        uint8_t byte = *r->p++;
        x |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return x;
}

struct loads {
    uint64_t *count; // [n_layers][n_experts]
    uint64_t first, n_layers, n_experts;
};

// All rows are of one model; one that is not, is not counted.
static void add_load(struct loads *l, const struct value *packed)
{
    if (packed->type != VALUE_BIN)
        return;
    struct reader r = {(const uint8_t *)packed->s, (const uint8_t *)packed->s + packed->n};
    uint64_t first = read_number(&r), n_layers = read_number(&r), n_experts = read_number(&r);
    if (!n_layers || !n_experts || n_layers > LOADS_MAX || n_experts > LOADS_MAX / n_layers)
        return;
    if (!l->count) {
        l->first = first;
        l->n_layers = n_layers;
        l->n_experts = n_experts;
        l->count = mem_alloc(n_layers * n_experts * sizeof *l->count);
    }
    if (n_layers != l->n_layers || n_experts != l->n_experts)
        return;
    for (uint64_t i = 0; i < n_layers * n_experts; i++)
        l->count[i] += read_number(&r);
}

// Of each layer with experts, in order: tokens by expert, the hottest of them, and
// mean over largest load (1 is even).
static struct value load_value(const struct loads *l, struct arena *a)
{
    struct value list = value_list();
    for (uint64_t layer = 0; layer < l->n_layers; layer++) {
        const uint64_t *count = l->count + layer * l->n_experts;
        struct value v = value_map(), experts = value_list();
        uint64_t sum = 0, hot = 0;
        for (uint64_t i = 0; i < l->n_experts; i++) {
            sum += count[i];
            hot = count[i] > count[hot] ? i : hot;
            (void)value_push(a, &experts, value_uint(count[i]));
        }
        double mean = (double)sum / (double)l->n_experts;
        put(a, &v, "layer", value_uint(l->first + layer));
        put(a, &v, "hottest", value_uint(hot));
        put(a, &v, "balance", value_float(sum ? mean / (double)count[hot] : 1));
        put(a, &v, "experts", experts);
        (void)value_push(a, &list, v);
    }
    return list;
}

// ---- all of it ---------------------------------------------------------------------------

static double rate(uint64_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

static struct value nll_value(struct generate *g, struct driver_output *out)
{
    struct arena *a = out->arena;
    struct value v = value_map();
    uint64_t n = 0;
    double sum = 0;
    char hex[65];

    for (uint32_t i = 0; i < g->n; i++) {
        sum += g->rows[i].nll;
        n += g->rows[i].scored;
    }
    put(a, &v, "sum", value_float(sum));
    put(a, &v, "tokens", value_uint(n));
    put(a, &v, "perplexity", value_float(n ? math_exp(sum / (double)n) : 1));
    if (add_part(g, out, PART_NLL, hex))
        put(a, &v, "values", value_str(a, hex));
    return v;
}

static void put_counts(const struct generate *g, struct driver_output *out, struct value *v)
{
    struct arena *a = out->arena;
    struct loads l = {0};
    uint64_t prompt = 0, new = 0, reused = 0;
    double prefill = 0, decode = 0;

    for (uint32_t i = 0; i < g->n; i++) {
        const struct generate_row *r = &g->rows[i];
        prompt += r->prompt_tokens;
        new += r->new_tokens;
        reused += r->reused;
        prefill += r->prefill_s;
        decode += r->decode_s;
        add_load(&l, &r->load);
    }
    put(a, v, "prompt_tokens", value_uint(prompt));
    put(a, v, "new_tokens", value_uint(new));
    if (l.count)
        put(a, v, "load", load_value(&l, a));
    mem_free(l.count);
    out->stats = value_map();
    put(a, &out->stats, "prefill_tokens_per_s", value_float(rate(prompt - reused, prefill)));
    put(a, &out->stats, "prefix_tokens_reused", value_uint(reused));
    put(a, &out->stats, "decode_tokens_per_s", value_float(rate(new, decode)));
}

void generate_finish(struct generate *g, struct driver_output *out)
{
    struct arena *a = out->arena;
    struct value v = value_map();
    char hex[65];

    arena_reset(g->scratch);
    out->blobs = arena_alloc(a, (1 + N_PARTS) * sizeof *out->blobs);
    put(a, &v, "prompts", value_uint(g->n));
    put(a, &v, "failed", value_uint(g->n_failed));
    put_counts(g, out, &v);
    put_rows(g);
    driver_add_blob(out, "results.jsonl", &g->results, hex);
    put(a, &v, "rows", value_str(a, hex));
    if (g->n <= TEXTS_SHOWN)
        put(a, &v, "texts", texts_of(g, a));
    if (add_part(g, out, PART_LOGITS, hex))
        put(a, &v, "logits", value_str(a, hex));
    if (g->score)
        put(a, &v, "nll", nll_value(g, out));
    out->result = v;
    out->finished = true;
}
