// SPDX-License-Identifier: MIT
#include "common/fold.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "common/sum.h"

// Histogram.  A double's sign, exponent and first SUB_BITS bits of the mantissa
// name its bucket: 64 to a power of two, so a bucket's middle is within 1/128
// of every value in it (below 2^-1022 within 2^-1029).  Counts of one sign and
// exponent stand together in a page; a page exists once it was hit.
enum { SUB_BITS = 6, PAGE_LEN = 1 << SUB_BITS, N_PAGES = 4096, EXPONENT_MAX = 2047 };
enum { HALF = N_PAGES * PAGE_LEN / 2 }; // keys below are negative numbers

struct histogram {
    uint16_t slot[N_PAGES]; // 1 + index into counts; 0: no such page
    uint16_t page_of[N_PAGES];
    uint64_t (*counts)[PAGE_LEN];
    uint32_t n;
    uint32_t cap;
};

struct kept {
    double *x;
    uint32_t n;
    uint32_t cap;
    bool sorted;
};

struct fold {
    uint64_t n; // NaN not among them
    uint64_t n_nan;
    double min, max;
    struct sum sum, squares;
    struct kept *kept;      // when exact
    struct histogram *hist; // when not
};

struct fold *fold_create(bool exact)
{
    struct fold *f = mem_alloc(sizeof *f);
    if (exact)
        f->kept = mem_alloc(sizeof *f->kept);
    else
        f->hist = mem_alloc(sizeof *f->hist);
    fold_reset(f);
    return f;
}

void fold_destroy(struct fold *f)
{
    if (!f)
        return;
    if (f->kept)
        mem_free(f->kept->x);
    if (f->hist)
        mem_free(f->hist->counts);
    mem_free(f->kept);
    mem_free(f->hist);
    mem_free(f);
}

void fold_reset(struct fold *f)
{
    f->n = 0;
    f->n_nan = 0;
    f->min = INFINITY;
    f->max = -INFINITY;
    sum_init(&f->sum);
    sum_init(&f->squares);
    if (f->kept) {
        f->kept->n = 0;
        f->kept->sorted = true;
        return;
    }
    for (uint32_t i = 0; i < f->hist->n; i++)
        f->hist->slot[f->hist->page_of[i]] = 0;
    f->hist->n = 0;
}

double fold_sum(const struct fold *f)
{
    return sum_value(&f->sum);
}

uint64_t fold_count(const struct fold *f)
{
    return f->n;
}

// Buckets in the order of the numbers: the bits of a negative number count
// backwards.  Zero shares the least bucket above it, where nothing else of use
// lies: min and max tell the two apart at the ends.
static uint32_t key_of(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    uint32_t k = (uint32_t)(b >> (52 - SUB_BITS));
    return k < HALF ? k + HALF : HALF - 1 - (k - HALF);
}

static double middle_of(uint32_t key)
{
    bool negative = key < HALF;
    uint32_t k = negative ? HALF - 1 - key : key - HALF;
    if (k == 0)
        return 0;
    if (k >> SUB_BITS == EXPONENT_MAX)
        return negative ? -INFINITY : INFINITY;
    uint64_t b = (uint64_t)k << (52 - SUB_BITS) | UINT64_C(1) << (51 - SUB_BITS);
    double x;
    memcpy(&x, &b, sizeof x);
    return negative ? -x : x;
}

static uint64_t *new_page(struct histogram *h, uint32_t page)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 8;
        h->counts = mem_realloc(h->counts, h->cap * sizeof *h->counts);
    }
    h->page_of[h->n] = (uint16_t)page;
    memset(h->counts[h->n], 0, sizeof h->counts[0]);
    h->slot[page] = (uint16_t)++h->n;
    return h->counts[h->n - 1];
}

static uint64_t *bucket(struct histogram *h, uint32_t key)
{
    uint32_t page = key >> SUB_BITS;
    uint32_t slot = h->slot[page];
    uint64_t *counts = slot ? h->counts[slot - 1] : new_page(h, page);
    return counts + (key & (PAGE_LEN - 1));
}

static void keep(struct kept *k, const double *x, size_t n)
{
    assert(n <= FOLD_EXACT_MAX - k->n); // told at creation: the job is small
    uint32_t need = k->n + (uint32_t)n;
    if (need > k->cap) {
        k->cap = need > 2 * k->cap ? need : 2 * k->cap;
        k->x = mem_realloc(k->x, k->cap * sizeof *k->x);
    }
    memcpy(k->x + k->n, x, n * sizeof *x);
    k->n = need;
    k->sorted = false;
}

// Values that are numbers, -0 made 0, so that equal values are equal bits.
static void add_clean(struct fold *f, const double *x, size_t n)
{
    double min = f->min, max = f->max;

    for (size_t i = 0; i < n; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    f->min = min;
    f->max = max;
    f->n += n;
    sum_add_run(&f->sum, &f->squares, x, n, 1);
    if (f->kept) {
        keep(f->kept, x, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        ++*bucket(f->hist, key_of(x[i]));
}

void fold_add(struct fold *f, const double *x, size_t n, size_t stride)
{
    enum { BLOCK = 256 };
    double clean[BLOCK];

    while (n > 0) {
        size_t m = n < BLOCK ? n : BLOCK;
        size_t n_clean = 0;
        for (size_t i = 0; i < m; i++, x += stride) {
            clean[n_clean] = *x + 0.0;
            n_clean += isnan(*x) ? 0 : 1;
        }
        f->n_nan += m - n_clean;
        if (n_clean)
            add_clean(f, clean, n_clean);
        n -= m;
    }
}

static bool counts_fit(const struct fold *f, uint64_t n, uint64_t n_nan)
{
    uint64_t sum;
    if (__builtin_add_overflow(f->n, n, &sum) || (f->kept && sum > FOLD_EXACT_MAX))
        return false;
    return !__builtin_add_overflow(f->n_nan, n_nan, &sum);
}

enum error fold_merge(struct fold *f, const struct fold *other)
{
    if (!f->kept != !other->kept)
        return ERR_INVALID;
    if (!counts_fit(f, other->n, other->n_nan))
        return ERR_LIMIT;
    f->n += other->n;
    f->n_nan += other->n_nan;
    f->min = other->min < f->min ? other->min : f->min;
    f->max = other->max > f->max ? other->max : f->max;
    sum_merge(&f->sum, &other->sum);
    sum_merge(&f->squares, &other->squares);
    if (f->kept) {
        const struct kept *k = other->kept;
        assert(k);
        if (k->n)
            keep(f->kept, k->x, k->n);
        return OK;
    }
    for (uint32_t i = 0; i < other->hist->n; i++) {
        uint64_t *to = bucket(f->hist, (uint32_t)other->hist->page_of[i] << SUB_BITS);
        for (int j = 0; j < PAGE_LEN; j++)
            to[j] += other->hist->counts[i][j];
    }
    return OK;
}

static int compare_doubles(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void sort_kept(struct kept *k)
{
    if (!k->sorted)
        qsort(k->x, k->n, sizeof *k->x, compare_doubles);
    k->sorted = true;
}

// The bucket with the value of the given rank (0-based).
static uint32_t key_at_rank(const struct histogram *h, uint64_t rank)
{
    uint64_t before = 0;

    for (uint32_t page = 0; page < N_PAGES; page++) {
        if (!h->slot[page])
            continue;
        const uint64_t *counts = h->counts[h->slot[page] - 1];
        for (uint32_t j = 0; j < PAGE_LEN; j++) {
            before += counts[j];
            if (before > rank)
                return page << SUB_BITS | j;
        }
    }
    assert(!"the counts add up to n");
    return 0;
}

static double histogram_quantile(const struct fold *f, double q)
{
    double place = q * (double)(f->n - 1) + 0.5;
    uint64_t rank = place < 0x1p63 ? (uint64_t)place : f->n - 1;
    if (rank == 0)
        return f->min;
    if (rank >= f->n - 1)
        return f->max;
    double x = middle_of(key_at_rank(f->hist, rank));
    if (x < f->min)
        return f->min;
    return x > f->max ? f->max : x;
}

double fold_quantile(const struct fold *f, double q)
{
    assert(q >= 0 && q <= 1);
    if (f->n == 0)
        return NAN;
    if (!f->kept)
        return histogram_quantile(f, q);
    sort_kept(f->kept);
    double place = q * (double)(f->n - 1);
    uint64_t i = (uint64_t)place;
    double a = f->kept->x[i];
    double t = place - (double)i;
    if (t == 0)
        return a;
    double b = f->kept->x[i + 1];
    return a == b ? a : a + (b - a) * t;
}

static struct value number_or_null(double x)
{
    return isnan(x) ? value_null() : value_float(x);
}

struct value fold_result(const struct fold *f, struct arena *a)
{
    static const struct {
        const char *name;
        double q;
    } quantile[] = {{"p05", 0.05}, {"p50", 0.5}, {"p95", 0.95}};
    struct value r = value_map();

    value_set(a, &r, "count", value_uint(f->n));
    if (f->n_nan)
        value_set(a, &r, "nan", value_uint(f->n_nan));
    if (f->n == 0)
        return r;
    double sd = math_sqrt(sum_variance(&f->sum, &f->squares, f->n));
    value_set(a, &r, "mean", number_or_null(sum_value(&f->sum) / (double)f->n));
    value_set(a, &r, "sd", number_or_null(sd));
    value_set(a, &r, "min", value_float(f->min));
    value_set(a, &r, "max", value_float(f->max));
    for (size_t i = 0; i < sizeof quantile / sizeof *quantile; i++)
        value_set(a, &r, quantile[i].name, number_or_null(fold_quantile(f, quantile[i].q)));
    if (!f->kept)
        value_set(a, &r, "quantiles", value_str(a, "approximate (1 %)"));
    return r;
}

// Wire form: u8 (1: exact), varint n, varint n_nan; then, unless n is 0,
// exact: n sorted doubles; else: min, max, sum, squares, varint number of
// buckets, and per bucket in ascending order varint distance to the one
// before and varint count.  Doubles are little-endian.
static void put_varint(struct buf *out, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;

    for (; v >= 128; v >>= 7)
        b[n++] = (uint8_t)(v | 128);
    b[n++] = (uint8_t)v;
    buf_put(out, b, n);
}

static void put_doubles(struct buf *out, const double *x, size_t n)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "copied, not swapped");
    buf_put(out, x, n * sizeof *x);
}

static void pack_buckets(const struct histogram *h, struct buf *out)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < h->n; i++)
        for (int j = 0; j < PAGE_LEN; j++)
            n += h->counts[i][j] != 0;
    put_varint(out, n);

    uint32_t last = 0;
    for (uint32_t page = 0; page < N_PAGES; page++) {
        const uint64_t *counts = h->slot[page] ? h->counts[h->slot[page] - 1] : NULL;
        for (uint32_t j = 0; counts && j < PAGE_LEN; j++) {
            uint32_t key = page << SUB_BITS | j;
            if (!counts[j])
                continue;
            put_varint(out, key - last);
            put_varint(out, counts[j]);
            last = key;
        }
    }
}

void fold_pack(const struct fold *f, struct buf *out)
{
    uint8_t exact = f->kept != NULL;

    buf_put(out, &exact, 1);
    put_varint(out, f->n);
    put_varint(out, f->n_nan);
    if (f->n == 0)
        return;
    if (exact) {
        sort_kept(f->kept);
        put_doubles(out, f->kept->x, f->kept->n);
        return;
    }
    put_doubles(out, &f->min, 1);
    put_doubles(out, &f->max, 1);
    sum_pack(&f->sum, out);
    sum_pack(&f->squares, out);
    pack_buckets(f->hist, out);
}

struct reader {
    const uint8_t *p;
    const uint8_t *end;
};

static bool get_varint(struct reader *r, uint64_t *out)
{
    uint64_t v = 0;

    for (int shift = 0; shift < 64 && r->p < r->end; shift += 7) {
        uint8_t b = *r->p++;
        if (shift == 63 && b > 1)
            return false;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) {
            *out = v;
            return b || !shift; // the shortest form only
        }
    }
    return false;
}

// A number as add_clean lets it in: no NaN, no -0.
static bool get_double(struct reader *r, double *x)
{
    if (r->end - r->p < 8)
        return false;
    memcpy(x, r->p, 8);
    r->p += 8;
    return !isnan(*x) && !(*x == 0 && signbit(*x));
}

static enum error merge_exact(struct fold *f, struct reader *r, uint64_t n)
{
    struct reader look = *r;
    double x, last = -INFINITY;

    for (uint64_t i = 0; i < n; i++) {
        if (!get_double(&look, &x) || x < last)
            return ERR_PROTO;
        last = x;
    }
    for (uint64_t i = 0; i < n; i++) {
        (void)get_double(r, &x);
        add_clean(f, &x, 1);
    }
    return OK;
}

// Walk the buckets; add them to `h` unless NULL.  False when they are not
// ascending, some count is 0, or they do not add up to n between min and max.
static bool
walk_buckets(struct reader *r, uint64_t n, double min, double max, struct histogram *h)
{
    uint64_t n_buckets, step, count, total = 0;
    uint64_t key = 0;

    if (!get_varint(r, &n_buckets) || n_buckets == 0)
        return false;
    for (uint64_t i = 0; i < n_buckets; i++) {
        if (!get_varint(r, &step) || !get_varint(r, &count) || count == 0)
            return false;
        if ((i && step == 0) || step >= N_PAGES * PAGE_LEN - key)
            return false;
        key += step;
        if (i == 0 && key != key_of(min))
            return false;
        if (__builtin_add_overflow(total, count, &total))
            return false;
        if (h)
            *bucket(h, (uint32_t)key) += count;
    }
    return total == n && key == key_of(max);
}

static enum error merge_histogram(struct fold *f, struct reader *r, uint64_t n)
{
    struct sum sum, squares;
    size_t used;
    double min, max;

    if (!get_double(r, &min) || !get_double(r, &max) || min > max)
        return ERR_PROTO;
    if (sum_unpack(&sum, r->p, (size_t)(r->end - r->p), &used))
        return ERR_PROTO;
    r->p += used;
    if (sum_unpack(&squares, r->p, (size_t)(r->end - r->p), &used))
        return ERR_PROTO;
    r->p += used;
    // Infinite values show in all of these, or the sender is wrong.
    uint32_t special = (isinf(max) && max > 0 ? 1u : 0u) | (isinf(min) && min < 0 ? 2u : 0u);
    if (sum.special != special || squares.special != (special ? 1u : 0u))
        return ERR_PROTO;
    struct reader look = *r;
    if (!walk_buckets(&look, n, min, max, NULL))
        return ERR_PROTO;
    (void)walk_buckets(r, n, min, max, f->hist);
    f->n += n;
    f->min = min < f->min ? min : f->min;
    f->max = max > f->max ? max : f->max;
    sum_merge(&f->sum, &sum);
    sum_merge(&f->squares, &squares);
    return OK;
}

enum error fold_merge_packed(struct fold *f, const uint8_t *p, size_t n, size_t *used)
{
    struct reader r = {p, p + n};
    uint64_t count, n_nan;

    if (n < 1 || p[0] > 1)
        return ERR_PROTO;
    bool exact = *r.p++;
    if (exact != (f->kept != NULL))
        return ERR_INVALID;
    if (!get_varint(&r, &count) || !get_varint(&r, &n_nan))
        return ERR_PROTO;
    if (!counts_fit(f, count, n_nan))
        return ERR_LIMIT;
    enum error e = OK;
    if (count)
        e = exact ? merge_exact(f, &r, count) : merge_histogram(f, &r, count);
    if (e)
        return e;
    f->n_nan += n_nan;
    *used = (size_t)(r.p - p);
    return OK;
}
