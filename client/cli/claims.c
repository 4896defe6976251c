#include "cli/claims.h"

#include <math.h>
#include <stdlib.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/verbatim.h"

static struct bytes to_bytes(jwkd_bytes bytes)
{
    return bytes_of(bytes.data, bytes.size);
}

struct bytes claims_string(const jwkd_token *token, const char *name)
{
    return to_bytes(jwkd_token_string(token, name));
}

struct bytes claims_text(const jwkd_token *token, const char *name)
{
    return claims_string(token, name).data ? (struct bytes){0} : to_bytes(jwkd_token_json(token, name));
}

bool claims_date(const jwkd_token *token, const char *name, int64_t *out)
{
    struct bytes text = claims_text(token, name);
    CLEANUP(free_at) char *number = text.size ? bytes_to_text(text) : NULL;
    if (!number || !strchr("-0123456789", *number)) return false;
    double seconds = trunc(strtod(number, NULL));
    if (!(fabs(seconds) <= 0x1p53)) return false; /* what a double still tells apart */
    *out = (int64_t)seconds;
    return true;
}

bool claims_moment(const jwkd_token *token, const char *name, char out[MOMENT_SIZE])
{
    int64_t at = 0;
    return claims_date(token, name, &at) && moment_in_calendar(at, out);
}

jwkd_status claims_append_member(struct buffer *out, const jwkd_token *token, struct bytes encoded)
{
    if (jwkd_token_has_claims(token)) {
        TRY(buffer_append_text(out, ",\"claims\":"));
        return verbatim_append(out, to_bytes(jwkd_token_claims(token)), false);
    }
    TRY(buffer_append_text(out, ",\"payload\":"));
    return append_json(out, json_text(encoded_payload(encoded)));
}
