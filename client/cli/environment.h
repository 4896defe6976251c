/* What the verbs about environments share. */
#ifndef CLI_ENVIRONMENT_H
#define CLI_ENVIRONMENT_H

#include "cli/cli.h"

/* Reads the options of create and update; *out_fields says which were given (JWKD_SET_...). */
jwkd_status environment_options(
    struct cli *cli, jwkd_environment *out, unsigned *out_fields, jwkd_error *error) MUST_CHECK;

/* For people as aligned lines, or JSON. */
jwkd_status print_environment(bool json, const jwkd_environment *environment, jwkd_error *error) MUST_CHECK;

#endif
