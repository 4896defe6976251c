/* Help, all of it from the verbs' own table. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/cli.h"

void help_overall(FILE *stream);
void help_verb(const struct verb *verb);
/* `jwkctl help [VERB]`, with --json the whole table. NOT_FOUND is a usage error. */
jwkd_status help(struct cli *cli, const char *const *words, size_t count, jwkd_error *error) MUST_CHECK;

#endif
