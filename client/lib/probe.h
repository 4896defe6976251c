/* Finding out at once whether a service listens: nng's own dialer keeps trying without a word where nobody
 * does or, asked to wait, waits without limit. */
#ifndef LIB_PROBE_H
#define LIB_PROBE_H

#include <stdint.h>

#include "base/status.h"

/* Makes one connection and closes it again. UNREACHABLE, DENIED (no permission to connect), NO_MEMORY. */
jwkd_status probe(const char *url, uint32_t timeout_ms, jwkd_error *error) MUST_CHECK;

#endif
