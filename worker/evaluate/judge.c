// SPDX-License-Identifier: MIT
// A program of the user's as a candidate: it reads a problem on stdin and prints one
// answer a line, which a verifier judges that the program cannot talk to.
//
// A failure is the item's, whatever its cause: an exit status, a time-out, an instance
// without an answer, an answer that is none.  It has no value, so a search counts it as
// the worst, and the reason stands in the result.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/json.h"
#include "worker/evaluate/attached.h"
#include "worker/evaluate/command_line.h"
#include "worker/evaluate/command_run.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/exec_check.h"
#include "worker/evaluate/problem.h"
#include "worker/sandbox.h"
#include "worker/scratch.h"

enum {
    OUTPUT_MAX = 4 << 20,
    SCRATCH_MAX = 1 << 30,
    PROCESSES_MAX = 512,
};

static const char *const names[] = {"eplb", "prism", "txn", NULL};
static const struct problem *const problems[] = {&problem_eplb, &problem_prism, &problem_txn};

static const struct param params[] = {
    {.name = "problem",
     .type = PARAM_STR,
     .required = true,
     .choices = names,
     .help = "eplb: the expert of each slot; prism: the models of each GPU; txn: the "
             "transactions in order; numbers from 0 on, a JSON list a line and instance"},
    {.name = "data",
     .type = PARAM_ANY,
     .required = true,
     .help = "the problem's instances, or the name of a file of the job with them as JSON"},
    {.name = "command",
     .type = PARAM_ANY,
     .required = true,
     .help = "program and arguments as a list, or a text for sh -c; {name} is a parameter's "
             "value; reads the instances on stdin"},
    {.name = "timeout_s",
     .type = PARAM_FLOAT,
     .min = 0.001,
     .max = 86400.0,
     .fallback = "60.0",
     .unit = "s",
     .help = "for all instances together; then it is killed and has failed"},
    {.name = "memory_mb",
     .type = PARAM_INT,
     .min = 0,
     .max = 1 << 24,
     .fallback = "0",
     .unit = "MiB",
     .help = "address space of each process; 0: no limit"},
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "score", .help = "more is better: the value, or 1 / value where less is"},
    {.name = "value",
     .help = "mean over the instances: eplb: balance under the next step's loads; prism: "
             "largest KVPR; txn: makespan"},
    {.name = NULL},
};

struct state {
    const struct problem *problem;
    void *instances;
    uint32_t n;
    struct buf text; // of the problem
    struct value params;
    uint64_t seed;
    struct sandbox *sandbox;
    struct sandbox_file *files;
    uint32_t n_files;
    struct arena *arena; // of the job
    struct arena *item;
};

// ---- opening ---------------------------------------------------------------------------

static void close_judge(void *state)
{
    struct state *s = state;
    buf_fini(&s->text);
    arena_destroy(s->arena);
    arena_destroy(s->item);
    mem_free(s);
}

static enum error take_files(struct state *s, const struct workload_job *job, struct errtext *t)
{
    s->n_files = job->n_files;
    s->files = arena_alloc(s->arena, job->n_files * sizeof *s->files);
    for (uint32_t i = 0; i < job->n_files; i++) {
        const struct workload_file *f = &job->files[i];
        if (!scratch_name_ok(f->name))
            return errtext_set(t, FAULT_JOB,
                               "files: %.200s cannot stand in a scratch directory", f->name);
        s->files[i] =
            (struct sandbox_file){.name = f->name, .path = f->path, .mode = f->mode & 0777};
    }
    return OK;
}

static enum error fill_state(struct state *s, const struct workload_job *job, struct errtext *t)
{
    const struct value *name = value_find(job->params, "problem");
    struct value data;
    enum error e = attached_value(job, "data", s->arena, &data, t);

    for (int i = 0; name && names[i]; i++)
        if (strcmp(name->s, names[i]) == 0)
            s->problem = problems[i];
    if (!e && exec_check(job->params, t))
        e = FAULT_JOB;
    if (!e && s->problem->read(&data, s->arena, &s->instances, &s->n, t))
        e = FAULT_JOB;
    if (e)
        return e;
    s->problem->print(s->instances, &s->text);
    return take_files(s, job, t);
}

static enum error open_judge(const struct workload_job *job, void **out, struct errtext *t)
{
    if (!job->sandbox)
        return errtext_set(t, FAULT_WORKER, "this worker has no sandbox for commands");
    struct state *s = mem_alloc(sizeof *s);
    s->arena = arena_create();
    s->item = arena_create();
    s->params = value_copy(s->arena, job->params);
    s->seed = job->seed;
    s->sandbox = job->sandbox;
    s->problem = problems[0];
    buf_init(&s->text, SIZE_MAX);
    enum error e = fill_state(s, job, t);
    if (e) {
        close_judge(s);
        return e;
    }
    *out = s;
    return OK;
}

// ---- one candidate -----------------------------------------------------------------------

static enum error judge_end(const struct sandbox_result *y, int64_t *code, struct errtext *t)
{
    *code = y->end == SANDBOX_SIGNALLED ? 128 + y->code : 0;
    if (y->end != SANDBOX_EXITED)
        return errtext_set(t, FAULT_JOB, "%s", y->text);
    *code = y->code;
    if (y->code != 0)
        return errtext_set(t, FAULT_JOB, "exit status %d", y->code);
    if (y->out_total > y->n_out)
        return errtext_set(t, FAULT_JOB, "it printed more than %d bytes", OUTPUT_MAX);
    return OK;
}

// Line i of the output is the answer to instance i.
static enum error judge_answers(const struct state *s,
                                const struct sandbox_result *y,
                                double *sum,
                                struct errtext *t)
{
    const char *at = y->out, *end = y->out + y->n_out;
    enum error e = OK;

    *sum = 0;
    for (uint32_t i = 0; i < s->n && !e; i++) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        struct value answer;
        double value = NAN;
        if (at == end)
            return errtext_set(t, FAULT_JOB, "it answered %" PRIu32 " of %" PRIu32 " instances",
                               i, s->n);
        stop = stop ? stop : end;
        at = stop < end ? stop + 1 : end;
        e = json_parse(line, (size_t)(stop - line), s->item, &answer, t);
        if (!e)
            e = s->problem->judge(s->instances, i, &answer, s->item, &value, t);
        if (e)
            e = errtext_prefix(t, FAULT_JOB, "instance %" PRIu32, i);
        *sum += value;
    }
    if (!e && at < end)
        e = errtext_set(t, FAULT_JOB,
                        "it printed more than an answer to each of %" PRIu32 " instances",
                        s->n);
    return e;
}

// What the candidate came to, in `y`; FAULT_JOB: its command cannot even be filled in.
static enum error call(struct state *s,
                       struct command_watch *w,
                       const struct value *over,
                       struct sandbox_result *y,
                       struct errtext *t)
{
    const struct value *p = &s->params, *timeout = value_find(p, "timeout_s");
    struct value values = command_line_values(s->item, p, over, w->item, s->seed);
    struct command_line line = {.values = &values, .arena = s->item, .why = t};
    const struct value *command = evaluate_find(over, p, "command");
    struct sandbox_command c = {
        .files = s->files,
        .n_files = s->n_files,
        .input = s->text.bytes,
        .n_input = s->text.n,
        .timeout_ms = (int64_t)(1000 * (timeout ? value_number(timeout) : 60) + 0.5),
        .memory_max = (uint64_t)evaluate_int(NULL, p, "memory_mb", 0) << 20,
        .scratch_max = SCRATCH_MAX,
        .processes_max = PROCESSES_MAX,
        .output_max = OUTPUT_MAX,
        .poll = command_poll,
        .arg = w,
    };
    enum error e = command_line_argv(&line, command, &c.argv);

    return e ? FAULT_JOB : sandbox_run(s->sandbox, &c, s->item, y, t);
}

// FAULT_WORKER: this rank cannot run commands any more.  ERR_CANCELLED.
static enum error run_item(void *state, struct run *r, uint32_t i, struct errtext *t)
{
    struct state *s = state;
    struct command_watch w = {r, r->first + i};
    struct sandbox_result y = {.end = SANDBOX_NOT_STARTED};
    struct errtext why = {""};
    double *row = r->metrics + (size_t)i * 2, sum = 0;
    int64_t code = 0;

    arena_reset(s->item);
    enum error e = call(s, &w, r->overrides ? r->overrides[i] : NULL, &y, &why);
    if (e == FAULT_JOB) {
        command_fault(&w, FAULT_JOB, 0, why.text, y.err, y.n_err);
        return OK;
    }
    if (e)
        return errtext_set(t, e, "%s", why.text);
    if (y.end == SANDBOX_CANCELLED)
        e = ERR_CANCELLED;
    else if (judge_end(&y, &code, &why) || judge_answers(s, &y, &sum, &why))
        command_fault(&w, FAULT_JOB, code, why.text, y.err, y.n_err);
    else {
        row[1] = sum / s->n;
        row[0] = s->problem->less_is_better ? 1 / row[1] : row[1];
    }
    sandbox_clean(s->sandbox);
    return e;
}

static enum error run_judge(void *state, struct run *r, struct errtext *t)
{
    return command_each(run_item, state, r, t);
}

const struct workload workload_judge = {
    .name = "judge",
    .help = "Runs a candidate program on a problem of the ADRS suite and verifies what it "
            "answers; whatever fails, lies or takes too long has no score.",
    .params = params,
    .metrics = metrics,
    .commands = true,
    .stall_ms = 30000,
    .check = exec_check,
    .open = open_judge,
    .close = close_judge,
    .run = run_judge,
};
