/* What generate, import and rotate share: a key was published, and becomes primary now, later, or never. */
#ifndef CLI_PUBLICATION_H
#define CLI_PUBLICATION_H

#include "cli/cli.h"

/* How long somebody waits for the key to become primary. */
struct publication_wait {
    bool wanted;
    bool limited; /* `ms` was given; else as long as it can take */
    uint32_t ms;
};
/* Reads --wait and --timeout. Usage errors: options that contradict each other. */
jwkd_status publication_options(struct cli *cli, struct publication_wait *out, jwkd_error *error) MUST_CHECK;

/* Prints the answer ("made KID ..."), and follows the promotion to its end where that is wanted. It fails
 * when the key did not become primary; with --json the object is printed nevertheless. */
jwkd_status publication_report(struct cli *cli, jwkd_client *client, const char *done,
    const jwkd_key_answer *answer, const struct publication_wait *wait, jwkd_error *error) MUST_CHECK;

#endif
