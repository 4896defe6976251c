/* Finding out at once whether a service listens: nng's own dialer keeps trying without a word where nobody
 * does or, asked to wait, waits without limit. */
#ifndef DIAL_PROBE_H
#define DIAL_PROBE_H

#include <nng/nng.h>
#include <stdint.h>

#include "base/status.h"
#include "wire/url.h"

/* The numbers of the protocols of who listens. */
enum { PROBE_REPLIES = 0x31, PROBE_EVENTS = 0x20 };

/* Makes one connection, greets, and closes it again; waits on the aio, which has no callback and may be
 * stopped meanwhile. 0, or nng's reason. Never on a thread of nng's. */
int probe_greet(nng_aio *aio, const char *url, uint32_t timeout_ms, uint8_t peer) MUST_CHECK;

/* Likewise, of a service. Fails as explain_unreachable() says. */
jwkd_status probe_service(const struct url *url, uint32_t timeout_ms, jwkd_error *error) MUST_CHECK;

#endif
