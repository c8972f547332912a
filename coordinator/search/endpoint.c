// SPDX-License-Identifier: MIT
#include "coordinator/search/endpoint.h"

#include <ctype.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "protocol/propose.h"

// Away from the entities of the algorithms.
enum { ENTITY_PICK = 0xE0, ABOUT_MAX = 16 << 10, PROMPT_MAX = 4096, USER_MAX = 64 << 10 };

struct endpoint {
    const char *url, *model, *key_env;
    double share;
    int64_t timeout_s;
    const char *about; // what every request says first
};

const char *const endpoint_end_names[ENDPOINT_ENDS] = {
    [ENDPOINT_TAKEN] = "taken",
    [ENDPOINT_TIMEOUT] = PROPOSE_TIMEOUT,
    [ENDPOINT_UNREACHABLE] = PROPOSE_UNREACHABLE,
    [ENDPOINT_STATUS] = PROPOSE_STATUS,
    [ENDPOINT_LONG] = PROPOSE_LONG,
    [ENDPOINT_GARBAGE] = PROPOSE_GARBAGE,
    [ENDPOINT_NO_KEY] = PROPOSE_NO_KEY,
    [ENDPOINT_FAILED] = "trial failed",
    [ENDPOINT_NO_POINT] = "not of the space",
    [ENDPOINT_KNOWN] = "known already",
};

const struct endpoint_option endpoint_options[] = {
    {"url", "str", NULL,
     "of an OpenAI-compatible server, to which /chat/completions is added; off when left out"},
    {"model", "str", NULL, "what the server calls the model"},
    {"api_key_env", "str", NULL,
     "the workers' variable with the key, a name that ends in _API_KEY; none without it"},
    {"share", "float 0 to 1", "0.1",
     "of the trials that ask for one; its answer is a later trial, if it is a point of the "
     "space that nobody asked before"},
    {"timeout_s", "int 1 to 300", "60", "of one request"},
    {"prompt", "str", NULL, "what the program is told about the problem, besides the space"},
    {NULL, NULL, NULL, NULL},
};

// ---- the job's word for it ---------------------------------------------------------------
static enum error check_url(const struct spec *s, const char *url)
{
    bool is_good = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;

    for (const char *c = url; *c && is_good; c++)
        is_good = *c > ' ' && *c < 0x7f && !strchr("\"\\@", *c);
    if (!is_good || strlen(url) > 1000)
        return spec_expected(s, "url",
                             "http:// or https:// and printable characters, no user name");
    return OK;
}

// Nothing but keys: the other variables of the workers are nobody's business.
static enum error check_key(const struct spec *s, const char *name)
{
    static const char tail[] = "_API_KEY";
    size_t n = strlen(name), n_tail = sizeof tail - 1;
    bool is_good = n > n_tail && n < 100 && strcmp(name + n - n_tail, tail) == 0;

    for (size_t i = 0; i < n && is_good; i++)
        is_good = isupper((unsigned char)name[i]) || isdigit((unsigned char)name[i])
                  || name[i] == '_';
    if (!is_good)
        return spec_expected(s, "api_key_env", "a variable's name that ends in _API_KEY");
    return OK;
}

static void add_part(struct buf *b, const struct spec *job, const char *key, const char *says)
{
    const struct value *v = spec_find(job, key);

    if (!v)
        return;
    buf_puts(b, says);
    value_json(v, b);
    buf_puts(b, "\n");
}

static enum error write_about(const struct spec *job,
                              const struct spec *s,
                              const char *prompt,
                              struct arena *a,
                              const char **out)
{
    struct buf b;

    buf_init(&b, ABOUT_MAX);
    buf_puts(
        &b, "You are the mutation operator of an evolutionary search. You are shown some of "
            "the best points so far as JSON, the one to change first. Answer with one new "
            "point that may be better: a JSON object, nothing else, of the parameters that "
            "you change; the others stay as in the first point. A program is one expression "
            "of the inputs and operators that its space lists, written like: a + b, a * b, "
            "-a, min(a, b), abs(a), (a if b < c else d); count its nodes, size is the most.\n");
    if (prompt) {
        buf_puts(&b, prompt);
        buf_puts(&b, "\n");
    }
    add_part(&b, job, "space", "The space: ");
    add_part(&b, job, "where", "What must hold: ");
    add_part(&b, job, "objectives", "The objectives: ");
    add_part(&b, job, "constraints", "The constraints: ");
    enum error e = OK;
    if (b.full)
        e = spec_fail(s, NULL,
                      "prompt, space and objectives are more than %d bytes together, expected "
                      "a smaller space for an endpoint",
                      ABOUT_MAX);
    *out = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return e;
}

static enum error check_job(const struct spec *job, const struct spec *s)
{
    int64_t gang = 1;
    enum error e = spec_int(job, "gang", 1, INT32_MAX, &gang);

    if (!e && gang > 1)
        e = spec_fail(s, NULL,
                      "an endpoint does not go with gangs, whose ranks would wait for it, "
                      "expected no key 'gang'");
    return e;
}

enum error endpoint_parse(const struct spec *job, struct arena *a, const struct endpoint **out)
{
    const struct value *algorithm = spec_find(job, "algorithm"), *v;
    const char *keys[sizeof endpoint_options / sizeof *endpoint_options] = {0}, *prompt = NULL;
    struct endpoint *made = arena_alloc(a, sizeof *made);
    enum error e;

    *out = NULL;
    v = algorithm && algorithm->type == VALUE_MAP ? value_find(algorithm, "endpoint") : NULL;
    if (!v || v->type == VALUE_NULL)
        return OK;
    *made = (struct endpoint){.share = 0.1, .timeout_s = 60};
    for (uint32_t i = 0; endpoint_options[i].name; i++)
        keys[i] = endpoint_options[i].name;
    struct spec s = spec_at(job, v, "algorithm.endpoint");
    if ((e = spec_keys(&s, keys, NULL)) || (e = spec_require(&s, "url", "the server's address"))
        || (e = spec_require(&s, "model", "what the server calls the model"))
        || (e = spec_str(&s, "url", NULL, &made->url)) || (e = check_url(&s, made->url))
        || (e = spec_str(&s, "model", NULL, &made->model))
        || (e = spec_str(&s, "api_key_env", NULL, &made->key_env))
        || (e = made->key_env ? check_key(&s, made->key_env) : OK)
        || (e = spec_float(&s, "share", 0, 1, &made->share))
        || (e = spec_int(&s, "timeout_s", 1, 300, &made->timeout_s))
        || (e = spec_str(&s, "prompt", NULL, &prompt))
        || (e = write_about(job, &s, prompt, a, &made->about)) || (e = check_job(job, &s)))
        return e;
    if (strlen(made->model) > 200)
        return spec_expected(&s, "model", "at most 200 bytes");
    *out = made;
    return OK;
}

// ---- requests ----------------------------------------------------------------------------
bool endpoint_picks(const struct endpoint *e, const struct history *h, uint64_t trial)
{
    struct ask q = {.trial = trial};
    struct rng r = ask_rng(h, &q, ENTITY_PICK);

    return rng_f64(&r) < e->share;
}

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

static void
write_record(const struct history *h, const struct record *r, struct arena *a, struct buf *out)
{
    const struct objectives *o = h->objectives;
    struct value v = value_map();

    put(a, &v, "params", space_decode(h->space, &r->point, a));
    for (uint32_t i = 0; i < o->n; i++)
        put(a, &v, o->goals[i].metric,
            value_float(o->goals[i].is_maximized ? -r->score.losses[i] : r->score.losses[i]));
    if (r->score.verdict != SCORE_FEASIBLE)
        put(a, &v, "violation", value_float(r->score.violation));
    value_json(&v, out);
    buf_puts(out, "\n");
}

struct value endpoint_request(const struct endpoint *e,
                              const struct history *h,
                              const uint32_t *records,
                              uint32_t n,
                              struct arena *a)
{
    struct value v = value_map();
    struct buf user;

    buf_init(&user, USER_MAX);
    for (uint32_t i = 0; i < n; i++)
        write_record(h, &h->records[records[i]], a, &user);
    put(a, &v, "url", value_str(a, e->url));
    put(a, &v, "model", value_str(a, e->model));
    if (e->key_env)
        put(a, &v, "key_env", value_str(a, e->key_env));
    put(a, &v, "timeout_s", value_int(e->timeout_s));
    put(a, &v, "system", value_str(a, e->about));
    put(a, &v, "user", value_strn(a, buf_cstr(&user), user.n));
    put(a, &v, "parent", value_uint(records[0]));
    buf_fini(&user);
    return v;
}

// ---- answers -----------------------------------------------------------------------------
struct text {
    const char *p;
    size_t n;
};

static struct text trimmed(struct text t)
{
    while (t.n && isspace((unsigned char)t.p[0])) {
        t.p++;
        t.n--;
    }
    while (t.n && isspace((unsigned char)t.p[t.n - 1]))
        t.n--;
    return t;
}

// What stands in a fence, if there is one: models like them.
static struct text without_fence(struct text t)
{
    static const char fence[] = "```";
    const char *open = memmem(t.p, t.n, fence, 3);
    if (!open)
        return t;
    size_t left = t.n - (size_t)(open - t.p);
    const char *line = memchr(open, '\n', left);
    if (!line)
        return t;
    left -= (size_t)(line - open);
    const char *close = memmem(line, left, fence, 3);
    return (struct text){line, close ? (size_t)(close - line) : left};
}

// The key that an answer without keys means: the only program.
static const char *only_program(const struct space *s)
{
    const char *name = NULL;

    for (uint32_t i = 0; i < s->root.n; i++) {
        if (s->root.dimensions[i].type != DIMENSION_PROGRAM)
            continue;
        if (name)
            return NULL;
        name = s->root.dimensions[i].name;
    }
    return name;
}

static bool read_params(
    const struct history *h, uint32_t parent, struct text t, struct arena *a, struct value *out)
{
    const char *key = only_program(h->space);
    struct value said = value_map();
    struct errtext why;

    t = trimmed(without_fence(t));
    if (t.n && t.p[0] == '{') {
        if (json_parse(t.p, t.n, a, &said, &why) || said.type != VALUE_MAP)
            return false;
    } else if (t.n && key) {
        put(a, &said, key, value_strn(a, t.p, t.n));
    }
    *out = space_decode(h->space, &h->records[parent].point, a);
    for (uint32_t i = 0; i < said.n; i++)
        put(a, out, said.pairs[i].key, said.pairs[i].value);
    return said.n > 0;
}

static enum endpoint_end end_of(const struct value *why)
{
    for (int i = ENDPOINT_TIMEOUT; i <= ENDPOINT_NO_KEY; i++)
        if (why && why->type == VALUE_STR
            && strncmp(why->s, endpoint_end_names[i], strlen(endpoint_end_names[i])) == 0)
            return (enum endpoint_end)i;
    return ENDPOINT_FAILED;
}

enum endpoint_end endpoint_read(const struct history *h,
                                uint32_t parent,
                                const struct value *metrics,
                                struct arena *scratch,
                                struct point *out)
{
    const struct value *said = value_find(metrics, PROPOSE_ANSWER);
    struct value params;
    struct errtext why;

    if (!said || said->type != VALUE_STR)
        return end_of(value_find(metrics, PROPOSE_FAILED));
    if (said->n > PROPOSE_TEXT_MAX)
        return ENDPOINT_LONG;
    if (parent >= h->n_asked || h->records[parent].point.n == 0
        || !read_params(h, parent, (struct text){said->s, said->n}, scratch, &params))
        return ENDPOINT_NO_POINT;
    struct spec at = spec_of(&params, "answer", &why);
    return space_encode(h->space, &at, h->walk, out) ? ENDPOINT_NO_POINT : ENDPOINT_TAKEN;
}

struct value endpoint_value(const struct endpoint *e, struct arena *a)
{
    struct value v = value_map();

    put(a, &v, "model", value_str(a, e->model)); // where it is, is no result
    put(a, &v, "share", value_float(e->share));
    return v;
}
