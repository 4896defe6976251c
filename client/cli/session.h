/* The connection to the service, and what to try when there is none. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/cleanup.h"
#include "base/status.h"
#include "cli/cli.h"

/* Connects to --url, else to where the library looks by itself. A --url that is none is a usage error. */
jwkd_status session_open(struct cli *cli, jwkd_client **out, jwkd_error *error) MUST_CHECK;
/* The URL that session_open() takes, in `out`. */
void session_url(const struct cli *cli, char *out, size_t size);

/* A sentence about what to do after a failure, in `out`; "" where nothing can be said. */
void session_hint(const struct cli *cli, jwkd_status status, char *out, size_t size);

__attribute__((unused)) static inline void free_answer(void *pointer)
{
    jwkd_free(*(void **)pointer);
}
DEFINE_CLEANUP(jwkd_client *, jwkd_close)
DEFINE_CLEANUP(jwkd_verifier *, jwkd_verifier_close)
DEFINE_CLEANUP(jwkd_watch *, jwkd_watch_close)
DEFINE_CLEANUP(jwkd_token *, jwkd_token_free)

#endif
