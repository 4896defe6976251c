/* What a token says, in the words that were signed. */
#ifndef CLI_CLAIMS_H
#define CLI_CLAIMS_H

#include <jwkd.h>

#include "base/bytes.h"
#include "base/duration.h"

/* Views into the token; data NULL where there is no such claim. The first of one that is a string, decoded;
 * the second of any, as JSON, but a string. */
struct bytes claims_string(const jwkd_token *token, const char *name);
struct bytes claims_text(const jwkd_token *token, const char *name);

/* A NumericDate (RFC 7519 section 2), its fraction cut off. False where it is none, or too far from now for
 * us. */
bool claims_date(const jwkd_token *token, const char *name, int64_t *out);
/* "2026-01-31T12:00:00Z"; false where the calendar does not have it. */
bool claims_moment(const jwkd_token *token, const char *name, char out[MOMENT_SIZE]);

/* Appends `,"claims":{...}` with the payload's own text; or `,"payload":"..."`, still in base64url as
 * `encoded`, the token, has it, where that is no claims set: JSON can carry that whatever the bytes are. */
jwkd_status claims_append_member(
    struct buffer *out, const jwkd_token *token, struct bytes encoded) MUST_CHECK;

#endif
