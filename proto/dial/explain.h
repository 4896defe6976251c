/* Why nobody could be reached at a URL, for a person: the system has one word for many mistakes. */
#ifndef DIAL_EXPLAIN_H
#define DIAL_EXPLAIN_H

#include "base/status.h"
#include "wire/url.h"

/* `result`: what nng said. UNREACHABLE, DENIED (no permission), NO_MEMORY. */
jwkd_status explain_unreachable(const struct url *url, int result, jwkd_error *error) MUST_CHECK;

#endif
