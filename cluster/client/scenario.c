// SPDX-License-Identifier: MIT
#include "cluster/client/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/fetch.h"
#include "cluster/client/show.h"
#include "common/buf.h"
#include "common/hash.h"
#include "common/rng.h"
#include "common/yaml.h"

enum { TEXT_MAX = 4 << 20, LAYOUT_STREAM = 1 };

static bool read_attached(struct caller *c,
                          const struct sha256 *hash,
                          const char *name,
                          struct arena *a,
                          struct value *out)
{
    FILE *f = NULL;
    struct errtext t;
    struct buf b;
    buf_init(&b, TEXT_MAX);
    bool ok = !fetch_open_blob(c, hash, &f, &t) && buf_read(&b, f) && !b.full;
    if (f)
        (void)fclose(f);
    ok = ok && yaml_parse(buf_cstr(&b), b.n, name, a, out, &t) == OK && out->type == VALUE_MAP;
    buf_fini(&b);
    return ok;
}

bool scenario_find(struct caller *c,
                   const struct value *spec,
                   const struct value *files,
                   struct arena *a,
                   struct value *out)
{
    const struct value *params = value_find(spec, "params");
    const struct value *v = params ? value_find(params, "scenario") : NULL;
    struct sha256 sum;
    if (v && v->type == VALUE_MAP) {
        *out = *v;
        return true;
    }
    if (!v || v->type != VALUE_STR || !files || files->type != VALUE_LIST)
        return false;
    for (uint32_t i = 0; i < files->n; i++) {
        const struct value *hash = value_find(&files->items[i], "hash");
        if (strcmp(show_text(&files->items[i], "name"), v->s) != 0 || !hash
            || hash->type != VALUE_BIN || hash->n != sizeof sum.bytes)
            continue;
        memcpy(sum.bytes, hash->s, sizeof sum.bytes);
        return read_attached(c, &sum, v->s, a, out);
    }
    return false;
}

static uint32_t listed(const struct value *list, struct arena *a, struct scenario_place **out)
{
    *out = arena_alloc(a, list->n * sizeof **out);
    for (uint32_t i = 0; i < list->n; i++)
        (*out)[i] = (struct scenario_place){show_number(&list->items[i], "x"),
                                            show_number(&list->items[i], "y")};
    return list->n;
}

static uint32_t
laid_out(const struct value *layout, struct arena *a, struct scenario_place **out)
{
    double count = show_number(layout, "count");
    uint64_t seed = (uint64_t)show_number(layout, "seed");
    uint64_t width = (uint64_t)show_number(layout, "width_m");
    uint64_t height = (uint64_t)show_number(layout, "height_m");
    if (!(count >= 1 && count <= SCENARIO_PLACES_MAX))
        return 0;
    *out = arena_alloc(a, (size_t)count * sizeof **out);
    for (uint32_t v = 0; v < (uint32_t)count; v++) {
        uint32_t counter[4] = {0, v, LAYOUT_STREAM, 0}, w[4];
        uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
        rng_philox(counter, key, w);
        (*out)[v] = (struct scenario_place){(double)(w[0] * width >> 32),
                                            (double)(w[1] * height >> 32)};
    }
    return (uint32_t)count;
}

uint32_t
scenario_places(const struct value *scenario, struct arena *a, struct scenario_place **out)
{
    const struct value *list = value_find(scenario, "vertiports");
    const struct value *layout = value_find(scenario, "layout");
    if (list && list->type == VALUE_LIST && list->n <= SCENARIO_PLACES_MAX)
        return listed(list, a, out);
    return layout && layout->type == VALUE_MAP ? laid_out(layout, a, out) : 0;
}
