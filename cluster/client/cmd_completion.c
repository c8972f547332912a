// SPDX-License-Identifier: MIT
// cmd_completion.c - what the shell completes, from the tables of the subcommands.
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"

static const struct option_row rows[] = {{0}};

// ---- bash ------------------------------------------------------------------------

static void bash_options(const struct command *c)
{
    for (const struct option_row *r = c->rows; r->name; r++)
        printf(" --%s", r->name);
    printf(" --help");
}

static void print_bash(void)
{
    printf("# SPDX-License-Identifier: MIT\n"
           "# Made by 'shoal completion bash'.\n"
           "_shoal() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "        words=\"");
    for (int i = 0; command_table[i]; i++)
        printf("%s%s", i ? " " : "", command_table[i]->name);
    printf("\"\n"
           "    else\n"
           "        case ${COMP_WORDS[1]} in\n");
    for (int i = 0; command_table[i]; i++) {
        printf("        %s) words=\"", command_table[i]->name);
        bash_options(command_table[i]);
        printf("\" ;;\n");
    }
    printf("        esac\n"
           "    fi\n"
           "    case $word in\n"
           "    -* | \"\") ;;\n"
           "    *) [ \"$COMP_CWORD\" = 1 ] || words= ;;\n"
           "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
           "    if [ \"$COMP_CWORD\" != 1 ] && [ \"${word#-}\" = \"$word\" ]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _shoal shoal\n");
}

// ---- zsh -------------------------------------------------------------------------

// Inside '...[...]': brackets, colons and quotes have a meaning.
static void zsh_text(const char *s)
{
    for (; *s; s++) {
        if (*s == '\'')
            printf("'\\''");
        else if (strchr("[]:\\", *s))
            printf("\\%c", *s);
        else
            (void)putchar(*s);
    }
}

static void zsh_options(const struct command *c)
{
    printf("    %s)\n        _arguments \\\n", c->name);
    for (const struct option_row *r = c->rows; r->name; r++) {
        printf("            '--%s%s[", r->name, r->placeholder ? "=" : "");
        zsh_text(r->help);
        printf("]");
        if (r->placeholder) {
            printf(":");
            zsh_text(r->placeholder);
            printf(":_files");
        }
        printf("' \\\n");
    }
    printf("            '--help[show the options]' \\\n"
           "            '*:file:_files'\n        ;;\n");
}

static void print_zsh(void)
{
    printf("#compdef shoal\n"
           "# SPDX-License-Identifier: MIT\n"
           "# Made by 'shoal completion zsh'.\n"
           "local -a commands\n"
           "commands=(\n");
    for (int i = 0; command_table[i]; i++) {
        printf("    '%s:", command_table[i]->name);
        zsh_text(command_table[i]->help);
        printf("'\n");
    }
    printf(")\n"
           "if ((CURRENT == 2)); then\n"
           "    _describe command commands\n"
           "    return\n"
           "fi\n"
           "local command=${words[2]}\n"
           "shift words\n"
           "((CURRENT--))\n"
           "case $command in\n");
    for (int i = 0; command_table[i]; i++)
        zsh_options(command_table[i]);
    printf("esac\n");
}

static int run(const struct command *self, int argc, char **argv)
{
    int n_args, status;
    char none;
    if (!command_parse(self, argc, argv, &none, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    if (strcmp(argv[0], "bash") == 0)
        print_bash();
    else if (strcmp(argv[0], "zsh") == 0)
        print_zsh();
    else {
        (void)fprintf(stderr, "shoal completion: '%.40s', expected bash or zsh\n", argv[0]);
        return STATUS_USAGE;
    }
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

const struct command cmd_completion = {
    .name = "completion",
    .usage = "bash|zsh",
    .help = "print what a shell needs to complete",
    .about = "Prints the completion of subcommands and options for bash or zsh.",
    .rows = rows,
    .run = run,
};
