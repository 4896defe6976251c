#include "cli/confirm.h"

#include <stdio.h>
#include <unistd.h>

bool confirm_wanted(const struct cli *cli)
{
    bool person = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    return person && !cli->json && !option_given(&cli->arguments, OPTION_YES);
}

jwkd_status confirm(const char *question, jwkd_error *error)
{
    fprintf(stderr, "%s [y/N] ", question);
    int first = getchar(), c = first;
    while (c != '\n' && c != EOF)
        c = getchar();
    if (first == 'y' || first == 'Y') return JWKD_OK;
    return fail(error, JWKD_FAILED_PRECONDITION, "nothing was changed: --yes skips the question");
}
