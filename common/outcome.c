// SPDX-License-Identifier: MIT
#include "common/outcome.h"

#include <assert.h>
#include <string.h>

#include "common/totals.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are copied, not swapped");

static bool has_metrics(uint8_t form)
{
    return form == OUTCOME_ROWS || form == OUTCOME_FOLDS;
}

static enum error
view_plain(const uint8_t *p, size_t n, uint32_t count, struct outcome_view *out)
{
    if (n == 0 || p[0] > OUTCOME_FOLDS)
        return ERR_PROTO;
    size_t prefix = has_metrics(p[0]) ? 3 : 1;
    if (n < prefix)
        return ERR_PROTO;
    struct outcome_view v = {
        .form = (enum outcome_form)p[0],
        .n_metrics = prefix == 3 ? p[1] | (uint32_t)p[2] << 8 : 0,
        .body = p + prefix,
        .n_body = n - prefix,
    };
    // 2^32 items of 2^16 metrics of 8 bytes still fit 64 bits.
    if (v.form == OUTCOME_ROWS && v.n_body != (uint64_t)count * v.n_metrics * 8)
        return ERR_PROTO;
    if (v.form == OUTCOME_NONE && v.n_body != 0)
        return ERR_PROTO;
    if (v.form == OUTCOME_NAMED && v.n_body == 0)
        return ERR_PROTO;
    *out = v;
    return OK;
}

enum error outcome_view(const uint8_t *p, size_t n, uint32_t count, struct outcome_view *out)
{
    size_t used = 0;
    if (n < 3 || p[0] != OUTCOME_TOTALS)
        return view_plain(p, n, count, out);
    uint32_t n_totals = p[1] | (uint32_t)p[2] << 8;
    if (!n_totals || totals_read(p + 3, n - 3, n_totals, NULL, &used)
        || view_plain(p + 3 + used, n - 3 - used, count, out))
        return ERR_PROTO;
    out->n_totals = n_totals;
    out->totals = p + 3;
    out->n_totals_bytes = used;
    return OK;
}

double outcome_row_value(const struct outcome_view *v, uint32_t row, uint32_t metric)
{
    size_t at = ((size_t)row * v->n_metrics + metric) * 8;
    assert(v->form == OUTCOME_ROWS && metric < v->n_metrics && at + 8 <= v->n_body);
    double x;
    memcpy(&x, v->body + at, sizeof x);
    return x;
}

void outcome_put_rows(struct buf *out, const double *rows, uint32_t count, uint32_t n_metrics)
{
    assert(n_metrics <= UINT16_MAX);
    uint8_t head[3] = {OUTCOME_ROWS, (uint8_t)n_metrics, (uint8_t)(n_metrics >> 8)};
    buf_put(out, head, sizeof head);
    buf_put(out, rows, (size_t)count * n_metrics * sizeof *rows);
}
