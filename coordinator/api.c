// SPDX-License-Identifier: MIT
// api.c - requests by name: the tables of verbs, arguments, replies.
#include <inttypes.h>
#include <string.h>

#include "common/options.h"
#include "coordinator/shell_state.h"
#include "protocol/pack.h"

enum { VERBS_MAX = 32 };

static const struct verb *const tables[] = {api_job_verbs, api_cluster_verbs};

static const struct verb *find_verb(const char *name)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct verb *v = tables[t]; v->name; v++)
            if (strcmp(v->name, name) == 0)
                return v;
    return NULL;
}

static enum error unknown_verb(const struct call *c, const char *name)
{
    const char *names[VERBS_MAX + 1];
    uint32_t n = 0;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct verb *v = tables[t]; v->name && n < VERBS_MAX; v++)
            names[n++] = v->name;
    names[n] = NULL;
    const char *near = options_nearest(name, names);
    return errtext_set(c->t, ERR_INVALID, "no request is called '%.40s'%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

// ---- replies --------------------------------------------------------------------------

static struct message reply_of(uint64_t id, struct bin packed, bool more)
{
    struct message m = {.type = MSG_REPLY, .id = id};
    m.reply.more = more;
    m.reply.value = packed;
    return m;
}

void api_reply_packed(struct shell *s, uint64_t peer, uint64_t id, struct bin packed, bool more)
{
    struct message m = reply_of(id, packed, more);
    turn_send(s, peer, &m);
}

void api_reply(struct shell *s, uint64_t peer, uint64_t id, const struct value *v, bool more)
{
    struct buf b;
    buf_init(&b, REPLY_MAX);
    pack_write(v, &b);
    if (b.full)
        api_fail(s, peer, id, ERR_LIMIT, "the answer is too large to be sent");
    else
        api_reply_packed(s, peer, id, (struct bin){b.bytes, (uint32_t)b.n}, more);
    buf_fini(&b);
}

void api_reply_after(
    struct shell *s, uint64_t peer, uint64_t id, const struct value *v, bool more)
{
    struct arena *a = s->turn->arena;
    struct effect *e = effects_add(shell_fx(s), EFFECT_SEND);
    struct message *m = arena_alloc(a, sizeof *m);
    struct buf b;
    buf_init(&b, REPLY_MAX);
    pack_write(v, &b);
    *m = reply_of(id, (struct bin){arena_copy(a, b.bytes, b.n), (uint32_t)b.n}, more);
    buf_fini(&b);
    e->after = true;
    e->peer = peer;
    e->message = m;
}

void api_fail(struct shell *s, uint64_t peer, uint64_t id, enum error e, const char *text)
{
    struct message m = {.type = MSG_FAIL, .id = id};
    m.fail.code = (uint32_t)e;
    m.fail.text = str_of(text);
    turn_send(s, peer, &m);
}

enum error api_answer(const struct call *c, const struct value *v)
{
    api_reply(c->shell, c->peer, c->id, v, false);
    return OK;
}

// ---- arguments --------------------------------------------------------------------------

static const struct value *argument(const struct call *c, const char *key)
{
    const struct value *v = value_find(c->args, key);
    return v && v->type != VALUE_NULL ? v : NULL;
}

static enum error wrong(const struct call *c, const char *key, const char *what)
{
    return errtext_set(c->t, ERR_INVALID, "'%s' is %s, expected %s", key,
                       value_describe(value_find(c->args, key), c->a), what);
}

enum error api_str(const struct call *c, const char *key, bool required, const char **out)
{
    const struct value *v = argument(c, key);
    if (!v)
        return required ? errtext_set(c->t, ERR_INVALID, "'%s' is missing", key) : OK;
    if (v->type != VALUE_STR || strlen(v->s) != v->n)
        return wrong(c, key, "a string");
    *out = v->s;
    return OK;
}

enum error api_int(const struct call *c, const char *key, int64_t *out)
{
    const struct value *v = argument(c, key);
    if (!v)
        return OK;
    if (v->type != VALUE_INT)
        return wrong(c, key, "an integer");
    *out = v->i;
    return OK;
}

enum error api_bool(const struct call *c, const char *key, bool *out)
{
    const struct value *v = argument(c, key);
    if (!v)
        return OK;
    if (v->type != VALUE_BOOL)
        return wrong(c, key, "true or false");
    *out = v->b;
    return OK;
}

enum error api_job(const struct call *c, struct docket **out)
{
    const char *word = NULL;
    enum error e = api_str(c, "job", true, &word);
    return e ? e : docket_find(c->shell, word, out, c->t);
}

static enum error check_args(const struct call *c, const struct verb *verb)
{
    static const char *const none[] = {NULL};
    const char *const *known = verb->args ? verb->args : none;
    for (uint32_t i = 0; i < c->args->n; i++) {
        const char *key = c->args->pairs[i].key;
        uint32_t k = 0;
        while (known[k] && strcmp(known[k], key) != 0)
            k++;
        if (known[k])
            continue;
        const char *near = options_nearest(key, known);
        return errtext_set(c->t, ERR_INVALID, "%s knows no argument '%.40s'%s%s%s", verb->name,
                           key, near ? "; did you mean '" : "", near ? near : "",
                           near ? "'?" : "");
    }
    return OK;
}

static enum error read_args(const struct call *c, struct bin packed, struct value *out)
{
    *out = value_map();
    if (!packed.n)
        return OK;
    enum error e = pack_read(packed.p, packed.n, c->a, out, c->t);
    if (!e && out->type == VALUE_NULL)
        *out = value_map();
    if (!e && out->type != VALUE_MAP)
        return errtext_set(c->t, ERR_INVALID, "the arguments are not a map");
    return e;
}

static enum error run(struct call *c, const struct msg_call *m)
{
    const char *name = arena_str(c->a, m->verb.p, m->verb.n);
    const struct verb *verb = find_verb(name);
    struct value *args = arena_alloc(c->a, sizeof *args);
    if (!verb)
        return unknown_verb(c, name);
    if (c->role < verb->role)
        return errtext_set(c->t, ERR_DENIED, "%s needs the role '%s'; this key has '%s'",
                           verb->name, role_name(verb->role), role_name(c->role));
    enum error e = read_args(c, m->args, args);
    c->args = args;
    if (!e)
        e = check_args(c, verb);
    return e ? e : verb->handle(c);
}

void api_call(struct shell *s, const struct channel_peer *peer, const struct message *m)
{
    struct errtext t = {{0}};
    struct call c = {.shell = s,
                     .peer = peer->id,
                     .id = m->id,
                     .role = peer->role,
                     .a = s->turn->arena,
                     .t = &t};
    enum error e = run(&c, &m->call);
    if (e)
        api_fail(s, peer->id, m->id, e, t.text[0] ? t.text : error_name(e));
}

// ---- what goes on later ----------------------------------------------------------------

struct pending *api_pend(const struct call *c, uint64_t job)
{
    struct arena *a = arena_create();
    struct pending *p = arena_alloc(a, sizeof *p);
    p->arena = a;
    p->peer = c->peer;
    p->id = c->id;
    p->role = c->role;
    p->job = job;
    p->args = value_copy(a, c->args);
    return p;
}

void api_pending_free(struct pending *p)
{
    if (p)
        arena_destroy(p->arena);
}

struct call api_resume(struct shell *s, const struct pending *p, struct errtext *t)
{
    return (struct call){.shell = s,
                         .peer = p->peer,
                         .id = p->id,
                         .role = p->role,
                         .args = &p->args,
                         .a = s->turn->arena,
                         .t = t};
}

void api_answered(struct shell *s, struct journal_event *e)
{
    struct pending *p = e->cookie;
    p->answered(s, p, e);
    api_pending_free(p);
}
