// SPDX-License-Identifier: MIT
// The workload that runs the user's command: each item in its own scratch
// directory with the job's files and params.json, its metrics read from what
// it prints.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "worker/commons.h"
#include "worker/evaluate/command_line.h"
#include "worker/evaluate/command_run.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/exec_check.h"
#include "worker/evaluate/source.h"
#include "worker/metrics_text.h"
#include "worker/printable.h"
#include "worker/sandbox.h"
#include "worker/scratch.h"

enum {
    KIB = 1024,
    STDIN_MAX = 1 << 20,
    SOURCE_MAX = 1 << 20,
    LOG_MAX = 8 * KIB, // of each stream, kept with an item
};

static const struct param params[] = {
    {.name = "command",
     .type = PARAM_ANY,
     .required = true,
     .help =
         "program and arguments as a list, or a text for sh -c; {name} is a parameter's value"},
    {.name = "timeout_s",
     .type = PARAM_FLOAT,
     .min = 0.001,
     .max = 30 * 86400.0,
     .fallback = "3600.0",
     .unit = "s",
     .help = "a command that runs longer is killed with all its children"},
    {.name = "metrics",
     .type = PARAM_ANY,
     .fallback = "null",
     .help =
         "json: the last line of stdout is an object; or a map name: regular expression with "
         "one group; none: the metric exit"},
    {.name = "sources",
     .type = PARAM_STRS,
     .fallback = "[]",
     .help = "those of the job's files in which @name@ is a parameter's value and @name:c@ an "
             "expression's, written in C"},
    {.name = "outputs",
     .type = PARAM_STRS,
     .fallback = "[]",
     .help = "files that a command leaves in its directory and that are kept"},
    {.name = "env",
     .type = PARAM_ANY,
     .fallback = "{}",
     .help = "environment variables, besides PATH, HOME, TMPDIR and LANG"},
    {.name = "stdin", .type = PARAM_STR, .fallback = "\"\"", .help = "what the command reads"},
    {.name = "memory_mb",
     .type = PARAM_INT,
     .min = 0,
     .max = 1 << 24,
     .fallback = "0",
     .unit = "MiB",
     .help = "address space of each process; 0: no limit"},
    {.name = "scratch_mb",
     .type = PARAM_INT,
     .min = 0,
     .max = 1 << 24,
     .fallback = "1024",
     .unit = "MiB",
     .help = "what a command may write into its directory; 0: no limit"},
    {.name = "processes",
     .type = PARAM_INT,
     .min = 0,
     .max = 1 << 20,
     .fallback = "512",
     .help = "processes of one command at one time; 0: no limit"},
    {.name = "output_kb",
     .type = PARAM_INT,
     .min = 1,
     .max = 64 * KIB,
     .fallback = "64",
     .unit = "KiB",
     .help = "the end of stdout and of stderr that is kept for the metrics"},
    {.name = "cache_mb",
     .type = PARAM_INT,
     .min = 0,
     .max = 1 << 20,
     .fallback = "0",
     .unit = "MiB",
     .help = "what the job's commands may keep for each other on this machine, in the "
             "directory $SHOAL_CACHE; a file there may vanish at any time, and no result may "
             "depend on it; 0: no such directory"},
    {.name = "ok_exit",
     .type = PARAM_ANY,
     .fallback = "[0]",
     .help = "exit statuses that are no failure"},
    {.name = NULL},
};

// A file that is made anew for each item.
struct source {
    uint32_t file;   // of the state's
    struct buf text; // with its marks
};

struct state {
    const struct value *params;
    uint64_t seed;
    struct sandbox *sandbox;
    struct metrics_text *metrics;
    struct sandbox_file *files; // the job's, then params.json
    uint32_t n_files;
    struct source *sources;
    uint32_t n_sources;
    struct commons *commons; // NULL: none is wanted
    struct arena *arena;     // of one item
};

// --- opening -----------------------------------------------------------------

static void close_exec(void *state)
{
    struct state *s = state;
    if (!s)
        return;
    metrics_text_close(s->metrics);
    for (uint32_t i = 0; i < s->n_sources; i++)
        buf_fini(&s->sources[i].text);
    mem_free(s->sources);
    commons_close(s->commons);
    arena_destroy(s->arena);
    mem_free(s->files);
    mem_free(s);
}

static enum error take_files(struct state *s, const struct workload_job *job, struct errtext *t)
{
    s->n_files = job->n_files + 1;
    s->files = mem_alloc(s->n_files * sizeof *s->files);
    for (uint32_t i = 0; i < job->n_files; i++) {
        const struct workload_file *f = &job->files[i];
        if (!scratch_name_ok(f->name) || strcmp(f->name, EXEC_PARAMS_FILE) == 0)
            return errtext_set(t, FAULT_JOB,
                               "files: %.200s cannot stand in a scratch directory", f->name);
        s->files[i] =
            (struct sandbox_file){.name = f->name, .path = f->path, .mode = f->mode & 0777};
    }
    return OK;
}

// The texts of `sources`, read once.
static enum error take_sources(struct state *s, const struct value *names, struct errtext *t)
{
    uint32_t n = names && names->type == VALUE_LIST ? names->n : 0;

    s->sources = mem_alloc((n + 1) * sizeof *s->sources);
    for (uint32_t i = 0; i < n; i++) {
        struct source *y = &s->sources[i];
        const char *name = names->items[i].s;
        while (y->file + 1 < s->n_files && strcmp(s->files[y->file].name, name) != 0)
            y->file++;
        if (y->file + 1 == s->n_files)
            return errtext_set(t, FAULT_JOB, "sources: %.200s is none of the job's files",
                               name);
        buf_init(&y->text, SOURCE_MAX);
        s->n_sources++;
        FILE *f = fopen(s->files[y->file].path, "re");
        bool is_read = f && buf_read(&y->text, f) && !y->text.full;
        if (f)
            (void)fclose(f);
        if (!is_read)
            return errtext_set(t, FAULT_WORKER, "sources: %.200s cannot be read", name);
    }
    return OK;
}

// Jobs with the same parameters and files compute the same things.
static enum error
open_commons(struct state *s, const struct workload_job *job, struct errtext *t)
{
    uint64_t most = (uint64_t)evaluate_int(NULL, job->params, "cache_mb", 0) * KIB * KIB;
    struct buf b;

    if (!most)
        return OK;
    buf_init(&b, SIZE_MAX);
    value_json(job->params, &b);
    for (uint32_t i = 0; i < job->n_files; i++)
        buf_printf(&b, "\n%s\n%s", job->files[i].name, job->files[i].path);
    struct sha256 name = sha256_of(b.bytes, b.n);
    buf_fini(&b);
    enum error e =
        commons_open(job->shared ? job->shared : job->scratch, &name, most, &s->commons, t);
    return e ? FAULT_WORKER : OK;
}

static enum error open_exec(const struct workload_job *job, void **out, struct errtext *t)
{
    if (!job->sandbox)
        return errtext_set(t, FAULT_WORKER, "this worker has no sandbox for commands");
    if (exec_check(job->params, t))
        return FAULT_JOB;
    struct state *s = mem_alloc(sizeof *s);
    s->params = job->params;
    s->seed = job->seed;
    s->sandbox = job->sandbox;
    s->arena = arena_create();
    enum error e = take_files(s, job, t);
    if (!e)
        e = take_sources(s, value_find(job->params, "sources"), t);
    if (!e && metrics_text_open(value_find(job->params, "metrics"), &s->metrics, t))
        e = FAULT_JOB;
    if (!e)
        e = open_commons(s, job, t);
    if (e) {
        close_exec(s);
        return e;
    }
    *out = s;
    return OK;
}

// --- one item ----------------------------------------------------------------

struct item {
    struct state *s;
    struct command_watch watch;
    struct value values; // the job's parameters, the item's over them, item and seed
    struct sandbox_command command;
    struct sandbox_result result;
    struct errtext why;
};

static struct command_line line_of(struct item *it)
{
    return (struct command_line){.values = &it->values, .arena = it->s->arena, .why = &it->why};
}

static enum error make_env(struct item *it, const struct value *env)
{
    struct command_line line = line_of(it);
    uint32_t n = env && env->type == VALUE_MAP ? env->n : 0;
    const char **list = arena_alloc(it->s->arena, (n + 2) * sizeof *list);

    for (uint32_t i = 0; i < n; i++) {
        const char *value;
        enum error e = command_line_fill(&line, &env->pairs[i].value, SANDBOX_TEXT_MAX, "env",
                                         &value, NULL);
        if (e)
            return e;
        list[i] = arena_printf(it->s->arena, "%s=%s", env->pairs[i].key, value);
    }
    if (it->s->commons)
        list[n] = arena_printf(it->s->arena, "SHOAL_CACHE=%s", commons_path(it->s->commons));
    it->command.env = list;
    return OK;
}

static enum error make_sources(struct item *it)
{
    struct state *s = it->s;
    enum error e = OK;

    for (uint32_t i = 0; i < s->n_sources && !e; i++) {
        struct sandbox_file *f = &s->files[s->sources[i].file];
        struct buf b;
        buf_init(&b, SOURCE_MAX);
        e = source_fill(buf_cstr(&s->sources[i].text), s->sources[i].text.n, &it->values, &b,
                        &it->why);
        if (e)
            (void)errtext_prefix(&it->why, e, "%s", f->name);
        f->path = NULL;
        f->bytes = arena_copy(s->arena, b.bytes, b.n);
        f->n = b.n;
        buf_fini(&b);
    }
    return e;
}

static void make_params_file(struct item *it)
{
    struct sandbox_file *f = &it->s->files[it->s->n_files - 1];
    struct buf b;
    buf_init(&b, SIZE_MAX);
    value_json(&it->values, &b);
    buf_puts(&b, "\n");
    *f = (struct sandbox_file){.name = EXEC_PARAMS_FILE, .mode = 0644, .n = b.n};
    f->bytes = arena_copy(it->s->arena, b.bytes, b.n);
    buf_fini(&b);
}

static enum error prepare(struct item *it)
{
    const struct value *p = it->s->params;
    struct sandbox_command *c = &it->command;
    const struct value *input = value_find(p, "stdin");
    const struct value *timeout = value_find(p, "timeout_s");

    *c = (struct sandbox_command){
        .timeout_ms = (int64_t)(1000 * (timeout ? value_number(timeout) : 3600) + 0.5),
        .memory_max = (uint64_t)evaluate_int(NULL, p, "memory_mb", 0) * KIB * KIB,
        .scratch_max = (uint64_t)evaluate_int(NULL, p, "scratch_mb", 1024) * KIB * KIB,
        .processes_max = (uint32_t)evaluate_int(NULL, p, "processes", 512),
        .output_max = (size_t)evaluate_int(NULL, p, "output_kb", 64) * KIB,
        .poll = command_poll,
        .arg = &it->watch,
    };
    struct command_line line = line_of(it);
    enum error e = command_line_argv(&line, value_find(p, "command"), &c->argv);
    if (!e)
        e = make_env(it, value_find(p, "env"));
    if (!e && input && input->type == VALUE_STR && input->n > 0) {
        const char *bytes = NULL;
        e = command_line_fill(&line, input, STDIN_MAX, "stdin", &bytes, &c->n_input);
        c->input = bytes;
    }
    if (!e)
        e = make_sources(it);
    make_params_file(it);
    c->files = it->s->files;
    c->n_files = it->s->n_files;
    return e;
}

// With what it said last: on stderr, else on stdout.
static void fault(struct item *it, enum error blame, int64_t code, const char *text)
{
    const struct sandbox_result *y = &it->result;
    bool complained = y->n_err > 0;
    command_fault(&it->watch, blame, code, text, complained ? y->err : y->out,
                  complained ? y->n_err : y->n_out);
}

static bool is_ok_exit(const struct value *list, int code)
{
    if (!list || list->type != VALUE_LIST)
        return code == 0;
    for (uint32_t i = 0; i < list->n; i++)
        if (list->items[i].i == code)
            return true;
    return false;
}

// FAULT_JOB with the text when the command's end is no success.
static enum error judge_end(struct item *it, int64_t *code)
{
    const struct sandbox_result *y = &it->result;
    *code = 0;
    if (y->end == SANDBOX_EXITED && is_ok_exit(value_find(it->s->params, "ok_exit"), y->code))
        return OK;
    if (y->end == SANDBOX_SIGNALLED)
        *code = 128 + y->code;
    if (y->end == SANDBOX_EXITED) {
        *code = y->code;
        return errtext_set(&it->why, FAULT_JOB, "exit status %d", y->code);
    }
    return errtext_set(&it->why, FAULT_JOB, "%s", y->text);
}

// A command can say by itself that it failed.
static enum error judge_status(struct item *it, const struct value *metrics)
{
    const struct value *status = value_find(metrics, "status");
    const struct value *message = value_find(metrics, "message");
    if (!status || status->type != VALUE_STR || strcmp(status->s, "error") != 0)
        return OK;
    if (!message || message->type != VALUE_STR)
        return errtext_set(&it->why, FAULT_JOB, "the command says: error");
    return errtext_set(&it->why, FAULT_JOB, "the command says: %s",
                       printable_tail(it->s->arena, message->s, message->n, 200).s);
}

static enum error keep_outputs(struct item *it)
{
    const struct value *list = value_find(it->s->params, "outputs");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        const char *name = list->items[i].s;
        // The name may be a pipe or a link by now: nothing to open.
        if (!scratch_is_file(it->result.directory, name))
            return errtext_set(&it->why, FAULT_JOB, "no output file %s", name);
        const char *path = arena_printf(it->s->arena, "%s/%s", it->result.directory, name);
        enum error e = run_keep_file(it->watch.r, it->watch.item, name, path, &it->why);
        if (e)
            return e == ERR_LIMIT || e == FAULT_JOB ? FAULT_JOB : FAULT_WORKER;
    }
    return OK;
}

static void keep_log(struct item *it, uint32_t i)
{
    const struct sandbox_result *y = &it->result;
    if (!it->watch.r->logs || y->n_out + y->n_err == 0)
        return;
    struct value out = printable_tail(it->s->arena, y->out, y->n_out, LOG_MAX);
    struct value err = printable_tail(it->s->arena, y->err, y->n_err, LOG_MAX);
    it->watch.r->logs[i] = value_printf(it->watch.r->arena, "%s%s", out.s, err.s);
}

static void judge(struct item *it, uint32_t i)
{
    struct metrics_source source = {.out = it->result.out,
                                    .n_out = it->result.n_out,
                                    .out_cut = it->result.out_total > it->result.n_out,
                                    .err = it->result.err,
                                    .n_err = it->result.n_err};
    struct value metrics;
    int64_t code;

    enum error e = judge_end(it, &code);
    if (!e)
        e = metrics_text_read(it->s->metrics, &source, it->watch.r->arena, &metrics, &it->why);
    if (!e)
        e = judge_status(it, &metrics);
    if (!e)
        e = keep_outputs(it);
    if (e)
        fault(it, e, code, it->why.text);
    else
        it->watch.r->named[i] = metrics;
}

// FAULT_WORKER: this rank cannot run commands any more.  ERR_CANCELLED.
static enum error run_item(void *state, struct run *r, uint32_t i, struct errtext *t)
{
    struct state *s = state;
    struct item it = {.s = s, .watch = {r, r->first + i}, .command = {.argv = NULL}};

    arena_reset(s->arena);
    it.values = command_line_values(s->arena, s->params, r->overrides ? r->overrides[i] : NULL,
                                    it.watch.item, s->seed);
    r->named[i] = value_null();
    if (prepare(&it)) {
        fault(&it, FAULT_JOB, 0, it.why.text);
        return OK;
    }
    enum error e = sandbox_run(s->sandbox, &it.command, s->arena, &it.result, t);
    if (e)
        return e;
    if (it.result.end == SANDBOX_CANCELLED)
        e = ERR_CANCELLED;
    else {
        keep_log(&it, i);
        judge(&it, i);
    }
    sandbox_clean(s->sandbox);
    if (s->commons)
        commons_used(s->commons);
    return e;
}

static enum error run_exec(void *state, struct run *r, struct errtext *t)
{
    return command_each(run_item, state, r, t);
}

const struct workload workload_exec = {
    .name = "exec",
    .help = "Runs a command for each item, in a scratch directory with the job's files and "
            "params.json.",
    .params = params,
    .commands = true,
    .stall_ms = 30000,
    .check = exec_check,
    .open = open_exec,
    .close = close_exec,
    .run = run_exec,
};
