// SPDX-License-Identifier: MIT
// fleet_check.c - the laws of a fleet's day (fleet/1, section 8.5), checked on its trace alone.
//
//   fleet_check SCENARIO.json TRACE.jsonl
//
// Shares nothing with the simulator but the scenario's keys: it reads the records, keeps
// its own stands and lanes, and draws the weather and the delays itself.  Where aircraft
// stand at first is not in the trace; it is drawn too (section 4, rule 8).  Needs explicit
// `vertiports` and all keys in the scenario.  Prints the first broken law and returns 1.
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/rng.h"

enum { PORTS = 64, CRAFT = 512, LANES = 8, TEXT_MAX = 64 << 20 };
enum stand { NONE, PLAIN, CHARGER };
enum status { IDLE, PREP, FLY, CHARGING, WAITING, DOWN, RETIRED };

struct craft {
    int64_t energy, place, to, pax, turn, dispatched;
    enum stand stand;
    enum status status;
};
struct last {
    int64_t entry, exit, speed, turn; // turn: of the dispatch, from 1; 0: unused
};
static struct craft craft[CRAFT];
static struct last lanes[PORTS][PORTS][LANES];
static int64_t charging[PORTS], parked[PORTS], inbound[PORTS];
static const struct value *scenario, *ports;
static int64_t n_craft, n_ports, line;
static uint64_t seed, episode;

static void broken(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void broken(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("line %" PRId64 ": ", line);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    exit(1);
}

static int64_t number(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    if (!v || v->type != VALUE_INT)
        broken("no integer '%s'", key);
    return v->i;
}

static int64_t key(const char *name)
{
    return number(scenario, name);
}

static const struct value *type_of(int64_t a)
{
    const struct value *types = value_find(scenario, "aircraft_types");
    return &types->items[a % types->n];
}

static int64_t dist(int64_t i, int64_t j)
{
    long double dx =
        (long double)(number(&ports->items[i], "x") - number(&ports->items[j], "x"));
    long double dy =
        (long double)(number(&ports->items[i], "y") - number(&ports->items[j], "y"));
    return (int64_t)floorl(sqrtl(dx * dx + dy * dy));
}

static uint32_t draw(uint32_t index, uint32_t entity, uint32_t stream, int word)
{
    uint32_t c[4] = {index, entity, stream, (uint32_t)episode}, w[4];
    uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    rng_philox(c, k, w);
    return w[word];
}

static int is_closed(int64_t i, int64_t j, int64_t t)
{
    int64_t low = i < j ? i : j, high = i < j ? j : i;
    int64_t window = (t - key("t_start_ms")) / key("close_window_ms");
    const struct value *list = value_find(scenario, "closures");
    for (uint32_t k = 0; k < list->n; k++)
        if (number(&list->items[k], "i") == low && number(&list->items[k], "j") == high
            && number(&list->items[k], "from_ms") <= t && t < number(&list->items[k], "to_ms"))
            return 1;
    uint64_t threshold = ((uint64_t)key("close_ppm") << 32) / 1000000;
    return draw((uint32_t)(window / 4), (uint32_t)(low * n_ports + high), 7, (int)(window % 4))
           < threshold;
}

static void put(int64_t a, enum stand stand)
{
    craft[a].stand = stand;
    charging[craft[a].place] += stand == CHARGER;
    parked[craft[a].place] += stand == PLAIN;
}

static void take(int64_t a)
{
    charging[craft[a].place] -= craft[a].stand == CHARGER;
    parked[craft[a].place] -= craft[a].stand == PLAIN;
    craft[a].stand = NONE;
}

static void place_all(void)
{
    for (int64_t a = 0; a < n_craft; a++) {
        int64_t v = (int64_t)(((uint64_t)draw(0, (uint32_t)a, 2, 0) * (uint64_t)n_ports) >> 32);
        while (charging[v] + parked[v]
               == number(&ports->items[v], "charge") + number(&ports->items[v], "park"))
            v = (v + 1) % n_ports;
        craft[a] = (struct craft){.energy = number(type_of(a), "battery_J"), .place = v};
        put(a, parked[v] < number(&ports->items[v], "park") ? PLAIN : CHARGER);
    }
}

// Laws 1, 2 and 9, at every record of another event.
static void check_stands(void)
{
    int64_t standing = 0, flying = 0;
    for (int64_t v = 0; v < n_ports; v++) {
        int64_t charge = number(&ports->items[v], "charge");
        int64_t park = number(&ports->items[v], "park");
        if (charging[v] < 0 || parked[v] < 0 || charging[v] > charge || parked[v] > park
            || charging[v] + parked[v] + inbound[v] > charge + park)
            broken("law 2: vertiport %" PRId64 " has %" PRId64 " + %" PRId64 " + %" PRId64
                   " on %" PRId64 " + %" PRId64,
                   v, charging[v], parked[v], inbound[v], charge, park);
        standing += charging[v] + parked[v];
    }
    for (int64_t a = 0; a < n_craft; a++)
        flying += craft[a].status == FLY;
    if (standing + flying != n_craft)
        broken("law 1: %" PRId64 " stand, %" PRId64 " fly", standing, flying);
    for (int64_t a = 0; a < n_craft; a++) {
        if (craft[a].status != WAITING)
            continue;
        if (charging[craft[a].place] < number(&ports->items[craft[a].place], "charge"))
            broken("law 9: aircraft %" PRId64 " waits beside a free charger", a);
        for (int64_t b = 0; b < n_craft; b++)
            if (craft[b].place == craft[a].place && craft[b].stand == CHARGER
                && (craft[b].status == IDLE || craft[b].status == DOWN
                    || craft[b].status == RETIRED))
                broken("law 9: aircraft %" PRId64 " waits, %" PRId64 " idles on a charger", a,
                       b);
    }
}

struct sums {
    int64_t served, boarded, landed, used, charged, flights, records, money, last_t;
};
static struct sums sum;

// Laws 3 and 7: entry and exit follow from the take-off.
static void check_lane(const struct value *r, int64_t a, int64_t t)
{
    int64_t i = number(r, "from"), j = number(r, "to"), lane = number(r, "lane");
    int64_t speed = number(type_of(a), "speed_m_per_h"), sep = key("sep_m") * 3600000;
    if (lane < 0 || lane >= key("lanes") || lane >= LANES)
        broken("lane %" PRId64, lane);
    struct last *l = &lanes[i][j][lane];
    struct last now = {t, t + (dist(i, j) * 3600000 + speed - 1) / speed, speed, craft[a].turn};
    struct last first = *l, second = now;
    if (now.entry == l->entry && now.turn < l->turn) { // lanes are kept in order of dispatch
        first = now;
        second = *l;
    }
    if (l->turn
        && ((second.entry - first.entry) * first.speed < sep
            || (second.exit - first.exit) * second.speed < sep))
        broken("law 3: too close in lane %" PRId64 " of %" PRId64 " to %" PRId64, lane, i, j);
    *l = second;
}

static void dispatch(const struct value *r, int64_t a, int64_t t)
{
    int64_t j = number(r, "to");
    struct craft *x = &craft[a];
    if (x->status != IDLE || t >= key("t_end_ms"))
        broken("law 7: a decision of an aircraft that is not idle, or after the end");
    if (is_closed(x->place, j, t))
        broken("law 7: dispatch on a closed route");
    x->pax = number(r, "pax");
    if (x->pax < 0 || x->pax > number(type_of(a), "seats"))
        broken("law 5: %" PRId64 " passengers", x->pax);
    sum.boarded += x->pax;
    x->status = PREP;
    x->to = j;
    inbound[j]++;
    x->turn = ++sum.flights;
    x->dispatched = t;
}

static void take_off(const struct value *r, int64_t a, int64_t t)
{
    struct craft *x = &craft[a];
    int64_t trip =
        number(type_of(a), "fixed_J") + dist(x->place, x->to) * number(type_of(a), "J_per_m");
    if (x->status != PREP)
        broken("take-off without dispatch");
    check_lane(r, a, t);
    x->energy -= trip;
    sum.used += trip;
    take(a);
    x->status = FLY;
}

static void land(const struct value *r, int64_t a)
{
    struct craft *x = &craft[a];
    int64_t v = x->to;
    const struct value *p = &ports->items[v];
    if (x->status != FLY || number(r, "pax") != x->pax)
        broken("law 5: it lands with other passengers than boarded");
    sum.landed += x->pax;
    inbound[v]--;
    x->place = v;
    // The stand depends on a draw: of the landing's number, which SWAP and FAIL show too.
    static uint32_t landings[CRAFT];
    uint64_t threshold = ((uint64_t)key("fail_ppm") << 32) / 1000000;
    int failed = draw(landings[a]++, (uint32_t)a, 8, 0) < threshold;
    int wants =
        !failed && number(p, "charge") > 0 && x->energy < number(type_of(a), "battery_J");
    put(a, (wants && charging[v] < number(p, "charge")) || parked[v] >= number(p, "park")
               ? CHARGER
               : PLAIN);
    x->status = failed ? DOWN : IDLE;
}

static void charge(int64_t a)
{
    struct craft *x = &craft[a];
    if (x->stand != CHARGER) {
        take(a);
        put(a, CHARGER);
    }
    x->status = CHARGING;
}

static void charged(int64_t a)
{
    int64_t full = number(type_of(a), "battery_J");
    if (craft[a].status != CHARGING)
        broken("charged without charging");
    sum.charged += full - craft[a].energy;
    craft[a].energy = full;
    craft[a].status = IDLE;
}

// The one that leaves its charger; the other takes it with its CHARGE, next.
static void swap(int64_t a)
{
    if (craft[a].stand != CHARGER)
        broken("law 9: a swap of one that holds no charger");
    take(a);
    craft[a].stand = PLAIN;
    parked[craft[a].place]++;
}

static void apply(const struct value *r, const char *ev, int64_t a, int64_t t)
{
    if (!strcmp(ev, "DISPATCH"))
        dispatch(r, a, t);
    else if (!strcmp(ev, "TAKEOFF"))
        take_off(r, a, t);
    else if (!strcmp(ev, "LAND"))
        land(r, a);
    else if (!strcmp(ev, "CHARGE"))
        charge(a);
    else if (!strcmp(ev, "CHARGED"))
        charged(a);
    else if (!strcmp(ev, "SWAP"))
        swap(a);
    else if (!strcmp(ev, "WAIT"))
        craft[a].status = WAITING;
    else if (!strcmp(ev, "REPAIRED"))
        craft[a].status = IDLE;
    else if (!strcmp(ev, "RETIRE"))
        craft[a].status = RETIRED;
    else if (!strcmp(ev, "FAIL") ? craft[a].status != DOWN : strcmp(ev, "HOLD") != 0)
        broken("event %s of an aircraft in status %d", ev, craft[a].status);
    else if (!strcmp(ev, "HOLD") && (craft[a].status != IDLE || t >= key("t_end_ms")))
        broken("law 7: a decision of one that is not idle, or after the end");
}

// What follows an event at the same instant belongs to it: stands are looked at before a
// record that begins one.
static int begins(const char *ev)
{
    static const char *const first[] = {"HOLD",    "DISPATCH", "TAKEOFF", "LAND",
                                        "CHARGED", "REPAIRED", "RETIRE",  NULL};
    for (int i = 0; first[i]; i++)
        if (!strcmp(first[i], ev))
            return i + 1;
    return 0;
}

// Law 8: 5.2's priorities, LAND 0, CHARGED 1, REPAIRED 2, TAKEOFF 3, DECIDE 4.
static void check_order(const char *ev, int64_t a, int64_t t)
{
    static const int priority[] = {0, 4, 4, 3, 0, 1, 2, 4};
    static int64_t last_t, last_a = -1;
    static int last_priority = -1;
    int p = priority[begins(ev)];
    if (t < last_t)
        broken("law 8: time goes back");
    if (t == last_t && p == last_priority && a == last_a && p != 4)
        broken("law 8: the same event twice");
    // What an event enqueues at its own instant is a DECIDE, the last of all, or, where
    // neither take-off nor delay take time, a take-off.
    int sudden =
        p == 3 && craft[a].status == PREP && craft[a].dispatched == t; // no delay at all
    if (t == last_t && !sudden && (p < last_priority || (p == last_priority && a < last_a)))
        broken("law 8: %s of %" PRId64 " is out of order", ev, a);
    last_t = t;
    last_a = a;
    last_priority = p;
}

static void record(const struct value *r)
{
    const struct value *ev = value_find(r, "ev");
    int64_t a = number(r, "a"), t = number(r, "t");
    if (!ev || ev->type != VALUE_STR || a < 0 || a >= n_craft)
        broken("no event of an aircraft");
    if (begins(ev->s)) {
        check_stands();
        check_order(ev->s, a, t);
    }
    if (t < sum.last_t)
        broken("law 8: time goes back");
    apply(r, ev->s, a, t);
    if (number(r, "E") != craft[a].energy)
        broken("law 4: energy %" PRId64 ", the records say %" PRId64, number(r, "E"),
               craft[a].energy);
    if (craft[a].energy < 0 || craft[a].energy > number(type_of(a), "battery_J"))
        broken("law 4: energy %" PRId64, craft[a].energy);
    sum.last_t = t;
    sum.money = number(r, "money");
    sum.records++;
}

static void check_end(const struct value *m)
{
    int64_t missing = 0;
    check_stands();
    for (int64_t a = 0; a < n_craft; a++) {
        if (craft[a].status != RETIRED)
            broken("law 7: aircraft %" PRId64 " is not retired", a);
        missing += number(type_of(a), "battery_J") - craft[a].energy;
    }
    if (missing != number(m, "terminal_J") || sum.used != number(m, "energy_used_J")
        || sum.charged != number(m, "energy_charged_J") || sum.used != sum.charged + missing)
        broken("law 4: the energies do not add up");
    if (number(m, "generated") != number(m, "served") + number(m, "unserved")
        || sum.boarded != sum.landed || sum.landed != number(m, "served"))
        broken("law 5: the passengers do not add up");
    int64_t before = number(m, "revenue_uusd") - number(m, "op_uusd") - number(m, "elec_uusd");
    if (before - number(m, "terminal_elec_uusd") != number(m, "profit_uusd")
        || before != sum.money)
        broken("law 6: the money does not add up");
    if (sum.flights != number(m, "flights") || sum.records != number(m, "events")
        || sum.last_t != number(m, "end_ms"))
        broken("the counts do not add up");
}

static char *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(TEXT_MAX + 1);
    if (!f || !text) {
        (void)fprintf(stderr, "fleet_check: cannot read %s\n", path);
        exit(2);
    }
    *n = fread(text, 1, TEXT_MAX, f);
    text[*n] = 0;
    (void)fclose(f);
    return text;
}

static struct value parse(const char *text, size_t n, struct arena *a)
{
    struct value v;
    struct errtext t = {{0}};
    if (json_parse(text, n, a, &v, &t))
        broken("%s", t.text);
    return v;
}

static void start(const char *path, struct arena *a)
{
    size_t n;
    char *text = read_all(path, &n);
    struct value *v = arena_alloc(a, sizeof *v);
    *v = parse(text, n, a);
    scenario = v;
    ports = value_find(v, "vertiports");
    free(text);
    if (!ports || ports->type != VALUE_LIST || ports->n > PORTS || key("n_aircraft") > CRAFT) {
        (void)fprintf(stderr, "fleet_check: vertiports are missing or too many\n");
        exit(2);
    }
    n_ports = ports->n;
    n_craft = key("n_aircraft");
}

int main(int argc, char **argv)
{
    struct arena *a = arena_create(), *scratch = arena_create();
    size_t n;
    int ended = 0;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: fleet_check SCENARIO.json TRACE.jsonl\n");
        return 2;
    }
    start(argv[1], a);
    char *text = read_all(argv[2], &n);
    for (char *at = text, *end; at < text + n; at = end + 1) {
        end = at + strcspn(at, "\n");
        struct value r = parse(at, (size_t)(end - at), scratch);
        if (line++ == 0) {
            const struct value *s = value_find(&r, "seed");
            seed = s && s->type == VALUE_UINT ? s->u : (uint64_t)number(&r, "seed");
            episode = (uint64_t)number(&r, "episode");
            place_all();
        } else if (value_find(&r, "metrics")) {
            check_end(value_find(&r, "metrics"));
            ended = 1;
        } else {
            record(&r);
        }
        arena_reset(scratch);
    }
    if (!ended)
        broken("the trace has no end");
    free(text);
    arena_destroy(a);
    arena_destroy(scratch);
    return 0;
}
