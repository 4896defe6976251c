/* Wiring the service up, and down again in reverse. */
#ifndef DAEMON_BOOT_H
#define DAEMON_BOOT_H

#include "daemon/config.h"

struct service;

/* Opens everything and serves. Also on failure *out is what boot_stop() takes. */
jwkd_status boot_start(
    const struct config *config, const char *version, struct service **out, jwkd_error *error) MUST_CHECK;
/* Answers what was begun and closes everything; where nng does not come to an end with that, ends the process
 * with the exit status `code`. NULL is fine. */
void boot_stop(struct service *service, int code);
/* What --check does: reads key file and store, changes nothing. */
jwkd_status boot_check(const struct config *config, uint64_t *out_rows, jwkd_error *error) MUST_CHECK;

#endif
