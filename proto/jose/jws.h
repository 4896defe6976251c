/* JWS compact serialisation, RFC 7515 sections 3.1 and 7.1: splitting, reading the header, building. */
#ifndef JOSE_JWS_H
#define JOSE_JWS_H

#include "jose/alg.h"
#include "jose/json.h"

/* The parts of a token, still encoded. Views into it. */
struct jws {
    struct bytes header, payload, signature;
    struct bytes input; /* header '.' payload: what is signed, RFC 7515 section 5.1 step 8 */
};

/* MALFORMED unless there are exactly three parts, the first not empty, and at most LIMIT_TOKEN bytes. (An
 * unsecured token has no signature: it is refused for its algorithm.) */
jwkd_status jws_split(struct bytes token, struct jws *out) MUST_CHECK;

/* What verifying needs of a JOSE header; views into the decoded header text (or its json). */
struct jws_header {
    enum alg alg;     /* ALG_NONE: "none", HMAC, or unknown */
    struct bytes kid; /* empty: absent, or "", which names no key either */
    struct bytes typ; /* empty: absent; as written */
};
/* Reads a decoded header: MALFORMED unless it is an object with a string alg, string kid and typ where
 * present, alg and typ not empty, no `crit` (RFC 7515 section 4.1.11: we understand no extension) and no
 * `b64` but true, which is what holds without it (RFC 7797 section 3). `jwk`, `jku`, `x5u`, `x5c` are
 * ignored, never used. *json is parsed here; the caller clears it in every case. */
jwkd_status jws_read_header(
    struct bytes text, struct json *json, struct jws_header *out, jwkd_error *error) MUST_CHECK;

/* Appends the encoded protected header {"alg":..,"typ":..,"kid":..}; `typ` may be empty: left out. */
jwkd_status jws_append_header(
    enum alg alg, struct bytes typ, struct bytes kid, struct buffer *out) MUST_CHECK;

/* ECDSA: JWS has r || s, OpenSSL has DER (RFC 7518 section 3.4). `coordinate` is 32, 48 or 66; *in_out_size
 * is the room in `out` (3 + 2 x (coordinate + 3) is always enough), then what was written. From DER: 2 x
 * coordinate bytes, and MALFORMED for anything but the one shortest form. */
jwkd_status ecdsa_to_der(
    struct bytes signature, size_t coordinate, uint8_t *out, size_t *in_out_size) MUST_CHECK;
jwkd_status ecdsa_from_der(struct bytes der, size_t coordinate, uint8_t *out) MUST_CHECK;

#endif
