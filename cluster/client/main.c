// SPDX-License-Identifier: MIT
// main.c - shoal: which subcommand.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cluster/client/command.h"
#include "common/log.h"
#include "common/version.h"

enum { COMMANDS_MAX = 64 };

static int unknown(const char *word)
{
    const char *names[COMMANDS_MAX + 1];
    int n = 0;
    for (; command_table[n] && n < COMMANDS_MAX; n++)
        names[n] = command_table[n]->name;
    names[n] = NULL;
    const char *near = options_nearest(word, names);
    (void)fprintf(stderr, "shoal: no command '%.60s'%s%s%s; 'shoal --help' lists them\n", word,
                  near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    return STATUS_USAGE;
}

static int help(const char *word)
{
    char flag[] = "--help";
    char *argv[] = {flag, NULL};
    const struct command *c = word ? command_find(word) : NULL;
    if (c)
        return c->run(c, 1, argv);
    if (word)
        return unknown(word);
    command_list();
    return fflush(stdout) ? STATUS_FAILED : STATUS_DONE;
}

int main(int argc, char **argv)
{
    log_init("shoal", -1, LOG_LEVEL_ERROR);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        (void)fprintf(stderr, "shoal: which command?  'shoal --help' lists them\n");
        return STATUS_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help(NULL);
    if (strcmp(word, "help") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    if (strcmp(word, "--version") == 0) {
        int n = printf("shoal %s\n", SHOAL_VERSION);
        return n < 0 || fflush(stdout) ? STATUS_FAILED : STATUS_DONE;
    }
    const struct command *c = command_find(word);
    return c ? c->run(c, argc - 2, argv + 2) : unknown(word);
}
