// SPDX-License-Identifier: MIT
#include "worker/fleet/scenario.h"

#include <stdio.h>
#include <string.h>

#include "common/yaml.h"
#include "worker/fleet/draws.h"
#include "worker/fleet/scenario_keys.h"
#include "worker/fleet/scenario_read.h"

#define ROW(name, field, min, max, fallback, unit, help)                                       \
    {name, offsetof(struct scenario, field), min, max, fallback, unit, help},
const struct scenario_key scenario_keys[] = {SCENARIO_KEYS(ROW){.name = NULL}};

const struct scenario_key *scenario_key_find(const char *name)
{
    for (const struct scenario_key *k = scenario_keys; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

#define PORT(field) offsetof(struct scenario_port, field)
static const struct scenario_key port_keys[] = {
    {"x", PORT(x), -METRES_MAX, METRES_MAX, KEY_REQUIRED, "m", "metres eastwards"},
    {"y", PORT(y), -METRES_MAX, METRES_MAX, KEY_REQUIRED, "m", "metres northwards"},
    {"park", PORT(park), 0, 65535, KEY_REQUIRED, NULL, "stands without a charger"},
    {"charge", PORT(charge), 0, 65535, KEY_REQUIRED, NULL, "stands with one"},
    {"core", PORT(core), 0, 1, 0, NULL, "1 in the busy core"},
    {.name = NULL},
};
#define TYPE(field) offsetof(struct scenario_type, field)
static const struct scenario_key type_keys[] = {
    {"seats", TYPE(seats), 1, 64, 4, NULL, "passengers"},
    {"battery_J", TYPE(battery_j), 1, JOULES_MAX, 396000000, "J", "energy when full"},
    {"J_per_m", TYPE(j_per_m), 0, 1000000, 4921, "J/m", "energy of flight"},
    {"fixed_J", TYPE(fixed_j), 0, JOULES_MAX, 0, "J", "energy of a flight whatever its length"},
    {"speed_m_per_h", TYPE(speed_m_per_h), 1000, 10000000, 119896, "m/h", "cruise"},
    {"charge_W", TYPE(charge_w), 1000, 1000000000, 150000, "W", "charging"},
    {.name = NULL},
};
#define PEAK(field) offsetof(struct scenario_peak, field)
static const struct scenario_key peak_keys[] = {
    {"center_ms", PEAK(center_ms), 0, DAY_MAX, KEY_REQUIRED, "ms", "its middle"},
    {"half_ms", PEAK(half_ms), 1, DAY_MAX, KEY_REQUIRED, "ms", "half its length"},
    {.name = NULL},
};
static const char *const peak_more[] = {"dir", NULL};
#define CLOSURE(field) offsetof(struct scenario_closure, field)
static const struct scenario_key closure_keys[] = {
    {"i", CLOSURE(i), 0, SCENARIO_VERTIPORTS_MAX - 1, KEY_REQUIRED, NULL, "a vertiport"},
    {"j", CLOSURE(j), 0, SCENARIO_VERTIPORTS_MAX - 1, KEY_REQUIRED, NULL,
     "a vertiport above i"},
    {"from_ms", CLOSURE(from_ms), 0, DAY_MAX, KEY_REQUIRED, "ms", "when it begins"},
    {"to_ms", CLOSURE(to_ms), 0, DAY_MAX, KEY_REQUIRED, "ms", "when it has ended"},
    {.name = NULL},
};
struct layout {
    int64_t seed, count, width_m, height_m, core_x, core_y, core_r, park, charge, every;
};
#define LAYOUT(field) offsetof(struct layout, field)
static const struct scenario_key layout_keys[] = {
    {"seed", LAYOUT(seed), 0, INT64_MAX, KEY_REQUIRED, NULL, "the seed of the places"},
    {"count", LAYOUT(count), 1, SCENARIO_VERTIPORTS_MAX, KEY_REQUIRED, NULL,
     "how many vertiports"},
    {"width_m", LAYOUT(width_m), 1, METRES_MAX, KEY_REQUIRED, "m", "the region's extent"},
    {"height_m", LAYOUT(height_m), 1, METRES_MAX, KEY_REQUIRED, "m", "the region's extent"},
    {"core_x", LAYOUT(core_x), -METRES_MAX, METRES_MAX, KEY_REQUIRED, "m", "the core's middle"},
    {"core_y", LAYOUT(core_y), -METRES_MAX, METRES_MAX, KEY_REQUIRED, "m", "the core's middle"},
    {"core_r", LAYOUT(core_r), 0, METRES_MAX, KEY_REQUIRED, "m", "the core's radius"},
    {"park", LAYOUT(park), 0, 65535, KEY_REQUIRED, NULL, "stands without a charger"},
    {"charge", LAYOUT(charge), 0, 65535, KEY_REQUIRED, NULL, "stands with one"},
    {"vertistop_every", LAYOUT(every), 0, SCENARIO_VERTIPORTS_MAX, 0, NULL,
     "every so many is a vertistop"},
    {.name = NULL},
};
static const struct scenario_key price_row = {"elec_uusd_per_kwh", 0,      0, 100000000, 200000,
                                              "uUSD/kWh",          "price"};

// The paper's size: what a scenario without places has.
static const struct scenario_port default_ports[] = {
    {40233, 41842, 6, 6, 1}, {49889, 33796, 6, 6, 1}, {30577, 49889, 6, 0, 1},
    {9656, 14484, 6, 6, 0},  {70811, 12874, 6, 6, 0}, {69201, 67592, 6, 6, 0},
    {12874, 72420, 6, 6, 0}, {41842, 8046, 6, 0, 0},
};
static const struct scenario_peak default_peaks[] = {{0, 30600000, 5400000},
                                                     {1, 59400000, 5400000}};
static const struct scenario_type default_type = {4, 396000000, 4921, 0, 119896, 150000};

static const char *const top_more[] = {"name",   "version",           "vertiports",
                                       "layout", "aircraft_types",    "closures",
                                       "peaks",  "elec_uusd_per_kwh", NULL};

static enum error read_ports(const struct reader *r, const struct value *v, struct scenario *s)
{
    enum error e = reader_list(r, "vertiports", v, 1, SCENARIO_VERTIPORTS_MAX);
    if (e)
        return e;
    struct scenario_port *p = arena_alloc(r->arena, v->n * sizeof *p);
    for (uint32_t i = 0; !e && i < v->n; i++) {
        struct reader at = reader_element(r, "vertiports", i);
        e = reader_map(&at, &v->items[i], port_keys, NULL, &p[i]);
    }
    s->ports = p;
    s->n_ports = v->n;
    return e;
}

static enum error read_layout(const struct reader *r, const struct value *v, struct scenario *s)
{
    struct reader at = *r;
    struct layout l;
    (void)snprintf(at.path, sizeof at.path, "layout");
    enum error e = reader_map(&at, v, layout_keys, NULL, &l);
    if (e)
        return e;
    struct scenario_port *p = arena_alloc(r->arena, (size_t)l.count * sizeof *p);
    for (int64_t i = 0; i < l.count; i++) {
        uint32_t w[4];
        draws_block((uint64_t)l.seed, (struct address){0, (uint32_t)i, STREAM_LAYOUT, 0}, w);
        p[i].x = draws_scale(w[0], l.width_m);
        p[i].y = draws_scale(w[1], l.height_m);
        int64_t dx = p[i].x - l.core_x, dy = p[i].y - l.core_y;
        p[i].core = dx * dx + dy * dy <= l.core_r * l.core_r;
        p[i].park = l.park;
        p[i].charge = l.every > 0 && i % l.every == l.every - 1 ? 0 : l.charge;
    }
    s->ports = p;
    s->n_ports = (uint32_t)l.count;
    return OK;
}

static enum error read_types(const struct reader *r, const struct value *v, struct scenario *s)
{
    enum error e = reader_list(r, "aircraft_types", v, 1, SCENARIO_TYPES_MAX);
    if (e)
        return e;
    struct scenario_type *p = arena_alloc(r->arena, v->n * sizeof *p);
    for (uint32_t i = 0; !e && i < v->n; i++) {
        struct reader at = reader_element(r, "aircraft_types", i);
        e = reader_map(&at, &v->items[i], type_keys, NULL, &p[i]);
    }
    s->types = p;
    s->n_types = v->n;
    return e;
}

static enum error read_peaks(const struct reader *r, const struct value *v, struct scenario *s)
{
    enum error e = reader_list(r, "peaks", v, 0, SCENARIO_PEAKS_MAX);
    if (e)
        return e;
    struct scenario_peak *p = arena_alloc(r->arena, (v->n + 1) * sizeof *p);
    for (uint32_t i = 0; !e && i < v->n; i++) {
        struct reader at = reader_element(r, "peaks", i);
        e = reader_map(&at, &v->items[i], peak_keys, peak_more, &p[i]);
        if (e)
            return e;
        const struct value *dir = value_find(&v->items[i], "dir");
        if (!dir)
            return reader_fail(&at, &v->items[i],
                               "key 'dir' is missing in %s, expected in or "
                               "out",
                               at.path);
        if (dir->type != VALUE_STR || (strcmp(dir->s, "in") != 0 && strcmp(dir->s, "out") != 0))
            return reader_expected(&at, "dir", dir, "in or out");
        p[i].outward = dir->s[0] == 'o';
    }
    s->peaks = p;
    s->n_peaks = v->n;
    return e;
}

static enum error
read_closures(const struct reader *r, const struct value *v, struct scenario *s)
{
    enum error e = reader_list(r, "closures", v, 0, SCENARIO_CLOSURES_MAX);
    if (e)
        return e;
    struct scenario_closure *p = arena_alloc(r->arena, (v->n + 1) * sizeof *p);
    for (uint32_t i = 0; !e && i < v->n; i++) {
        const struct value *c = &v->items[i];
        struct reader at = reader_element(r, "closures", i);
        e = reader_map(&at, c, closure_keys, NULL, &p[i]);
        if (!e && p[i].i >= p[i].j)
            e = reader_expected(&at, "j", value_find(c, "j"), "above i");
        if (!e && p[i].j >= s->n_ports)
            e = reader_expected(&at, "j", value_find(c, "j"), "one of the %u vertiports",
                                s->n_ports);
        if (!e && p[i].from_ms >= p[i].to_ms)
            e = reader_expected(&at, "to_ms", value_find(c, "to_ms"), "after from_ms");
    }
    s->closures = p;
    s->n_closures = v->n;
    return e;
}

static enum error read_prices(const struct reader *r, const struct value *v, struct scenario *s)
{
    enum error e = reader_list(r, "elec_uusd_per_kwh", v, 24, 24);
    for (uint32_t i = 0; !e && i < v->n; i++)
        e = reader_int(r, &price_row, &v->items[i], &s->elec_uusd_per_kwh[i]);
    return e;
}

// Closures come last: they name vertiports.
static const struct {
    const char *key;
    enum error (*read)(const struct reader *r, const struct value *v, struct scenario *s);
} parts[] = {{"vertiports", read_ports},         {"layout", read_layout},
             {"aircraft_types", read_types},     {"peaks", read_peaks},
             {"elec_uusd_per_kwh", read_prices}, {"closures", read_closures}};

static void set_defaults(struct scenario *s)
{
    *s = (struct scenario){
        .name = "uam8x40",
        .types = &default_type,
        .n_types = 1,
        .ports = default_ports,
        .n_ports = sizeof default_ports / sizeof *default_ports,
        .peaks = default_peaks,
        .n_peaks = 2,
    };
    for (int h = 0; h < 24; h++)
        s->elec_uusd_per_kwh[h] = price_row.fallback;
}

static enum error read_name(const struct reader *r, const struct value *v, struct scenario *s)
{
    const struct value *version = value_find(v, "version");
    const struct value *name = value_find(v, "name");

    if (!version)
        return reader_fail(r, v, "key 'version' is missing, expected version: 1");
    if (version->type != VALUE_INT || version->i != 1)
        return reader_expected(r, "version", version, "1");
    if (!name)
        return OK;
    if (name->type != VALUE_STR || !name->n || name->n > 60 || strlen(name->s) != name->n)
        return reader_expected(r, "name", name, "a word of 1 to 60 bytes");
    for (const char *c = name->s; *c; c++)
        if ((unsigned char)*c < 0x20 || strchr("\"\\/", *c))
            return reader_expected(r, "name", name, "a word without quotes and slashes");
    s->name = arena_str(r->arena, name->s, name->n);
    return OK;
}

// The value of the key that a text of scenario_check begins with, else the map itself.
static const struct value *place_of(const struct value *v, const char *why)
{
    for (uint32_t i = 0; i < v->n; i++) {
        size_t n = strlen(v->pairs[i].key);
        if (strncmp(why, v->pairs[i].key, n) == 0 && why[n] == ' ')
            return &v->pairs[i].value;
    }
    return v;
}

enum error scenario_read(const struct value *v,
                         const char *file,
                         struct arena *a,
                         struct scenario *out,
                         struct errtext *t)
{
    struct reader r = {.file = file, .arena = a, .t = t};
    struct scenario s;

    set_defaults(&s);
    enum error e = reader_map(&r, v, scenario_keys, top_more, &s);
    if (!e)
        e = read_name(&r, v, &s);
    if (!e && value_find(v, "vertiports") && value_find(v, "layout"))
        e = reader_fail(&r, value_find(v, "layout"),
                        "layout stands beside vertiports, expected one of them");
    for (size_t i = 0; !e && i < sizeof parts / sizeof *parts; i++) {
        const struct value *part = value_find(v, parts[i].key);
        e = part ? parts[i].read(&r, part, &s) : OK;
    }
    if (e)
        return e;
    struct errtext why;
    e = scenario_check(&s, &why);
    if (e) {
        (void)reader_fail(&r, place_of(v, why.text), "%s", why.text);
        return e;
    }
    *out = s;
    return OK;
}

enum error scenario_parse(const char *text,
                          size_t n,
                          const char *file,
                          struct arena *a,
                          struct scenario *out,
                          struct errtext *t)
{
    struct value v;
    enum error e = yaml_parse(text, n, file, a, &v, t);
    return e ? e : scenario_read(&v, file, a, out, t);
}
