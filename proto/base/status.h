/* The internal companions of <jwkd/status.h>: failing with a message, and early return. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <jwkd/status.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* Sets *error (when not NULL) to status and the formatted message; returns status. The message is UTF-8
 * whatever is put into it: what is no whole character is left out, so that texts may be cut anywhere. */
jwkd_status fail(jwkd_error *error, jwkd_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns from the calling function with the status of `expression` unless it is JWKD_OK. */
#define TRY(expression)                                 \
    do {                                                \
        jwkd_status try_status_ = (expression);         \
        if (try_status_ != JWKD_OK) return try_status_; \
    } while (0)

#endif
