/* Asking a person before something that cannot be undone. A script has decided. */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include "cli/cli.h"

/* Whether somebody is to be asked: standard input and error are a terminal, without --yes and --json. */
bool confirm_wanted(const struct cli *cli);
/* Asks on standard error; anything but a yes, the end of input too, is FAILED_PRECONDITION. */
jwkd_status confirm(const char *question, jwkd_error *error) MUST_CHECK;

#endif
