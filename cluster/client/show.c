// SPDX-License-Identifier: MIT
#include "cluster/client/show.h"

#include <math.h>
#include <string.h>

#include "cluster/client/command.h"

enum { OUTPUT_MAX = 1 << 30 };

bool show_json(const struct value *v)
{
    struct buf b;
    buf_init(&b, OUTPUT_MAX);
    value_json_pretty(v, &b);
    buf_puts(&b, "\n");
    bool ok = !b.full && fwrite(b.bytes, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    buf_fini(&b);
    return ok;
}

const char *show_text(const struct value *map, const char *key)
{
    const struct value *v = map ? value_find(map, key) : NULL;
    return v && v->type == VALUE_STR ? v->s : "";
}

double show_number(const struct value *map, const char *key)
{
    const struct value *v = map ? value_find(map, key) : NULL;
    return v && value_is_number(v) ? value_number(v) : 0;
}

int show_status_of(const struct value *doc)
{
    return strcmp(show_text(doc, "state"), "done") == 0 ? STATUS_DONE : STATUS_FAILED;
}

void show_seconds(double s, struct buf *out)
{
    if (s < 0.1)
        buf_printf(out, "%.1f ms", s * 1e3);
    else if (s < 60)
        buf_printf(out, "%.1f s", s);
    else if (s < 3600)
        buf_printf(out, "%d min %02d s", (int)(s / 60), (int)fmod(s, 60));
    else if (s < 1e8)
        buf_printf(out, "%d h %02d min", (int)(s / 3600), (int)fmod(s / 60, 60));
    else
        buf_puts(out, "years");
}

void show_count(double n, struct buf *out)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%.0f", n);
    for (int i = 0; i < len && i < (int)sizeof text; i++) {
        bool comma = i && text[i - 1] != '-' && (len - i) % 3 == 0;
        buf_printf(out, "%s%c", comma ? "," : "", text[i]);
    }
}

void show_rate(double per_s, struct buf *out)
{
    if (per_s < 100)
        buf_printf(out, "%.3g", per_s);
    else
        show_count(per_s, out);
    buf_puts(out, "/s");
}

void show_value(const struct value *v, struct buf *out)
{
    if (v->type == VALUE_STR)
        buf_puts(out, v->s);
    else if (v->type == VALUE_FLOAT)
        buf_printf(out, "%.6g", v->f);
    else
        value_json(v, out);
}

void show_pairs(const struct value *map, struct buf *out)
{
    for (uint32_t i = 0; map && map->type == VALUE_MAP && i < map->n; i++) {
        buf_printf(out, "%s%s ", i ? "  " : "", map->pairs[i].key);
        show_value(&map->pairs[i].value, out);
    }
}
