// SPDX-License-Identifier: MIT
#include "cluster/client/command.h"

#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "common/version.h"

const struct command *const command_table[] = {
    &cmd_run,     &cmd_generate, &cmd_up,     &cmd_down,       &cmd_submit, &cmd_jobs,
    &cmd_status,  &cmd_watch,    &cmd_wait,   &cmd_results,    &cmd_logs,   &cmd_why,
    &cmd_retry,   &cmd_extend,   &cmd_cancel, &cmd_workers,    &cmd_drain,  &cmd_validate,
    &cmd_explain, &cmd_doctor,   &cmd_keygen, &cmd_completion, &cmd_report, &cmd_replay,
    &cmd_fit,     &cmd_best,     NULL,
};

const struct command *command_find(const char *name)
{
    for (int i = 0; command_table[i]; i++)
        if (strcmp(command_table[i]->name, name) == 0)
            return command_table[i];
    return NULL;
}

void command_list(void)
{
    printf("usage: shoal COMMAND [options]\n\n"
           "Jobs on many ranks, the same result every time.  shoal %s\n\n",
           SHOAL_VERSION);
    for (int i = 0; command_table[i]; i++)
        printf("  %-11s %s\n", command_table[i]->name, command_table[i]->help);
    printf("\n'shoal COMMAND --help' tells more of each.\n");
}

bool command_parse(
    const struct command *c, int argc, char **argv, void *target, int *n_args, int *status)
{
    char program[64];
    struct errtext t = {{0}};
    struct options o = {.program = program,
                        .usage = c->usage,
                        .about = c->about,
                        .rows = c->rows,
                        .stop_at_argument = c->stop_at_argument};
    (void)snprintf(program, sizeof program, "shoal %s", c->name);
    enum error e = options_parse(&o, argc, argv, target, n_args, &t);
    if (!e)
        return true;
    *status = STATUS_DONE;
    if (e != ERR_CANCELLED) {
        (void)fprintf(stderr, "%s: %s\n", program, t.text);
        *status = STATUS_USAGE;
    } else if (fflush(stdout)) {
        *status = STATUS_FAILED;
    }
    return false;
}

bool command_arguments(const struct command *c, int n_args, int least, int most)
{
    if (n_args >= least && n_args <= most)
        return true;
    (void)fprintf(stderr, "shoal %s: %s; usage: shoal %s %s\n", c->name,
                  n_args < least ? "something is missing" : "too many arguments", c->name,
                  c->usage);
    return false;
}

int command_status(enum error e)
{
    switch (e) {
    case OK:
        return STATUS_DONE;
    case ERR_CANCELLED:
        return STATUS_INTERRUPTED;
    case ERR_PARSE:
    case ERR_INVALID:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_LIMIT:
    case ERR_DENIED:
    case ERR_UNSUPPORTED:
        return STATUS_USAGE;
    case ERR_CLOSED:
    case ERR_TIMEOUT:
        return STATUS_UNREACHED;
    default:
        return STATUS_FAILED;
    }
}

// A job file's faults begin with its name, as compilers' do.
int command_fail(enum error e, const struct errtext *t)
{
    const char *prefix = e == ERR_PARSE ? "" : "shoal: ";
    if (e && e != ERR_CANCELLED)
        (void)fprintf(stderr, "%s%s\n", prefix, t->text[0] ? t->text : error_name(e));
    return command_status(e);
}
