/* jwkctl: finds the verb, runs it, tells what failed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/descriptors.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/session.h"

enum { EXIT_USAGE = 2, EXIT_NOT_REACHED = 3 };

static jwkd_status run(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    const struct verb *verb = NULL;
    if (option_given(arguments, OPTION_VERSION)) {
        printf("jwkctl %s\n", jwkd_version());
        return JWKD_OK;
    }
    if (option_given(arguments, OPTION_HELP))
        return help(cli, arguments->words, arguments->word_count, error);
    TRY(command_find(cli, &verb, error));
    return verb->run(cli, error);
}

/* For a command line that could not be read: was JSON wanted? */
static bool wants_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0) return true;
    return false;
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    jwkd_error error = {0};
    if (!descriptors_hold_standard()) return jwkd_status_exit_code(JWKD_INTERNAL);
    jwkd_status status = arguments_parse(argc, argv, &cli.arguments, &error);
    cli.usage_error = status != JWKD_OK;
    cli.json = cli.usage_error ? wants_json(argc, argv) : option_given(&cli.arguments, OPTION_JSON);
    if (status == JWKD_OK) status = run(&cli, &error);
    if (status == JWKD_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = fail(&error, JWKD_INTERNAL, "cannot write to standard output: %s", strerror(errno));
    if (status == JWKD_OK) return 0;
    /* A refused token was told on stdout. */
    if (status != JWKD_REFUSED || error.message[0]) {
        char hint[1024];
        session_hint(&cli, status, hint, sizeof hint);
        error.status = status;
        report_error(cli.json, &error, hint);
    }
    if (cli.usage_error) return EXIT_USAGE;
    return cli.shut_out ? EXIT_NOT_REACHED : jwkd_status_exit_code(status);
}
