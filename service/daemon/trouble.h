/* What goes wrong again and again is logged once in ten seconds. */
#ifndef DAEMON_TROUBLE_H
#define DAEMON_TROUBLE_H

#include "base/bytes.h"

/* A warning, with how often it came unlogged; OK: without a status. Any thread. `context` is not looked at.
 */
void trouble_log(void *context, jwkd_status status, const char *message);

#endif
