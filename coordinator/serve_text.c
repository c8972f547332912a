// SPDX-License-Identifier: MIT
#include "coordinator/serve_text.h"

#include <string.h>

enum { HELD_MAX = 1 << 20 }; // a token's bytes are few, a stop string has its limit

void serve_text_init(struct serve_text *x, const char *const *stops, uint32_t n_stops)
{
    *x = (struct serve_text){.stops = stops, .n_stops = n_stops};
    buf_init(&x->held, HELD_MAX);
}

void serve_text_fini(struct serve_text *x)
{
    buf_fini(&x->held);
}

// Bytes that went out in an earlier run are not sent again.
static void send(struct serve_text *x, const void *p, size_t n, struct buf *out)
{
    uint64_t known = x->n_sent > x->n_out ? x->n_sent - x->n_out : 0;
    size_t skip = known < n ? (size_t)known : n;
    buf_put(out, (const char *)p + skip, n - skip);
    x->n_out += n;
    if (x->n_out > x->n_sent)
        x->n_sent = x->n_out;
}

// ---- characters ---------------------------------------------------------------------------

static bool follows(uint8_t first, size_t i, uint8_t c)
{
    if (i > 1)
        return (c & 0xc0) == 0x80;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return c >= low && c <= high;
}

// Bytes of the character, or of the broken piece (*good false), at s; 0: it goes on
// behind the n bytes that are here.
static size_t character(const uint8_t *s, size_t n, bool *good)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    *good = length && s[0] <= 0xf4;
    if (!*good)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if (i == n)
            return 0;
        if (!follows(s[0], i, s[i])) {
            *good = false;
            return i;
        }
    }
    return length;
}

// Sends the first n held bytes as characters; how many could be.
static size_t send_characters(struct serve_text *x, size_t n, bool last, struct buf *out)
{
    size_t at = 0;
    while (at < n) {
        bool good;
        size_t k = character(x->held.bytes + at, n - at, &good);
        if (!k && !last)
            break;
        if (!k || !good)
            send(x, "\xef\xbf\xbd", 3, out);
        else
            send(x, x->held.bytes + at, k, out);
        at += k ? k : n - at;
    }
    return at;
}

// ---- stop strings -------------------------------------------------------------------------

// Where a stop string begins that is complete, else SIZE_MAX; of several, which then end
// with the same byte, the longest.  *keep: from where on it may still become one.
static size_t find_stop(const struct serve_text *x, size_t *keep)
{
    const uint8_t *s = x->held.bytes;
    size_t n = x->held.n;
    *keep = n;
    for (size_t at = 0; at < n; at++)
        for (uint32_t i = 0; i < x->n_stops; i++) {
            size_t m = strlen(x->stops[i]);
            size_t k = m < n - at ? m : n - at;
            if (memcmp(s + at, x->stops[i], k) != 0)
                continue;
            if (k == m)
                return at;
            if (k<m && * keep> at)
                *keep = at;
        }
    return SIZE_MAX;
}

static void drop_front(struct buf *b, size_t n)
{
    if (n)
        memmove(b->bytes, b->bytes + n, b->n - n);
    b->n -= n;
}

// One byte after the other decides, so that the cutting into tokens does not.
void serve_text_add(struct serve_text *x, const void *bytes, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n && !x->stopped; i++) {
        size_t keep;
        buf_put(&x->held, (const char *)bytes + i, 1);
        size_t stop = find_stop(x, &keep);
        x->stopped = stop != SIZE_MAX;
        size_t done = send_characters(x, x->stopped ? stop : keep, x->stopped, out);
        drop_front(&x->held, x->stopped ? x->held.n : done);
    }
}

void serve_text_end(struct serve_text *x, struct buf *out)
{
    if (!x->stopped && x->held.n)
        (void)send_characters(x, x->held.n, true, out);
    drop_front(&x->held, x->held.n);
}

void serve_text_replay(struct serve_text *x)
{
    drop_front(&x->held, x->held.n);
    x->n_out = 0;
    x->stopped = false;
}
