// SPDX-License-Identifier: MIT
// commands.h - the subcommands, each in the file of its name.
//
// Threads    One thread a program.

#ifndef CLUSTER_CLIENT_COMMANDS_H
#define CLUSTER_CLIENT_COMMANDS_H

#include "cluster/client/command.h"

extern const struct command cmd_run, cmd_generate, cmd_up, cmd_down, cmd_submit, cmd_jobs,
    cmd_status, cmd_watch, cmd_wait, cmd_results, cmd_logs, cmd_why, cmd_retry, cmd_extend,
    cmd_cancel, cmd_workers, cmd_drain, cmd_validate, cmd_explain, cmd_doctor, cmd_keygen,
    cmd_completion, cmd_report, cmd_replay, cmd_fit, cmd_best;

struct target;
struct caller;
// The live view of a job until its end, then its document; the exit status.
// The caller (NULL: one is opened) is closed.
int cmd_watch_to_end(const struct target *g, struct caller *c, const char *job, int signals);

#endif
