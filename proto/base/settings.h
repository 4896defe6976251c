/* The settings of an environment, a row each. A new one is a row here, a field of the messages (jwkd.proto), a
 * member and a bit of jwkd.h, and its option in jwkctl's manual page and completion, which tests compare with help.
 * Messages, masks of updates, bounds, options, help and JSON come from the rows. */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/limits.h"

// clang-format off

/* kind    TEXT, NUMBER, TIME (seconds), FLAG; ALGORITHM and MODE are one setting each
 * id      SETTING_<id>, and JWKD_SET_<id> of jwkd.h
 * field   the name in the messages, in the mask of an update and in jwkd_environment
 * most    TEXT: bytes; TIME: seconds, 0 where other settings bound it
 * words   TIME: what is said of more than `most`, a number of seconds behind it; FLAG: what --no-<option> does
 * option  OPTION_<option>, its name and the name of its value
 * json    the member of jwkctl's JSON
 * shown   TIME: the label of its line in `env show`, and what precedes the value; NULL: it stands beside others
 * help    of `env create`, and of `env update` */
#define SETTING_TABLE(ROW) \
    ROW(TEXT, ISSUER, issuer, LIMIT_ISSUER, NULL, \
        ISSUER, "issuer", "ISSUER", "issuer", NULL, NULL, \
        "the iss of its tokens (none)", \
        "the iss of its tokens") \
    ROW(ALGORITHM, DEFAULT_ALGORITHM, default_algorithm, 0, NULL, \
        ALGORITHM, "algorithm", "ALG", "algorithm", NULL, NULL, \
        "what its keys sign with (RS256)", \
        "what its new keys sign with") \
    ROW(NUMBER, DEFAULT_BITS, default_bits, 0, NULL, \
        BITS, "bits", "N", "bits", NULL, NULL, \
        "size of its RSA keys: 2048, 3072 or 4096 (4096)", \
        "size of its new RSA keys: 2048, 3072 or 4096") \
    ROW(TEXT, DEFAULT_AUDIENCE, default_audience, LIMIT_AUDIENCE, NULL, \
        AUD, "aud", "AUDIENCE", "audience", NULL, NULL, \
        "aud of tokens that are signed without one (none)", \
        "aud of tokens that are signed without one") \
    ROW(TIME, MAX_TOKEN_LIFETIME, max_token_lifetime_sec, LIMIT_TOKEN_LIFETIME_SEC, \
        "the largest token lifetime is 1 to", \
        MAX_TTL, "max-ttl", "TIME", "max_ttl_sec", NULL, NULL, \
        "the longest that a token may live (1h)", \
        "the longest that a token may live") \
    ROW(TIME, DEFAULT_TOKEN_LIFETIME, default_token_lifetime_sec, 0, NULL, \
        TTL, "ttl", "TIME", "ttl_sec", NULL, NULL, \
        "how long a token lives unless its signer says (15m)", \
        "how long a token lives unless its signer says") \
    ROW(TIME, LEEWAY, leeway_sec, LIMIT_LEEWAY_SEC, "the leeway is at most", \
        LEEWAY, "leeway", "TIME", "leeway_sec", NULL, NULL, \
        "what verifiers allow for clocks that differ, 0 to 10m (30s)", \
        "what verifiers allow for clocks that differ, 0 to 10m") \
    ROW(MODE, MODE, mode, 0, NULL, \
        MODE, "mode", "MODE", "mode", NULL, NULL, \
        "overlap, or exclusive: at most one live key (overlap)", \
        "overlap, or exclusive: at most one live key") \
    ROW(FLAG, SHOW_ONCE, show_once, 0, "publish public keys", \
        SHOW_ONCE, "show-once", NULL, "show_once", NULL, NULL, \
        "hand out public keys only when they are made", \
        "hand out public keys only when they are made") \
    ROW(TIME, ROTATE_EVERY, rotate_every_sec, LIMIT_ROTATE_EVERY_SEC, "keys rotate by schedule at least every", \
        ROTATE_EVERY, "rotate-every", "TIME", "rotate_every_sec", "rotates", "every ", \
        "rotate by itself this long after the last new key (never)", \
        "rotate by itself this long after the last new key; 0: never") \
    ROW(TIME, JWKS_MAX_AGE, jwks_max_age_sec, LIMIT_JWKS_MAX_AGE_SEC, "a JWKS may be kept for at most", \
        JWKS_MAX_AGE, "jwks-max-age", "TIME", "jwks_max_age_sec", "JWKS", "readers may keep it for ", \
        "how long readers of the JWKS over HTTP may keep it (there are none)", \
        "how long readers of the JWKS over HTTP may keep it; 0: there are none")

enum setting {
#define ROW(kind, id, ...) SETTING_##id,
    SETTING_TABLE(ROW)
#undef ROW
    SETTING_COUNT
};

// clang-format on

#endif
