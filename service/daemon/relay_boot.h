/* Wiring a relay up, and down again. */
#ifndef DAEMON_RELAY_BOOT_H
#define DAEMON_RELAY_BOOT_H

#include "daemon/config.h"

struct relay_service;

/* Listens and begins to look for the service. Also on failure *out is what relay_boot_stop() takes. */
jwkd_status relay_boot_start(
    const struct config *config, struct relay_service **out, jwkd_error *error) MUST_CHECK;
/* As boot_stop(). */
void relay_boot_stop(struct relay_service *service, int code);
/* What --check does: looks at the options and asks the service for a sign of life; its version in 64
 * characters. */
jwkd_status relay_boot_check(const struct config *config, char *out_version, jwkd_error *error) MUST_CHECK;

#endif
