/* jwkctl: finds the verb, runs it, tells what failed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/session.h"

enum { EXIT_USAGE = 2 };

static jwkd_status unknown_verb(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    if (arguments->word_count == 0) return usage_error(cli, error, "what shall be done? name a verb");
    bool group = verb_is_group(arguments->words[0]);
    if (group && arguments->word_count == 1)
        return usage_error(cli, error, "%s is the first word of verbs: see 'jwkctl help %s'",
            arguments->words[0], arguments->words[0]);
    return usage_error(cli, error, "there is no verb '%s%s%s'", arguments->words[0], group ? " " : "",
        group ? arguments->words[1] : "");
}

/* Whether the command line fits the verb. */
static jwkd_status check_verb(struct cli *cli, const struct verb *verb, jwkd_error *error)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (option_given(&cli->arguments, (enum option)i) && !verb_takes(verb, (enum option)i))
            return usage_error(cli, error, "%s takes no --%s", verb->name, option_name((enum option)i));
    if (cli->word_count < verb->least_words || cli->word_count > verb->most_words)
        return usage_error(cli, error, "too %s arguments: jwkctl %s %s",
            cli->word_count < verb->least_words ? "few" : "many", verb->name, verb->words);
    return JWKD_OK;
}

static jwkd_status run(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    const char *const *words = arguments->words;
    size_t count = arguments->word_count, name_words = 0;
    if (option_given(arguments, OPTION_VERSION)) {
        printf("jwkctl %s\n", jwkd_version());
        return JWKD_OK;
    }
    if (count > 0 && strcmp(words[0], "help") == 0) return help(cli, words + 1, count - 1, error);
    if (option_given(arguments, OPTION_HELP)) return help(cli, words, count, error);
    const struct verb *verb = verb_find(words, count, &name_words);
    if (!verb) return unknown_verb(cli, error);
    cli->words = words + name_words;
    cli->word_count = count - name_words;
    TRY(check_verb(cli, verb, error));
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
    return cli.usage_error ? EXIT_USAGE : jwkd_status_exit_code(status);
}
