// SPDX-License-Identifier: MIT
// api_submit.c - a job file becomes a job.
#include <string.h>

#include "coordinator/shell_state.h"
#include "protocol/pack.h"

enum { FILES_MAX = 10000, NAME_BYTES_MAX = 200 };
#define CATALOG_WAIT (1 * CLOCK_SECOND)

struct submission {
    const char *text;
    size_t n_text;
    const char *file;
    const char *name;
    const char *owner;
    bool wait, watch;
    struct value files; // list of {name, hash: binary, size, mode}
    bool has_files;
};

// ---- attachments ------------------------------------------------------------------------

static bool is_safe_path(const char *p)
{
    if (!*p || *p == '/')
        return false;
    for (const char *at = p; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2]))
            return false;
    }
    return true;
}

static bool read_hash(const struct value *v, struct sha256 *out)
{
    if (v && v->type == VALUE_BIN && v->n == sizeof *out) {
        memcpy(out, v->s, sizeof *out);
        return true;
    }
    return v && v->type == VALUE_STR && sha256_parse(v->s, out);
}

static enum error read_file(const struct call *c, const struct value *v, struct value *out)
{
    const struct value *name = value_find(v, "name");
    const struct value *size = value_find(v, "size");
    const struct value *mode = value_find(v, "mode");
    struct sha256 hash;
    uint64_t have;
    if (!name || name->type != VALUE_STR || strlen(name->s) != name->n
        || !is_safe_path(name->s))
        return errtext_set(c->t, ERR_INVALID,
                           "a file without a name within the job's directory");
    if (!read_hash(value_find(v, "hash"), &hash))
        return errtext_set(c->t, ERR_INVALID, "file '%s' comes without its SHA-256", name->s);
    if (!blobs_find(c->shell->blobs, &hash, &have))
        return errtext_set(c->t, ERR_NOT_FOUND, "file '%s' has not been uploaded", name->s);
    if (size && (size->type != VALUE_INT || (uint64_t)size->i != have))
        return errtext_set(c->t, ERR_INVALID, "file '%s' has another size here", name->s);
    bool runs = mode && mode->type == VALUE_INT && (mode->i & 0111);
    *out = value_map();
    (void)value_set(c->a, out, "name", *name);
    (void)value_set(c->a, out, "hash", value_bin(c->a, hash.bytes, sizeof hash.bytes));
    (void)value_set(c->a, out, "size", value_uint(have));
    (void)value_set(c->a, out, "mode", value_int(runs ? 0755 : 0644));
    return OK;
}

static enum error read_files(const struct call *c, bool stored, struct submission *x)
{
    const struct value *list = value_find(c->args, "files");
    x->files = value_list();
    x->has_files = list && list->type != VALUE_NULL;
    if (!x->has_files)
        return OK;
    if (list->type != VALUE_LIST || list->n > FILES_MAX)
        return errtext_set(c->t, ERR_INVALID, "'files' is not a list of at most %d", FILES_MAX);
    for (uint32_t i = 0; i < list->n; i++) {
        struct value v = list->items[i];
        enum error e = stored ? read_file(c, &list->items[i], &v) : OK;
        if (e)
            return e;
        (void)value_push(c->a, &x->files, v);
    }
    return OK;
}

// ---- arguments ----------------------------------------------------------------------------

static enum error read_text(const struct call *c, struct submission *x)
{
    const struct value *text = value_find(c->args, "text");
    x->file = "job.yaml";
    enum error e = api_str(c, "file", false, &x->file);
    if (e)
        return e;
    if (!text || text->type != VALUE_STR)
        return errtext_set(c->t, ERR_INVALID, "'text' is missing: the job file's content");
    x->text = text->s;
    x->n_text = text->n;
    return OK;
}

static enum error read_submission(const struct call *c, struct submission *x)
{
    *x = (struct submission){.owner = ""};
    enum error e = read_text(c, x);
    if (!e)
        e = api_str(c, "name", false, &x->name);
    if (!e)
        e = api_str(c, "owner", false, &x->owner);
    if (!e)
        e = api_bool(c, "wait", &x->wait);
    if (!e)
        e = api_bool(c, "watch", &x->watch);
    if (!e)
        e = read_files(c, true, x);
    if (!e && x->name && strlen(x->name) > NAME_BYTES_MAX)
        return errtext_set(c->t, ERR_INVALID, "'name' is longer than %d bytes", NAME_BYTES_MAX);
    return e;
}

static enum error make_plan(const struct call *c, const struct submission *x, struct plan **out)
{
    struct plan_source src = {.text = x->text,
                              .n_text = x->n_text,
                              .file = x->file,
                              .files = x->has_files ? &x->files : NULL,
                              .catalog = workloads_known(c->shell)};
    return plan_create(&src, out, c->t);
}

// ---- the job -------------------------------------------------------------------------------

static void keep_row(struct shell *s, struct docket *r, const struct submission *x)
{
    struct arena *a = s->turn->arena;
    struct journal_job *row = arena_alloc(a, sizeof *row);
    struct buf b;
    if (r->durability == DURABILITY_NONE)
        return;
    buf_init(&b, UINT32_MAX);
    pack_write(&x->files, &b);
    *row = (struct journal_job){
        .number = r->number,
        .id = r->id,
        .name = r->name,
        .kind = r->kind,
        .workload = r->workload,
        .owner = r->owner,
        .submitted = r->submitted,
        .file = arena_str(a, x->file, strlen(x->file)),
        .text = {arena_copy(a, x->text, x->n_text), (uint32_t)x->n_text},
        .files = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n},
    };
    buf_fini(&b);
    r->journaled = true;
    turn_journal(s, r->number, JOURNAL_SUBMIT, (struct bin){(const uint8_t *)row, sizeof *row},
                 r->durability);
}

static enum error
accept(const struct call *c, struct plan *p, const struct submission *x, struct docket **out)
{
    struct shell *s = c->shell;
    struct docket *r = docket_create(s, x->name ? x->name : p->checked->jobfile.name);
    r->kind = mem_dup(p->checked->jobfile.kind);
    r->workload = mem_dup(p->job.workload);
    r->owner = mem_dup(x->owner);
    drive_attach(s, r, p);
    enum error e = drive_submit(s, r, c->t);
    if (e) {
        docket_remove(s, r);
        return e;
    }
    keep_row(s, r, x);
    LOG_INFO("job.submitted", "job=%s name=%s kind=%s workload=%s", r->id, r->name, r->kind,
             r->workload);
    *out = r;
    return OK;
}

static enum error check(const struct call *c, const struct plan *p)
{
    const struct shell *s = c->shell;
    if (p->checked->commands && !s->o.allow_exec)
        return errtext_set(
            c->t, ERR_DENIED,
            "workload '%s' runs commands, which this coordinator does not allow; "
            "it was started without --allow-exec",
            p->job.workload);
    if (p->checked->calls_out && !s->o.allow_exec)
        return errtext_set(c->t, ERR_DENIED,
                           "the algorithm's endpoint makes workers send requests, which this "
                           "coordinator does not allow; it was started without --allow-exec");
    if (s->disk_full)
        return errtext_set(c->t, ERR_BUSY, "the coordinator's disk is full; try again later");
    return OK;
}

static enum error submit(const struct call *c)
{
    struct submission x;
    struct plan *p = NULL;
    struct docket *r = NULL;
    enum error e = read_submission(c, &x);
    if (!e)
        e = make_plan(c, &x, &p);
    if (!e && (e = check(c, p)))
        plan_destroy(p);
    if (!e)
        e = accept(c, p, &x, &r);
    if (e)
        return e;
    if (x.wait || x.watch)
        watch_add(c->shell, r, c->peer, c->id, x.wait);
    // Who waits for the end is told nothing before: the row may share a commit.
    c->shell->turn->lazy = x.wait;
    if (!x.wait) {
        struct value v = document_row(c->shell, r, c->a);
        (void)value_set(c->a, &v, "number", value_uint(r->number));
        api_reply_after(c->shell, c->peer, c->id, &v, x.watch);
    }
    return OK;
}

// ---- before any worker was there --------------------------------------------------------

enum error api_submit(struct call *c)
{
    struct shell *s = c->shell;
    if (workloads_known(s))
        return submit(c);
    // Workers are likely to be on their way: starting one more program would only
    // make them slower.
    struct pending *p = api_pend(c, 0);
    p->until = s->now + (s->o.catalog_wait_ns ? s->o.catalog_wait_ns : CATALOG_WAIT);
    struct pending **at = &s->pending;
    while (*at)
        at = &(*at)->next;
    *at = p;
    return OK;
}

int64_t api_submit_due(const struct shell *s)
{
    return s->pending ? s->pending->until : INT64_MAX;
}

void api_submit_timers(struct shell *s)
{
    if (!s->pending)
        return;
    if (!workloads_known(s) && s->now < s->pending->until)
        return;
    if (!workloads_known(s))
        workloads_ask_program(s);
    while (s->pending) {
        struct pending *p = s->pending;
        struct errtext t = {{0}};
        struct call c = api_resume(s, p, &t);
        s->pending = p->next;
        enum error e = submit(&c);
        if (e)
            api_fail(s, p->peer, p->id, e, t.text);
        api_pending_free(p);
    }
}

enum error api_validate(struct call *c)
{
    struct submission x = {.owner = ""};
    struct plan *p = NULL;
    if (!workloads_known(c->shell))
        workloads_ask_program(c->shell);
    enum error e = read_text(c, &x);
    if (!e)
        e = read_files(c, false, &x);
    if (!e)
        e = make_plan(c, &x, &p);
    if (e)
        return e;
    struct value v = value_map();
    (void)value_set(c->a, &v, "ok", value_bool(true));
    const struct jobfile *f = &p->checked->jobfile;
    (void)value_set(c->a, &v, "name", f->name ? value_str(c->a, f->name) : value_null());
    (void)value_set(c->a, &v, "kind", value_str(c->a, f->kind));
    (void)value_set(c->a, &v, "workload", value_str(c->a, f->workload));
    (void)value_set(c->a, &v, "commands", value_bool(p->checked->commands));
    plan_destroy(p);
    return api_answer(c, &v);
}
