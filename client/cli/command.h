/* From a command line to the verb that it names. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/cli.h"

/* The verb, with its own words in cli->words. Usage errors: there is none of that name, or what was given
 * does not fit it; they say what may have been meant. */
jwkd_status command_find(struct cli *cli, const struct verb **out, jwkd_error *error) MUST_CHECK;
/* The usage error for words that no verb begins with; there is at least one word. */
jwkd_status command_unknown(
    struct cli *cli, const char *const *words, size_t count, jwkd_error *error) MUST_CHECK;

#endif
