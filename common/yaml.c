// SPDX-License-Identifier: MIT
#include "common/yaml.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

#include "common/hash.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/yaml_text.h"

// A name is looked for among all of them.
enum { ANCHORS_MAX = 1000 };

struct anchor {
    const char *name;
    const struct value *value; // NULL while its node is being read
    uint32_t n_nodes;          // in the node, itself included
    uint32_t depth;            // levels in the node, 1 for a scalar
};

struct parser {
    struct fy_parser *fy;
    struct fy_diag *diag;
    struct arena *arena;
    const char *file;
    const char *text;
    size_t n_text;
    struct errtext *t;
    uint32_t n_nodes;
    // Children of the containers being read, innermost last; a list's have no key.
    struct value_pair *stack;
    size_t n_stack, cap_stack;
    struct anchor *anchors;
    size_t n_anchors, cap_anchors;
};

// A place in the text, counted from 1; 0: the library does not know it.
struct place {
    uint32_t line;
    uint32_t column;
};

// How far the tree reaches down at and below a node.
struct extent {
    uint32_t depth; // of the node, 1 at the root
    uint32_t below; // levels in it, itself included
};

static enum error
parse_node(struct parser *p, struct fy_event *e, struct extent *x, struct value *out);

static enum error
fail(const struct parser *p, enum error e, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static enum error
fail(const struct parser *p, enum error e, struct place at, const char *fmt, ...)
{
    char text[sizeof p->t->text];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return errtext_set(p->t, e, "%s:%" PRIu32 ":%" PRIu32 ": %s", p->file,
                       at.line ? at.line : 1, at.column ? at.column : 1, text);
}

static struct place place_of(const struct fy_mark *m)
{
    if (!m || m->line < 0 || m->column < 0)
        return (struct place){0, 0};
    return (struct place){(uint32_t)m->line + 1, (uint32_t)m->column + 1};
}

// The library counts from behind a quote and behind an alias's star.
static struct place event_place(struct fy_event *e)
{
    struct place at = place_of(fy_event_start_mark(e));
    struct fy_token *token = e->type == FYET_SCALAR ? fy_event_get_token(e) : NULL;
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    bool behind =
        e->type == FYET_ALIAS || style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;

    if (behind && at.column > 1)
        at.column--;
    return at;
}

// ---- events -----------------------------------------------------------------

// What the library found wrong, on one line and with what would be right.
static enum error library_error(struct parser *p)
{
    void *at = NULL;
    const struct fy_diag_error *d = fy_diag_errors_iterate(p->diag, &at);

    if (!d || !d->msg)
        return fail(p, ERR_PARSE, (struct place){1, 1}, "this is not YAML 1.2, expected %s",
                    "one YAML or JSON document");
    struct place where = {d->line > 0 ? (uint32_t)d->line : 1,
                          d->column > 0 ? (uint32_t)d->column : 1};
    char text[256];
    yaml_explain(d->msg, text, sizeof text);
    return fail(p, ERR_PARSE, where, "%s", text);
}

// The next event, NULL after an error (then *error is set).
static struct fy_event *next_event(struct parser *p, enum error *error)
{
    struct fy_event *e = fy_parser_parse(p->fy);
    if (!e)
        *error = library_error(p);
    return e;
}

static void done(struct parser *p, struct fy_event *e)
{
    fy_parser_event_free(p->fy, e);
}

// ---- anchors ----------------------------------------------------------------

// Called before the node is read, so that a later anchor of the same name
// hides this one from then on.  *at is SIZE_MAX when the node has no anchor.
static enum error add_anchor(struct parser *p, struct fy_event *e, size_t *at)
{
    struct fy_token *token = fy_event_get_anchor_token(e);
    size_t n;
    const char *name = token ? fy_token_get_text(token, &n) : NULL;

    *at = SIZE_MAX;
    if (!name)
        return OK;
    if (p->n_anchors == ANCHORS_MAX)
        return fail(p, ERR_LIMIT, event_place(e), "more than %d anchors", ANCHORS_MAX);
    if (p->n_anchors == p->cap_anchors) {
        p->cap_anchors = p->cap_anchors ? 2 * p->cap_anchors : 16;
        p->anchors = mem_realloc(p->anchors, p->cap_anchors * sizeof *p->anchors);
    }
    p->anchors[p->n_anchors] = (struct anchor){.name = arena_str(p->arena, name, n)};
    *at = p->n_anchors++;
    return OK;
}

static enum error count_nodes(struct parser *p, uint32_t n, struct place at)
{
    if (n > YAML_NODES_MAX - p->n_nodes)
        return fail(p, ERR_LIMIT, at, "more than %d values (aliases count as what they repeat)",
                    YAML_NODES_MAX);
    p->n_nodes += n;
    return OK;
}

static enum error too_deep(const struct parser *p, struct place at)
{
    return fail(p, ERR_LIMIT, at, "nested too deeply, expected at most %d levels",
                YAML_DEPTH_MAX);
}

static enum error
parse_alias(struct parser *p, struct fy_event *e, struct extent *x, struct value *out)
{
    struct place at = event_place(e);
    size_t n = 0;
    const char *name = fy_token_get_text(e->alias.anchor, &n);
    const struct anchor *found = NULL;

    for (size_t i = p->n_anchors; i-- > 0 && !found;)
        if (name && strlen(p->anchors[i].name) == n && !memcmp(p->anchors[i].name, name, n))
            found = &p->anchors[i];
    if (!found)
        return fail(p, ERR_PARSE, at, "alias '*%.*s' has no anchor, expected '&%.*s' before it",
                    (int)n, name ? name : "", (int)n, name ? name : "");
    if (!found->value)
        return fail(p, ERR_PARSE, at, "alias '*%s' stands inside what it names", found->name);
    if (x->depth + found->depth - 1 > YAML_DEPTH_MAX)
        return too_deep(p, at);
    x->below = found->depth;
    *out = *found->value;
    out->line = at.line;
    out->column = at.column;
    return count_nodes(p, found->n_nodes, at);
}

// ---- scalars ----------------------------------------------------------------

// NULL: there is none.  Single quotes are ours to read: libfyaml 0.7 takes too little room
// for what has two doubled quotes in a row, cuts it or gives nothing, and leaks.
static const char *scalar_text(struct parser *p, struct fy_event *e, size_t *n)
{
    struct fy_token *token = fy_event_get_token(e);
    const struct fy_mark *mark = fy_event_start_mark(e);

    *n = 0;
    if (!token)
        return NULL;
    if (fy_token_scalar_style(token) != FYSS_SINGLE_QUOTED || !mark || mark->input_pos < 1
        || mark->input_pos > p->n_text || p->text[mark->input_pos - 1] != '\'')
        return fy_token_get_text(token, n);
    const char *from = p->text + mark->input_pos;
    size_t length = yaml_single_quoted_length(from, p->n_text - mark->input_pos);
    char *text = arena_room(p->arena, length + 1);
    *n = yaml_single_quoted(from, length, text);
    text[*n] = 0;
    return text;
}

static enum error parse_scalar(struct parser *p, struct fy_event *e, struct value *out)
{
    struct fy_token *token = fy_event_get_token(e);
    struct fy_token *tag_token = fy_event_get_tag_token(e);
    struct place at = event_place(e);
    size_t n = 0;
    const char *s = scalar_text(p, e, &n);
    struct yaml_tag tag = {NULL, 0};
    bool plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
    struct yaml_why why;

    *out = (struct value){.line = at.line, .column = at.column};
    if (tag_token)
        tag.s = fy_token_get_text(tag_token, &tag.n);
    if (!s)
        s = "";
    bool fits =
        tag.s ? yaml_tagged(s, n, tag, out, &why) : yaml_resolve(s, n, plain, out, &why);
    if (!fits)
        return fail(p, ERR_PARSE, at, "%s", why.text);
    if (out->type == VALUE_STR) {
        out->s = arena_str(p->arena, s, n);
        out->n = (uint32_t)n;
    }
    return OK;
}

// ---- containers -------------------------------------------------------------

static struct value_pair *push(struct parser *p)
{
    if (p->n_stack == p->cap_stack) {
        p->cap_stack = p->cap_stack ? 2 * p->cap_stack : 64;
        p->stack = mem_realloc(p->stack, p->cap_stack * sizeof *p->stack);
    }
    struct value_pair *at = &p->stack[p->n_stack++];
    *at = (struct value_pair){.key = NULL};
    return at;
}

// A child of the node at *x; what it reaches is taken into x->below.
static enum error
parse_child(struct parser *p, struct fy_event *e, struct extent *x, struct value *out)
{
    struct extent child = {.depth = x->depth + 1};
    enum error error = parse_node(p, e, &child, out);

    if (child.below + 1 > x->below)
        x->below = child.below + 1;
    return error;
}

// A value that is left out stands nowhere: it gets the place of what it belongs to.
static struct value placed(struct value v, struct place owner)
{
    if (!v.line) {
        v.line = owner.line;
        v.column = owner.column;
    }
    return v;
}

static enum error parse_list(struct parser *p, struct extent *x, struct value *out)
{
    size_t base = p->n_stack;
    enum error error = OK;

    while (!error) {
        struct fy_event *e = next_event(p, &error);
        bool ended = e && e->type == FYET_SEQUENCE_END;
        struct value v = value_null();
        if (e && !ended)
            error = parse_child(p, e, x, &v);
        done(p, e);
        if (ended)
            break;
        if (!error)
            push(p)->value = placed(v, (struct place){out->line, out->column});
    }
    uint32_t n = (uint32_t)(p->n_stack - base);
    out->type = VALUE_LIST;
    out->n = error ? 0 : n;
    out->items = error ? NULL : value_list_of(p->arena, n).items;
    for (uint32_t i = 0; i < out->n; i++)
        out->items[i] = p->stack[base + i].value;
    p->n_stack = base;
    return error;
}

static enum error parse_key(struct parser *p, struct fy_event *e, struct value_pair *pair)
{
    struct place at = event_place(e);
    struct fy_token *token = e->type == FYET_SCALAR ? fy_event_get_token(e) : NULL;
    size_t n = 0;
    const char *s = token ? scalar_text(p, e, &n) : NULL;

    if (e->type != FYET_SCALAR)
        return fail(p, ERR_PARSE, at, "a key is no plain text, expected a string");
    if (!s || (n == 0 && fy_token_scalar_style(token) == FYSS_PLAIN))
        return fail(p, ERR_PARSE, at, "a key is missing, expected 'key: value'");
    if (memchr(s, 0, n))
        return fail(p, ERR_PARSE, at, "a key holds a NUL, expected text");
    pair->key = arena_str(p->arena, s, n);
    pair->line = at.line;
    pair->column = at.column;
    return OK;
}

static enum error parse_pair(struct parser *p, struct fy_event *key, struct extent *x)
{
    struct value_pair pair = {.value = value_null()};
    struct fy_event *e = NULL;
    enum error error = parse_key(p, key, &pair);

    if (!error)
        e = next_event(p, &error);
    if (e)
        error = parse_child(p, e, x, &pair.value);
    done(p, e);
    pair.value = placed(pair.value, (struct place){pair.line, pair.column});
    if (!error)
        *push(p) = pair;
    return error;
}

static enum error key_twice(const struct parser *p,
                            const struct value_pair *first,
                            const struct value_pair *again)
{
    return fail(p, ERR_PARSE, (struct place){again->line, again->column},
                "key '%.100s' comes twice, expected once (first at %" PRIu32 ":%" PRIu32 ")",
                again->key, first->line, first->column);
}

static enum error check_few(const struct parser *p, const struct value_pair *pairs, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(pairs[i].key, pairs[j].key) == 0)
                return key_twice(p, &pairs[j], &pairs[i]);
    return OK;
}

// By hash; two different keys with one 64-bit hash are told apart by probing
// the next seed, which a map of a million keys will not need.
static enum error check_many(const struct parser *p, const struct value_pair *pairs, uint32_t n)
{
    enum error error = OK;
    struct map seen;
    uint64_t at;

    map_init(&seen);
    for (uint32_t i = 0; i < n && !error; i++) {
        size_t len = strlen(pairs[i].key);
        uint64_t seed = 0;
        while (map_find(&seen, hash_bytes(pairs[i].key, len, seed), &at)
               && strcmp(pairs[at].key, pairs[i].key) != 0)
            seed++;
        if (map_find(&seen, hash_bytes(pairs[i].key, len, seed), &at))
            error = key_twice(p, &pairs[at], &pairs[i]);
        else
            map_set(&seen, hash_bytes(pairs[i].key, len, seed), i);
    }
    map_fini(&seen);
    return error;
}

static enum error parse_map(struct parser *p, struct extent *x, struct value *out)
{
    enum { FEW = 24 }; // keys that are quicker compared than hashed
    size_t base = p->n_stack;
    enum error error = OK;

    while (!error) {
        struct fy_event *e = next_event(p, &error);
        bool ended = e && e->type == FYET_MAPPING_END;
        if (e && !ended)
            error = parse_pair(p, e, x);
        done(p, e);
        if (ended)
            break;
    }
    uint32_t n = (uint32_t)(p->n_stack - base);
    if (!error && n) // the stack may not exist yet
        error = (n <= FEW ? check_few : check_many)(p, p->stack + base, n);
    out->type = VALUE_MAP;
    out->n = error ? 0 : n;
    out->pairs = error ? NULL : value_map_of(p->arena, n).pairs;
    if (out->n)
        memcpy(out->pairs, p->stack + base, n * sizeof *out->pairs);
    p->n_stack = base;
    return error;
}

static enum error
parse_container(struct parser *p, struct fy_event *e, struct extent *x, struct value *out)
{
    struct fy_token *tag_token = fy_event_get_tag_token(e);
    bool is_list = e->type == FYET_SEQUENCE_START;
    struct place at = event_place(e);
    size_t n = 0;
    const char *tag = tag_token ? fy_token_get_text(tag_token, &n) : NULL;

    *out = (struct value){.line = at.line, .column = at.column};
    if (tag && !yaml_tag_is(tag, n, is_list ? "seq" : "map"))
        return fail(p, ERR_PARSE, at, "tag '%.*s' does not fit, expected no tag", (int)n, tag);
    return is_list ? parse_list(p, x, out) : parse_map(p, x, out);
}

static enum error
parse_node(struct parser *p, struct fy_event *e, struct extent *x, struct value *out)
{
    struct place at = event_place(e);
    enum error error;

    if (x->depth > YAML_DEPTH_MAX)
        return too_deep(p, at);
    if (e->type == FYET_ALIAS)
        return parse_alias(p, e, x, out);
    uint32_t before = p->n_nodes;
    size_t anchor;
    error = count_nodes(p, 1, at);
    if (!error)
        error = add_anchor(p, e, &anchor);
    if (error)
        return error;
    x->below = 1;
    error = e->type == FYET_SCALAR ? parse_scalar(p, e, out) : parse_container(p, e, x, out);
    if (!error && anchor != SIZE_MAX) {
        struct anchor *named = &p->anchors[anchor];
        named->n_nodes = p->n_nodes - before;
        named->depth = x->below;
        named->value = arena_copy(p->arena, out, sizeof *out);
    }
    return error;
}

// ---- the document -----------------------------------------------------------

static enum error
parse_event(struct parser *p, struct fy_event *e, uint32_t *n, struct value *out)
{
    struct extent root = {.depth = 1};

    switch (e->type) {
    case FYET_SCALAR:
    case FYET_ALIAS:
    case FYET_SEQUENCE_START:
    case FYET_MAPPING_START:
        return parse_node(p, e, &root, out);
    case FYET_DOCUMENT_START:
        if ((*n)++ == 0)
            return OK;
        return fail(p, ERR_PARSE, event_place(e),
                    "a second document starts here, expected only one");
    default:
        return OK;
    }
}

static enum error parse_stream(struct parser *p, struct value *out)
{
    enum error error = OK;
    bool ended = false;
    uint32_t n_documents = 0;

    *out = (struct value){.line = 1, .column = 1};
    while (!error && !ended) {
        struct fy_event *e = next_event(p, &error);
        if (e)
            error = parse_event(p, e, &n_documents, out);
        ended = e && e->type == FYET_STREAM_END;
        done(p, e);
    }
    *out = placed(*out, (struct place){1, 1});
    return error;
}

static enum error check_text(struct parser *p, const char *text, size_t n)
{
    struct place at = {1, 1};
    struct yaml_why why;

    if (n > YAML_BYTES_MAX)
        return fail(p, ERR_LIMIT, at, "the text has %zu bytes, expected at most %d", n,
                    YAML_BYTES_MAX);
    if (!yaml_is_text(text, n, &at.line, &at.column, &why))
        return fail(p, ERR_PARSE, at, "%s", why.text);
    return OK;
}

static void open_library(struct parser *p)
{
    // Not fy_diag_cfg_default: it asks the terminal for its colours, a system call.
    struct fy_diag_cfg quiet = {.level = FYET_ERROR, .module_mask = (1U << FYEM_MAX) - 1};
    struct fy_parse_cfg cfg = {.flags =
                                   FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE};

    p->diag = fy_diag_create(&quiet);
    if (!p->diag)
        abort(); // small allocations do not fail
    fy_diag_set_collect_errors(p->diag, true);
    cfg.diag = p->diag;
    p->fy = fy_parser_create(&cfg);
    if (!p->fy)
        abort();
}

enum error yaml_parse(const char *text,
                      size_t n,
                      const char *file,
                      struct arena *a,
                      struct value *out,
                      struct errtext *t)
{
    struct parser p = {.arena = a, .file = file, .text = text, .n_text = n, .t = t};
    enum error error = check_text(&p, text, n);

    if (error)
        return error;
    if (n == 0) {
        *out = (struct value){.line = 1, .column = 1};
        return OK;
    }
    open_library(&p);
    if (fy_parser_set_string(p.fy, text, n))
        abort();
    error = parse_stream(&p, out);
    fy_parser_destroy(p.fy);
    fy_diag_destroy(p.diag);
    mem_free(p.stack);
    mem_free(p.anchors);
    return error;
}
